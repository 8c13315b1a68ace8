"""Looking over a configuration with all that it points to, without changing anything.

Each finding is one line and says what to do; nothing that is found stops the rest from being looked at.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from relay import config, toml, toml_text
from relay.errors import NaoberError, Text
from relay.trust import chain, enrolment, keys
from relay.trust.judging import judge
from relay.trust.papers import Grant, Revoke
from relay.trust.roster import RosterFile
from relay.trust.roster_file import Papers

OK, ATTENTION, ERROR = 0, 1, 2  # the exit codes of `naober config check`
RADIO_PACKAGE = "meshtastic"
Check = Callable[[], Iterator["Finding"]]

_ENROL = Text("Leer dit apparaat in (naober setup, naober enrol)", "Enrol it (naober setup, naober enrol)")


class Finding(NamedTuple):
    """One thing that was looked at."""

    grade: int
    what: Text
    do: Text | str = ""


def inspect(file: Path) -> list[Finding]:
    """Everything about the node.toml or inbox.toml at `file`."""
    try:
        text = toml.read_text(file)
        if toml_text.has_section(text, "inbox") or file.name == config.INBOX_FILE:
            checks = _inbox_checks(config.parse_inbox(text, file))
        else:
            checks = _node_checks(config.parse_node(text, file))
    except NaoberError as error:
        return [Finding(ERROR, error.what, error.do)]
    findings = [Finding(OK, Text(f"{file} is te lezen", f"{file} can be read"))]
    for check in checks:
        try:
            findings += check()
        except NaoberError as error:
            findings.append(Finding(ERROR, error.what, error.do))
    return findings


def worst(findings: list[Finding]) -> int:
    """The exit code that goes with `findings`."""
    return max((finding.grade for finding in findings), default=OK)


def _node_checks(node: config.NodeConfig) -> list[Check]:
    def certificate() -> Iterator[Finding]:
        address = keys.address_of(keys.public_bytes(keys.load(node.signing_key)))
        yield from _certificate(node.mqtt, keys.address_text(address))

    def epoch() -> Iterator[Finding]:
        now = keys.EpochFile(node.epoch_file).read()
        yield Finding(OK, Text(f"Tijdvak {now}", f"Epoch {now}"))

    def granted() -> Iterator[Finding]:
        grant = enrolment.applied(node.grant_file)
        own = keys.public_bytes(keys.load(node.signing_key))
        if grant is None or not node.authority_keys or not node.inbox_keys:
            what = Text("Nog geen toelating van VRD toegepast", "No grant of VRD has been applied yet")
            yield Finding(ERROR, what, _ENROL)
        elif grant.sign_key != own or grant.network_id != node.network_id:
            what = Text("De toelating hoort niet bij deze sleutel", "The grant does not belong to this key")
            yield Finding(ERROR, what, _ENROL)
        else:
            reason = judge(
                Papers(node.roster_file).envelopes, node.authority_keys, node.network_id
            ).revocation(own)
            yield _standing(grant, reason)

    checks: list[Check] = [lambda: _state(node.node.state, node.signing_key), epoch, granted]
    if node.radio.is_configured:
        checks.append(lambda: _radio(node.radio))
    return [*checks, certificate] if node.mqtt.tls else checks


def _standing(grant: Grant, revocation: Revoke | None) -> Finding:
    if revocation is not None:
        why = f": {revocation.reason}" if revocation.reason else ""
        what = Text(f"E02 Sleutel ingetrokken{why}", f"E02 Key revoked{why}")
        return Finding(ERROR, what, Text("Lever dit apparaat in bij VRD", "Hand this machine in at VRD"))
    place = grant.site or grant.name or "reserve"
    return Finding(
        OK, Text(f"Toelating: {place}, roster {grant.version}", f"Grant: {place}, roster {grant.version}")
    )


def _inbox_checks(inbox: config.InboxConfig) -> list[Check]:
    def roster() -> Iterator[Finding]:
        found = RosterFile(inbox).roster
        count = len(found.nodes)
        yield Finding(
            OK,
            Text(f"Roster {found.version}: {count} knooppunten", f"Roster {found.version}: {count} nodes"),
        )
        if keys.public_bytes(keys.load(inbox.signing_key)) not in found.inbox_keys:
            what = Text(
                "Roster noemt de sleutel van dit postvak niet", "The roster does not name this inbox's key"
            )
            yield Finding(ERROR, what, _ENROL)

    checks: list[Check] = [lambda: _state(inbox.inbox.state, inbox.signing_key), roster]
    return [*checks, lambda: _certificate(inbox.mqtt, "inbox")] if inbox.mqtt.tls else checks


def _radio(radio: config.RadioSection) -> Iterator[Finding]:
    """Whether there is anything to talk to it with; the radio itself is `naober radio`'s."""
    if importlib.util.find_spec(RADIO_PACKAGE) is None:
        what = Text("Onderdeel voor de radio ontbreekt", "The radio's part is missing")
        do = Text(
            "pip install 'naober[radio]' in de omgeving van Naober",
            "pip install 'naober[radio]' in Naober's environment",
        )
        yield Finding(ERROR, what, do)
    elif radio.device and not Path(radio.device).exists():
        what = Text(f"Geen radio op {radio.device}", f"No radio at {radio.device}")
        yield Finding(ATTENTION, what, "naober radio --list")
    else:
        where = radio.device or f"{radio.host}:{radio.port}"
        yield Finding(OK, Text(f"Radio op {where}", f"Radio at {where}"))


def _state(state: Path, signing_key: Path) -> Iterator[Finding]:
    if not state.is_dir():
        what = Text(f"Map ontbreekt: {state}", f"Folder is missing: {state}")
        yield Finding(ERROR, what, _ENROL)
        return
    if not os.access(state, os.W_OK):
        what = Text(f"Niet te beschrijven: {state}", f"Cannot be written: {state}")
        do = Text("Doe dit met sudo, of kijk naar eigenaar en schijf", "Use sudo, or look at owner and disk")
        yield Finding(ATTENTION, what, do)
    shown = keys.show(keys.address_of(keys.public_bytes(keys.load(signing_key))))
    yield Finding(OK, Text(f"Sleutel {signing_key}, adres {shown}", f"Key {signing_key}, address {shown}"))


def _certificate(mqtt: config.MqttSection, name: str) -> Iterator[Finding]:
    authority = chain.certificate(_read(mqtt.ca), str(mqtt.ca))
    found = chain.certificate(_read(mqtt.certificate), str(mqtt.certificate))
    key = chain.key_of_private(keys.read_private(mqtt.key), str(mqtt.key))
    good = True
    for right, what in (
        (chain.issued_by(found, authority), Text(f"is niet van {mqtt.ca}", f"is not by {mqtt.ca}")),
        (
            chain.key_of_certificate(found) == key,
            Text(f"hoort niet bij {mqtt.key}", f"does not belong to {mqtt.key}"),
        ),
        (
            chain.common_name(found) == name,
            Text(f"staat niet op naam van {name}", f"is not in the name of {name}"),
        ),
    ):
        if not right:
            good = False
            nl, en = (
                f"Certificaat {mqtt.certificate} {what.nl}",
                f"Certificate {mqtt.certificate} {what.en}",
            )
            yield Finding(ERROR, Text(nl, en), _ENROL)
    if good:
        yield Finding(OK, Text("Certificaat past bij sleutel en CA", "Certificate fits key and authority"))


def _read(file: Path) -> bytes:
    return toml.read_text(file).encode()
