"""What this node believes the inbox holds: receipts and histories applied to its ledgers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from relay.core.courier import COURIER
from relay.core.events import Event, InboxChanged, NoticeHeard, Receipted, TestAnswered
from relay.core.heard import HeardStore
from relay.core.ledger import Event as Move
from relay.core.ledger import State
from relay.core.log import Log
from relay.core.message import (
    Address,
    Clock,
    Header,
    History,
    Moment,
    Notice,
    Numbering,
    Receipt,
    ReceiptEntry,
)
from relay.core.notices import kept_form
from relay.core.ranges import Ranges, Run
from relay.core.receipts import InboxView, Verdict, check_of, held_reports, judge, newest_report
from relay.core.session import HEARD_SPREAD_S, Session
from relay.core.wire import EPOCH_2025_UNIX_S


class Beliefs:
    """Of one log. Every change is kept in its outbox."""

    def __init__(self, me: Address, log: Log, sessions: Mapping[str, Session], heard: HeardStore) -> None:
        self._me, self._log, self._sessions, self._heard = me, log, sessions, heard
        self._forgotten: dict[Numbering, Ranges] = {}
        self.old_notices = 0  # heard before, or of an inbox epoch that has ended

    def judge(self, entry: ReceiptEntry) -> Verdict:
        """What an entry about this node says of its log."""
        reports, states = self._log.ledger(Numbering.REPORT), self._log.ledger(Numbering.STATE)
        signatures = (
            self._log.signature(Numbering.REPORT, newest_report(entry.upto, entry.bitmap)),
            self._log.signature(Numbering.STATE, entry.state),
        )
        return judge(entry, self._log.state.epoch, (reports.last, states.last), signatures)

    def take(self, link: str, entry: ReceiptEntry, receipt: Receipt, moment: Moment) -> list[Event]:
        """An entry that matches the log."""
        events: list[Event] = []
        header, inbox = receipt.header, self._log.state.inbox
        if header.epoch > self._log.state.believed_epoch:
            events.append(self._replace(held_reports(entry), entry.state, header.epoch))
        if link != COURIER:  # on a stick lie old words
            inbox.note_named(link, header, moment)
        events += self._held(link, Numbering.REPORT, held_reports(entry), header, moment)
        states = [(entry.state, entry.state)] if entry.state else []
        events += self._held(link, Numbering.STATE, states, header, moment)
        events += self._proven(link, held_reports(entry), moment)
        durable = any(isinstance(event, Receipted) and not event.numbering for event in events)
        self._log.save(durable=durable)
        return events

    def take_history(self, link: str, history: History, moment: Moment) -> list[Event]:
        """Runs that the inbox holds of this epoch; nothing when it is about another, or does not match."""
        log = self._log
        mine = history.address == self._me and history.epoch == log.state.epoch
        if not mine or history.header.epoch != log.state.believed_epoch or not history.runs:
            return []
        if history.runs[-1][1] > log.ledger(history.numbering).last:
            return []  # the receipt beside it says the same and raises the epoch
        own = [log.signature(history.numbering, last) for _, last in history.runs]
        if all(own) and check_of(own) != history.check:
            return []
        runs = [(max(1, first), last) for first, last in history.runs]
        events = self._held(link, history.numbering, runs, history.header, moment)
        if events:
            log.save(durable=history.numbering is Numbering.REPORT)
        return events + (self._proven(link, runs, moment) if history.numbering is Numbering.REPORT else [])

    def take_notice(self, link: str, notice: Notice, envelope: bytes, moment: Moment) -> list[Event]:
        """What VRD says to this site, or to all; nothing when it is for others or was heard before.

        It is on disk before the next hello tells that it is here. One of an inbox epoch that has ended is a
        recording: the inbox says again in its new epoch what it does not know us to have.
        """
        inbox = self._log.state.inbox
        if notice.to and self._me not in notice.to:
            return []
        key = (notice.header.epoch, notice.header.number)
        if key <= (inbox.notice_epoch, inbox.notice) or key[0] < inbox.epoch:
            self.old_notices += 1
            return []
        is_new = self._log.keep_notice(kept_form(notice, envelope, moment.boot, moment.elapsed_s))
        inbox.notice_epoch, inbox.notice = key
        self._log.save(durable=True)
        for session in self._sessions.values():  # a notice to all is not answered in one moment
            session.hello_soon(moment.elapsed_s + HEARD_SPREAD_S * self._me[0] / 256)
        return [NoticeHeard(notice)] if is_new else []

    def still_forgotten(self) -> int:
        """How many messages the newest inbox epoch does not vouch for, of those that an older one did."""
        return sum(
            sum(last - first + 1 for first, last in ranges.runs(run[0], run[1]))
            for numbering, ranges in self._forgotten.items()
            for run in self._log.ledger(numbering).open()
        )

    def settle_flights(self, moment: Moment) -> None:
        """What has arrived by now leaves room in every session's window."""
        done = {
            each: ledger.in_state(State.RECEIPTED, State.GIVEN_UP, State.REISSUED)
            for each, ledger in self._log.state.ledgers.items()
        }
        for session in self._sessions.values():
            session.settle(done, self._heard, moment.elapsed_s)

    def _replace(self, held: list[Run], state: int, inbox_epoch: int) -> InboxChanged:
        """A newer inbox epoch: forget what was believed, but for what this receipt says."""
        keep = {Numbering.REPORT: Ranges(held), Numbering.STATE: Ranges([(state, state)] if state else [])}
        for numbering, ledger in self._log.state.ledgers.items():
            before = ledger.in_state(State.RECEIPTED)
            for run in keep[numbering].missing(1, ledger.last):
                ledger.apply(Move.FORGET, *run)
            for run in ledger.in_state(State.RECEIPTED):
                before.remove(*run)
            self._forgotten[numbering] = before
        self._log.state.believed_epoch = inbox_epoch
        return InboxChanged(inbox_epoch, self.still_forgotten())

    def _proven(self, link: str, runs: Sequence[Run], moment: Moment) -> list[Event]:
        """Test messages whose answer this is, whether or not they were receipted before by any link."""
        proved = self._log.proofs.heard(link, runs, moment.elapsed_s)
        return [TestAnswered(link, proof.number, proof.answered_s or 0.0) for proof in proved]

    def void(self) -> int:
        """Forget all that the inbox said; returns how many messages it had vouched for.

        Kept on disk at once: after a restart they must not look received.
        """
        count = 0
        for ledger in self._log.state.ledgers.values():
            for run in ledger.in_state(State.RECEIPTED):
                ledger.apply(Move.FORGET, *run)
                count += run[1] - run[0] + 1
        self._log.state.inbox, self._log.state.believed_epoch = InboxView(), 0
        self._log.save(durable=True)
        return count

    def _held(
        self, link: str, numbering: Numbering, runs: Sequence[Run], header: Header, moment: Moment
    ) -> list[Event]:
        """Receipt what is held; the flights that it completes have arrived."""
        ledger = self._log.ledger(numbering)
        said_s = None if header.clock == Clock.NONE else header.time + EPOCH_2025_UNIX_S
        events: list[Event] = []
        if ledger.is_settled:
            return events
        for run in runs:
            for first, last in ledger.open().runs(*run):
                ledger.apply(Move.RECEIPT, first, last)
                events.append(Receipted(link, numbering, first, last, said_s))
        if events:
            if numbering is Numbering.REPORT:
                self._log.settle_urgent()
            self.settle_flights(moment)
        return events
