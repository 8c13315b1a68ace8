"""The demo in the terminal: one screen that is redrawn in place, or lines where there is no terminal."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping
from typing import Any

from relay.cli import labels
from relay.cli.demo_stage import DESK_AT, HOST, LOGIN, DemoNode, Stage
from relay.cli.demo_story import ACTS, LAST, Story
from relay.cli.demo_tally import Layers, Tally
from relay.cli.language import chosen, pick, say
from relay.cli.text import age, fit, row
from relay.errors import Text

WIDTH_MIN, WIDTH_MAX = 80, 110
COUNTS_EVERY_S = 2.0
_NODE_COLUMNS = (25, 11, 11, 5, 8, 9)
_NOT_SHOWN = ("router", "broker", "dns", "version", "boots", "queue_waiting", "interfaces_up")
_RED, _GREEN, _YELLOW, _BOLD, _DIM = "31", "32", "33", "1", "2"
_HOME, _TO_LINE_END, _TO_SCREEN_END = "\x1b[H", "\x1b[K", "\x1b[J"
_BEGIN, _END = "\x1b[?25l\x1b[?7l\x1b[2J", "\x1b[?7h\x1b[?25h"  # no cursor and no wrapping meanwhile

_STOPPED = Text("✗ uit (kill -9)", "✗ down (kill -9)")
_STARTING = Text("… start", "… starting")
_BY_RADIO = Text("≈ via LoRa", "≈ by LoRa")
_INVENTED = Text(
    "* verzonnen punt met verzonnen meldingen",
    "* an invented site with invented reports",
)


def outcome(tally: Tally) -> str:
    """The numbers that matter, in one line."""
    waits = sum(tally.waiting(node) for node in tally.nodes)
    return pick(
        Text(
            f"{tally.arrived} berichten · {waits} wachten · verloren {tally.lost} · dubbel {tally.twice}",
            f"{tally.arrived} messages · {waits} waiting · lost {tally.lost} · twice {tally.twice}",
        )
    )


def layer_words(layers: Layers, starting: bool, by_radio: bool) -> tuple[str, str]:
    """Broker and inbox, as one node sees them."""
    if starting:
        return pick(_STARTING), ""
    if not layers.running:
        return pick(_STOPPED), ""
    broker = (Text("✗ weg", "✗ gone"), Text("✓ verbonden", "✓ connected"))[layers.broker]
    inbox = (Text("✗ stil", "✗ silent"), Text("✓ antwoordt", "✓ answers"))[layers.inbox]
    if by_radio:
        inbox = _BY_RADIO
    return pick(broker), pick(inbox)


def report_line(facts: Mapping[str, Any], wide: int) -> str:
    """One message at the inbox: when, from where, by which way and how late."""
    late = facts["age_s"] or 0
    way = f"{labels.link(facts)} {pick(Text('na', 'after'))} {pick(age(late))}"
    said = str(facts.get("values", {}).get("text", "")) or labels.content(facts)
    if through := labels.way(facts):
        said += f" ({through})"
    cells = [
        time.strftime("%H:%M:%S", time.localtime(facts["received_s"])),
        labels.word(labels.URGENCIES, facts["urgency"]),
        str(facts["site"] or facts["address"]),
        way,
        said,
    ]
    return row(cells, (8, 12, 24, 14, max(10, wide - 66)))


def login_line(stage: Stage) -> str:
    """Where the operators' pages are, and how to come in."""
    words = pick(Text("naam", "name")), pick(Text("wachtwoord", "password"))
    return f"http://{HOST}:{stage.page_port}   {words[0]} {LOGIN} · {words[1]} {stage.password}"


def desk_line(stage: Stage) -> str:
    """Where the page of one site is."""
    words = Text("de pagina van een punt", "the page of one site")
    return f"http://{HOST}:{stage.desk_port}   {pick(words)} ({DESK_AT})"


