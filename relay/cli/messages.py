"""`naober messages`: what the inbox received, newest last."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from relay.cli import labels
from relay.cli.inbox_page import URL, InboxPage, NoAnswer, dump
from relay.cli.language import pick, say
from relay.cli.text import MINUTE_S, age, row
from relay.errors import NaoberError, Text

EXAMPLES = (
    "naober messages",
    "naober messages --follow",
    'naober messages --site "Kazerne Beilen" --limit 50',
    "naober messages --json --statuses",
)

Of = tuple[str, str] | None

LIMIT = 20
LIMIT_MAX = 100_000
POLL_S = 1.0
COLUMNS_MIN, COLUMNS_MAX = 100, 160
_FIXED = (8, 12, 20, 12)  # received, urgency, site, way; what is said takes the rest
_HEADING = (
    Text("Gekregen", "Received"),
    Text("Urgentie", "Urgency"),
    Text("Punt", "Site"),
    Text("Via", "By"),
    Text("Bericht", "Message"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which messages, in which form."""
    add_common(parser)
    statuses = Text("ook statussen, niet alleen wat mensen melden", "statuses, too")
    parser.add_argument("--statuses", action="store_true", help=pick(statuses))
    limit = Text(f"hoeveel, nieuwste eerst gekozen ({LIMIT})", f"how many of the newest ({LIMIT})")
    parser.add_argument("--limit", type=int, default=LIMIT, metavar="N", help=pick(limit))
    site = Text("alleen van dit punt (naam of adres)", "of this site only (name or address)")
    parser.add_argument("--site", default="", metavar="NAME", help=pick(site))


def add_common(parser: argparse.ArgumentParser) -> None:
    """What `messages` and `sites` have in common."""
    follow = Text("blijf tonen wat erbij komt (Ctrl-C stopt)", "go on showing what comes (Ctrl-C stops)")
    parser.add_argument("--follow", action="store_true", help=pick(follow))
    as_json = Text("voor machines; met --follow een object per regel", "for machines; --follow: one a line")
    parser.add_argument("--json", action="store_true", help=pick(as_json))
    url = Text(f"pagina van het postvak ({URL})", f"the inbox's page ({URL})")
    parser.add_argument("--url", default=URL, metavar="URL", help=pick(url))


def run(args: argparse.Namespace) -> int:
    """A table or a JSON document; with --follow until Ctrl-C."""
    if not 1 <= args.limit <= LIMIT_MAX:
        raise NaoberError(
            Text(f"--limit kan niet {args.limit} zijn", f"--limit cannot be {args.limit}"),
            Text(f"Geef 1 t/m {LIMIT_MAX}", f"Give 1 to {LIMIT_MAX}"),
        )
    page = InboxPage(args.url)
    of = whose(page, args.site) if args.site else None
    found = page.messages(limit=args.limit, statuses=args.statuses, of=of)[::-1]
    if args.json and not args.follow:
        say(dump(found, indent=1))
        return 0
    if not args.json:
        _show_table(found, empty=not args.follow)
    for facts in found if args.json else ():
        say(dump(facts))
    for facts in _follow(page, args, of, found) if args.follow else ():
        say(dump(facts) if args.json else message_row(facts, _time(facts)))
    return 0


def whose(page: InboxPage, site: str) -> tuple[str, str]:
    """What to ask for the messages of `site`, given as name, number or address of a node.

    A site's are those of all nodes that it ever had. Raises NaoberError with the nearest name.
    """
    sites = page.sites()
    known = {str(each[key]) for each in sites for key in ("site", "site_id") if each[key]}
    if site in known:
        return "site", site
    plain = site.replace("-", "").lower()
    if len(plain) == 8 and all(each in "0123456789abcdef" for each in plain):
        return "address", plain
    by_letters = {name.lower(): name for name in known}
    if site.lower() in by_letters:
        return "site", by_letters[site.lower()]
    from difflib import get_close_matches

    near = get_close_matches(site, known, 1, 0.4)
    raise NaoberError(
        Text(f"Het postvak kent geen punt {site}", f"The inbox knows no site {site}"),
        Text(f"Bedoelde u {near[0]}?", f"Did you mean {near[0]}?")
        if near
        else Text("Kijk met naober sites", "See naober sites"),
    )


def message_row(facts: Mapping[str, Any], received: str) -> str:
    """One line of the table."""
    under_way = facts.get("age_s")
    late = f" +{pick(age(under_way))}" if under_way is not None and under_way >= MINUTE_S else ""
    said = ": ".join(each for each in (_kind(facts), labels.content(facts)) if each)
    way = labels.way(facts)  # behind the words: a narrow table may cut it off, never them for its sake
    return row(
        [
            received,
            labels.word(labels.URGENCIES, facts["urgency"]),
            str(facts["site"] or facts["address"]),
            f"{labels.link(facts)}{late}",
            f"{said} ({way})" if way else said,
        ],
        _columns(),
    )


def _kind(facts: Mapping[str, Any]) -> str:
    return " ".join([*labels.marks(facts), labels.word(labels.KINDS, facts["kind"])])


def _columns() -> tuple[int, ...]:
    wide = shutil.get_terminal_size((COLUMNS_MIN, 24)).columns if sys.stdout.isatty() else COLUMNS_MIN
    total = min(COLUMNS_MAX, max(COLUMNS_MIN, wide))
    return *_FIXED, total - sum(_FIXED) - 2 * len(_FIXED)


def _show_table(found: list[dict[str, Any]], *, empty: bool) -> None:
    if not found and empty:
        say(Text("Nog geen berichten", "No messages yet"))
        return
    say(row([pick(each) for each in _HEADING], _columns()))
    now_s = time.time()
    for facts in found:
        say(message_row(facts, pick(age(now_s - facts["received_s"]))))


def _time(facts: Mapping[str, Any]) -> str:
    return time.strftime("%H:%M:%S", time.localtime(facts["received_s"]))


def _follow(
    page: InboxPage, args: argparse.Namespace, of: Of, found: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """What arrives from now on, oldest first; goes on when the inbox was away."""
    last = found[-1]["id"] if found else 0
    lost = False
    while True:
        time.sleep(POLL_S)
        try:
            if lost and _newest_id(page, args, of) < last:
                last = 0  # another store than before: show it from its beginning
            fresh = page.messages(after=last, limit=LIMIT_MAX, statuses=args.statuses, of=of)
        except NoAnswer as error:
            lost = tell_lost(lost, error)
            continue
        lost = tell_back(lost)
        for facts in reversed(fresh):
            last = facts["id"]
            yield facts


def tell_lost(lost: bool, error: NoAnswer) -> bool:
    """Say once that the inbox is away."""
    if not lost:
        say(error.what, sys.stderr)
        say(Text("Ik blijf het proberen", "Trying again until it answers"), sys.stderr)
    return True


def tell_back(lost: bool) -> bool:
    """Say once that it is there again."""
    if lost:
        say(Text("Het postvak antwoordt weer", "The inbox answers again"), sys.stderr)
    return False


def _newest_id(page: InboxPage, args: argparse.Namespace, of: Of) -> int:
    newest = page.messages(limit=1, statuses=args.statuses, of=of)
    return int(newest[0]["id"]) if newest else 0
