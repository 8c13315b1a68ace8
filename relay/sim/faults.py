"""Everything that goes wrong, by name. Each fault is planned into a world before it runs.

`FAULTS` are those that a seed may choose from; what they may take away is told to the record, so that the
checkers ask for no more than can be had.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from random import Random

from relay.core.message import Clock, Urgency
from relay.sim.node import SimNode
from relay.sim.scenario import HOUR_S
from relay.sim.world import World

Fault = Callable[[World, Random], None]
REBOOT_S = (5.0, 600.0)
DAY_S = 24 * HOUR_S


def _moment(world: World, chance: Random, part: float = 0.9) -> float:
    return chance.uniform(600.0, world.scenario.hours * HOUR_S * part)


def _site(world: World, chance: Random) -> SimNode:
    return chance.choice(world.sites)


def _note(world: World, at_s: float, what: str) -> None:
    world.record.faults.append((at_s, what))


def power_cut(world: World, chance: Random) -> None:
    """A site loses power, perhaps within a commit, between commit and transmit, or within a packet."""
    node, at_s = _site(world, chance), _moment(world, chance)
    world.at(at_s, node.power_off)
    world.at(at_s + chance.uniform(*REBOOT_S), node.power_on)
    _note(world, at_s, f"power cut at {node.name}")


def power_cuts_in_a_row(world: World, chance: Random) -> None:
    """A generator that will not run: ten cuts within an hour."""
    node, at_s = _site(world, chance), _moment(world, chance)
    world.record.lost_power.add(node.name)
    for _ in range(10):
        world.at(at_s, node.power_off)
        world.at(at_s + 20.0, node.power_on)
        at_s += chance.uniform(100.0, 400.0)
    _note(world, at_s, f"power cuts at {node.name}")


def gateway_gone(world: World, chance: Random) -> None:
    """A gateway is away for hours; the others must do."""
    node, at_s = chance.choice(world.gateways), _moment(world, chance)
    world.at(at_s, node.power_off)
    world.at(at_s + chance.uniform(HOUR_S, 8 * HOUR_S), node.power_on)
    _note(world, at_s, f"gateway {node.name} gone")


def black_hole(world: World, chance: Random) -> None:
    """A broker connection that takes everything and passes nothing, whenever there is one."""
    node, at_s = _site(world, chance), _moment(world, chance)
    dark = world.scenario.dark
    if not dark.holds(at_s):
        world.at(at_s, node.set_mqtt, "hole")
        world.at(at_s + chance.uniform(60.0, 4 * HOUR_S), _heal, world, node)
        _note(world, at_s, f"black hole at {node.name}")


def flapping(world: World, chance: Random) -> None:
    """A line that comes and goes for an hour."""
    node, at_s = _site(world, chance), _moment(world, chance)
    end_s = at_s + HOUR_S
    while at_s < end_s:
        world.at(at_s, node.set_mqtt, "down")
        at_s += chance.uniform(5.0, 120.0)
        world.at(at_s, _heal, world, node)
        at_s += chance.uniform(5.0, 120.0)
    _note(world, at_s, f"flapping at {node.name}")


def _heal(world: World, node: SimNode) -> None:
    node.set_mqtt("down" if world.scenario.dark.holds(world.timeline.now_s) else "up")


def inbox_restart(world: World, chance: Random) -> None:
    """The inbox is away for up to ten minutes."""
    at_s = _moment(world, chance)
    world.at(at_s, world.hub.stop)
    world.at(at_s + chance.uniform(1.0, 600.0), world.hub.start)
    _note(world, at_s, "inbox restarts")


def inbox_restored(world: World, chance: Random) -> None:
    """The inbox is set back to a backup of some hours before; what came since it must learn again."""
    at_s = _moment(world, chance, 0.6)
    where = world.folder / f"backup-{chance.getrandbits(32):08x}"
    world.at(max(60.0, at_s - chance.uniform(HOUR_S, DAY_S)), world.hub.back_up, where)
    world.at(at_s, world.hub.restore, where)
    world.record.inbox_restored += 1
    _note(world, at_s, "inbox restored from a backup")


def standby_takes_over(world: World, chance: Random) -> None:
    """A second inbox with the same key takes over from one that failed; hours later the first returns."""
    at_s = _moment(world, chance, 0.6)
    world.at(max(60.0, at_s - chance.uniform(60.0, DAY_S)), world.hub.stand_by, world.folder / "standby")
    world.at(at_s, world.hub.stop)
    world.at(at_s + chance.uniform(1.0, 1800.0), world.hub.hand_over)
    world.at(at_s + chance.uniform(1900.0, 4 * HOUR_S), world.hub.first_returns)
    world.record.inbox_restored += 1
    _note(world, at_s, "the standby takes over")


def card_restored(world: World, chance: Random) -> None:
    """A site's card is set back to an image of some hours before; key and epoch file are not on it."""
    node, at_s = _site(world, chance), _moment(world, chance, 0.6)
    where = world.folder / f"image-{chance.getrandbits(32):08x}"
    world.at(max(60.0, at_s - chance.uniform(HOUR_S, DAY_S)), _image, node, where)
    world.at(at_s, node.restore_card, where)
    world.record.excused.add(node.name)
    _note(world, at_s, f"card of {node.name} restored")


