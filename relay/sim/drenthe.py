"""A map of Drenthe to simulate on: towns and villages with a fire station or a village hall, roughly placed.

The first twelve are the seats of the municipalities. Beyond the list, sites are strewn by chance among them.
Heights are of an antenna on a loft (10 m), or, at `HIGH` places, on a tower or silo.
"""

from __future__ import annotations

from random import Random

from relay.sim.places import SEATS, Place, place_at

VILLAGES: dict[str, tuple[float, float]] = {
    "Norg": (53.067, 6.460), "Eelde": (53.133, 6.562), "Zuidlaren": (53.094, 6.684),
    "Annen": (53.057, 6.720), "Rolde": (52.985, 6.646), "Smilde": (52.947, 6.451),
    "Borger": (52.923, 6.793), "Odoorn": (52.851, 6.849), "Westerbork": (52.849, 6.608),
    "Sleen": (52.774, 6.803), "Dalen": (52.699, 6.756), "Schoonebeek": (52.661, 6.885),
    "Klazienaveen": (52.725, 6.990), "Emmer-Compascuum": (52.811, 7.047), "Nieuw-Amsterdam": (52.713, 6.850),
    "Zweeloo": (52.794, 6.727), "Oosterhesselen": (52.755, 6.722), "De Wijk": (52.674, 6.290),
    "Ruinen": (52.762, 6.354), "Dwingeloo": (52.835, 6.370), "Havelte": (52.770, 6.237),
    "Vledder": (52.858, 6.211), "Nijeveen": (52.733, 6.170), "Peize": (53.147, 6.497),
    "Leek-Nietap": (53.154, 6.390), "Eext": (53.013, 6.733), "Gasselternijveen": (52.985, 6.843),
    "Nieuw-Buinen": (52.963, 6.952), "Valthermond": (52.880, 6.979), "Schoonoord": (52.846, 6.757),
    "Elim": (52.680, 6.580), "Hollandscheveld": (52.700, 6.530), "Nieuwlande": (52.671, 6.617),
    "Wijster": (52.816, 6.515), "Hooghalen": (52.921, 6.540), "Bovensmilde": (52.975, 6.481),
    "Veenhuizen": (53.042, 6.391), "Een": (53.075, 6.396),
}  # fmt: skip
HIGH: dict[str, tuple[float, float]] = {  # where a gateway stands, the first first
    "Hoogte Assen": (52.990, 6.560), "Hoogte Emmen": (52.785, 6.895), "Hoogte Hoogeveen": (52.725, 6.480),
    "Hoogte Borger": (52.925, 6.790), "Hoogte Dwingeloo": (52.812, 6.396), "Hoogte Roden": (53.130, 6.440),
    "Hoogte Coevorden": (52.665, 6.742), "Hoogte Meppel": (52.700, 6.200),
    "Hoogte Gieten": (53.010, 6.760), "Hoogte Westerbork": (52.917, 6.604),
}  # fmt: skip
LOFT_M, TOWER_M = 10.0, 40.0
SPREAD_DEGREES = 0.03


def sites(count: int, seed: int) -> list[tuple[str, Place]]:
    """So many sites with their names."""
    known = [*SEATS.items(), *VILLAGES.items()]
    found = [(name, place_at(lat, lon, LOFT_M)) for name, (lat, lon) in known[:count]]
    chance = Random(f"sites {seed}")  # noqa: S311
    while len(found) < count:
        near, (lat, lon) = chance.choice(known)
        spot = place_at(
            lat + chance.gauss(0, SPREAD_DEGREES), lon + chance.gauss(0, 1.6 * SPREAD_DEGREES), LOFT_M
        )
        found.append((f"{near}-{len(found) + 1}", spot))
    return found


def gateways(count: int, height_m: float = TOWER_M) -> list[tuple[str, Place]]:
    """So many high places; raises ValueError beyond those that are known."""
    if count > len(HIGH):
        raise ValueError(f"at most {len(HIGH)} gateways")
    return [(name, place_at(lat, lon, height_m)) for name, (lat, lon) in list(HIGH.items())[:count]]
