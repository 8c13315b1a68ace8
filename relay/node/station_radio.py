"""The part of a station that serves the radio: airtime is on disk before a packet goes (rules 1 and 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from relay.core.events import Event
from relay.core.forwarder import Forwarder
from relay.core.log import Chance
from relay.core.message import Heard
from relay.errors import StorageError
from relay.node.station_desk import StationDesk

if TYPE_CHECKING:
    from relay.core.radio import Radio, RadioReport, RadioSettings, Transmission

BUDGET_FACT = "airtime"
WAIT_MAX_S = 60.0
SNR_MIN_DB, SNR_MAX_DB = -128, 127
HOPS_MAX = 7

T = TypeVar("T")


def new_radio(settings: RadioSettings | None, chance: Chance) -> Radio | None:
    """The core's part for a radio, which is loaded only where there is one."""
    if settings is None:
        return None
    from relay.core.radio import Radio

    return Radio(settings, chance)


class StationRadio(StationDesk):
    """Verbs of Station; all are harmless, and give nothing, on a node without a radio."""

    forwarder: Forwarder
    radio: Radio | None

    def take_news(self) -> list[Event]:
        """Events that no call returned: whoever logs asks now and then."""
        return self.forwarder.take_news()

    def radio_report(self, report: RadioReport) -> None:
        """The radio's own facts have changed."""
        if self.radio:
            self.radio.take_report(report, self.moment().elapsed_s)

    def radio_heard(self, frame: bytes, snr_db: float, hops: int | None, hop_limit: int) -> list[Event]:
        """Take in a frame from the air; `hops`: how many radios relayed it, if that is known."""
        snr = min(SNR_MAX_DB, max(SNR_MIN_DB, round(snr_db)))
        how = Heard("radio", snr, min(HOPS_MAX, max(0, hops or 0)))
        return self._saw(self._on_disk(lambda: self.forwarder.hear(frame, how, hop_limit, self.moment())))

    def order(self, frame: bytes) -> list[Event]:
        """Take in what the inbox orders this node to transmit, as it came on the topic `air`."""
        return self._on_disk(lambda: self.forwarder.order(frame, self.moment()))

    def status_wanted(self) -> bool:
        """Whether a status is about to go by radio, so that a fresh one should be submitted first."""
        if self.radio is None or self.forwarder.papers.dismissed is not None:
            return False
        return self.radio.status_wanted(self.moment().elapsed_s)

    def radio_frame(self, *, urgent_only: bool = False) -> Transmission | None:
        """The packet that the radio should have now; ask only when it has room for one.

        `urgent_only`: what is in the radio's queue still, is not urgent. The packet's airtime is spent, and
        on disk, when this returns.
        """
        transmission = self._on_disk(
            lambda: self.forwarder.next_transmission(self.moment(), urgent_only=urgent_only)
        )
        if transmission:
            self._on_disk(self._keep_budget)
            self._transmits(transmission.frame)
        return transmission

    def radio_not_sent(self, transmission: Transmission) -> None:
        """Nothing of it went on the air."""
        if self.radio:
            self.radio.not_sent(transmission)
            self._transmits(transmission.frame, undone=True)

    def radio_wait_s(self) -> float:
        """How long the radio may rest, if nothing happens, after `radio_frame` gave nothing; 60 s at most."""
        if self.radio is None:
            return WAIT_MAX_S
        radio, moment = self.radio, self.moment()
        wake_s = self._on_disk(lambda: radio.wake_s(self.forwarder.log, moment))
        wake_s = min(wake_s, radio.take_over_wake_s())
        return min(WAIT_MAX_S, max(0.0, wake_s - moment.elapsed_s))

    def status_interval_s(self, base_s: float) -> float:
        """When the next status is due: by MQTT after `base_s`, by radio after its own interval."""
        return self.radio.interval_s if self.radio and self.radio.active else base_s

    def _keep_budget(self) -> None:
        if self.radio:
            snapshot = self.radio.budget.snapshot(self.moment())
            self._outbox.remember({BUDGET_FACT: msgspec.json.encode(snapshot).decode()})

    def _begin_budget(self) -> None:
        """Go on with what the disk knows of the last hour; a card that knows of none is new."""
        if self.radio is None:
            return
        from relay.core.airtime import Budget, BudgetState, unknown_budget

        moment = self.moment()
        try:
            if self.storage:
                raise self.storage
            kept = self._outbox.fact(BUDGET_FACT)
            if kept is not None:
                self.radio.budget = Budget.restore(msgspec.json.decode(kept, type=BudgetState), moment)
        except (StorageError, ValueError):
            self.radio.budget = unknown_budget(moment.elapsed_s)
