"""The words of the page on which an exercise is begun and ended."""

from __future__ import annotations

from relay.errors import Text

SCOPE = {
    "all": Text("alle punten", "all sites"),
    "municipality": Text("een gemeente", "a municipality"),
    "several": Text("gekozen punten", "chosen sites"),
}
PAGE = {
    "title": Text("Oefening", "Exercise"),
    "runs": Text("Nu bezig", "Running now"),
    "none": Text("Er is geen oefening bezig.", "No exercise is running."),
    "new": Text("Oefening starten", "Start an exercise"),
    "name": Text("Naam", "Name"),
    "name_hint": Text("zoals: Stroomuitval Midden-Drenthe", "such as: Outage in Midden-Drenthe"),
    "for": Text("Voor", "For"),
    "until": Text("Tot (uu:mm)", "Until (hh:mm)"),
    "until_hint": Text(
        "Hoogstens 12 uur. De oefening eindigt vanzelf, ook op een punt dat VRD niet meer hoort.",
        "12 hours at most. It ends by itself, also at a site that no longer hears VRD.",
    ),
    "what": Text(
        "Wat deze punten tot die tijd melden is oefening. Bij Nood vraagt het punt: oefening of echt? "
        "Een echt bericht blijft echt.",
        "What these sites say until then is exercise. Of an emergency the site asks: exercise or real? "
        "A real message stays real.",
    ),
    "start": Text("Oefening starten", "Start the exercise"),
    "end": Text("Beëindigen", "End it"),
    "to": Text("tot", "until"),
    "know": Text("punten weten het", "sites know of it"),
    "of": Text("van", "of"),
    "not_yet": Text("weten het nog niet", "do not know yet"),
    "for_sites": Text("Aan", "For"),
    "nobody": Text("Kies minstens één punt.", "Choose one site at least."),
    "which": Text(
        "Je koos punten, maar bij Aan staat iets anders. Kies daar gekozen punten, of haal de vinkjes weg.",
        "You ticked sites, but For says something else. Choose chosen sites there, or take the ticks away.",
    ),
    "no_time": Text("Dit is geen tijd. Schrijf bijvoorbeeld 17:00.", "This is no time. Write 17:00, say."),
    "who": Text("Alleen een coördinator start of beëindigt een oefening.", "Only coordinators may do this."),
}
