"""What must hold of any simulation, judged from its record alone: these know nothing of how it is done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from relay.sim.record import Record, Said
from relay.sim.usage import DUTY_PERCENT

URGENT = 2
URGENT_ON_AIR_S = 15.0 + 5.0  # and a packet of its own that was under way
TOKENS, TOKEN_S = 3, 600.0
SETTLES_S, LAST_S = 7200.0, 900.0
OUTBOX_BYTES_MAX = 64 * 1024 * 1024
HEARD_BYTES_MAX = 512 * 1024

Check = Callable[[Record], Iterator[str]]


def nothing_is_lost(record: Record) -> Iterator[str]:
    """Every accepted report has arrived, or is still held by its node."""
    held = defaultdict(int, record.ended)
    missing: dict[str, list[Said]] = defaultdict(list)
    for said in record.said.values():
        if said.arrived_s is None and said.site not in record.excused:
            missing[said.site].append(said)
    for site, reports in missing.items():
        if len(reports) > held[site]:
            yield f"{site}: {len(reports)} reports have not arrived, and it holds {held[site]}"


def everything_arrives_in_the_end(record: Record) -> Iterator[str]:
    """With a line that has worked for two hours, nothing that was said before the last minutes is open."""
    for said in record.said.values():
        good_s = record.line_good_s.get(said.site, float("inf"))
        settled = record.end_s - good_s >= SETTLES_S and said.at_s <= record.end_s - LAST_S
        if settled and said.arrived_s is None and said.site not in record.excused:
            yield f"{said.text}: said at {said.at_s:.0f} s, its line works since {good_s:.0f} s"


def no_receipt_is_a_lie(record: Record) -> Iterator[str]:
    """What a node holds a receipt for, the inbox had."""
    for said in record.said.values():
        if said.receipted_s is not None and said.arrived_s is None and said.site not in record.excused:
            yield f"{said.text}: receipted at {said.receipted_s:.0f} s and never shown"


def nothing_is_shown_twice(record: Record) -> Iterator[str]:
    """Each report is new to the inbox once; once more only for an inbox that went back in time."""
    most = 1 + record.inbox_restored
    for said in record.said.values():
        if said.shown > most:
            yield f"{said.text}: shown {said.shown} times"
    for text, count in record.strangers.items():
        yield f"{text!r}: shown {count} times, and nobody said it"


def the_newest_state_is_known(record: Record) -> Iterator[str]:
    """At the end the inbox's disk has for current, of each site, nothing older than it once took in."""
    for site, best in record.state_best.items():
        epoch, number, _ = record.state_known.get(site, (0, 0, 0.0))
        if (epoch, number) < best and not record.inbox_restored:
            yield f"{site}: state {epoch}/{number} is current, {best} was"


def urgent_goes_before_routine(record: Record) -> Iterator[str]:
    """While an urgent report with a token waits for its first try, its node sends nothing else of its own."""
    first: dict[str, float] = {}
    by_site = defaultdict(list)
    for sent in record.sent:
        if sent.text:
            first.setdefault(sent.text, sent.at_s)
        by_site[sent.site].append(sent)
    for said in _with_token(record):
        due_s, until_s = said.at_s + URGENT_ON_AIR_S, said.receipted_s or said.arrived_s or float("inf")
        gone_s = min(first.get(said.text, float("inf")), until_s)
        for sent in by_site[said.site]:
            if due_s < sent.at_s < gone_s and sent.urgency > URGENT:
                yield f"{said.text}: waits since {said.at_s:.0f} s, {sent.use} went at {sent.at_s:.0f} s"
                break


def _with_token(record: Record) -> Iterator[Said]:
    """Urgent reports that their node may send as such: three at once, then one in ten minutes."""
    tokens: dict[str, tuple[float, float]] = {}
    for said in sorted(record.said.values(), key=lambda each: each.at_s):
        if said.urgency > URGENT or said.site in record.lost_power:
            continue
        left, at_s = tokens.get(said.site, (float(TOKENS), said.at_s))
        left = min(TOKENS, left + (said.at_s - at_s) / TOKEN_S)
        tokens[said.site] = (max(0.0, left - 1), said.at_s)
        if left >= 1:
            yield said


def no_transmitter_breaks_the_law(record: Record) -> Iterator[str]:
    """No rolling hour of any radio holds more than ten per cent of airtime, relays included."""
    for site, percent in record.duty_worst_pct.items():
        if percent > DUTY_PERCENT:
            yield f"{site}: {percent:.2f} % of an hour on the air"


def everything_has_its_limit(record: Record) -> Iterator[str]:
    """Memory and disk."""
    for what, most in (("outbox_bytes", OUTBOX_BYTES_MAX), ("heard_bytes", HEARD_BYTES_MAX)):
        if record.bytes_most.get(what, 0) > most:
            yield f"{what}: {record.bytes_most[what]}"


def an_inbox_restart_sends_nobody_to_the_radio(record: Record) -> Iterator[str]:
    """Where only the inbox was away, and not for long, nothing but urgent reports was on the air."""
    if not record.only_the_inbox_failed:
        return
    for sent in record.sent:
        if sent.urgency > URGENT:
            yield f"{sent.site}: {sent.use} at {sent.at_s:.0f} s, while only the inbox was away"


CHECKS: tuple[Check, ...] = (
    nothing_is_lost,
    everything_arrives_in_the_end,
    no_receipt_is_a_lie,
    nothing_is_shown_twice,
    the_newest_state_is_known,
    urgent_goes_before_routine,
    no_transmitter_breaks_the_law,
    everything_has_its_limit,
    an_inbox_restart_sends_nobody_to_the_radio,
)


def violations(record: Record) -> list[str]:
    """One line for each thing that does not hold."""
    return [f"{check.__name__}: {line}" for check in CHECKS for line in check(record)]
