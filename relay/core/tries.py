"""Our own reports by radio: each is tried with growing pauses, and then waits for its turn to be asked about.

A report with an urgent token is tried six times, others four. When four had all their tries and no receipt
has named this node since, it may be deaf: no new report is begun, and one per interval asks on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from typing import NamedTuple

import msgspec

from relay.core.ledger import Event as Move
from relay.core.log import Log, Row
from relay.core.message import Kind, Moment, Numbering, Urgency
from relay.core.payloads import may_go_by_radio
from relay.core.proofs import Proof
from relay.core.wire import parse_header

TRIES_URGENT, TRIES = 6, 4
AT_ONCE = 4  # routine reports that are being tried
REFUSED_PAUSE_S = 10.0

Undo = Callable[[], None]


class Pacing(NamedTuple):
    """What the radio knows of time on its channel."""

    answer_s: Callable[[int, int], float]  # how long an answer may take: frame bytes, urgency
    interval_s: Callable[[], float]  # between two statuses
    spread: Callable[[float], float]  # a time made a little longer or shorter by chance


class Due(NamedTuple):
    """A report that could go now."""

    row: Row
    urgency: int  # without a token it is sent as routine
    taken: Callable[[float], Undo]  # it goes now; gives what undoes that


class _Try(msgspec.Struct):
    due_s: float
    urgency: int
    tries: int = 0
    may_go: bool = True


class Tries:
    """The reports of one log that are open. Times are elapsed seconds."""

    def __init__(self, payload_bytes_max: int, pacing: Pacing) -> None:
        self._payload_bytes_max = payload_bytes_max
        self._pacing = pacing
        self._tries: dict[int, _Try] = {}
        self._unanswered = 0  # reports that had all their tries since a receipt named us
        self._probe_s = 0.0

    def fits(self, envelope: bytes) -> bool:
        """Whether one packet holds it, with its age."""
        return len(envelope) + 1 <= self._payload_bytes_max

    def limit(self, payload_bytes_max: int) -> None:
        """The radio takes no more than this: what is too long for it waits for MQTT."""
        if payload_bytes_max != self._payload_bytes_max:
            self._payload_bytes_max = payload_bytes_max
            self._tries.clear()

    def clear(self) -> None:
        """Begin anew."""
        self._tries.clear()
        self._unanswered, self._probe_s = 0, 0.0

    def named(self) -> None:
        """A receipt names this node: it is heard."""
        self._unanswered = 0

    def note(self, log: Log, now_s: float, urgent_s: Callable[[], float], *, routine: bool) -> None:
        """Take up what is new, after `urgent_s` when it is urgent; forget what is done."""
        if log.ledger(Numbering.REPORT).is_settled:
            self._tries.clear()
            return
        waiting = log.ledger(Numbering.REPORT).open()
        self._tries = {number: each for number, each in self._tries.items() if number in waiting}
        for number, has_token in log.urgent.items():
            if has_token and number in waiting and number not in self._tries:
                self._tries[number] = self._new(log, number, now_s + urgent_s())
        if not routine or self._unanswered >= AT_ONCE:
            return
        room = AT_ONCE - sum(self._is_trying(number, log) for number in self._tries)
        for first, last in waiting.runs():
            for number in range(first, last + 1):
                if room <= 0:
                    return
                if number not in self._tries:
                    self._tries[number] = self._new(log, number, now_s)
                    room -= self._tries[number].may_go

    def due(self, log: Log, moment: Moment, *, urgent: bool) -> Iterator[Due]:
        """Those whose next try is due: the most urgent first, first tries before later ones."""
        for number, each in sorted(self._tries.items(), key=_order):
            is_due = each.may_go and each.due_s <= moment.elapsed_s and not self._is_spent(number, log)
            if is_due and bool(log.urgent.get(number)) is urgent:
                yield from self._offer(log, number, each)

    def probe(self, log: Log, now_s: float) -> Iterator[Due]:
        """One of those that had all their tries, once per interval, the longest ago first."""
        spent = [each for each in self._tries.items() if each[1].may_go and self._is_spent(each[0], log)]
        if now_s >= self._probe_s:
            for number, each in sorted(spent, key=lambda item: item[1].due_s)[:1]:
                yield from self._offer(log, number, each)

    def proofs(self, log: Log, moment: Moment) -> Iterator[Due]:
        """Test messages of the radio that are due; receipted by MQTT or not, they want their answer here."""
        for proof in log.proofs.due(moment.elapsed_s):
            row = _row(log, proof.number)
            if row is not None and self.fits(row.envelope):
                yield Due(row, Urgency.ROUTINE, self._taken_proof(log, row, proof))

    def _taken_proof(self, log: Log, row: Row, proof: Proof) -> Callable[[float], Undo]:
        def taken(now_s: float) -> Undo:
            pause_s = self._pacing.answer_s(len(row.envelope) + 1, Urgency.URGENT)
            undo = log.proofs.taken(proof, now_s, self._pacing.spread(pause_s))
            if row.number in log.ledger(Numbering.REPORT).open():
                log.ledger(Numbering.REPORT).apply(Move.SEND, row.number)
            return lambda: undo(REFUSED_PAUSE_S)

        return taken

    def wakes_s(self, log: Log, *, active: bool) -> list[float]:
        """When a try or a probe is due."""
        going = {number: each for number, each in self._tries.items() if each.may_go}
        spent = [number for number in going if self._is_spent(number, log)]
        wakes = [
            each.due_s
            for number, each in going.items()
            if number not in spent and (active or log.urgent.get(number))
        ]
        return wakes + ([self._probe_s] if active and spent else [])

    def _new(self, log: Log, number: int, due_s: float) -> _Try:
        row = _row(log, number)
        fits = row is not None and self.fits(row.envelope)
        may_go = row is not None and fits and not is_test(row) and may_go_by_radio(row.envelope)
        return _Try(due_s, row.urgency if row else Urgency.INFORMATION, may_go=may_go)

    def _most(self, number: int, log: Log) -> int:
        return TRIES_URGENT if log.urgent.get(number) else TRIES

    def _is_spent(self, number: int, log: Log) -> bool:
        return self._tries[number].tries >= self._most(number, log)

    def _is_trying(self, number: int, log: Log) -> bool:
        return self._tries[number].may_go and not self._is_spent(number, log) and not log.urgent.get(number)

    def _offer(self, log: Log, number: int, each: _Try) -> Iterator[Due]:
        row = _row(log, number)
        if row is None:
            each.may_go, each.due_s = False, inf
            return
        has_token = bool(log.urgent.get(number))
        urgency = row.urgency if has_token else max(row.urgency, Urgency.ROUTINE)

        def taken(now_s: float) -> Undo:
            was = (each.tries, self._probe_s, self._unanswered)
            each.tries += 1
            pause_s = self._pacing.answer_s(len(row.envelope) + 1, urgency) * 2 ** (each.tries - 1)
            each.due_s = now_s + self._pacing.spread(pause_s)
            if self._is_spent(number, log):
                self._probe_s = now_s + self._pacing.spread(self._pacing.interval_s())
                self._unanswered += each.tries == self._most(number, log)
            log.ledger(Numbering.REPORT).apply(Move.SEND, number)

            def undo() -> None:
                each.tries, self._probe_s, self._unanswered = was
                each.due_s = now_s + REFUSED_PAUSE_S

            return undo

        yield Due(row, urgency, taken)


def is_test(row: Row) -> bool:
    """Whether it is a test message: those have their own tries (proofs), and else wait for MQTT."""
    return parse_header(row.envelope).kind == Kind.TEST


def _order(item: tuple[int, _Try]) -> tuple[int, int, int]:
    number, each = item
    return each.urgency, each.tries, number


def _row(log: Log, number: int) -> Row | None:
    return next(log.rows(Numbering.REPORT, number, number), None)
