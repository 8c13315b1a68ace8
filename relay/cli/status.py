"""`naober status`: how this node does, in about five lines that can be read out over the telephone."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from relay.cli import labels, notice_words, status_radio
from relay.cli.exercise import lines as told
from relay.cli.language import chosen, pick, say
from relay.cli.text import age
from relay.errors import Text

EXAMPLES = ("naober status", "naober status --json", "naober status --config ./node.toml")

WAITS_LONG_S = 300  # a report without receipt for longer than this needs attention
_LABEL_COLUMNS = 12
_SENSORS = {
    "waiting": Text("nog niet gelezen", "not read yet"),
    "failed": Text("mislukt", "failed"),
    "hanging": Text("hangt", "hanging"),
    "stale": Text("te oud", "too old"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which node, in which form."""
    as_json = Text("alles wat het knooppunt van zichzelf weet", "all the node knows of itself")
    parser.add_argument("--json", action="store_true", help=pick(as_json))
    parser.add_argument("--config", type=Path, metavar="FILE", help="node.toml")


def run(args: argparse.Namespace) -> int:
    """0: all is well; 1: something needs attention. Raises NotRunning (exit code 2)."""
    from relay import config
    from relay.node import control

    settings = config.load_node(args.config or config.FOLDER / config.NODE_FILE)
    asked_s = time.monotonic()
    facts = control.ask(settings.node.state, {"verb": "status"})
    if args.json:
        from relay.cli.inbox_page import dump

        facts["answer_s"] = round(time.monotonic() - asked_s, 3)
        say(dump(facts, indent=1))
    else:
        for label, line in lines(facts):
            say(f"{label:<{_LABEL_COLUMNS}}{line}")
    return 1 if attention(facts) else 0


def attention(facts: dict[str, Any]) -> bool:
    """Whether someone should look: not up by any link, waiting long, memory only, a radio unwell."""
    up = any(link["code"] == "up" for link in facts["links"].values())
    waits_long = (facts["queue"]["age_s"] or 0) > WAITS_LONG_S
    return not up or waits_long or facts["storage"] is not None or status_radio.attention(facts["radio"])


def lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Label and text of each line."""
    address = facts["address"]
    name = facts["site"] or pick(Text("Knooppunt zonder naam", "Node without a name"))
    epoch = pick(Text("tijdvak", "epoch"))
    about = f"{name} · {address[:4]}-{address[4:]} · {epoch} {facts['epoch']} · pid {facts['pid']}"
    found = [(pick(Text("Punt", "Site")), about)]
    if facts["exercise"]:
        label = pick(Text("Oefening", "Exercise"))
        found += [(label if not at else "", pick(line)) for at, line in enumerate(told(facts["exercise"]))]
    found += notice_words.status_lines(facts.get("notices"))
    found += _storage(facts)
    found += _queue(facts["queue"], facts["dropped"])
    if carried := facts.get("carried"):
        what = Text(f"{carried} berichten van anderen, voor VRD", f"{carried} messages of others, for VRD")
        found.append((pick(Text("Koerier", "Courier")), pick(what)))
    for link, state in facts["links"].items():
        found += _link(link, state)
    found += status_radio.lines(facts["radio"])
    found.append((pick(Text("Klok", "Clock")), labels.word(labels.CLOCKS, facts["clock"])))
    return found + _sensors(facts["sensors"])


def _storage(facts: dict[str, Any]) -> list[tuple[str, str]]:
    label = pick(Text("Opslag", "Storage"))
    size = f"{facts['outbox_bytes'] / 1e6:.1f} MB".replace(".", "," if chosen() == "nl" else ".")
    if facts["storage"] is None:
        return [(label, pick(Text(f"op schijf, {size}", f"on disk, {size}")))]
    what = facts["storage"][chosen()]
    only = pick(Text("nieuwe berichten alleen in geheugen", "new messages in memory only"))
    do = Text(
        "controleer de geheugenkaart; tot dan ook op papier melden", "check the card; use paper until then"
    )
    return [(label, f"S01 {only}: {what}"), _do(do)]


def _queue(queue: dict[str, Any], dropped: int) -> list[tuple[str, str]]:
    counts = [
        (Text("meldingen", "reports"), queue["reports"]),
        (Text("statussen", "statuses"), queue["statuses"]),
    ]
    told = []
    for kind, count in counts:
        words = Text(
            f"{count['waiting']} wachtend, {count['sent']} onderweg, {count['receipted']} bevestigd",
            f"{count['waiting']} waiting, {count['sent']} on their way, {count['receipted']} receipted",
        )
        told.append(f"{pick(kind)} {pick(words)}")
    if queue["age_s"] is not None:
        oldest = age(queue["age_s"])
        told.append(pick(Text(f"oudste melding {oldest.nl}", f"oldest report {oldest.en}")))
    if dropped:
        told.append(pick(Text(f"{dropped} opgegeven (vol)", f"{dropped} given up (full)")))
    return [(pick(Text("Wachtrij", "Queue")), " · ".join(told))]


def _link(name: str, state: dict[str, Any]) -> list[tuple[str, str]]:
    receipt = state["last_receipt_age_s"]
    heard = age(receipt)
    last = (
        Text("nog geen ontvangstbevestiging", "no receipt yet")
        if receipt is None
        else Text(f"laatste ontvangstbevestiging {heard.nl} geleden", f"last receipt {heard.en} ago")
    )
    what = state["what"][chosen()]
    found = [(name.upper(), f"{state['code']}: {what} ({state['broker']}) · {pick(last)}")]
    if do := state["do"][chosen()]:
        found.append(_do(do))
    return found


def _sensors(sensors: list[dict[str, Any]]) -> list[tuple[str, str]]:
    wrong = [each for each in sensors if each["state"] != "ok"]
    label = pick(Text("Sensoren", "Sensors"))
    if not wrong:
        total = len(sensors)
        return [(label, pick(Text(f"{total} van {total} goed", f"{total} of {total} good")))]
    told = []
    for each in wrong:
        reason = each["reason"][chosen()]
        state = labels.word(_SENSORS, each["state"])
        told.append(f"{each['name']} {state}" + (f" ({reason})" if reason else ""))
    return [(label, " · ".join(told))]


def _do(do: Text | str) -> tuple[str, str]:
    return "", pick(Text("Doe: ", "Do: ")) + pick(do)
