"""The node's own words: what a status says beside its sensors, and what happened, as log lines."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from relay import __version__
from relay.core.events import (
    Dismissed,
    EpochRaised,
    Event,
    GaveBack,
    InboxChanged,
    InboxDistrusted,
    Junk,
    MessageHeard,
    NoticeHeard,
    Proven,
    RaiseWithheld,
    Receipted,
    RosterChanged,
    TestAnswered,
    TookOver,
)
from relay.core.fields import Value
from relay.core.ledger import State
from relay.core.message import Confidence, Draft, Kind, Moment, Numbering, Urgency, numbering_of
from relay.core.payloads import message_payload
from relay.core.receipts import InboxView
from relay.core.session import Session
from relay.core.wire import PAYLOAD_BYTES_MAX
from relay.errors import Text
from relay.links.base import LinkFacts
from relay.links.mqtt import UNHEARD
from relay.node.station import Station

STATUS_HEAD_BYTES = 3
STATUS_BYTES_MAX = PAYLOAD_BYTES_MAX - STATUS_HEAD_BYTES
LEAST_NEEDED = ("version", "boots", "uptime_h", "load_pct", "interfaces_up", "memory_free_pct", "cpu_c")

NOTHING = Text("", "")
UP = (Text("VRD antwoordt", "the inbox answers"), NOTHING)
ASKED = (
    Text("Verbonden met de broker, wacht op antwoord van het postvak", "Connected, waiting for the inbox"),
    NOTHING,
)
INBOX_SILENT_DO = Text(
    "Het postvak staat uit of kent dit knooppunt niet: bel VRD. Berichten blijven bewaard",
    "The inbox is down or does not know this node: call VRD. Messages are kept",
)

REASONS = {
    "broker": "the broker cannot be reached",
    "inbox": "the inbox is silent behind a broker that answers",
}

log = logging.getLogger("naober.node")


def status_draft(
    measured: Mapping[str, Value], station: Station, sessions: Mapping[str, Session], interval_s: float
) -> Draft:
    """A status of what is measured and how the node itself does; what is not known is not in it."""
    reports = station.forwarder.log.ledger(Numbering.REPORT)
    states = station.forwarder.log.ledger(Numbering.STATE)
    waiting = reports.count(State.WAITING, State.SENT) + states.count(State.WAITING, State.SENT)
    proven = any(session.proven for session in sessions.values())
    values: dict[str, Value] = {
        **measured,
        "version": __version__,
        "queue_waiting": waiting,
        "broker": "works" if proven else "out",
    }
    if station.storage:
        values["storage"] = "memory_only"
    for name in LEAST_NEEDED:  # a status must fit one packet, whatever the sensors found
        if len(message_payload(values)) <= STATUS_BYTES_MAX:
            break
        values.pop(name, None)
    return Draft(
        kind=Kind.STATUS,
        values=values,
        urgency=Urgency.INFORMATION,
        confidence=Confidence.MEASURED,
        next_due_min=interval_s / 60,
    )


def link_state(facts: LinkFacts, session: Session | None) -> tuple[str, Text, Text]:
    """Code, what and what to do of a link, layer by layer: connected is not up."""
    if facts.code == UNHEARD.code:  # newer than the last answer: the broker knows of no inbox now
        return facts.code, facts.what, facts.do
    if facts.connected and session and session.proven:
        return "up", *UP
    if facts.code != "connected" or session is None:
        return facts.code, facts.what, facts.do
    if not session.unanswered:
        return facts.code, *ASKED
    times = session.unanswered
    what = Text(
        f"De broker is er, maar het postvak antwoordt niet ({times} keer gevraagd)",
        f"The broker is there, the inbox has not answered {times} hellos",
    )
    return "inbox_silent", what, INBOX_SILENT_DO


def revoked_state(reason: str) -> tuple[str, Text, Text]:
    """The same of a node whose own key was revoked: no link is any use to it."""
    from relay.codes import VARIANTS  # few nodes are

    spoken = VARIANTS["E02", "revoked"]
    why = f": {reason}" if reason else ""
    return "revoked", Text(*(f"E02 {each.format(why=why)}" for each in spoken.what)), spoken.do


def log_events(events: Iterable[Event]) -> None:
    """One line per event that a technician would want to read."""
    for event in events:
        if isinstance(event, Receipted):
            what = "status" if event.numbering is Numbering.STATE else "report"
            level = logging.DEBUG if event.numbering is Numbering.STATE else logging.INFO
            log.log(level, "%s: inbox holds %s %d..%d", event.link, what, event.first, event.last)
        elif isinstance(event, Proven):
            log.info("%s: up, the inbox answered in %.2f s", event.link, event.round_trip_s)
        elif isinstance(event, InboxChanged):
            if event.forgotten:
                log.warning(
                    "inbox epoch %d no longer holds %d messages: sending them again",
                    event.epoch,
                    event.forgotten,
                )
        elif isinstance(event, EpochRaised):
            log.warning(
                "%s: old card image or second card with this key. Epoch is now %d, %d reports issued again",
                event.reason,
                event.epoch,
                event.reissued,
            )
        elif isinstance(event, RaiseWithheld):
            log.error("%s, again: is a second card with this key in use? Waiting", event.reason)
        elif isinstance(event, TestAnswered):
            log.info("%s: test message %d answered after %.1f s", event.link, event.number, event.waited_s)
        elif isinstance(event, TookOver):
            log.warning("radio: takes over, %s", REASONS.get(event.reason, event.reason))
        elif isinstance(event, GaveBack):
            log.info("radio: stands by, MQTT works again")
        elif isinstance(event, MessageHeard):
            is_report = numbering_of(event.kind) is Numbering.REPORT
            level = logging.INFO if is_report and event.urgency <= Urgency.URGENT else logging.DEBUG
            log.log(
                level,
                "radio: heard kind %d, urgency %d, of %s (%s hops, %.1f dB)",
                event.kind,
                event.urgency,
                event.address.hex(),
                "unknown" if event.hops is None else event.hops,
                event.snr_db,
            )
        elif isinstance(event, RosterChanged):
            log.info("roster: version %d", event.version)
        elif isinstance(event, InboxDistrusted):
            log.warning(
                "roster: another inbox key counts from now on; %d receipts are void: sending again",
                event.forgotten,
            )
        elif isinstance(event, Dismissed):
            log.error("E02 the key of this node was revoked: %s. Nothing more is sent", event.reason)
        elif isinstance(event, NoticeHeard):
            log.info("notice %d from VRD", event.notice.header.number)
        elif isinstance(event, Junk):
            log.debug("%s: dropped: %s", event.link, event.reason)


def queue_facts(station: Station) -> dict[str, Any]:
    """Counts of the present epoch, by state; `age_s` is that of the oldest report without receipt."""
    ledgers = station.forwarder.log.state.ledgers
    counts: dict[str, Any] = {
        name: {state.name.lower(): ledgers[numbering].count(state) for state in State}
        for name, numbering in (("reports", Numbering.REPORT), ("statuses", Numbering.STATE))
    }
    return {**counts, "age_s": _oldest_open_s(station)}


def clock_off_s(inbox: InboxView, moment: Moment) -> int | None:
    """How far this machine's clock is from VRD's, in seconds; None when VRD's is not known.

    What was heard is late by as much as it took to come, so a clock that is ahead may be right.
    """
    if inbox.ahead_s is None or inbox.boot != moment.boot:
        return None
    return round(moment.unix_s - moment.elapsed_s - inbox.ahead_s)


def _oldest_open_s(station: Station) -> int | None:
    first = next(iter(station.forwarder.log.ledger(Numbering.REPORT).open()), None)
    rows = [] if first is None else station.forwarder.log.rows(Numbering.REPORT, first[0], first[0])
    return next((max(0, int(station.moment().elapsed_s) - row.elapsed_s) for row in rows), None)
