"""The words for what the inbox's JSON pages say: kinds, urgency, ways, states, values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from relay.cli.language import pick
from relay.core.fields import BY_NAME
from relay.core.words import shown
from relay.errors import Text

KINDS = {
    "status": Text("status", "status"),
    "report": Text("melding", "report"),
    "request": Text("hulpvraag", "request"),
    "offer": Text("hulpaanbod", "offer"),
    "situation": Text("situatie", "situation"),
    "withdrawal": Text("intrekking", "withdrawal"),
    "answer": Text("antwoord", "answer"),
    "gap": Text("hiaat", "gap"),
    "test": Text("proefbericht", "test"),
}
URGENCIES = {
    1: Text("1 Nood", "1 Emergency"),
    2: Text("2 Spoed", "2 Urgent"),
    3: Text("3 Normaal", "3 Routine"),
    4: Text("4 Informatie", "4 Information"),
}
HEARD = {
    "on_time": Text("op tijd", "on time"),
    "overdue": Text("te laat", "overdue"),
    "silent": Text("stil", "silent"),
    "never": Text("nooit gehoord", "never heard"),
    "not_judged": Text("niet te bepalen", "can't be judged"),
}
STANDINGS = {
    "revoked": Text("ingetrokken", "revoked"),
    "blocked": Text("geblokkeerd", "blocked"),
    "replaced": Text("vervangen", "replaced"),
}
MARKS = {
    "revoked": Text("INGETROKKEN SLEUTEL", "REVOKED KEY"),
    "blocked": Text("GEBLOKKEERD", "BLOCKED"),
    "replaced": Text("VERVANGEN", "REPLACED"),
}
LINKS = {"radio": Text("LoRa", "LoRa"), "courier": Text("koerier", "courier")}
CLOCKS = {
    "ntp": Text("ntp (goed)", "ntp (good)"),
    "gps": Text("gps (goed)", "gps (good)"),
    "inbox": Text("van het postvak (goed genoeg)", "from the inbox (good enough)"),
    "none": Text("geen bron: VRD dateert de berichten", "no source: VRD dates the messages"),
}
SELF_EVIDENT = ("incident", "need", "amount", "amount_unit", "text", "part", "parts")  # need no label


def word(table: Mapping[Any, Text], key: object) -> str:
    """The word for `key`, or `key` itself when a later version sent it."""
    return pick(table[key]) if key in table else str(key)


def value(name: str, of: object) -> str:
    """One value with its label."""
    if not isinstance(of, int | str):
        return f"{name} {of}"
    field = BY_NAME.get(name)
    label = pick(Text(field.nl, field.en)) if field else name
    return f"{label} {pick(shown(name, of))}"


def content(facts: Mapping[str, Any]) -> str:
    """What one message says, in one line; what can't be decoded is said to be so."""
    if "undecodable" in facts:
        return pick(Text("niet te lezen", "cannot be read")) + f": {str(facts['undecodable'])[:32]}"
    values: Mapping[str, Any] = facts.get("values", {})
    said = [pick(shown(name, values[name])) for name in ("incident", "need") if name in values]
    if "amount" in values:
        unit = pick(shown("amount_unit", values["amount_unit"])) if "amount_unit" in values else ""
        said.append(f"{values['amount']} {unit}".strip())
    if "part" in values:
        said.append(f"({values['part']}/{values.get('parts', '?')})")
    said += [str(values["text"])] if "text" in values else []
    said += [value(name, each) for name, each in values.items() if name not in SELF_EVIDENT]
    unknown = pick(Text("veld", "field"))
    said += [f"{unknown} {number} = {each}" for number, each in facts.get("unknown_fields", {}).items()]
    return " · ".join(said)


def marks(facts: Mapping[str, Any]) -> list[str]:
    """What must be seen before the message itself."""
    found = []
    if facts.get("exercise"):
        found.append(pick(Text("OEFENING", "EXERCISE")))
    if (standing := facts.get("standing")) in MARKS:
        found.append(pick(MARKS[str(standing)]))
    if facts.get("clone"):
        found.append(pick(Text("TWEEDE KAART", "SECOND CARD")))
    return found


def link(facts: Mapping[str, Any]) -> str:
    """The link by which a message left its site."""
    return word(LINKS, facts.get("link", ""))


def way(facts: Mapping[str, Any]) -> str:
    """Through whom a message came that a neighbour heard by radio; empty for what came by itself."""
    heard = facts.get("heard")
    if not isinstance(heard, Mapping):
        return ""
    hops = heard.get("hops", 0)
    steps = Text(f"{hops} stap" if hops == 1 else f"{hops} stappen", f"{hops} hop" + "s" * (hops != 1))
    return f"via {heard.get('via', '?')}" + (f", {pick(steps)}" if hops else "")


def findings(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """What should be known of a node."""
    from relay.inbox.suspicion import LABELS

    return [word(LABELS, each["code"]) for each in found]
