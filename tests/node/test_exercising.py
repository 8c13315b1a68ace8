"""An exercise ends by itself, whatever clocks, restarts and cards do; a cut link never outlives it."""

from __future__ import annotations

import stat
from pathlib import Path

import msgspec
import pytest

from relay.core.message import Clock, Moment
from relay.core.receipts import InboxView
from relay.core.wire import EPOCH_2025_UNIX_S
from relay.errors import NaoberError
from relay.node.exercise_work import EXERCISE_FILE
from relay.node.exercising import HOURS_MAX, Exercise

HOUR_S = 3600.0
VIEW = InboxView()
START_S = 5000.0
NOON_UNIX_S = EPOCH_2025_UNIX_S + 50_000_000.0


def at(after_s: float, *, clock: Clock = Clock.NONE, unix_s: float = 0.0, boot: int = 1) -> Moment:
    return Moment(START_S + after_s, boot, unix_s, clock)


@pytest.fixture
def exercise(tmp_path: Path) -> Exercise:
    """Two hours, from now."""
    exercise = Exercise(tmp_path)
    exercise.start(2 * HOUR_S, at(0), VIEW)
    return exercise


def test_it_runs_until_its_end_and_no_longer(exercise: Exercise) -> None:
    assert exercise.left_s(at(0), VIEW) == 2 * HOUR_S
    assert exercise.left_s(at(2 * HOUR_S - 1), VIEW) == 1
    assert exercise.left_s(at(2 * HOUR_S), VIEW) == 0


def test_a_cut_ends_by_itself_before_the_exercise_does(exercise: Exercise) -> None:
    exercise.cut("mqtt", HOUR_S, at(0), VIEW)
    assert exercise.cuts(at(HOUR_S - 1), VIEW) == {"mqtt": 1.0}
    assert exercise.cuts(at(HOUR_S), VIEW) == {}
    assert exercise.left_s(at(HOUR_S), VIEW) == HOUR_S


def test_a_cut_never_outlives_the_exercise(exercise: Exercise) -> None:
    exercise.cut("radio", 5 * HOUR_S, at(0), VIEW)
    assert exercise.cuts(at(0), VIEW) == {"radio": 2 * HOUR_S}
    assert exercise.cuts(at(2 * HOUR_S - 1), VIEW)
    assert exercise.cuts(at(2 * HOUR_S), VIEW) == {}
    exercise.start(HOUR_S / 2, at(0), VIEW)  # given an earlier end
    assert exercise.cuts(at(HOUR_S), VIEW) == {}


def test_after_a_restart_it_goes_on_and_ends_at_the_same_time(exercise: Exercise, tmp_path: Path) -> None:
    exercise.cut("mqtt", HOUR_S, at(0), VIEW)
    again = Exercise(tmp_path)
    assert again.cuts(at(600, boot=2), VIEW) == {"mqtt": HOUR_S - 600}
    assert again.left_s(at(2 * HOUR_S, boot=2), VIEW) == 0


def test_power_that_was_off_counts_where_a_clock_can_tell(tmp_path: Path) -> None:
    exercise = Exercise(tmp_path)
    exercise.start(2 * HOUR_S, at(0, clock=Clock.NTP, unix_s=NOON_UNIX_S), VIEW)
    # an hour and a half without power, in which the running time stood still
    later = at(10, clock=Clock.NTP, unix_s=NOON_UNIX_S + 1.5 * HOUR_S, boot=2)
    assert Exercise(tmp_path).left_s(later, VIEW) == HOUR_S / 2


@pytest.mark.parametrize("jump_s", [-40 * 365 * 86_400.0, -86_400.0])
def test_a_clock_that_goes_back_makes_it_no_longer(tmp_path: Path, jump_s: float) -> None:
    exercise = Exercise(tmp_path)
    exercise.start(2 * HOUR_S, at(0, clock=Clock.NTP, unix_s=NOON_UNIX_S), VIEW)
    assert exercise.left_s(at(HOUR_S, clock=Clock.NTP, unix_s=NOON_UNIX_S + jump_s), VIEW) == HOUR_S


def test_an_outbox_that_began_anew_ends_it(exercise: Exercise) -> None:
    # its running time is far behind the end that was written down: nobody would see that end come
    exercise.start(HOURS_MAX * HOUR_S, Moment(1e6, 1), VIEW)
    assert exercise.left_s(Moment(10.0, 1), VIEW) == 0


def test_a_real_message_makes_every_link_whole_and_the_exercise_goes_on(exercise: Exercise) -> None:
    exercise.cut("mqtt", HOUR_S, at(0), VIEW)
    exercise.cut("radio", HOUR_S, at(0), VIEW)
    exercise.heal()
    assert exercise.cuts(at(1), VIEW) == {}
    assert exercise.left_s(at(1), VIEW) > 0


def test_stop_ends_all_of_it_for_good(exercise: Exercise, tmp_path: Path) -> None:
    exercise.cut("mqtt", HOUR_S, at(0), VIEW)
    exercise.stop()
    assert not (tmp_path / EXERCISE_FILE).exists()
    assert Exercise(tmp_path).left_s(at(1), VIEW) == 0


def test_what_has_ended_leaves_no_file(exercise: Exercise, tmp_path: Path) -> None:
    exercise.forget_what_ended(at(1), VIEW)
    assert (tmp_path / EXERCISE_FILE).exists()
    exercise.forget_what_ended(at(3 * HOUR_S), VIEW)
    assert not (tmp_path / EXERCISE_FILE).exists()


def test_the_file_is_for_the_service_alone(exercise: Exercise, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / EXERCISE_FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"end": 7}', b"\xff" * 100, b'{"end":{"elapsed_s":1e999,"time_s":0}}']
)
def test_a_broken_file_cuts_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / EXERCISE_FILE).write_bytes(content)
    exercise = Exercise(tmp_path)
    assert exercise.left_s(at(0), VIEW) == 0
    assert exercise.cuts(at(0), VIEW) == {}


def test_no_longer_than_half_a_day_and_no_cut_without_one(tmp_path: Path) -> None:
    exercise = Exercise(tmp_path)
    with pytest.raises(NaoberError, match="12"):
        exercise.start(HOURS_MAX * HOUR_S + 1, at(0), VIEW)
    with pytest.raises(NaoberError, match="No exercise"):
        exercise.cut("mqtt", 60.0, at(0), VIEW)
    assert exercise.facts(at(0), VIEW) is None


def test_its_facts_can_be_told(exercise: Exercise) -> None:
    exercise.cut("mqtt", 60.0, at(0), VIEW)
    assert msgspec.json.decode(msgspec.json.encode(exercise.facts(at(0), VIEW))) == {
        "left_s": 7200,
        "cuts": {"mqtt": 60},
        "name": "",
    }
