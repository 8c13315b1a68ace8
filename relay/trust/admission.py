"""What a node and the inbox hand each other before they can talk: a request, and an admission.

Both are TOML files without any secret, so they may go by stick, mail or photo. What protects them is
the control number over the node's public keys: the node shows it, the inbox's side shows what it
computed from the request, and two people compare them by telephone. Signed grants replace this later.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from relay import toml, toml_text
from relay.config import Name, NetworkId, Port, PublicKey
from relay.errors import ConfigError, Text
from relay.trust import chain
from relay.trust.keys import address_of, address_text, control_number

Pem = Annotated[str, msgspec.Meta(max_length=4096)]

_AGAIN = Text("Laat het opnieuw maken (naober setup)", "Have it made again (naober setup)")


class Request(msgspec.Struct, frozen=True):
    """A node asks to be admitted."""

    format: Literal[1]
    site: Name
    public_key: PublicKey  # signs its messages
    control: Name  # as the node shows it
    csr: Pem = ""  # asks a certificate for its TLS key; empty: a broker without TLS

    @property
    def address(self) -> bytes:
        """Where this node's envelopes will come from."""
        return address_of(bytes.fromhex(self.public_key))


class Admission(msgspec.Struct, frozen=True):
    """The inbox's side answers: all that a node must know and hold to be heard."""

    format: Literal[1]
    site: Name
    public_key: PublicKey  # the node that this is for
    network_id: NetworkId
    inbox_keys: tuple[PublicKey, ...]
    broker_host: Name
    broker_port: Port
    tls: bool
    ca: Pem = ""
    certificate: Pem = ""

    @property
    def address(self) -> bytes:
        """The node that this is for."""
        return address_of(bytes.fromhex(self.public_key))


def make_request(site: str, public_key: bytes, csr_pem: bytes) -> Request:
    """The request of the node with these keys, at `site`; raises ConfigError for an unusable site."""
    check_site(site)
    return Request(1, site, public_key.hex(), _control(public_key, csr_pem), csr_pem.decode())


def request_name(request: Request) -> str:
    """What a request's file is called."""
    return f"request-{address_text(request.address)}.toml"


def admission_name(admission: Admission) -> str:
    """What an admission's file is called."""
    return f"admission-{address_text(admission.address)}.toml"


def load_request(path: Path) -> Request:
    """The request at `path`; raises ConfigError when it is damaged or was changed on its way."""
    request = toml.load(path, Request)
    check_site(request.site)
    if request.control != _control(bytes.fromhex(request.public_key), request.csr.encode()):
        raise ConfigError(
            Text(f"{path}: het controlegetal klopt niet", f"{path}: the control number does not fit"), _AGAIN
        )
    return request


def load_admission(path: Path) -> Admission:
    """The admission at `path`; raises ConfigError when it is incomplete."""
    admission = toml.load(path, Admission)
    if not admission.network_id or not admission.inbox_keys:
        raise ConfigError(Text(f"{path} is onvolledig", f"{path} is incomplete"), _AGAIN)
    return admission


def request_text(request: Request) -> str:
    """The request as a file."""
    return (
        "# Naober: request of a node to be admitted. It holds no secret.\n"
        "# On the inbox host:  naober setup admit THIS-FILE\n" + _lines(request)
    )


def admission_text(admission: Admission) -> str:
    """The admission as a file."""
    return (
        "# Naober: admission of one node. It holds no secret.\n"
        "# On that node:  naober setup apply THIS-FILE\n" + _lines(admission)
    )


def check_control(request: Request, heard: str) -> None:
    """Raises ConfigError unless `heard`, with or without spaces, is the request's control number."""
    if "".join(heard.split()) != "".join(request.control.split()):
        raise ConfigError(
            Text(
                f"Het knooppunt toont een ander controlegetal dan dit verzoek heeft ({request.control})",
                f"The node shows another control number than this request has ({request.control})",
            ),
            Text("Laat niet toe: haal het verzoek opnieuw op", "Do not admit: fetch the request again"),
        )


def check_site(site: str) -> None:
    """Raises ConfigError unless `site` can be a name on screens and labels."""
    if site != site.strip() or not site or not site.isprintable() or len(site) > 64:
        raise ConfigError(
            Text(
                f"Dit kan geen naam van een plaats zijn: {site!r}",
                f"This cannot be the name of a site: {site!r}",
            ),
            Text("Geef 1 tot 64 leesbare tekens", "Give 1 to 64 printable characters"),
        )


def _control(public_key: bytes, csr_pem: bytes) -> str:
    return control_number(public_key, chain.key_of_request(csr_pem) if csr_pem else b"")


def _lines(document: Request | Admission) -> str:
    return "".join(f"{name} = {_value(value)}\n" for name, value in msgspec.structs.asdict(document).items())


def _value(value: str | int | bool | tuple[str, ...]) -> str:
    if isinstance(value, str) and "\n" in value:
        return toml_text.block(value)
    return toml_text.write(list(value) if isinstance(value, tuple) else value)
