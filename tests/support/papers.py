"""The literal papers of tests/vectors, and a small authority to sign others with."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from relay.trust import keys, papers
from relay.trust.seal import Channel
from tests.support import vectors

FILE = json.loads((vectors.FOLDER / "papers.json").read_text())
PAPERS: dict[str, dict[str, Any]] = {vector["name"]: vector for vector in FILE["papers"]}
NETWORK = vectors.NETWORK


def private_key(signer: str) -> Ed25519PrivateKey:
    """A key of either file of vectors, by its name."""
    if signer in FILE["seeds"]:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(FILE["seeds"][signer]))
    return vectors.private_key(signer)


def public_key(signer: str) -> bytes:
    return private_key(signer).public_key().public_bytes_raw()


AUTHORITIES = (public_key("authority"), public_key("second_authority"))


def paper_of(vector: dict[str, Any]) -> Any:
    """What the vector says, as the shipped struct."""
    return built(vector["is"], vector["paper"])


def channel_of_vector() -> Channel:
    return Channel(**built_values(FILE["sealed"]["channel"], {"key"}))


HEX = {
    *("sign_key", "tls_key", "seal_key", "broker_key", "network_id", "replaces", "certificate", "ca"),
    *("broker_keys", "inbox_keys", "authority_keys", "sealed_channel", "broker_certificate"),
    *("address", "key_hash", "keys"),
}


def built(name: str, said: dict[str, Any]) -> Any:
    return getattr(papers, name)(**built_values(said, HEX))


def built_values(said: dict[str, Any], hexadecimal: set[str]) -> dict[str, Any]:
    def value(name: str, found: Any) -> Any:
        if isinstance(found, dict):
            return built(found["is"], {key: value for key, value in found.items() if key != "is"})
        if isinstance(found, list):
            return tuple(value(name, item) if not isinstance(item, list) else tuple(item) for item in found)
        return bytes.fromhex(found) if name in hexadecimal else found

    return {name: value(name, found) for name, found in said.items()}


def read(vector: dict[str, Any]) -> Any:
    """The vector's bytes, read by the shipped code."""
    return reader(vector["is"])(bytes.fromhex(vector["bytes"]))


def reader(name: str) -> Any:
    if name == "Request":
        return papers.read_request
    read_one = papers.read_grant if name == "Grant" else papers.read_change
    return lambda envelope: read_one(envelope, AUTHORITIES, NETWORK)


def sign(paper: Any, signer: str) -> bytes:
    """The paper as an envelope, by the shipped code."""
    if isinstance(paper, papers.Request):
        return papers.sign_request(paper, private_key(signer))
    if isinstance(paper, papers.Grant):
        return papers.sign_grant(paper, private_key(signer))
    return papers.sign_change(paper, private_key(signer), NETWORK)


def another(name: str, /, **changes: Any) -> Any:
    """The paper of a vector with some of it changed."""
    return msgspec.structs.replace(paper_of(PAPERS[name]), **changes)


def papers_of(
    *nodes: tuple[bytes, str, bool], network_id: bytes = NETWORK, inbox_key: bytes = b"\xee" * 32
) -> list[bytes]:
    """Grants for nodes, and revocations of those that are said to be revoked: (public key, site, revoked)."""
    found = []
    for version, (key, site, revoked) in enumerate(nodes, 1):
        grant = papers.Grant(
            version=version,
            role="node",
            site_id=site,
            site=site,
            network_id=network_id,
            sign_key=key,
            brokers=(("127.0.0.1", 1884),),
            inbox_keys=(inbox_key,),
            authority_keys=AUTHORITIES,
        )
        found.append(papers.sign_grant(grant, private_key("authority")))
        if revoked:
            revoke = papers.Revoke(keys.address_of(key), papers.key_hash(key), "gestolen")
            change = papers.Change(version, revoke)
            found.append(papers.sign_change(change, private_key("authority"), network_id))
    return found
