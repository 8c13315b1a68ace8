from __future__ import annotations

from relay.node.chance import SystemChance


def test_chance_keeps_to_its_bounds_and_reaches_both_ends() -> None:
    chance = SystemChance()
    assert {chance.randint(3, 5) for _ in range(500)} == {3, 4, 5}
    assert all(2.0 <= chance.uniform(2.0, 4.0) <= 4.0 for _ in range(500))
    assert all(0.0 <= chance.random() < 1.0 for _ in range(500))
    assert len(chance.randbytes(8)) == 8
    assert chance.randbytes(8) != chance.randbytes(8)
