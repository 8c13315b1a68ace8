"""What one node is to be told: notices that its site does not have, and steps with its reports.

A letter is signed anew each time it is said; its name, in its values, stays (docs/wire.md, "Notices").
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from relay.core import payloads
from relay.core.fields import BY_NAME, Value
from relay.core.message import ADDRESS_BYTES, Address, Urgency
from relay.core.notices import HANDLED, RUN_MAX
from relay.core.payloads import NOTICE_TO_MAX
from relay.core.wire import PAYLOAD_BYTES_MAX
from relay.inbox.operators.handling import ReportId, State
from relay.inbox.operators.notices import SentNotice, Untold

ELLIPSIS = "…"
LETTERS_MAX = 64  # in one frame


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to be told."""

    values: dict[str, Value]
    urgency: Urgency
    exercise: bool
    notice: SentNotice | None = None
    steps: tuple[tuple[ReportId, int], ...] = ()  # with which reports, and the version of their handling
    by_radio: bool = True

    @property
    def is_urgent(self) -> bool:
        """Whether it goes by radio to sites on MQTT too, when these do not answer for it."""
        return self.urgency <= Urgency.URGENT


def of_notice(notice: SentNotice) -> Letter:
    """An operator's notice."""
    values, urgency = notice.values(notice.epoch, notice.id), Urgency(notice.urgency)
    return Letter(values=values, urgency=urgency, exercise=notice.exercise, notice=notice)


def of_steps(untold: Iterable[Untold]) -> list[Letter]:
    """Steps with reports, the most urgent first; a run of reports with the same step is one letter."""
    letters: list[Letter] = []
    runs: list[list[Untold]] = []
    for each in untold:
        run = next((run for run in runs if _goes_on(run, each)), None)
        if run is None:
            runs.append([each])
        else:
            run.append(each)
    for run in runs:
        first, numbers = run[0], [each.report.number for each in run]
        values: dict[str, Value] = {
            "notice": HANDLED,
            "handling": str(first.state),
            "about_epoch": first.report.epoch,
            "about_number": min(numbers),
        }
        if len(run) > 1:
            values["about_last"] = max(numbers)
        if text := _short_answer(first):
            values["text"] = text
            values = _cut(values)
        letters.append(
            Letter(
                values=values,
                urgency=Urgency(max(int(Urgency.URGENT), min(first.urgency, int(Urgency.ROUTINE)))),
                exercise=first.exercise,
                steps=tuple((each.report, each.version) for each in run),
                by_radio=any(each.urgency <= Urgency.URGENT or each.is_request for each in run),
            )
        )
    return letters


def groups(letter: Letter, addresses: list[Address]) -> list[list[Address]]:
    """`addresses` in as few groups as packets hold."""
    room = PAYLOAD_BYTES_MAX - len(payloads.notice_payload([], letter.values))
    most = max(1, min(NOTICE_TO_MAX, room // ADDRESS_BYTES))
    return [addresses[at : at + most] for at in range(0, len(addresses), most)]


def _goes_on(run: list[Untold], one: Untold) -> bool:
    first, last = run[0], run[-1]
    same = (one.state, one.exercise, one.report.epoch, one.urgency, one.is_request)
    of_run = (first.state, first.exercise, first.report.epoch, first.urgency, first.is_request)
    silent = not _short_answer(one) and not _short_answer(first)
    return silent and same == of_run and one.report.number == last.report.number + 1 and len(run) < RUN_MAX


def _short_answer(step: Untold) -> str:
    """What a site reads beside the state: never an operator's name."""
    if step.state is State.FORWARDED:
        return step.team
    return step.result if step.state is State.RESOLVED else ""


def _cut(values: dict[str, Value]) -> dict[str, Value]:
    """With a text that one packet can hold."""
    words = str(values["text"])
    while not _fits(values, words):
        words = words.removesuffix(ELLIPSIS)[:-1].rstrip() + ELLIPSIS
    return {**values, "text": words}


def _fits(values: dict[str, Value], words: str) -> bool:
    if len(words.encode()) > BY_NAME["text"].high:
        return False
    payload = payloads.notice_payload([bytes(ADDRESS_BYTES)], {**values, "text": words})
    return len(payload) <= PAYLOAD_BYTES_MAX
