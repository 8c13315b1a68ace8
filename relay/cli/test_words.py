"""What `naober test` says of each link."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from relay.cli.language import pick
from relay.cli.text import fit, row
from relay.errors import Text

GOOD, WEAK, FAILED = 0, 1, 2
MARGIN_ADVISED_DB = 6
DOWN_MAX_S = 75.0  # a link that is down for longer can't be tested; a broker is tried again within a minute
RADIO_DOWN_MAX_S = 20.0
_NAMES = {"mqtt": "MQTT", "radio": "Radio"}
_GRADES = (Text("GOED", "GOOD"), Text("ZWAK", "WEAK"), Text("FOUT", "FAILED"))
_COLUMNS = (6, 82, 6)
# SX126x data sheet: the SNR below which a spreading factor is not demodulated
_SNR_LIMIT_DB = {7: -7.5, 8: -10.0, 9: -12.5, 10: -15.0, 11: -17.5, 12: -20.0}
_HIGHER = Text(
    "antenne hoger of bij het raam, dan naober test radio",
    "antenna higher or at the window, then naober test radio",
)


class Verdict(NamedTuple):
    """Of one link."""

    link: str
    grade: int
    what: Text
    do: Text
    short: Text  # for the last line


def snr_limit_db(preset: str) -> float:
    """Below this a radio with `preset` hears nothing."""
    from relay.core.airtime import MODEMS, Preset

    return _SNR_LIMIT_DB[MODEMS[Preset(preset)].spreading_factor]


def is_hopeless(link: str, facts: Mapping[str, Any], waited_s: float) -> bool:
    """Whether the link is down, and has been for as long as it may take to come up."""
    if link == "mqtt":
        return not facts["links"]["mqtt"]["connected"] and waited_s > DOWN_MAX_S
    radio = facts["radio"]
    fine = radio and radio["connected"] and not any(each["withholds"] for each in radio["differences"])
    return not fine and waited_s > RADIO_DOWN_MAX_S


def judge(link: str, state: Mapping[str, Any], facts: Mapping[str, Any], limit_db: float) -> Verdict:
    """What the test of `link` has shown."""
    waits = [each["answered_s"] for each in state["tests"] if each["answered_s"] is not None]
    asked = state["asked"]
    if link == "mqtt":
        return _mqtt(waits, facts["links"]["mqtt"])
    count = Text(f"{len(waits)} van {asked}", f"{len(waits)} of {asked}")
    if len(waits) < asked:
        return _radio_failed(count, bool(waits), facts["radio"])
    snrs = [each["snr_db"] for each in state["tests"] if each["snr_db"] is not None]
    hops = [each["hops"] for each in state["tests"] if each["hops"] is not None]
    margin = round(min(snrs) - limit_db) if snrs else None
    steps = max(hops, default=None)
    nl = f"{count.nl} bevestigd door VRD, traagste {max(waits):.0f} s"
    en = f"{count.en} confirmed by VRD, slowest {max(waits):.0f} s"
    if steps == 0:
        nl, en = f"{nl}, rechtstreeks", f"{en}, directly"
    elif steps is not None:
        nl += f", {steps} stap{'pen' * (steps != 1)}"
        en += f", {steps} hop{'s' * (steps != 1)}"
    if margin is not None:
        nl += f", marge {margin} dB (advies >= {MARGIN_ADVISED_DB})"
        en += f", margin {margin} dB (advised >= {MARGIN_ADVISED_DB})"
    weak = margin is not None and margin < MARGIN_ADVISED_DB
    return Verdict(link, WEAK if weak else GOOD, Text(nl, en), _HIGHER if weak else Text("", ""), count)


def _mqtt(waits: Sequence[float], facts: Mapping[str, Any]) -> Verdict:
    if waits:
        after = f"{max(waits):.1f}"
        what = Text(
            f"verbonden · bevestigd door VRD na {after.replace('.', ',')} s",
            f"connected · confirmed by VRD after {after} s",
        )
        return Verdict("mqtt", GOOD, what, Text("", ""), Text("", ""))
    what, do = Text(**facts["what"]), Text(**facts["do"])
    code = facts["code"]
    if not do.nl:
        do = Text("naober doctor", "naober doctor")
    none = Text("geen bevestiging", "no confirmation")
    return Verdict("mqtt", FAILED, Text(f"{code}: {what.nl}", f"{code}: {what.en}"), do, none)


def _radio_failed(count: Text, some: bool, facts: Mapping[str, Any] | None) -> Verdict:
    what = Text(f"{count.nl} bevestigd door VRD", f"{count.en} confirmed by VRD")
    do = _HIGHER
    if facts and _is_held_up(facts):
        told = Text(**facts["what"])
        what = Text(f"{facts['code']} {told.nl}", f"{facts['code']} {told.en}")
        do = Text(**facts["do"]) if facts["do"]["nl"] else Text("naober doctor", "naober doctor")
    elif facts and facts["code"] == "duty_cycle":
        told = Text(**facts["what"])
        what, do = told, Text("herhaal dit later", "repeat this later")
    elif not some and facts and not facts["neighbours"]:
        do = Text(
            "antenne vast en hoger, dan naober test radio; staat de gateway van VRD aan?",
            "antenna tight and higher, then naober test radio; is VRD's gateway on?",
        )
    return Verdict("radio", FAILED, what, do, count)


def _is_held_up(radio: Mapping[str, Any]) -> bool:
    """Whether the radio itself says why nothing came of it; beacons of its own (R02) are no reason."""
    withheld = any(each["withholds"] for each in radio["differences"])
    return withheld or not radio["connected"] or radio["code"] not in ("connected", "duty_cycle", "R02")


def progress(links: Sequence[str], states: Mapping[str, Any], waited_s: float) -> Text:
    """While it runs."""
    told = []
    for link in links:
        tests = states[link]["tests"]
        answered = sum(each["answered_s"] is not None for each in tests)
        told.append(f"{link} {answered}/{states[link]['asked']}")
    return Text(f"na {waited_s:.0f} s: {', '.join(told)}", f"after {waited_s:.0f} s: {', '.join(told)}")


def lines(verdicts: Sequence[Verdict], *, no_radio: bool) -> Iterator[str]:
    """The screen: a line for each link, one for the way back, and the verdict."""
    for each in verdicts:
        if len(pick(each.what)) > _COLUMNS[1]:
            yield f"{fit(_NAMES[each.link], _COLUMNS[0])}  {pick(each.what)}  {pick(_GRADES[each.grade])}"
        else:
            yield row([_NAMES[each.link], pick(each.what), pick(_GRADES[each.grade])], _COLUMNS)
    heard = [each.link if each.link == "radio" else "MQTT" for each in verdicts if each.grade < FAILED]
    if heard:
        names = pick(Text(" en ", " and ")).join(heard)
        back = Text(
            f"antwoord van VRD gehoord via {names}: elk per eigen weg",
            f"VRD's answer heard by {names}: each by its own way",
        )
        yield row([pick(Text("Terug", "Back")), pick(back), pick(_GRADES[GOOD])], _COLUMNS)
    if no_radio:
        yield row(["Radio", pick(Text("geen radio ingesteld", "no radio set up")), "-"], _COLUMNS)
    failed = [each for each in verdicts if each.grade == FAILED]
    if not failed:
        yield _proven()
        yield from (_do(each.do) for each in verdicts if each.do.nl)
        return
    told = ", ".join(f"{_NAMES[each.link]} {pick(each.short)}".strip() for each in failed)
    yield pick(Text("NIET BEWEZEN: ", "NOT PROVEN: ")) + told + "."
    yield from (_do(each.do) for each in failed)


def _proven() -> str:
    from datetime import datetime

    from relay.kernel_clock import clock_is_synchronised

    now = datetime.now().strftime("%d-%m %H:%M") if clock_is_synchronised() else ""
    at = f" {now}" if now else ""
    return pick(
        Text(
            f'BEWEZEN{at}. VRD ziet dit knooppunt nu als "opgeleverd".',
            f'PROVEN{at}. VRD now sees this node as "delivered".',
        )
    )


def _do(do: Text) -> str:
    return pick(Text("Doe: ", "Do: ")) + pick(do)
