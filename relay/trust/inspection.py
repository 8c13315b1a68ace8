"""Looking over a configuration with all that it points to, without changing anything.

Each finding is one line and says what to do; nothing that is found stops the rest from being looked at.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from relay import config, toml, toml_text
from relay.errors import NaoberError, Text
from relay.trust import chain, keys
from relay.trust.roster import Roster

OK, ATTENTION, ERROR = 0, 1, 2  # the exit codes of `naober config check`
Check = Callable[[], Iterator["Finding"]]

_SETUP_AGAIN = Text("Leer dit knooppunt in (naober setup)", "Enrol this node (naober setup)")


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

    def admitted() -> Iterator[Finding]:
        if node.node.network_id and node.node.inbox_keys:
            yield Finding(OK, Text("Toelating van VRD is toegepast", "VRD's admission has been applied"))
        else:
            what = Text("[node] network_id of inbox_keys is leeg", "[node] network_id or inbox_keys is empty")
            yield Finding(ERROR, what, _SETUP_AGAIN)

    checks: list[Check] = [lambda: _state(node.node.state, node.signing_key), epoch, admitted]
    return [*checks, certificate] if node.mqtt.tls else checks


def _inbox_checks(inbox: config.InboxConfig) -> list[Check]:
    def roster() -> Iterator[Finding]:
        found = Roster.load(inbox.inbox.roster)
        count = len(found.nodes)
        yield Finding(OK, Text(f"Roster: {count} knooppunten", f"Roster: {count} nodes"))
        if found.network_id.hex() != inbox.inbox.network_id.lower():
            what = Text(
                "network_id in roster en inbox.toml verschillen", "network_id of roster and inbox.toml differ"
            )
            yield Finding(ERROR, what, Text("Maak ze gelijk", "Make them the same"))
        if keys.public_bytes(keys.load(inbox.signing_key)) not in found.inbox_keys:
            what = Text(
                "Roster noemt de sleutel van dit postvak niet", "The roster does not name this inbox's key"
            )
            yield Finding(ERROR, what, "naober setup inbox --replace")

    checks: list[Check] = [lambda: _state(inbox.inbox.state, inbox.signing_key), roster]
    return [*checks, lambda: _certificate(inbox.mqtt, "inbox")] if inbox.mqtt.tls else checks


def _state(state: Path, signing_key: Path) -> Iterator[Finding]:
    if not state.is_dir():
        what = Text(f"Map ontbreekt: {state}", f"Folder is missing: {state}")
        yield Finding(ERROR, what, _SETUP_AGAIN)
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
            yield Finding(ERROR, Text(nl, en), _SETUP_AGAIN)
    if good:
        yield Finding(OK, Text("Certificaat past bij sleutel en CA", "Certificate fits key and authority"))


def _read(file: Path) -> bytes:
    return toml.read_text(file).encode()
