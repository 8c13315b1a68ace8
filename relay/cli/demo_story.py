"""What happens in the demo, act by act. Each act does one thing to the stage and waits for its effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from relay.cli.demo_stage import Stage
from relay.cli.demo_tally import Tally
from relay.errors import Text

LAST_ACT_S = 15.0

ACTS = (
    Text("alles werkt: elk knooppunt meldt zich vanzelf", "all is well: each node reports by itself"),
    Text("twee punten sturen een melding en een hulpvraag", "two sites send a report and a request"),
    Text(
        "een punt verliest internet: zijn hulpvraag gaat via LoRa", "a site loses its internet: by LoRa then"
    ),
    Text("de broker valt uit (kill -9): elk bericht wacht", "the broker dies (kill -9): messages wait"),
    Text("een knooppunt valt uit (kill -9) en start weer", "a node dies (kill -9) and starts again"),
    Text("de broker is terug: wat wachtte gaat naar VRD", "the broker is back: what waited goes to VRD"),
    Text("alles is aangekomen", "everything has arrived"),
)
RADIO, OUTAGE, LAST = 2, 3, len(ACTS) - 1
_BY_RADIO = ("request", 1, {"need": "medical", "text": "Proef {}: arts nodig, geen internet"})
_SAID = (
    ("report", 3, {"incident": "other", "text": "Proef {}: aggregaat hapert"}),
    ("request", 2, {"need": "water", "amount": "200", "text": "Proef {}: water bijna op"}),
    ("report", 3, {"incident": "blocked_road", "text": "Proef {}: boom over de weg"}),
    ("offer", 4, {"need": "staff", "amount": "3", "text": "Proef {}: drie vrijwilligers vrij"}),
)  # fmt: skip


class Wait(NamedTuple):
    """Go on when `done`, or after `most_s`; not before `least_s`."""

    least_s: float
    most_s: float
    done: Callable[[], bool]


class Story:
    """Drives the stage; `step` is called a few times a second."""

    def __init__(self, stage: Stage, tally: Tally, pace: float, *, repeat: bool) -> None:
        """`pace` 1 is for people to read; smaller is faster."""
        self.act = 0
        self.rounds = 0  # stories that came to their end
        self._stage, self._tally, self._pace, self._repeat = stage, tally, pace, repeat
        self._said = 0
        self._script = self._play()
        self._wait = Wait(0, 0, lambda: True)
        self._since_s: float | None = None

    def step(self, now_s: float) -> None:
        """Play on from where the story waits, if what it waits for is there."""
        if self._since_s is None:
            self._since_s = now_s
            self._wait = next(self._script)
        waited_s = now_s - self._since_s
        least_s = self._wait.least_s * self._pace
        if waited_s >= least_s and (self._wait.done() or waited_s >= self._wait.most_s):
            self._since_s = now_s
            self._wait = next(self._script)

    @property
    def title(self) -> Text:
        """The act that is on."""
        return ACTS[self.act]

    @property
    def broker_is_out(self) -> bool:
        """Whether it was this story that killed it."""
        return self.act in (OUTAGE, OUTAGE + 1)

    @property
    def may_end(self) -> bool:
        """Whether nothing is broken now and nothing under way."""
        on_its_way = any(map(self._tally.waiting, self._stage.nodes))
        return self.act < RADIO or (self.act == LAST and not on_its_way)

    def _play(self) -> Iterator[Wait]:
        stage, tally = self._stage, self._tally
        while True:
            self.act = 0
            yield Wait(8, 30, lambda: all(tally.layers(node).inbox for node in stage.nodes))
            self.act = 1
            yield from self._talk(2)
            yield Wait(4, 20, lambda: tally.settled)
            yield from self._by_radio()
            self.act = OUTAGE
            stage.broker.kill()
            yield Wait(1, 10, lambda: tally.outage_seen)
            yield from self._talk(4)
            self.act = OUTAGE + 1
            stage.nodes[-1].kill()
            yield Wait(3, 5, lambda: True)
            stage.nodes[-1].start()
            yield Wait(4, 10, lambda: tally.facts[stage.nodes[-1].address] is not None)
            self.act = OUTAGE + 2
            stage.broker.start()
            yield Wait(2, 60, lambda: tally.settled)
            self.act = LAST
            self.rounds += 1
            yield Wait(LAST_ACT_S, LAST_ACT_S, lambda: self._repeat)
            while not self._repeat:
                yield Wait(1, 1, lambda: True)

    def _by_radio(self) -> Iterator[Wait]:
        """One site's own line is cut; what it says is heard by its neighbours, and so is the answer."""
        stage, tally, node = self._stage, self._tally, self._stage.cut_off
        self.act = RADIO
        stage.line.kill()
        yield Wait(1, 10, lambda: not tally.layers(node).broker)
        kind, urgency, values = _BY_RADIO
        text = values["text"].format(self._said + 1)
        self._said += 1
        tally.submit(node, kind, urgency, {**values, "text": text})
        yield Wait(2, 75, lambda: tally.receipted(node))  # a first try may be lost on the air
        yield Wait(4, 4, lambda: True)
        stage.line.start()
        yield Wait(2, 30, lambda: tally.settled)

    def _talk(self, times: int) -> Iterator[Wait]:
        """The invented sites say something, in turn."""
        invented = [node for node in self._stage.nodes if node.invented]
        for _ in range(times):
            kind, urgency, values = _SAID[self._said % len(_SAID)]
            text = values["text"].format(self._said + 1)
            node = invented[self._said % len(invented)]
            self._tally.submit(node, kind, urgency, {**values, "text": text})
            self._said += 1
            yield Wait(2, 2, lambda: True)