def _image(node: SimNode, where: object) -> None:
    """As a card reader would take it from a machine that was pulled from its power."""
    was_on = node.station is not None
    node.power_off()
    shutil.copytree(node.folder, str(where), dirs_exist_ok=True)
    if was_on:
        node.power_on()


def outbox_deleted(world: World, chance: Random) -> None:
    """The outbox goes, the key stays: what only it held is gone, and nothing else."""
    node, at_s = _site(world, chance), _moment(world, chance)
    world.at(at_s, _delete, node)
    world.record.excused.add(node.name)
    _note(world, at_s, f"outbox of {node.name} deleted")


def _delete(node: SimNode) -> None:
    node.power_off()
    for path in node.folder.iterdir():
        path.unlink()
    node.power_on()


def clock_wrong(world: World, chance: Random) -> None:
    """A clock that claims to be right and is decades off, or is in 1970."""
    node, at_s = _site(world, chance), _moment(world, chance)
    off_s = chance.choice([-1.8e9, -365 * DAY_S, 10 * 365 * DAY_S, 3600.0])
    world.at(at_s, setattr, node, "clock_off_s", off_s)
    _note(world, at_s, f"clock of {node.name} is {off_s:+.0f} s off")


def no_clock(world: World, chance: Random) -> None:
    """Without NTP a machine without a clock of its own knows only how long it runs."""
    node, at_s = _site(world, chance), _moment(world, chance)
    world.at(at_s, setattr, node, "clock", Clock.NONE)
    world.at(at_s, setattr, node, "clock_off_s", -1.8e9)
    _note(world, at_s, f"{node.name} has no clock")


def deaf_site(world: World, chance: Random) -> None:
    """A site that is heard and hears nothing, to the end."""
    node, at_s = _site(world, chance), _moment(world, chance, 0.3)
    world.at(at_s, setattr, node, "is_deaf", True)
    _note(world, at_s, f"{node.name} is deaf")


def emergencies_everywhere(world: World, chance: Random) -> None:
    """Half of all sites send an emergency within ten minutes."""
    at_s = _moment(world, chance)
    for node in world.sites:
        if chance.random() < 0.5:
            world.at(at_s + chance.uniform(0.0, 600.0), node.say, Urgency.EMERGENCY)
    _note(world, at_s, "emergencies everywhere")


def talkative_site(world: World, chance: Random) -> None:
    """One site says a hundred things in ten minutes, urgent ones among them."""
    node, at_s = _site(world, chance), _moment(world, chance, 0.7)
    for _ in range(100):
        world.at(at_s + chance.uniform(0.0, 600.0), node.say, Urgency(chance.randint(1, 4)))
    _note(world, at_s, f"{node.name} talks")


FAULTS: tuple[Fault, ...] = (
    power_cut,
    power_cuts_in_a_row,
    gateway_gone,
    black_hole,
    flapping,
    inbox_restart,
    inbox_restored,
    standby_takes_over,
    card_restored,
    outbox_deleted,
    clock_wrong,
    no_clock,
    deaf_site,
    emergencies_everywhere,
    talkative_site,
)


def some(world: World, most: int = 4) -> list[str]:
    """Plan up to `most` of them, by the world's seed; returns their names."""
    chance = Random(f"faults {world.scenario.seed}")  # noqa: S311
    chosen = [chance.choice(FAULTS) for _ in range(chance.randint(1, most))]
    for fault in chosen:
        fault(world, chance)
    return [fault.__name__ for fault in chosen]
