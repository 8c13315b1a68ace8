"""The radio's lines of `naober status`: how it is, what it may still send, and whom it hears."""

from __future__ import annotations

from typing import Any

from relay.cli.language import chosen, pick
from relay.cli.text import age
from relay.errors import Text

NEIGHBOURS_SHOWN = 6
WELL = ("connected", "connecting", "restarted", "duty_cycle", "lent")  # all but the first pass by themselves

Line = tuple[str, str]


def attention(facts: dict[str, Any] | None) -> bool:
    """Whether someone should look at the radio."""
    return facts is not None and facts["code"] not in WELL


def lines(facts: dict[str, Any] | None) -> list[Line]:
    """None without a radio."""
    if facts is None:
        return []
    found = [("RADIO", f"{facts['code']}: {facts['what'][chosen()]} ({facts['where']})")]
    if do := facts["do"][chosen()]:
        found.append(("", pick(Text("Doe: ", "Do: ")) + do))
    found += _other_differences(facts)
    if facts["preset"]:
        found.append(("", _settings(facts)))
    return [*found, ("", _airtime(facts)), ("", _turn(facts)), ("", _neighbours(facts)), *_waiting(facts)]


def _other_differences(facts: dict[str, Any]) -> list[Line]:
    """Those that the first line does not tell."""
    others = [each for each in facts["differences"] if each["what"] != facts["what"]]
    return [("", f"{each['code']}: {each['what'][chosen()]}") for each in others]


def _settings(facts: dict[str, Any]) -> str:
    firmware = f"firmware {facts['firmware']}" if facts["firmware"] else ""
    channel = pick(Text("kanaal", "channel"))
    named = f"{channel} {facts['channel_name']}" if facts["channel_name"] else ""
    parts = [f"{facts['region']} {facts['preset']}", named, facts["node_number"], firmware]
    return " · ".join(part for part in parts if part)


def _airtime(facts: dict[str, Any]) -> str:
    budget = facts["budget"]
    used_pct = 100 * budget["used_ms"] / budget["limit_ms"]
    used_s, left_s, urgent_s = (_seconds(budget[name]) for name in ("used_ms", "left_ms", "left_urgent_ms"))
    spent = Text(
        f"zendtijd dit uur {used_s} gebruikt ({used_pct:.0f} %), nog {left_s}, voor spoed {urgent_s}",
        f"airtime this hour {used_s} used ({used_pct:.0f} %), {left_s} left, {urgent_s} for urgent ones",
    )
    channel_pct = facts["channel_pct"]
    if channel_pct is None:
        use = Text("kanaalgebruik niet bekend", "channel use not known")
    else:
        use = Text(f"kanaal {channel_pct:.0f} % bezet", f"channel {channel_pct:.0f} % used")
    return f"{pick(use)} · {pick(spent)}"


def _seconds(ms: float) -> str:
    return f"{ms / 1000:.0f} s"


def _turn(facts: dict[str, Any]) -> str:
    if not facts["taken_over"]:
        return pick(
            Text("stand-by: neemt het over als MQTT wegblijft", "standby: takes over when MQTT stays away")
        )
    if not facts["active"]:
        return pick(Text("geeft terug: MQTT werkt weer", "gives back: MQTT works again"))
    every = age(facts["interval_s"])
    told = Text(
        f"heeft het overgenomen van MQTT · status elke {every.nl}",
        f"has taken over from MQTT · a status every {every.en}",
    )
    if facts["next_status_s"] is None:
        return pick(told)
    wait = age(facts["next_status_s"])
    return f"{pick(told)} · {pick(Text(f'volgende over {wait.nl}', f'next in {wait.en}'))}"


def _neighbours(facts: dict[str, Any]) -> str:
    heard = facts["neighbours"]
    if not heard:
        return pick(Text("hoort geen andere punten", "hears no other sites"))
    told = [_neighbour(each) for each in heard[:NEIGHBOURS_SHOWN]]
    more = len(heard) - len(told)
    if more:
        told.append(pick(Text(f"en nog {more}", f"and {more} more")))
    return pick(Text("hoort ", "hears ")) + " · ".join(told)


def _neighbour(each: dict[str, Any]) -> str:
    address, ago = each["address"], age(each["age_s"])
    hops = each["hops"]
    if hops is None:
        way = Text("stappen niet bekend", "hops not known")
    elif hops == 0:
        way = Text("rechtstreeks", "directly")
    else:
        way = Text(f"{hops} stap{'pen' * (hops > 1)}", f"{hops} hop{'s' * (hops > 1)}")
    snr = f"{each['snr_db']:.0f} dB"
    when = Text(f"{ago.nl} geleden", f"{ago.en} ago")
    return f"{address[:4]}-{address[4:]} ({snr}, {pick(way)}, {pick(when)})"


def _waiting(facts: dict[str, Any]) -> list[Line]:
    """What it carries for others."""
    told = []
    if heard := facts["heard_waiting"]:
        one = Text(
            "1 gehoord bericht van anderen wacht op bevestiging", "1 message of others waits for a receipt"
        )
        more = Text(
            f"{heard} gehoorde berichten van anderen wachten op bevestiging",
            f"{heard} messages of others wait for a receipt",
        )
        told.append(one if heard == 1 else more)
    if orders := facts["orders_waiting"]:
        told.append(
            Text(f"{orders} van VRD om uit te zenden", f"{orders} of the inbox to be transmitted"),
        )
    return [("", " · ".join(map(pick, told)))] if told else []
