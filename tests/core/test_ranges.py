"""Runs of numbers are a set of numbers."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from relay.core.ranges import Ranges

RUNS = st.tuples(st.integers(0, 40), st.integers(-1, 10)).map(lambda run: (run[0], run[0] + run[1]))
STEPS = st.lists(st.tuples(st.sampled_from(["add", "remove", "remove", "add"]), RUNS), max_size=25)
EVERYTHING = range(60)


def numbers(runs) -> set[int]:
    return {number for first, last in runs for number in range(first, last + 1)}


def built(steps) -> tuple[Ranges, set[int]]:
    ranges, plain = Ranges(), set()
    for verb, (first, last) in steps:
        getattr(ranges, verb)(first, last)
        run = set(range(first, last + 1))
        plain = plain | run if verb == "add" else plain - run
    return ranges, plain


@given(STEPS)
@settings(max_examples=400)
def test_it_holds_what_a_set_would(steps):
    ranges, plain = built(steps)
    assert numbers(ranges) == plain
    assert {number for number in EVERYTHING if number in ranges} == plain
    assert len(ranges) == len(plain)
    assert bool(ranges) is bool(plain)
    assert ranges.last == max(plain, default=0)
    upto = 0
    while upto + 1 in plain:
        upto += 1
    # 0 is no number of a message: a run from 0 on counts as one from 1 on
    assert ranges.upto == upto


@given(STEPS)
@settings(max_examples=300)
def test_its_runs_ascend_and_neither_touch_nor_overlap(steps):
    runs = built(steps)[0].runs()
    assert all(first <= last for first, last in runs)
    assert all(after[0] > before[1] + 1 for before, after in itertools.pairwise(runs))


@given(STEPS, RUNS)
@settings(max_examples=300)
def test_a_window_is_cut_and_its_holes_are_the_rest(steps, window):
    ranges, plain = built(steps)
    inside = set(range(window[0], window[1] + 1))
    assert all(first <= last for first, last in ranges.runs(*window) + ranges.missing(*window))
    assert numbers(ranges.runs(*window)) == plain & inside
    assert numbers(ranges.missing(*window)) == inside - plain
    assert numbers(ranges.runs(window[0])) == {number for number in plain if number >= window[0]}


@given(STEPS, STEPS)
@settings(max_examples=300)
def test_it_covers_and_equals_as_sets_do(steps, others):
    (ranges, plain), (other, other_plain) = built(steps), built(others)
    assert ranges.covers(other) is (plain >= other_plain)
    assert (ranges == other) is (plain == other_plain)
    assert Ranges(ranges) == ranges


@given(STEPS)
def test_it_comes_back_from_the_disk_as_it_went(steps):
    ranges, _ = built(steps)
    assert Ranges.from_flat(ranges.flat()) == ranges
    ranges.clear()
    assert not ranges and ranges.runs() == []
