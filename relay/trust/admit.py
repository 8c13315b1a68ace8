"""The inbox's side of joining: a node's request in, a roster entry and an admission out.

The roster is changed as text, so that what a technician wrote beside the entries stays. It is replaced
in one step, under a lock on its folder: two technicians may admit nodes at the same moment.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from relay import config, files, toml, toml_text
from relay.errors import ConfigError, Text
from relay.trust import certificates, chain, keys
from relay.trust.admission import Admission, Request, admission_text, load_admission
from relay.trust.inbox_setup import load_authority
from relay.trust.plan import KEPT, Done, Wanted, carry_out
from relay.trust.roster import Node, Roster


class Register(NamedTuple):
    """What VRD's own register knows of a site."""

    municipality: str = ""
    site_id: str = ""
    gateway: bool = False


def admit(
    request: Request, inbox_file: Path, register: Register | None = None, *, replace: bool = False
) -> Admission:
    """Puts the node of `request` into the roster and answers with its admission.

    Again for the same node and site it only answers again. `replace` is needed for a second key at a
    site: the node that was there is revoked. Raises ConfigError for a taken address, a revoked key,
    a site that has a node, or a request that does not fit the inbox's broker.
    """
    register = register or Register()
    inbox = config.load_inbox(inbox_file)
    admission = _admission(request, inbox, inbox_file.parent)
    with _locked(inbox.inbox.roster.parent):
        path = inbox.inbox.roster
        text = toml.read_text(path)
        changed = _with_node(text, Roster.parse(text, path), request, register, replace)
        roster = Roster.parse(changed, path)
        if changed != text:
            files.replace(path, changed.encode())
    return msgspec.structs.replace(
        admission,
        network_id=roster.network_id.hex(),
        inbox_keys=tuple(key.hex() for key in roster.inbox_keys),
    )


def write_admission(admission: Admission, path: Path, *, replace: bool = False) -> Done:
    """Writes the file for the node; one that says the same with an older certificate is kept."""
    if path.exists() and not replace:
        old = load_admission(path)
        if msgspec.structs.replace(old, certificate=admission.certificate) == admission:
            return Done(path, KEPT)
    return carry_out([Wanted(path, admission_text(admission).encode())], replace=replace)[0]


def _admission(request: Request, inbox: config.InboxConfig, folder: Path) -> Admission:
    """All of the answer but what the roster adds."""
    certificate, ca = b"", b""
    if inbox.mqtt.tls:
        if not request.csr:
            raise ConfigError(
                Text(
                    "Dit verzoek vraagt geen certificaat (--plain)",
                    "This request asks no certificate (--plain)",
                ),
                Text("Maak het opnieuw: naober setup node", "Make it again: naober setup node"),
            )
        authority, name = load_authority(folder), keys.address_text(request.address)
        ca, csr = authority.certificate, request.csr.encode()
        certificate = certificates.issue(ca, authority.key, csr, common_name=name)
        chain.certificate(certificate, name)
    return Admission(
        format=1,
        site=request.site,
        public_key=request.public_key.lower(),
        network_id="",
        inbox_keys=(),
        broker_host=inbox.broker.host,
        broker_port=inbox.broker.port,
        tls=inbox.mqtt.tls,
        ca=ca.decode(),
        certificate=certificate.decode(),
    )


def _with_node(text: str, roster: Roster, request: Request, register: Register, replace: bool) -> str:
    """The roster's text with the node of `request` in it."""
    shown = keys.show(request.address)
    known = roster.entry(request.address)
    if known is not None and known.key.lower() != request.public_key.lower():
        raise ConfigError(
            Text(f"Adres {shown} is al van {known.site}", f"Address {shown} is that of {known.site}"),
            Text("Laat dit knooppunt een nieuwe sleutel maken", "Let this node make a new key"),
        )
    if known is not None and known.revoked:
        raise ConfigError(
            Text(f"Sleutel {shown} is ingetrokken", f"Key {shown} is revoked"),
            Text("Laat dit knooppunt een nieuwe sleutel maken", "Let this node make a new key"),
        )
    if known is not None:
        return _same_node(text, known, request, register)
    if request.address in {keys.address_of(key) for key in roster.inbox_keys}:
        raise ConfigError(Text(f"Adres {shown} is van het postvak", f"Address {shown} is the inbox's"))
    for other in roster.at_site(request.site):
        if not replace:
            raise _site_taken(other)
        text = _revoked(text, other)
    return text.rstrip("\n") + "\n\n" + _entry(request, register)


def _same_node(text: str, known: Node, request: Request, register: Register) -> str:
    given = Register(
        register.municipality or known.municipality,
        register.site_id or known.site_id,
        register.gateway or known.gateway,
    )
    if known.site != request.site or given != Register(known.municipality, known.site_id, known.gateway):
        raise ConfigError(
            Text(
                f"{keys.show(known.address)} staat al in het roster, voor {known.site}, met andere gegevens",
                f"{keys.show(known.address)} is in the roster already, for {known.site}, with other data",
            ),
            Text(
                "Verbeter roster.toml met de hand en herhaal dit",
                "Correct roster.toml by hand and repeat this",
            ),
        )
    return text


def _site_taken(other: Node) -> ConfigError:
    shown = keys.show(other.address)
    return ConfigError(
        Text(f"{other.site} heeft al knooppunt {shown}", f"{other.site} already has node {shown}"),
        Text(
            f"Neemt dit zijn plaats in: --replace ({shown} wordt ingetrokken). Anders: een andere naam",
            f"If this takes its place: --replace ({shown} is then revoked). Else: another name",
        ),
    )


def _entry(request: Request, register: Register) -> str:
    lines = [
        "[[node]]",
        f"site = {toml_text.write(request.site)}",
        f'key = "{request.public_key.lower()}"  # {keys.show(request.address)}',
    ]
    if register.municipality:
        lines.append(f"municipality = {toml_text.write(register.municipality)}")
    if register.site_id:
        lines.append(f"site_id = {toml_text.write(register.site_id)}")
    if register.gateway:
        lines.append("gateway = true")
    return "\n".join(lines) + "\n"


def _revoked(text: str, node: Node) -> str:
    """`text` with `revoked = true` in the block of `node`; the result is parsed before it is used."""
    lines = text.splitlines()
    at = next(
        (i for i, line in enumerate(lines) if node.key in line and line.lstrip().startswith("key")), None
    )
    if at is not None:
        end = next((i for i in range(at, len(lines)) if lines[i].lstrip().startswith("[")), len(lines))
        start = next((i for i in range(at, -1, -1) if lines[i].lstrip().startswith("[[")), 0)
        kept = [line for line in lines[start:end] if not line.lstrip().startswith("revoked")]
        kept.insert(kept.index(lines[at]) + 1, "revoked = true")
        lines[start:end] = kept
    changed = "\n".join(lines) + "\n"
    entry = Roster.parse(changed, Path("roster.toml")).entry(node.address)
    if entry is None or not entry.revoked:
        raise ConfigError(
            Text(
                "Kan het oude knooppunt niet intrekken in roster.toml",
                "Cannot revoke the old node in roster.toml",
            ),
            Text(
                "Zet er zelf revoked = true bij en herhaal dit", "Add revoked = true yourself and repeat this"
            ),
        )
    return changed


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
