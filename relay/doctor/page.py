"""D07: the site's page, from its Wi-Fi to an answer by HTTP. The daemon is asked, and the page itself."""

from __future__ import annotations

import http.client

from relay import processes
from relay.codes import fault
from relay.doctor.case import Case
from relay.doctor.finding import ATTENTION, ERROR, Finding, good, ill, not_looked, of_error
from relay.errors import Text
from relay.wifi import country, manager, point

ANSWER_TIMEOUT_S = 2.0
_JOURNAL = Text("journalctl -u naober-node", "journalctl -u naober-node")


def page(case: Case) -> Finding:
    """What is the matter, the cause before its effects: port taken, Wi-Fi off, not served, no answer."""
    section = case.settings.page
    if not section.is_configured:
        return not_looked("D07", "geen pagina ingesteld", "no page set up")
    if (taken := _taken(case)) is not None:
        return taken
    wifi = _wifi(section.host)
    if isinstance(wifi, Finding):
        return wifi
    if case.facts is None:
        return not_looked("D07", *case.unseen)
    hosts = [each for each in (section.host, section.lan_host) if each]
    troubles = {host: trouble for host in hosts if (trouble := _trouble(host, section.port))}
    if troubles:
        return _silent(troubles, str((case.facts.get("page") or {}).get("code", "")), len(hosts))
    shown = ", ".join(f"{host}:{section.port}" for host in hosts)
    return good("D07", f"{shown}{wifi.nl}", f"{shown}{wifi.en}")


def _silent(troubles: dict[str, str], code: str, of: int) -> Finding:
    """An address that does not answer: all of them, or that of the building's side alone."""
    host, trouble = next(iter(troubles.items()))
    short = Text(f"antwoordt niet op {host}: {trouble}", f"does not answer at {host}: {trouble}")
    do = _JOURNAL
    if code == "no_address":
        short = Text(f"{host} is geen adres van dit apparaat", f"{host} is no address of this machine")
        do = Text(
            "netwerkkabel erin, of pas [page] in node.toml aan",
            "plug in the network cable, or change [page] in node.toml",
        )
    return ill("D07", ERROR if len(troubles) == of else ATTENTION, short, do)


def _taken(case: Case) -> Finding | None:
    """P01, when a program that is not the node's holds its port."""
    port = case.settings.page.port
    serving = bool(((case.facts or {}).get("page") or {}).get("serving"))
    for program in processes.listeners(port) if not serving else ():
        if program.pid != case.pid:
            error = fault("P01", port=port, by=program, stop=_stop(program))
            return of_error("D07", error, Text(f"poort {port}: {program}", f"port {port}: {program}"))
    return None


def _stop(program: processes.Program) -> Text:
    stop = processes.how_to_stop(program)
    return Text(
        f"{stop}, of port = 8080 in [page] van node.toml", f"{stop}, or port = 8080 in [page] of node.toml"
    )


def _wifi(host: str) -> Finding | Text:
    """What is the matter with the Wi-Fi that `naober setup` made, or words for it; none for another one."""
    if host != point.ADDRESS or not manager.is_there():
        return Text("", "")
    do = Text("sudo naober doctor --fix", "sudo naober doctor --fix")
    try:
        state = manager.active().get(point.CONNECTION, "")
    except manager.ManagerError as error:
        return of_error("D07", error, Text("NetworkManager antwoordt niet", "NetworkManager does not answer"))
    if state != manager.ACTIVE:
        short = Text("wifi gaat aan", "Wi-Fi is starting") if state else Text("wifi uit", "Wi-Fi off")
        return ill("D07", ATTENTION if state else ERROR, short, do, fix="page")
    here = country.current()
    if here not in ("", point.COUNTRY):
        short = Text(f"wifi aan, maar land {here}", f"Wi-Fi on, but country {here}")
        return ill("D07", ATTENTION, short, do, fix="page")
    shown = Text(f", land {here}", f", country {here}") if here else Text("", "")
    return Text(f", wifi aan{shown.nl}", f", Wi-Fi on{shown.en}")


def _trouble(host: str, port: int) -> str:
    """Why the page does not answer; empty when it does."""
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", "/")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return f"HTTP {status}" if status >= 500 else ""
