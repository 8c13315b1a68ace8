"""The radio's settings for a technician's eyes: a line each, what it is and what it must be."""

from __future__ import annotations

from collections.abc import Iterator

from relay.cli.language import pick
from relay.errors import Text
from relay.links.meshtastic.setting import Change, Outcome
from relay.links.meshtastic.settings import Wanted
from relay.links.radio import Difference, RadioFacts

GOOD, ATTENTION, ERROR = 0, 1, 2
_LABEL_COLUMNS = 12
_GRADES = (Text(" ok  ", " ok  "), Text("LET  ", "WARN "), Text("FOUT ", "ERROR"))
_LABELS = {
    "region": Text("Regio", "Region"),
    "preset": Text("Instelling", "Preset"),
    "channel": Text("Kanaal", "Channel"),
    "key": Text("Sleutel", "Key"),
    "role": Text("Rol", "Role"),
    "rebroadcast": Text("Doorgeven", "Relays"),
    "hop_limit": Text("Stappen", "Hops"),
    "beacons": Text("Uit zichzelf", "By itself"),
    "transmits": Text("Zenden", "Transmits"),
    "frequency": Text("Frequentie", "Frequency"),
    "duty_cycle": Text("10 % per uur", "10 % an hour"),
}
_CHANGED_KEY = Text("nieuwe kanaalsleutel", "new channel key")


def head(facts: RadioFacts, where: str) -> str:
    """Which radio this is."""
    firmware = f"firmware {facts.firmware}" if facts.firmware else ""
    parts = (facts.model, where, f"!{facts.node_number:08x}", firmware)
    return _line("", Text("Radio", "Radio"), " · ".join(part for part in parts if part))


def grade(facts: RadioFacts) -> int:
    """0: as it must be; 1: it costs airtime or relaying; 2: nothing is transmitted."""
    if any(each.withholds for each in facts.differences):
        return ERROR
    return ATTENTION if facts.differences else GOOD


def rows(facts: RadioFacts, wanted: Wanted) -> Iterator[str]:
    """A line for each setting."""
    wrong = {each.setting: each for each in facts.differences}
    plain = {
        "region": (facts.region, wanted.region),
        "preset": (facts.preset, wanted.preset),
        "channel": (facts.channel_name or "-", wanted.channel_name),
        "role": (facts.role, wanted.roles[0]),
        "rebroadcast": (facts.rebroadcast, wanted.rebroadcast),
        "hop_limit": (str(facts.hop_limit), str(wanted.hop_limit)),
    }
    for setting, (has, must) in plain.items():
        yield _graded(setting, wrong.get(setting) if must and has != must else None, has, must)
        if setting == "channel":
            yield _graded("key", _key_difference(facts, wanted), *_keys(facts, wanted))
    yield _graded("beacons", wrong.get("beacons"), ", ".join(facts.beacons) or pick(_NOTHING), pick(_NOTHING))
    for setting, is_odd in (
        ("transmits", not facts.transmits),
        ("frequency", facts.own_frequency),
        ("duty_cycle", facts.ignores_duty_cycle),
    ):
        if is_odd:
            yield _graded(setting, wrong.get(setting), pick(_ODD[setting]), pick(_EVEN[setting]))


_NOTHING = Text("niets", "nothing")
_ODD = {
    "transmits": Text("uit", "off"),
    "frequency": Text("een eigen", "one of its own"),
    "duty_cycle": Text("genegeerd", "ignored"),
}
_EVEN = {
    "transmits": Text("aan", "on"),
    "frequency": Text("die van regio en instelling", "that of region and preset"),
    "duty_cycle": Text("gehouden", "kept"),
}


def trouble(facts: RadioFacts) -> Iterator[str]:
    """What is wrong, with its code, and once for all what to do."""
    said = set()
    for each in facts.differences:
        yield f"{each.code} {pick(each.what)}"
        said.add(pick(each.do))
    for do in sorted(said):
        yield pick(Text("Doe: ", "Do: ")) + do


def changed(outcome: Outcome) -> Iterator[str]:
    """What was changed, and how long it took."""
    for each in outcome.changes:
        yield _line(" *   ", _LABELS[each.setting], _change(each))
    took = f"{outcome.took_s:.0f} s"
    if not outcome.restarts:
        yield pick(Text("staat al goed: niets gewijzigd", "is right already: nothing was changed"))
    else:
        yield pick(Text(f"klaar ({took})", f"done ({took})"))


def _change(each: Change) -> str:
    return pick(_CHANGED_KEY) if each.setting == "key" else f"{each.was} -> {each.now}"


def _key_difference(facts: RadioFacts, wanted: Wanted) -> Difference | None:
    differs = bool(wanted.channel_key) and facts.channel_key != wanted.channel_key
    channel = [each for each in facts.differences if each.setting == "channel"]
    return channel[0] if differs and channel else None


def _keys(facts: RadioFacts, wanted: Wanted) -> tuple[str, str]:
    if not wanted.channel_key:
        said = pick(Text("niet vergeleken", "not compared"))
        return said, said
    if facts.channel_key == wanted.channel_key:
        said = pick(Text("klopt met de toelating", "the grant's"))
        return said, said
    return pick(Text("een andere", "another")), pick(Text("die van de toelating", "the grant's"))


def _graded(setting: str, difference: Difference | None, has: str, must: str) -> str:
    mark = GOOD if difference is None else ERROR if difference.withholds else ATTENTION
    if difference is not None and has != must and must:
        has += pick(Text(f", moet {must} zijn", f", must be {must}"))
    return _line(pick(_GRADES[mark]), _LABELS[setting], has)


def _line(mark: str, label: Text, said: str) -> str:
    return f"{mark:<5} {pick(label):<{_LABEL_COLUMNS}} {said}"
