"""What a node's own log has to send on one link, class by class; the schedule chooses from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from relay.core.log import Log
from relay.core.message import Address, Entry, Moment, Numbering
from relay.core.ranges import Run
from relay.core.schedule import Class, Offer
from relay.core.session import Session


class Offers:
    """The messages of `log` that are open and not on their way on the link of `session`."""

    def __init__(self, origin: Address, log: Log, session: Session, moment: Moment) -> None:
        self._origin = origin
        self._log = log
        self._session = session
        self._moment = moment

    def of(self, rank: Class) -> Iterator[Offer]:
        """Those of one class, in the order in which they should go."""
        numbering = Numbering.REPORT if rank in (Class.URGENT, Class.REPORT) else Numbering.STATE
        if self._log.ledger(numbering).is_settled:
            return iter(())
        if rank is Class.URGENT:
            numbers = sorted(number for number, has_token in self._log.urgent.items() if has_token)
            return self._open(Numbering.REPORT, [(number, number) for number in numbers])
        if rank is Class.REPORT:
            runs = self._log.ledger(Numbering.REPORT).open().runs()
            return self._open(Numbering.REPORT, runs, passed_over=self._log.urgent)
        newest = self._log.ledger(Numbering.STATE).last
        if rank is Class.NEWEST:
            return self._open(Numbering.STATE, [(newest, newest)] if newest else [])
        return self._open(Numbering.STATE, [(1, newest - 1)] if newest > 1 else [])

    def _open(
        self, numbering: Numbering, runs: Sequence[Run], *, passed_over: Mapping[int, bool] | None = None
    ) -> Iterator[Offer]:
        is_open, offered = self._log.ledger(numbering).open(), self._session.offered[numbering]
        went_before = passed_over or {}
        kept_from = self._log.proofs.is_kept_from
        link, now_s = self._session.name, self._moment.elapsed_s
        for run in runs:
            for first, last in is_open.runs(*run):
                for hole in offered.missing(first, last):
                    for row in self._log.rows(numbering, *hole):
                        bound = numbering is Numbering.REPORT and kept_from(link, row.number, now_s)
                        if not bound and not went_before.get(row.number):
                            entry = Entry(row.envelope, self._log.age_s(row, self._moment))
                            yield Offer(self._origin, numbering, row.number, entry)
