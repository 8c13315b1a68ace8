"""What VRD said, in lines for a terminal."""

from __future__ import annotations

from typing import Any

from relay.cli.language import chosen, pick
from relay.cli.text import age
from relay.core.notice_words import NOTICE_KIND
from relay.errors import Text

HANDLING = {
    "seen": Text("VRD heeft dit gelezen", "VRD has read this"),
    "handled": Text("In behandeling bij VRD", "VRD is dealing with it"),
    "forwarded": Text("Door VRD doorgezet", "Forwarded by VRD"),
    "resolved": Text("Door VRD afgehandeld", "Resolved by VRD"),
    "reopened": Text("Bij VRD weer in behandeling", "Reopened by VRD"),
}


def head(facts: dict[str, Any]) -> str:
    """Number, kind and age of a notice; an exercise says so first."""
    kind = pick(NOTICE_KIND.get(facts["kind"], NOTICE_KIND["information"]))
    exercise = pick(Text("OEFENING ", "EXERCISE ")) if facts["exercise"] else ""
    old = "" if facts["age_s"] is None else f" · {ago(facts['age_s'])}"
    return f"{exercise}{pick(Text('Bericht', 'Notice'))} {facts['number']} · {kind}{old}"


def mark(facts: dict[str, Any]) -> str:
    """That nobody looked at it yet, or that it holds no more."""
    if newer := facts.get("replaced_by"):
        return pick(Text(f" · vervangen door {newer}", f" · replaced by {newer}"))
    return "" if facts["seen"] else pick(Text(" · nieuw", " · new"))


def ago(seconds: float) -> str:
    """How long since."""
    said = age(seconds)
    return pick(Text(f"{said.nl} geleden", f"{said.en} ago"))


def choices(facts: dict[str, Any]) -> str:
    """How it can be answered; empty when nobody asks for more than that it was read."""
    number = facts["number"]
    if facts["kind"] == "order":
        words = [Text("uitgevoerd", "done"), Text("lukt niet", "cannot be done")]
        return ", ".join(f"naober answer {number} {at} = {pick(word)}" for at, word in enumerate(words, 1))
    return ", ".join(f"naober answer {number} {at} = {word}" for at, word in enumerate(facts["answers"], 1))


def handled(facts: dict[str, Any]) -> str:
    """How far VRD is with one report of ours."""
    about = f'"{facts["about"]}": ' if facts["about"] else ""
    text = f": {facts['text']}" if facts["text"] else ""
    old = "" if facts["age_s"] is None else f" ({ago(facts['age_s'])})"
    return f"{about}{handling(facts['handling'])}{text}{old}"


def handling(word: str) -> str:
    """The state of a report at VRD."""
    return pick(HANDLING.get(word, HANDLING["seen"]))


def status_lines(facts: dict[str, Any] | None) -> list[tuple[str, str]]:
    """For `naober status`: unread notices and the last handling."""
    if not facts:
        return []
    label = pick(Text("Van VRD", "From VRD"))
    told = [f"{head(each)}: {each['text']}".removesuffix(": ") for each in facts["newest"]]
    if (more := facts["unread"] - len(told)) > 0:
        told.append(pick(Text(f"en {more} ongelezen meer", f"and {more} more unread")))
    if told:
        told.append(pick(Text("Doe: naober notices", "Do: naober notices")))
    told += [handled(each) for each in facts["handled"]]
    return [(label if not at else "", line) for at, line in enumerate(told)]


def answered(facts: dict[str, Any]) -> str:
    """What was answered to it here; empty when nothing was."""
    said = facts["answer"]
    return f"{pick(Text('Geantwoord', 'Answered'))}: {said[chosen()]}" if said else ""
