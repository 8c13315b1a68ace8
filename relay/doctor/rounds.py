"""All sixteen places, looked at beside one another, and never for longer than LOOK_S."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from relay.doctor import links, machine
from relay.doctor import page as page_of_site
from relay.doctor.case import Case
from relay.doctor.finding import (
    ASK_FOR_HELP,
    ATTENTION,
    ERROR,
    NOT_LOOKED,
    PLACES,
    Finding,
    ill,
    not_looked,
    of_error,
)
from relay.errors import NaoberError, Text

LOOK_S = 6.0  # with the question to the daemon before it, below ten

CHECKS: dict[str, Callable[[Case], Finding]] = {
    "D01": machine.storage,
    "D02": machine.queue,
    "D03": machine.clock,
    "D04": machine.power,
    "D05": links.radio,
    "D06": links.sole_use,
    "D07": page_of_site.page,
    "D08": machine.rights,
    "D09": links.airtime,
    "D10": links.neighbours,
    "D11": links.mqtt,
    "D12": links.proof,
    "D13": links.enrolment,
    "D14": machine.sensors,
    "D15": machine.service,
    "D16": machine.version,
}


def look(case: Case) -> list[Finding]:
    """Every place in its order. One that hangs or breaks is told as such and holds up nothing."""
    found: dict[str, Finding] = {}

    def look_at(place: str) -> None:
        try:
            found[place] = CHECKS[place](case)
        except PermissionError:
            found[place] = not_looked(place, "niet bekeken: herhaal met sudo", "not looked at: use sudo")
        except NaoberError as error:
            found[place] = of_error(place, error)
        except Exception as error:  # a mistake of ours in one place must not hide the others
            what = f"{type(error).__name__}: {error}"
            found[place] = ill(
                place,
                ATTENTION,
                Text("niet te bekijken", "can't be looked at"),
                ASK_FOR_HELP,
                Text(what, what),
            )

    threads = [threading.Thread(target=look_at, args=(place,), daemon=True) for place in CHECKS]
    for thread in threads:
        thread.start()
    end_s = time.monotonic() + LOOK_S
    for thread in threads:
        thread.join(max(0.0, end_s - time.monotonic()))
    return [found.get(place) or _hangs(place) for place in PLACES]


def _hangs(place: str) -> Finding:
    short = Text(f"geen antwoord binnen {LOOK_S:g} s", f"no answer within {LOOK_S:g} s")
    do = Text(
        "herhaal dit; blijft het zo: kaart of netwerk hangt",
        "repeat this; if it stays: card or network hangs",
    )
    return ill(place, ERROR, short, do)


def worst(findings: list[Finding]) -> int:
    """The exit code."""
    return max(0, *(finding.grade for finding in findings))


def spoken(findings: list[Finding]) -> str:
    """What is read out over the telephone: the faults first."""
    wrong = [finding for grade in (ERROR, ATTENTION) for finding in findings if finding.grade == grade]
    return ", ".join(finding.spoken for finding in wrong)


def count(findings: list[Finding], grade: int) -> int:
    """How many are of `grade`."""
    return sum(finding.grade == grade for finding in findings)


def summary(findings: list[Finding]) -> Text:
    """The last line."""
    faults, attention, unseen = (count(findings, grade) for grade in (ERROR, ATTENTION, NOT_LOOKED))
    told_nl = [f"{faults} fout" if faults == 1 else f"{faults} fouten"] if faults else []
    told_en = [f"{faults} error" + "s" * (faults > 1)] if faults else []
    if attention:
        told_nl.append(f"{attention} let op")
        told_en.append(f"{attention} warning" + "s" * (attention > 1))
    if not told_nl:
        told_nl, told_en = ["Alles wat bekeken is, is goed"], ["All that was looked at is good"]
    if unseen:
        told_nl.append(f"{unseen} niet bekeken")
        told_en.append(f"{unseen} not looked at")
    nl, en = f"{', '.join(told_nl)}.", f"{', '.join(told_en)}."
    if code := spoken(findings):
        nl, en = f'{nl} Voorlezen door de telefoon: "{code}"', f'{en} Read out over the telephone: "{code}"'
    return Text(nl, en)
