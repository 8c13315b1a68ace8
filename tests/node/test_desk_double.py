"""The desk that page tests use has the verbs of the real one."""

from __future__ import annotations

import inspect

import pytest

from relay.node.desk.work import DeskWork
from tests.support.desk_double import Desk

VERBS = [
    name
    for name, member in vars(DeskWork).items()
    if inspect.isfunction(member) and not name.startswith("_") and name != "start"
]


@pytest.mark.parametrize("name", VERBS)
def test_it_is_asked_as_the_real_one_is(name: str) -> None:
    real, double = getattr(DeskWork, name), getattr(Desk, name)
    assert inspect.iscoroutinefunction(real) == inspect.iscoroutinefunction(double)

    def asked(of: object) -> list[tuple[str, object, object]]:
        return [(each.name, each.kind, each.default) for each in inspect.signature(of).parameters.values()]  # type: ignore[arg-type]

    assert asked(real) == asked(double)
