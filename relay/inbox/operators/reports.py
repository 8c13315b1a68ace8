"""Reports as operators' lists show them, taken over from the inbox's store in the order of arrival."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from relay.core import payloads, wire
from relay.core.fields import Value
from relay.core.message import Clock, Confidence, Kind, Numbering
from relay.inbox.facts import kind_name
from relay.inbox.operators.handling import ReportId
from relay.inbox.queries import StoredMessage
from relay.inbox.store import ACCEPTED, REVOKED, decode_heard
from relay.trust.roster import Node

REFUSED = frozenset(("revoked", "blocked", "uncounted"))  # standings of what nobody must act on
BY_HAND = "manual"  # the link of what a person wrote down
SHOWN_KINDS = frozenset((Kind.REPORT, Kind.REQUEST, Kind.OFFER, Kind.SITUATION, Kind.WITHDRAWAL, Kind.ANSWER))


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What a list says of one report."""

    values: dict[str, Value]
    confidence: str
    composed_s: int | None  # unix time; None: not known
    clock: str  # ntp, gps, inbox, estimated, none
    late_s: int | None  # under way for so long; None: not known
    link: str
    hops: int | None = None
    via: str = ""  # the site that relayed it
    standing: str = ""  # revoked, blocked, unknown (its key, now), uncounted; empty: as good as when it came
    clone: bool = False
    undecodable: bool = False


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One report with its place in the lists."""

    id: ReportId
    message: int
    site: str
    kind: str
    urgency: int
    exercise: bool
    received_s: int
    shown: Shown
    withdrawn_s: int | None = None  # when its own node took it back
    reason: str = ""  # why, if it said so

    @property
    def is_refused(self) -> bool:
        """Whether nobody may act on it: its key is not, or not now, believed."""
        return self.shown.standing in REFUSED

    @property
    def is_request(self) -> bool:
        """Whether somebody asks for something."""
        return self.kind == "request"


def report_of(
    stored: StoredMessage, entry: Callable[[bytes], Node | None], key_of: Callable[[Node], str]
) -> Report | None:
    """The report in `stored`; None for what is none (statuses, gaps, tests)."""
    header = wire.parse_header(stored.envelope)
    if stored.numbering != Numbering.REPORT and header.kind in tuple(Kind):
        return None
    if header.kind in tuple(Kind) and header.kind not in SHOWN_KINDS:
        return None
    heard = decode_heard(stored.heard)
    node, message = entry(stored.address), payloads.message_of(stored.envelope)
    composed_s, clock = _composed(header.time, Clock(header.clock), stored)
    relay = entry(bytes.fromhex(stored.publisher)) if heard and len(stored.publisher) == 8 else None
    standing = "" if stored.standing == ACCEPTED else "revoked" if stored.standing == REVOKED else "uncounted"
    return Report(
        id=ReportId(stored.address, stored.epoch, stored.number),
        message=stored.id,
        site=key_of(node) if node else stored.address.hex(),
        kind=kind_name(header.kind),
        urgency=header.urgency,
        exercise=header.exercise,
        received_s=stored.received_s,
        shown=Shown(
            values=dict(message.values) if message else {},
            confidence=Confidence(header.confidence).name.lower(),
            composed_s=composed_s,
            clock=clock,
            late_s=stored.age_s,
            link=heard.link if heard else "mqtt",
            hops=heard.hops if heard else None,
            via=relay.site if relay else "",
            standing=standing,
            clone=stored.variant > 0,
            undecodable=message is None,
        ),
    )


def as_of_now(report: Report, standing: str) -> Report:
    """With what its key is worth now (facts.standing_of): less than when it came, never more.

    What a box said before another took its place stays the word of its site.
    """
    if report.shown.standing or report.shown.link == BY_HAND or standing in ("valid", "replaced"):
        return report
    return msgspec.structs.replace(report, shown=msgspec.structs.replace(report.shown, standing=standing))


def _composed(time: int, clock: Clock, stored: StoredMessage) -> tuple[int | None, str]:
    if clock is not Clock.NONE:
        return time + wire.EPOCH_2025_UNIX_S, clock.name.lower()
    if stored.age_s is not None:
        return stored.received_s - stored.age_s, "estimated"
    return None, "none"


def needed_within_s(report: Report, now_s: int) -> float | None:
    """Seconds until a request's "before"; negative when that is past; None when it says none."""
    minutes = report.shown.values.get("needed_within_min")
    if not isinstance(minutes, int):
        return None
    began_s = report.shown.composed_s if report.shown.composed_s is not None else report.received_s
    return float(min(began_s, report.received_s) + minutes * 60 - now_s)
