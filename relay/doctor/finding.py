"""What the doctor finds in one place."""

from __future__ import annotations

import msgspec

from relay.errors import NaoberError, Text

GOOD, ATTENTION, ERROR = 0, 1, 2
NOT_LOOKED = -1  # it could not be seen, or is not there: never "ok"

NOTHING = Text("", "")
ASK_FOR_HELP = Text("stuur naober support naar beheer", "send naober support to the maintainers")

PLACES: dict[str, Text] = {
    "D01": Text("Opslag", "Storage"),
    "D02": Text("Wachtrij", "Queue"),
    "D03": Text("Klok", "Clock"),
    "D04": Text("Voeding", "Power"),
    "D05": Text("Radio", "Radio"),
    "D06": Text("Alleengebruik", "Sole use"),
    "D07": Text("Pagina", "Page"),
    "D08": Text("Rechten", "Rights"),
    "D09": Text("Zendtijd", "Airtime"),
    "D10": Text("Buren", "Neighbours"),
    "D11": Text("MQTT", "MQTT"),
    "D12": Text("Bewijs", "Proof"),
    "D13": Text("Inleren", "Enrolment"),
    "D14": Text("Sensoren", "Sensors"),
    "D15": Text("Dienst", "Service"),
    "D16": Text("Versie", "Version"),
}


class Finding(msgspec.Struct, frozen=True):
    """One place. `short` stands in the table, `what` and `do` below it when something is the matter."""

    place: str
    grade: int
    short: Text
    what: Text = NOTHING
    do: Text = NOTHING
    code: str = ""  # the spoken code, if the fault has one
    fix: str = ""  # what `--fix` may do about it; see fixes.py

    @property
    def spoken(self) -> str:
        """As it is read out: D11 N05."""
        return f"{self.place} {self.code}".strip()


def good(place: str, nl: str, en: str) -> Finding:
    """Nothing is the matter."""
    return Finding(place, GOOD, Text(nl, en))


def not_looked(place: str, nl: str, en: str) -> Finding:
    """It could not be seen, and why."""
    return Finding(place, NOT_LOOKED, Text(nl, en))


def ill(
    place: str, grade: int, short: Text, do: Text, what: Text = NOTHING, code: str = "", fix: str = ""
) -> Finding:
    """Something is the matter; `what` says it in full where `short` does not."""
    return Finding(place, grade, short, what if what.nl else short, do, code, fix)


def of_error(place: str, error: NaoberError, short: Text | None = None, grade: int = ERROR) -> Finding:
    """An error, which may have a spoken code (relay.codes)."""
    code = str(getattr(error, "code", ""))
    code = code if code[:1].isupper() else ""
    what = error.what
    if code and what.nl.startswith(code):
        what = Text(what.nl[len(code) + 1 :], what.en[len(code) + 1 :])
    return Finding(place, grade, short or what, what, error.do if error.do.nl else ASK_FOR_HELP, code)
