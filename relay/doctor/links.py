"""The links: radio, its sole use, airtime, neighbours, MQTT, what is proven, and whether VRD knows us.

No device is opened: the daemon holds the radio, and a second reader would steal its bytes.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

from relay import __version__, processes
from relay.codes import fault
from relay.doctor.case import Case
from relay.doctor.finding import ATTENTION, ERROR, Finding, good, ill, not_looked, of_error
from relay.errors import LinkError, NaoberError, Text
from relay.node.proving import load

DIAL_TIMEOUT_S = 4.0
LIMIT_PCT = 10.0
BUDGET_FULL = 0.8
REFUSED = ("not_authorised", "certificate_refused", "inbox_silent")  # whoever is not known is met so
PASSING = ("connecting", "connected", "lost", "closed", "busy", "restarted", "lent", "cut")
NO_RADIO = Text("geen radio ingesteld", "no radio set up")


def radio(case: Case) -> Finding:
    """D05."""
    place, section = "D05", case.settings.radio
    if not section.is_configured:
        return not_looked(place, *NO_RADIO)
    if case.facts is None:
        if section.device and not Path(section.device).exists():
            return _no_radio(section.device)
        return not_looked(place, *case.unseen)
    facts = case.facts["radio"]
    code, what, do = facts["code"], Text(**facts["what"]), Text(**facts["do"])
    if code == "R01":
        return _no_radio(section.device)
    if code == "R04":
        return ill(place, ERROR, Text("ook door een ander gebruikt", "used by another"), do, what, code)
    if code in ("R02", "R03"):
        withholds = any(each["withholds"] for each in facts["differences"])
        grade = ERROR if withholds or code == "R03" else ATTENTION
        short = Text("anders ingesteld", "set otherwise")
        if code == "R03":
            short = Text("sleutel past niet", "the key does not fit")
        return ill(place, grade, short, do, what, code, fix="radio")
    if code == "duty_cycle" or (code in PASSING and code != "connected"):
        return ill(place, ATTENTION, what, do)
    if code != "connected":
        return ill(place, ERROR, what, do)
    firmware = f", firmware {facts['firmware']}" if facts["firmware"] else ""
    settings = f"{facts['region']} {facts['preset']}"
    return good(place, f"{settings}, kanaal klopt{firmware}", f"{settings}, channel fits{firmware}")


def _no_radio(device: str) -> Finding:
    from relay.links.meshtastic.boards import boards, others

    seen = Text("", "")
    if others_there := others():
        listed = ", ".join(f"{each.id} {each.name}".strip() for each in others_there[:3])
        seen = Text(f" (wel gezien: {listed})", f" (seen: {listed})")
    if found := boards():
        listed = ", ".join(f"{each.name} op {each.path}" for each in found[:3])
        seen = Text(f" (wel gezien: {listed})", f" (seen: {listed})")
    error = fault("R01", "device", device=device, seen=seen)
    return of_error("D05", error, Text("niet gevonden op USB", "not found on USB"))


def sole_use(case: Case) -> Finding:
    """D06: who else has the device open, by /proc."""
    place, section = "D06", case.settings.radio
    if not section.is_configured:
        return not_looked(place, *NO_RADIO)
    if section.device:
        for program in processes.holders(section.device):
            if program.pid != case.pid:
                return _in_use(str(program), processes.how_to_stop(program))
        return good(place, "geen ander programma op de radio", "no other program on the radio")
    if case.facts is None:
        return not_looked(place, *case.unseen)
    if case.facts["radio"]["code"] == "R04":
        return _in_use("een ander programma", "sudo systemctl disable --now meshtasticd")
    return good(place, "niemand gooit ons eruit", "nobody throws us out")


def _in_use(by: str, stop: str) -> Finding:
    error = fault("R04", by=by, stop=stop)
    return of_error("D06", error, Text(f"ook {by}", f"also {by}"))


def airtime(case: Case) -> Finding:
    """D09."""
    place = "D09"
    if not case.settings.radio.is_configured:
        return not_looked(place, *NO_RADIO)
    if case.facts is None:
        return not_looked(place, *case.unseen)
    budget = case.facts["radio"]["budget"]
    part = budget["used_ms"] / budget["limit_ms"]
    pct = f"{LIMIT_PCT * part:.1f}"
    told = Text(f"{pct.replace('.', ',')} % van 10 % dit uur", f"{pct} % of 10 % this hour")
    if part > BUDGET_FULL:
        do = Text("niets: spoed gaat door, de rest wacht", "nothing: urgent ones go, the rest waits")
        return ill(place, ATTENTION, told, do)
    return good(place, *told)


def neighbours(case: Case) -> Finding:
    """D10. While MQTT works everywhere nobody speaks by radio: then the last proof tells that it hears."""
    place = "D10"
    if not case.settings.radio.is_configured:
        return not_looked(place, *NO_RADIO)
    if case.facts is None:
        return not_looked(place, *case.unseen)
    radio = case.facts["radio"]
    heard = max(len(radio["neighbours"]), radio["neighbours_direct"])
    proven = load(case.state).get("radio")
    hops = proven.hops if proven and proven.proven else None
    gateway = Text("", "")
    if hops == 0:
        gateway = Text(", gateway rechtstreeks", ", gateway directly")
    elif hops is not None:
        gateway = Text(f", gateway op {hops} stap{'pen' * (hops != 1)}", f", gateway {hops} hops away")
    if not heard and hops is None:
        do = Text(
            "antenne hoger of bij het raam, dan naober test radio", "antenna higher, then naober test radio"
        )
        return ill(place, ATTENTION, Text("hoort geen andere punten", "hears no other sites"), do)
    return good(place, f"{heard} gehoord{gateway.nl}", f"{heard} heard{gateway.en}")


def mqtt(case: Case) -> Finding:
    """D11: what the daemon meets; without one, whether the broker would take us."""
    place = "D11"
    if case.facts is None:
        return _dialled(case)
    facts = case.facts["links"]["mqtt"]
    code, what, do = facts["code"], Text(**facts["what"]), Text(**facts["do"])
    if code == "up":
        return good(place, "VRD antwoordt", "VRD answers")
    if code == "N05":
        return ill(place, ERROR, Text("ander certificaat", "another certificate"), do, what, code)
    if code == "revoked":
        return _revoked(place, case.facts)
    short = Text(f"{code}", f"{code}")
    return ill(place, ATTENTION if code in PASSING else ERROR, short, do if do.nl else _WAIT, what)


_WAIT = Text("wacht een minuut, dan weer naober doctor", "wait a minute, then naober doctor again")


def _revoked(place: str, facts: dict[str, Any]) -> Finding:
    why = f": {facts['revoked']}" if facts["revoked"] else ""
    return of_error(place, fault("E02", "revoked", why=why), Text("ingetrokken", "revoked"))


def _dialled(case: Case) -> Finding:
    """As far as the TLS handshake: nothing is said to the broker."""
    from relay.broker import broker_options
    from relay.mqtt.dial import dial

    case.must_be_open()  # the key is in there
    section = case.settings.mqtt

    async def knock() -> None:
        options = broker_options(section, send_window=1, pins=section.broker_keys)
        (await dial(options.host, options.port, options.tls, DIAL_TIMEOUT_S)).close()

    try:
        asyncio.run(knock())
    except LinkError as error:
        return of_error("D11", error, Text(error.code, error.code))
    except NaoberError as error:
        return of_error("D11", error)
    where = f"{section.host}:{section.port}"
    short = Text(f"broker {where} neemt op; dienst draait niet", f"broker {where} answers; no service runs")
    return not_looked("D11", *short)


def proof(case: Case) -> Finding:
    """D12: when each link of this node was proven last, and by which version."""
    case.must_be_open()
    results = load(case.state)
    links = ["radio", "mqtt"] if case.settings.radio.is_configured else ["mqtt"]
    told = " · ".join(f"{link} {_when(results[link].unix_s)}" for link in links if link in results)
    missing = [link for link in links if link not in results or not results[link].proven]
    if missing:
        names = ", ".join(missing)
        short = Text(f"niet bewezen: {names}", f"not proven: {names}")
        return of_error("D12", fault("V01", links=names), short, ATTENTION)
    older = [results[link].version for link in links if results[link].version != __version__]
    if older:
        short = Text(f"bewezen met versie {older[0]}", f"proven with version {older[0]}")
        return ill("D12", ATTENTION, short, Text("naober test", "naober test"))
    return good("D12", told, told)


def _when(unix_s: int) -> str:
    if not unix_s:
        return "ok"  # it had no clock
    at = datetime.fromtimestamp(unix_s)
    return at.strftime("%H:%M" if at.date() == datetime.now().date() else "%d-%m")


def enrolment(case: Case) -> Finding:
    """D13."""
    place, node = "D13", case.settings.node
    if not node.network_id or not node.inbox_keys:
        do = Text("naober enrol --stick", "naober enrol --stick")
        return ill(place, ERROR, Text("nog niet ingeleerd", "not enrolled yet"), do)
    facts: dict[str, Any] = case.facts or {}
    if facts.get("revoked") is not None:
        return _revoked(place, facts)
    if facts and facts["links"]["mqtt"]["code"] in REFUSED:
        address = facts["address"]
        error = fault("E02", address=f"{address[:4]}-{address[4:]}")
        return of_error(place, error, Text("VRD antwoordt ons niet", "VRD does not answer us"), ATTENTION)
    version = facts.get("roster")
    roster = f"roster {version}, " if version else ""
    return good(place, f"{roster}toelating toegepast", f"{roster}grant applied")
