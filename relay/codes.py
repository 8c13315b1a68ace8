"""The spoken codes: what a technician reads out over the telephone, one row each, the same everywhere.

A row says what is the matter and what to do, in both languages; `{names}` are filled in where the fault is
met (`fault`), and by general words where it is only explained (docs, install sheet). A code is never
used for a second thing. Letters: R radio, N network, C clock, E enrolment, S storage, P page, V proof.
D01-D16 are the places where `naober doctor` looks; they name no fault, so they are not in this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from relay.errors import NaoberError, Text


class Spoken(NamedTuple):
    """One fault. `texts` may hold {placeholders}."""

    what: Text
    do: Text


CODES: dict[str, Spoken] = {
    "R01": Spoken(
        Text("Geen radio op USB{seen}.", "No radio on USB{seen}."),
        Text(
            "gebruik een datakabel (laadkabels hebben geen data), druk 1x RST op de radio, dan"
            " naober radio --list",
            "use a data cable (charging cables carry no data), press RST on the radio once, then"
            " naober radio --list",
        ),
    ),
    "R02": Spoken(
        Text(
            "Radio staat op {found}, moet {wanted} zijn. Er is niets uitgezonden.",
            "The radio is set to {found}, must be {wanted}. Nothing was transmitted.",
        ),
        Text("naober radio set (20 s, radio herstart)", "naober radio set (20 s, the radio restarts)"),
    ),
    "R03": Spoken(
        Text(
            "Kanaalsleutel klopt niet met de toelating, of ik hoor radio's en kan niets lezen.",
            "The channel key is not the grant's, or I hear radios and can read nothing.",
        ),
        Text(
            "naober radio set; helpt dat niet: stick met een nieuwer roster",
            "naober radio set; if that does not help: a stick with a newer roster",
        ),
    ),
    "R04": Spoken(
        Text(
            "Radio is ook in gebruik door {by}. Twee programma's gooien elkaar eruit.",
            "The radio is also used by {by}. Two programs throw each other out.",
        ),
        Text("{stop}", "{stop}"),
    ),
    "R05": Spoken(
        Text(
            "De radio is vergrendeld of wordt elders beheerd: instellen kan niet.",
            "The radio is locked or managed from elsewhere: it can't be set.",
        ),
        Text(
            "zet in de Meshtastic-app 'managed mode' uit of ontgrendel hem; anders: fabrieksinstellingen",
            "switch off managed mode in the Meshtastic app or unlock it; if you can't: factory reset",
        ),
    ),
    "R06": Spoken(
        Text(
            "De firmware van de radio is te oud, moet {least} of nieuwer zijn.",
            "The radio's firmware is too old, must be {least} or newer.",
        ),
        Text(
            "zet nieuwe firmware op de radio (flasher.meshtastic.org), dan naober radio set",
            "put new firmware on the radio (flasher.meshtastic.org), then naober radio set",
        ),
    ),
    "R07": Spoken(
        Text("De radio houdt niet vast: {names}.", "The radio does not keep: {names}."),
        Text(
            "druk op RST en herhaal naober radio set; blijft het zo: nieuwe firmware of een andere radio",
            "press RST and repeat naober radio set; if it stays: new firmware, or another radio",
        ),
    ),
    "C01": Spoken(
        Text(
            "Klok heeft geen bron{now}. Geen storing: berichten gaan door, VRD dateert ze.",
            "The clock has no source{now}. No fault: messages go on, VRD dates them.",
        ),
        Text("niets; netwerk of GPS herstelt dit", "nothing; network or GPS mends this"),
    ),
    "N05": Spoken(
        Text(
            "Broker {host} toont een ander certificaat (verwacht {expected}, kreeg {found})."
            " Via MQTT is niets verzonden; radio werkt door.",
            "Broker {host} shows another certificate (expected {expected}, got {found}). Nothing was sent by"
            " MQTT; the radio works on.",
        ),
        Text(
            "bel beheer. Broker vervangen: stick met nieuw roster. Niet vervangen: meld mogelijke"
            " afluisteraar",
            "call the maintainers. Broker replaced: stick with a new roster. Not replaced: report a possible"
            " eavesdropper",
        ),
    ),
    "E02": Spoken(
        Text("VRD kent dit knooppunt niet ({address}).", "VRD does not know this node ({address})."),
        Text("naober enrol --stick", "naober enrol --stick"),
    ),
    "E03": Spoken(
        Text("{site} heeft al knooppunt {address}.", "{site} has node {address} already."),
        Text(
            "kies: [v]ervangen, [t]weede knooppunt daar, [a]ndere plaats",
            "choose: [v] replace, [t] second node there, [a] another site",
        ),
    ),
    "S01": Spoken(
        Text(
            "Geheugenkaart {trouble}. Nieuwe meldingen worden niet bewaard.",
            "Memory card {trouble}. New reports are not kept.",
        ),
        Text(
            "papieren formulier; daarna reservekaart. Kaart bewaren: te redden met naober stick rescue",
            "paper form; then the spare card. Keep the card: naober stick rescue saves what is on it",
        ),
    ),
    "P01": Spoken(
        Text("Poort {port} is bezet door {by}.", "Port {port} is taken by {by}."),
        Text("{stop}", "{stop}"),
    ),
    "V01": Spoken(
        Text("Nog niet bewezen: {links}.", "Not proven yet: {links}."),
        Text("naober test", "naober test"),
    ),
}

# The same code and remedy's place, another finding: (code, variant).
VARIANTS: dict[tuple[str, str], Spoken] = {
    ("C01", "off"): Spoken(
        Text("Klok wijkt {off} af van VRD.", "The clock differs {off} from VRD's."),
        Text("niets; netwerk of GPS herstelt dit", "nothing; network or GPS mends this"),
    ),
    ("E02", "revoked"): Spoken(
        Text("Sleutel ingetrokken{why}.", "The key was revoked{why}."),
        Text("lever dit apparaat in bij VRD", "hand this device in at VRD"),
    ),
    ("R01", "device"): Spoken(
        Text("Geen radio op {device}{seen}.", "No radio at {device}{seen}."),
        CODES["R01"].do,
    ),
}

# How a row reads where it is explained, and no fault is at hand.
USUAL: dict[str, Text] = {
    "address": Text("zijn adres", "its address"),
    "by": Text("een ander programma", "another program"),
    "device": Text("die plaats", "that place"),
    "expected": Text("dat van de toelating", "the grant's"),
    "found": Text("iets anders", "something else"),
    "host": Text("van VRD", "of VRD"),
    "least": Text("die van deze uitgave", "this release's"),
    "links": Text("een verbinding", "a link"),
    "names": Text("wat er gezet is", "what was set"),
    "now": Text("", ""),
    "off": Text("minuten of meer", "by minutes or more"),
    "port": Text("80", "80"),
    "seen": Text("", ""),
    "site": Text("Dat punt", "That site"),
    "stop": Text("stop dat programma", "stop that program"),
    "trouble": Text("doet het niet", "does not work"),
    "wanted": Text("wat de toelating zegt", "what the grant says"),
    "why": Text("", ""),
}


class CodedError(NaoberError):
    """A fault with a spoken code, which stands at the start of its first line."""

    def __init__(self, code: str, what: Text, do: Text) -> None:
        super().__init__(Text(f"{code} {what.nl}", f"{code} {what.en}"), do)
        self.code = code


def fault(code: str, variant: str = "", **facts: object) -> CodedError:
    """The error for `code`. Each fact is a Text, or the same in both languages; none may be missing."""
    row = VARIANTS[code, variant] if variant else CODES[code]
    return CodedError(code, _filled(row.what, facts), _filled(row.do, facts))


def explained(code: str) -> Spoken:
    """The row in general words, for a table or a sheet."""
    row = CODES[code]
    return Spoken(_filled(row.what, USUAL), _filled(row.do, USUAL))


def _filled(text: Text, facts: Mapping[str, object]) -> Text:
    nl = {name: fact.nl if isinstance(fact, Text) else fact for name, fact in facts.items()}
    en = {name: fact.en if isinstance(fact, Text) else fact for name, fact in facts.items()}
    return Text(text.nl.format(**nl), text.en.format(**en))
