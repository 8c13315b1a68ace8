"""TLS certificates of our own small authority, and the context in which a client judges them.

The keys are Ed25519: OpenSSL 3, Mosquitto and Python's ssl take them under TLS 1.3, and a whole
certificate stays small enough for a QR code. A TLS key only opens the way to the broker; it signs no
message.

Dates are written for the sake of the format and judged by nobody: a Raspberry Pi without a clock may
believe it is 1970, and must reach its broker all the same. What is judged is the chain, the name and,
where the grant gives one, the pin. Revocation is the broker's access list, not a CRL.

`cryptography.x509` is imported only where something is made or signed: a running node needs none of it.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from relay.errors import ConfigError, KeyFileError, Text
from relay.trust.pins import add_pins

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

VALID_FROM = datetime(2025, 1, 1, tzinfo=UTC)
VALID_UNTIL = datetime(2045, 1, 1, tzinfo=UTC)
X509_V_FLAG_NO_CHECK_TIME = 0x200000  # openssl/x509_vfy.h; Python has no name for it
OTHERS_MAY = 0o077  # permission bits that a private key must not have
FILE_BYTES_MAX = 64 * 1024  # a certificate file is a few hundred bytes
FETCH_AGAIN = Text("Leer dit knooppunt opnieuw in (naober setup)", "Enrol this node again (naober setup)")


def make_tls_key() -> bytes:
    """A new private key, PKCS#8 PEM without a passphrase: store it with mode 0600."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def make_authority(name: str) -> tuple[bytes, bytes]:
    """A new authority called `name`: its self-signed certificate and its key, both PEM."""
    from cryptography import x509

    key_pem = make_tls_key()
    key = _private_key(key_pem)
    subject = _name(name)
    builder = (
        _unsigned(subject, key.public_key(), issuer=subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _pem(builder.sign(key, None)), key_pem


def certify(
    authority_der: bytes,
    authority_key: Ed25519PrivateKey,
    public_key: bytes,
    *,
    common_name: str,
    names: Iterable[str] = (),
) -> bytes:
    """The certificate (DER) for a raw Ed25519 key, which a request among papers shows.

    `common_name` is the authority's word: the broker makes it the user name that its access list judges.
    `names` are the host names and IP addresses of a server; without them the certificate is good for a
    client only, so that no node can pass for the broker.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import ExtendedKeyUsageOID

    public, key = Ed25519PublicKey.from_public_bytes(public_key), authority_key
    authority = x509.load_der_x509_certificate(authority_der)
    alternatives = [_alternative(name) for name in names]
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = (
        _unsigned(_name(common_name), public, issuer=authority.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    if alternatives:
        purposes.append(ExtendedKeyUsageOID.SERVER_AUTH)
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return builder.sign(key, None).public_bytes(Encoding.DER)


def client_context(
    ca_file: Path, cert_file: Path, key_file: Path, *, pins: Iterable[str] = ()
) -> ssl.SSLContext:
    """What a client of the broker judges a connection by: TLS 1.3, chain and name, `pins` if any.

    A server whose certificate is none of the `pins` (see `pins.pin`) fails the handshake like one of a
    strange authority, with ssl.SSLCertVerificationError. Raises ConfigError for a bad certificate file,
    KeyFileError for a bad key file.
    """
    _must_be_pem(ca_file, "CERTIFICATE", "CA-certificaat", "CA certificate")
    _must_be_pem(cert_file, "CERTIFICATE", "certificaat", "certificate")
    _must_be_private(key_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags = ssl.VerifyFlags(context.verify_flags | X509_V_FLAG_NO_CHECK_TIME)
    context.hostname_checks_common_name = False
    try:
        context.load_verify_locations(cafile=ca_file)
    except ssl.SSLError:
        raise _broken(ca_file, "CA-certificaat", "CA certificate") from None
    _load_own(context, cert_file, key_file)
    add_pins(context, frozenset(pin.lower() for pin in pins))
    return context


def _load_own(context: ssl.SSLContext, cert_file: Path, key_file: Path) -> None:
    """Loads the client's own pair; tells which of the two is at fault."""
    try:
        context.load_cert_chain(cert_file, key_file, password="")
    except ssl.SSLError as error:
        if "MISMATCH" in (getattr(error, "reason", "") or ""):
            raise KeyFileError(
                Text(
                    f"Sleutel {key_file} hoort niet bij certificaat {cert_file}",
                    f"Key {key_file} does not belong to certificate {cert_file}",
                ),
                FETCH_AGAIN,
            ) from None
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=cert_file)
        except ssl.SSLError:
            raise _broken(cert_file, "certificaat", "certificate") from None
        raise KeyFileError(
            Text(f"Geen bruikbare sleutel: {key_file}", f"Not a usable key: {key_file}"), FETCH_AGAIN
        ) from None


def _must_be_private(key_file: Path) -> None:
    _must_be_pem(key_file, "PRIVATE KEY", "sleutel", "key", error=KeyFileError)
    mode = key_file.stat().st_mode & 0o777
    if mode & OTHERS_MAY:
        raise KeyFileError(
            Text(
                f"Sleutel {key_file} is leesbaar voor anderen (rechten {mode:o})",
                f"Key {key_file} is open to others (mode {mode:o})",
            ),
            f"chmod 600 {key_file}",
        )


def _must_be_pem(
    file: Path, label: str, nl: str, en: str, error: type[ConfigError | KeyFileError] = ConfigError
) -> None:
    try:
        with file.open("rb") as opened:
            content = opened.read(FILE_BYTES_MAX)
    except FileNotFoundError:
        raise error(
            Text(f"Bestand ontbreekt ({nl}): {file}", f"File is missing ({en}): {file}"), FETCH_AGAIN
        ) from None
    except OSError as cause:
        raise error(
            Text(
                f"Onleesbaar ({nl}): {file}: {cause.strerror}", f"Unreadable ({en}): {file}: {cause.strerror}"
            )
        ) from cause
    if f"-----BEGIN {label}-----".encode() not in content:
        raise error(Text(f"Geen PEM-bestand ({nl}): {file}", f"Not a PEM file ({en}): {file}"), FETCH_AGAIN)


def _broken(file: Path, nl: str, en: str) -> ConfigError:
    return ConfigError(Text(f"Beschadigd ({nl}): {file}", f"Damaged ({en}): {file}"), FETCH_AGAIN)


def _private_key(key_pem: bytes) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        key = serialization.load_pem_private_key(key_pem, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(Text("Dit is geen Ed25519-sleutel in PEM", "This is not an Ed25519 key in PEM"))
    return key


def _unsigned(
    subject: x509.Name, public: CertificatePublicKeyTypes, issuer: x509.Name
) -> x509.CertificateBuilder:
    from cryptography import x509

    return x509.CertificateBuilder(issuer, subject, public, _serial(), VALID_FROM, VALID_UNTIL)


def _serial() -> int:
    """63 random bits: unique in a network of thousands, and 12 bytes less in a QR code than the usual 160."""
    return int.from_bytes(os.urandom(8)) >> 1 | 1 << 62


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(name: str) -> x509.GeneralName:
    import ipaddress

    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return certificate.public_bytes(serialization.Encoding.PEM)
