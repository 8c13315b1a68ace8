"""An authority in a folder, and the certificate files that it issues there."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from relay.trust import certificates


def private_key(pem: bytes) -> Ed25519PrivateKey:
    """The key in a PEM file."""
    key = load_pem_private_key(pem, None)
    assert isinstance(key, Ed25519PrivateKey)
    return key


class Pair(NamedTuple):
    """A certificate and its key, as files."""

    cert: Path
    key: Path


class Authority:
    """Makes certificate files below `folder`, which it creates."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self._cert, self._key = certificates.make_authority(name)
        self.ca_file = folder / "ca.crt"
        self.ca_file.write_bytes(self._cert)

    def server(self, *names: str) -> Pair:
        """A broker's pair for these host names and addresses."""
        return self._pair("server", names or ("localhost", "127.0.0.1"))

    def client(self, common_name: str) -> Pair:
        """A client's pair; the broker takes `common_name` (8 hex digits, or `inbox`) as its user."""
        return self._pair(common_name, ())

    def context(self, common_name: str, *, pins: tuple[str, ...] = ()) -> ssl.SSLContext:
        """What a client called `common_name` connects with."""
        pair = self.client(common_name)
        return certificates.client_context(self.ca_file, pair.cert, pair.key, pins=pins)

    def _pair(self, common_name: str, names: tuple[str, ...]) -> Pair:
        key_pem = certificates.make_tls_key()
        public_key = private_key(key_pem).public_key().public_bytes_raw()
        ca, ca_key = ssl.PEM_cert_to_DER_cert(self._cert.decode()), private_key(self._key)
        der = certificates.certify(ca, ca_key, public_key, common_name=common_name, names=names)
        cert_pem = ssl.DER_cert_to_PEM_cert(der).encode()
        own = Path(tempfile.mkdtemp(dir=self.folder))  # a broker may still be reading those made before
        pair = Pair(own / f"{common_name}.crt", own / f"{common_name}.key")
        pair.cert.write_bytes(cert_pem)
        pair.key.touch(mode=0o600)
        pair.key.write_bytes(key_pem)
        return pair


def host_names(found: x509.Certificate) -> set[str]:
    """The names and addresses that a server may be called by."""
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}
