"""Whether VRD hears this site, in one of four states. Source: experience.md, section 2 ("VRD hoort ons")."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from relay.node.desk.facts import Band, BandState, Link
from relay.node.desk.progress import Now, Progress
from relay.node.desk.stamps import Stamp, at_least_s
from relay.node.station import Station

if TYPE_CHECKING:
    from relay.core.radio import Radio

HEARD_FLOOR_S = {
    "mqtt": 20 * 60.0,
    "radio": 60 * 60.0,
}  # experience.md, section 3
UNCONFIRMED_S = 2 * 3600.0
USUAL_MQTT_MIN = (1, 5)
ROUND_MIN = 5


def band_of(station: Station, progress: Progress, now: Now, base_s: float) -> Band:
    """`base_s`: the interval of statuses by MQTT."""
    waiting = progress.waiting(now)
    ages = [age for age in (now.age_s(form.kept) for form in waiting) if age is not None]
    oldest_s = max(ages, default=None)
    named = now.inbox.named
    heard = Stamp(named.boot, named.elapsed_s, named.time) if named else None
    heard_s = now.age_s(heard) if heard else None
    silent_s = at_least_s(heard, now.moment, now.inbox) if heard else _began_s(station)
    radio = station.radio if station.radio and station.radio.active else None
    usual_min = _usual_min(radio) if radio else USUAL_MQTT_MIN
    limit_s = max(HEARD_FLOOR_S["radio" if radio else "mqtt"], station.status_interval_s(base_s))
    state: BandState = "under_way"
    if station.storage:
        state = "no_storage"
    elif heard_s is not None and heard_s <= limit_s:
        state = "under_way" if (oldest_s or 0) > usual_min[0] * 60 else "heard"
    elif silent_s > UNCONFIRMED_S:
        state = "unconfirmed"
    return Band(
        state=state,
        heard_age_s=heard_s,
        link=cast(Link, named.link) if named else "",
        usual_min=usual_min if state == "under_way" else None,
        waiting=len(waiting),
        oldest_age_s=oldest_s,
        storage_code=station.storage.code if station.storage else "ok",
    )


def _began_s(station: Station) -> float:
    """How long this node has run in its life: nobody has ever heard it."""
    return station.moment().elapsed_s


def _usual_min(radio: Radio) -> tuple[int, int]:
    """From the inbox's own wait, twice, to a turn in the first window and some tries."""
    from relay.core.radio_plan import receipt_wait_s

    wait_s = receipt_wait_s(radio.settings.preset)
    return _rounded(2 * wait_s), _rounded(radio.window_s + 6 * wait_s)


def _rounded(seconds: float) -> int:
    return ROUND_MIN * max(1, round(seconds / 60 / ROUND_MIN))
