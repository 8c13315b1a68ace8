"""Machines that ask, and laptops that grant, at a price that tests can pay."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from relay.trust import authority_init, keys, papers
from relay.trust.authority_approve import Plan, Signed, gather
from relay.trust.authority_file import Secrets
from relay.trust.authority_laptop import Laptop
from relay.trust.papers import Request

PASSPHRASE = "een twee drie vier"
COST_LOG2 = 10
NOW = 1_795_500_000.0  # 24 November 2026
SITES = """
[[site]]
id = "VRD-BEI-01"
name = "Kazerne Beilen"
municipality = "Midden-Drenthe"
[[site]]
id = "VRD-NOR-01"
name = "Dorpshuis Norg"
[[site]]
id = "VRD-ROL-01"
name = "De Boerhoorn Rolde"
"""


class Machine(NamedTuple):
    """A Pi or an inbox host, with its private keys."""

    sign: Ed25519PrivateKey
    tls: Ed25519PrivateKey
    seal: X25519PrivateKey
    request: Request

    @property
    def envelope(self) -> bytes:
        return papers.sign_request(self.request, self.sign)

    @property
    def address(self) -> bytes:
        return self.request.address

    @property
    def private_bytes(self) -> list[bytes]:
        return [key.private_bytes_raw() for key in (self.sign, self.tls, self.seal)]

    def asks_on(self, stick: Path) -> Machine:
        file = stick / "naober/verzoek" / keys.address_text(self.address)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(self.envelope)
        return self


def machine(**values: Any) -> Machine:
    """A node, unless told otherwise."""
    sign, tls, seal = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
    public = (key.public_key().public_bytes_raw() for key in (sign, tls, seal))
    return Machine(sign, tls, seal, Request(*public, **{"model": "Raspberry Pi 4", **values}))


def inbox_host(broker: str = "mqtt.vrd.lan") -> Machine:
    broker_key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    return machine(role="inbox", model="server", broker=broker, port=8883, broker_key=broker_key)


def laptop(folder: Path, name: str = "VRD-A") -> Laptop:
    """A network founded, with three sites."""
    made = authority_init.found(folder, name, PASSPHRASE, cost_log2=COST_LOG2)
    (folder / "sites.toml").write_text(SITES)
    return made


def unlocked(of: Laptop) -> Secrets:
    return of.unlock(PASSPHRASE)


def approved(of: Laptop, *machines: Machine, now: float = NOW) -> Signed:
    """Grants them all, each at the next free site; fails when one is refused."""
    gathered = gather(of, [(str(each.address.hex()), each.envelope) for each in machines])
    assert gathered.refused == []
    plan = Plan(of, gathered.asked)
    for each in gathered.asked:
        place = plan.suggested(each)
        assert place is not None
        plan.put(each, place)
    return plan.sign(unlocked(of), now)
