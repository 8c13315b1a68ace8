"""`naober sites`: the sites as the inbox knows them, those that need attention first."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from typing import Any

from relay.cli import labels
from relay.cli.inbox_page import InboxPage, NoAnswer, dump
from relay.cli.language import pick, say
from relay.cli.messages import add_common, tell_back, tell_lost
from relay.cli.text import age, row
from relay.errors import Text

EXAMPLES = ("naober sites", "naober sites --follow", "naober sites --json")

POLL_S = 2.0
_COLUMNS = (24, 13, 8, 5, 42)
_HEADING = (
    Text("Punt", "Site"),
    Text("Gehoord", "Heard"),
    Text("Geleden", "Ago"),
    Text("Via", "By"),
    Text("Toestand", "State"),
)
_MAIN = (
    "power", "mains_lost_min", "battery_pct", "runtime_min", "generator", "fuel_pct", "opening", "visitors",
    "internet", "broker", "storage", "queue_waiting", "indoor_c", "undervoltage", "proven",
)  # fmt: skip
_QUIET = {"undervoltage": "no", "storage": "ok", "queue_waiting": 0, "broker": "works"}  # no news
_MISSING_MAX = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """In which form."""
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """A table or a JSON document; with --follow the line of each site that changes, until Ctrl-C."""
    page = InboxPage(args.url)
    found = page.sites()
    if args.json and not args.follow:
        say(dump(found, indent=1))
        return 0
    if not args.json:
        _show_table(found)
    for facts in found if args.json else ():
        say(dump(facts))
    for facts in _follow(page, found) if args.follow else ():
        say(dump(facts) if args.json else site_row(facts))
    return 0


def site_row(facts: Mapping[str, Any]) -> str:
    """One line of the table."""
    return row(
        [
            str(facts["site"]),
            labels.word(labels.STANDINGS, facts["standing"])
            if facts["standing"] in labels.STANDINGS
            else labels.word(labels.HEARD, facts["heard"]),
            pick(age(facts["heard_age_s"])) if "heard_age_s" in facts else "",
            labels.link(facts),
            state_of(facts),
        ],
        _COLUMNS,
    )


def state_of(facts: Mapping[str, Any]) -> str:
    """What is the matter, and then the values that count; a silent site's values are what they *were*."""
    said = labels.findings(facts["findings"])
    radio = facts.get("radio")
    if radio and not radio["hears_us"]:
        said.append(pick(Text("hoort ons niet", "does not hear us")))
    if missing := facts["missing_reports"]:
        runs = ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in missing)
        shown = runs if len(missing) <= _MISSING_MAX else f"{runs.split(', ')[0]}, …"
        said.append(pick(Text(f"mist melding {shown}", f"lacks report {shown}")))
    if facts.get("status") == "undecodable":
        said.append(pick(Text("status is niet te lezen", "status cannot be read")))
    values = facts.get("values", {})
    known = [
        labels.value(name, values[name])
        for name in _MAIN
        if name in values and values[name] != _QUIET.get(name)
    ]
    if known and facts["heard"] == "silent":
        known[0] = pick(Text("was: ", "was: ")) + known[0]
    return " · ".join(said + known)


def _show_table(found: list[dict[str, Any]]) -> None:
    if not found:
        say(Text("Het postvak kent nog geen punten", "The inbox knows no sites yet"))
        say(Text("Doe: naober authority approve", "Do: naober authority approve"))
        return
    say(row([pick(each) for each in _HEADING], _COLUMNS))
    order = {"silent": 0, "overdue": 1, "never": 2}
    for facts in sorted(found, key=lambda each: (order.get(each["heard"], 3), each["site"])):
        say(site_row(facts))


def _follow(page: InboxPage, found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each site whose line changed, ages apart."""
    before = {each["address"]: _lasting(each) for each in found}
    lost = False
    while True:
        time.sleep(POLL_S)
        try:
            found = page.sites()
        except NoAnswer as error:
            lost = tell_lost(lost, error)
            continue
        lost = tell_back(lost)
        for facts in found:
            if before.get(facts["address"]) != _lasting(facts):
                before[facts["address"]] = _lasting(facts)
                yield facts


def _lasting(facts: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(facts["heard"]), str(facts["standing"]), state_of(facts)
