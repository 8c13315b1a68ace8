"""`naober demo`: a broker, an inbox and three nodes on this machine, with an outage, live on the screen."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from types import FrameType

from relay.cli.demo_screen import Lines, Screen, outcome, wants_color
from relay.cli.demo_stage import Stage
from relay.cli.demo_story import Story
from relay.cli.demo_tally import Tally
from relay.cli.language import pick, say
from relay.errors import NaoberError, Text

EXAMPLES = ("naober demo", "naober demo --seconds 60", "naober --lang en demo")

TICK_S = 0.25
SECONDS_AT_FULL_PACE = 90.0
GRACE_S = 90.0  # what a story that is in the middle of its outage may take beyond --seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How long, and how it looks."""
    seconds = Text("een verhaal, en na N seconden klaar", "one story, and done after N seconds")
    parser.add_argument("--seconds", type=float, metavar="N", help=pick(seconds))
    no_color = Text("geen kleuren", "no colours")
    parser.add_argument("--no-color", action="store_true", help=pick(no_color))
    port = Text("poort van de pagina's (een vrije)", "port of the pages (a free one)")
    parser.add_argument("--port", type=int, metavar="PORT", help=pick(port))


class _Stop:
    """Set by SIGINT, SIGTERM and SIGHUP."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


def run(args: argparse.Namespace) -> int:
    """0: the story ended, or was stopped, with nothing lost and nothing twice; 1: something was."""
    stop = _Stop()
    stage = Stage(args.port)
    try:
        stage.start()
        tally = Tally(stage)
        pace = 1.0 if args.seconds is None else min(1.0, args.seconds / SECONDS_AT_FULL_PACE)
        story = Story(stage, tally, pace, repeat=args.seconds is None)
        view: Screen | Lines = (
            Screen(stage, tally, story, color=wants_color(args.no_color))
            if sys.stdout.isatty()
            else Lines(stage, tally, story)
        )
        try:
            _play(stage, tally, story, view, stop, args.seconds)
        finally:
            view.close()
    finally:
        stage.close()
    return _conclude(tally, story)


def _play(
    stage: Stage, tally: Tally, story: Story, view: Screen | Lines, stop: _Stop, seconds: float | None
) -> None:
    started_s = time.monotonic()
    view.show([])
    while not stop.asked:
        now_s = time.monotonic() - started_s
        if seconds is not None and now_s >= seconds and (story.may_end or now_s >= seconds + GRACE_S):
            return
        fresh = tally.look()
        story.step(now_s)
        view.show(fresh)
        _must_run(stage, story)
        time.sleep(TICK_S)


def _must_run(stage: Stage, story: Story) -> None:
    """What the story did not kill must be there: when it is gone, something is wrong on this machine."""
    for child in (stage.inbox, stage.nodes[0], *([] if story.broker_is_out else [stage.broker])):
        if not child.running:
            raise NaoberError(
                Text(f"{child.name} is gestopt: {child.last_words()}", f"{child.name}: {child.last_words()}"),
                Text("Herhaal het; blijft het, meld het dan", "Try again, or report it"),
            )


def _conclude(tally: Tally, story: Story) -> int:
    """What it showed, in one line."""
    good = tally.lost == tally.twice == 0
    said, late = len(tally.accepted), tally.late
    if story.rounds:
        good = good and tally.outage_seen and tally.missing == 0
        told = Text(
            f"Klaar. {said} meldingen verstuurd, {said - tally.missing} aangekomen, {late} pas na de uitval;"
            f" hoogstens {tally.waited_most} berichten wachtten.",
            f"Done. {said} reports sent, {said - tally.missing} arrived, {late} only after the outage;"
            f" {tally.waited_most} messages waited at most.",
        )
        say(told)
    say(outcome(tally))
    return 0 if good else 1
