"""The words of the page from which VRD speaks to its sites."""

from __future__ import annotations

from relay.errors import Text

SCOPE = {
    "site": Text("één punt", "one site"),
    "municipality": Text("een gemeente", "a municipality"),
    "all": Text("alle punten", "all sites"),
    "several": Text("gekozen punten", "chosen sites"),
}
ANSWER = {
    "read": Text("gelezen", "read"),
    "done": Text("uitgevoerd", "done"),
    "cannot": Text("lukt niet", "cannot be done"),
}
PAGE = {
    "title": Text("Berichten aan punten", "Notices to sites"),
    "new": Text("Nieuw bericht", "New notice"),
    "sent": Text("Verstuurd", "Sent"),
    "kind": Text("Soort", "Kind"),
    "to": Text("Aan", "To"),
    "text": Text("Tekst", "Text"),
    "text_hint": Text(
        "Geen persoonsgegevens: via de radio kan iedereen met een kanaalsleutel dit lezen.",
        "No personal data: by radio everybody with the channel key can read this.",
    ),
    "answers": Text("Antwoordknoppen (2 tot 4, alleen bij een vraag)", "Answers (2 to 4, questions only)"),
    "answer": Text("Antwoord", "Answer"),
    "exercise": Text("Dit is OEFENING", "This is an EXERCISE"),
    "preview": Text("Nakijken", "Check"),
    "send": Text("Versturen", "Send"),
    "fits": Text("past in één radiopakket", "fits one radio packet"),
    "of": Text("van", "of"),
    "has": Text("heeft het", "has it"),
    "has_not": Text("nog niet bekend of die het heeft", "not known to have it yet"),
    "nobody": Text("geen enkel punt", "no site at all"),
    "none": Text("Nog niets verstuurd.", "Nothing sent yet."),
    "answered": Text("antwoordde", "answered"),
    "replaces": Text("Komt in plaats van", "Comes in place of"),
    "replaces_none": Text("geen: het is een nieuw bericht", "none: it is a new notice"),
    "notice": Text("bericht", "notice"),
    "replace": Text("Vervangen", "Replace"),
    "in_place_of": Text("in plaats van", "in place of"),
    "replaced_by": Text("vervangen door", "replaced by"),
    "only_coordinator": Text(
        "Aan een gemeente of aan allen: alleen een coördinator.",
        "To a municipality or to all: coordinators only.",
    ),
}
