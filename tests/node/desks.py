"""The desk of a node in a world under virtual time: what people post there, and what they are told."""

from __future__ import annotations

from collections import Counter as Count
from pathlib import Path
from typing import Any

from relay.core import wire
from relay.core.message import Address, Entry, Kind, Urgency
from relay.core.payloads import message_of
from relay.node.desk.counter import Counter
from relay.node.desk.facts import Home, Outcome, Sent
from relay.node.entered import Entered
from tests.support.world import World

DEVICE, OTHER = "10.42.0.7", "10.42.0.8"
INTERVAL_S = 60.0


class DeskEnd:
    """A node with a desk, and an inbox."""

    def __init__(self, folder: Path, world: World | None = None) -> None:
        self.world = world or World(folder, 4)
        self.open()
        self.world.run(5)

    def open(self) -> Counter:
        """As the daemon does at its start."""
        folder = self.world.nodes["beilen"].folder
        self.counter = Counter(self.world.station(), Entered(folder), INTERVAL_S)
        return self.counter

    def restart(self) -> Counter:
        """As after SIGKILL."""
        self.world.kill("beilen")
        self.world.start("beilen")
        return self.open()

    def reboot(self, off_s: float = 60.0) -> Counter:
        """As after a power cut."""
        self.world.reboot("beilen", off_s)
        return self.open()

    def run(self, seconds: float) -> None:
        """Time passes; what is held goes when its time has come, as in the daemon's loop."""
        while seconds > 0:
            wait_s, _ = self.counter.release()
            self.world._wake("beilen")
            step_s = min(seconds, wait_s)
            self.world.run(step_s)
            seconds -= step_s
        self.counter.release()

    def post(
        self, form: str, text: str = "", *, urgency: int = 3, hold: bool = True, ago_min: int = 0, **more: str
    ) -> Outcome:
        """A request for water, or what `more` says."""
        kind = more.pop("kind", "request")
        values = {"need": "water", **more} if kind == "request" else dict(more)
        if text:
            values["text"] = text
        request = {"kind": kind, "values": values, "urgency": urgency}
        outcome = self.counter.submit(form, request, hold=hold, ago_min=ago_min)
        self.world._wake("beilen")
        return outcome

    def one(self, id: str) -> Sent:
        sent = self.counter.one(id)
        assert sent is not None
        return sent

    def home(self, **more: Any) -> Home:
        given = {"device": DEVICE, "site": "Beilen", "address": "3f9a-21c4", "exercise": None, "trouble": ""}
        return self.counter.home(**{**given, **more})

    def hear(self, *said: dict[str, Any], to: tuple[Address, ...] = ()) -> None:
        """VRD says these, in one frame."""
        replies = self.world.intake._replies
        signed = [replies.notice(to, values, Urgency.URGENT, exercise=False)[0] for values in said]
        self.world.station().receive("mqtt", wire.encode_batch([Entry(each) for each in signed]))

    def handled(self, handling: str, epoch: int, number: int, **more: Any) -> dict[str, Any]:
        return {
            "notice": "handled",
            "handling": handling,
            "about_epoch": epoch,
            "about_number": number,
            **more,
        }

    def at_inbox(self) -> Count[str]:
        """The texts of people's messages that the inbox took as new."""
        said = [message_of(envelope) for header, envelope in self.world.fresh if header.kind != Kind.STATUS]
        return Count(str(message.values.get("text", "")) for message in said if message)

    def kinds_at_inbox(self) -> list[str]:
        return [Kind(header.kind).name for header, _ in self.world.fresh if header.kind != Kind.STATUS]