class Screen:
    """Redraws the whole screen in place."""

    def __init__(self, stage: Stage, tally: Tally, story: Story, *, color: bool) -> None:
        self._stage, self._tally, self._story, self._color = stage, tally, story, color
        self._started_s = time.monotonic()
        sys.stdout.write(_BEGIN)

    def show(self, fresh: list[dict[str, Any]]) -> None:
        """Draw what is known now."""
        columns, lines = shutil.get_terminal_size((WIDTH_MIN, 24))
        wide = min(columns, WIDTH_MAX) - 1
        drawn = self._lines(wide)[: lines - 1]
        sys.stdout.write(_HOME + "".join(f"{line}{_TO_LINE_END}\n" for line in drawn) + _TO_SCREEN_END)
        sys.stdout.flush()

    def close(self) -> None:
        """Leave the last picture, and the cursor below it."""
        sys.stdout.write(_END)
        sys.stdout.flush()

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color else text

    def _lines(self, wide: int) -> list[str]:
        story, tally = self._story, self._tally
        act = pick(Text("bedrijf", "act"))
        title = f"Naober demo · {act} {story.act + 1}/{len(ACTS)} · {pick(story.title)}"
        bad = bool(tally.lost or tally.twice)
        return [
            self._paint(fit(title, wide), _BOLD),
            "",
            *self._nodes(wide),
            self._paint(fit(pick(_INVENTED), wide), _DIM),
            "",
            self._inbox(wide, bad),
            *self._reports(wide),
            "",
            self._measured(wide),
            "",
            fit(login_line(self._stage), wide),
            fit(desk_line(self._stage), wide),
            self._paint(
                fit(pick(Text("Ctrl-C stopt en ruimt alles op", "Ctrl-C ends all of it")), wide), _DIM
            ),
        ]

    def _nodes(self, wide: int) -> list[str]:
        heading = ("Knooppunt", "Broker", "Postvak", "Wacht", "Onderweg", "Bevestigd")
        if chosen() == "en":
            heading = ("Node", "Broker", "Inbox", "Waits", "  Moving", "Receipted")
        return [
            self._paint(row(heading, _NODE_COLUMNS), _DIM),
            *(self._node(node) for node in self._stage.nodes),
        ]

    def _node(self, node: DemoNode) -> str:
        tally = self._tally
        layers = tally.layers(node)
        starting = node.running and tally.facts[node.address] is None
        broker, inbox = layer_words(layers, starting, self._tally.by_radio(node))
        counts = [tally.count(node, state) for state in ("waiting", "sent", "receipted")]
        numbers = "".join(
            f"  {count:>{columns}}" for count, columns in zip(counts, _NODE_COLUMNS[3:], strict=True)
        )
        name = fit(node.site + ("*" if node.invented else ""), _NODE_COLUMNS[0])
        state = fit(broker, _NODE_COLUMNS[1]) + "  " + fit(inbox, _NODE_COLUMNS[2])
        if not inbox:
            state = fit(broker, sum(_NODE_COLUMNS[1:3]) + 2)
        color = _GREEN if layers.inbox else _RED if not layers.running else _YELLOW
        return f"{name}  {self._paint(state, color)}{numbers}"

    def _inbox(self, wide: int, bad: bool) -> str:
        broker = self._tally.inbox_broker
        seen = {"connected": Text("verbonden", "connected"), "": Text("start nog", "starting")}
        word = pick(seen.get(broker, Text("broker weg", "broker gone")))
        label = pick(Text("Postvak VRD", "VRD's inbox"))
        line = fit(f"{label} · {word} · {outcome(self._tally)}", wide)
        return self._paint(line, f"{_BOLD};{_RED}" if bad else _BOLD)

    def _reports(self, wide: int) -> list[str]:
        told = [report_line(facts, wide) for facts in reversed(self._tally.reports)]
        return told or [pick(Text("(nog geen meldingen)", "(no reports yet)"))]

    def _measured(self, wide: int) -> str:
        """What this machine's own sensors say, as it stands at the inbox."""
        own = self._stage.nodes[0]
        facts = self._tally.statuses.get(own.address)
        if facts is None:
            return fit(f"{own.site}: -", wide)
        values = facts.get("values", {})
        told = [labels.value(name, each) for name, each in values.items() if name not in _NOT_SHOWN]
        ago = pick(age(time.time() - facts["received_s"]))
        head = pick(Text(f"{own.site}, {ago} geleden", f"{own.site}, {ago} ago"))
        return fit(f"{head}: {' · '.join(told)}", wide)


class Lines:
    """Says what changed, a line at a time, for pipes, logs and tests."""

    def __init__(self, stage: Stage, tally: Tally, story: Story) -> None:
        self._stage, self._tally, self._story = stage, tally, story
        self._started_s = time.monotonic()
        self._act = -1
        self._layers: dict[str, tuple[str, str]] = {}
        self._open: tuple[int, ...] = ()
        self._counted_s = 0.0
        say(login_line(stage))
        say(desk_line(stage))
        say(_INVENTED)

    def show(self, fresh: list[dict[str, Any]]) -> None:
        """Say what is new since the last call."""
        story, tally = self._story, self._tally
        if story.act != self._act:
            self._act = story.act
            act = pick(Text("bedrijf", "act"))
            self._say(f"--- {act} {story.act + 1}/{len(ACTS)}: {pick(story.title)}")
        for node in self._stage.nodes:
            starting = node.running and tally.facts[node.address] is None
            words = layer_words(tally.layers(node), starting, tally.by_radio(node))
            if self._layers.get(node.address) != words:
                self._layers[node.address] = words
                self._say(f"{node.site}: {' · '.join(filter(None, words))}")
        for facts in fresh:
            self._say(pick(Text("aangekomen: ", "arrived: ")) + report_line(facts, WIDTH_MAX))
        now_s = time.monotonic()
        waits = tuple(map(tally.waiting, self._stage.nodes))
        if waits != self._open and (now_s >= self._counted_s + COUNTS_EVERY_S or story.act == LAST):
            self._open, self._counted_s = waits, now_s
            self._say(pick(Text("postvak VRD: ", "VRD's inbox: ")) + outcome(tally))

    def close(self) -> None:
        """Nothing is left open."""

    def _say(self, text: str) -> None:
        say(f"[{time.monotonic() - self._started_s:5.1f} s] {text}")


def wants_color(no_color: bool) -> bool:
    """Colours on a terminal, unless asked not to (NO_COLOR, no-color.org)."""
    return not no_color and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
