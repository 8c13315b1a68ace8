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

import hashlib
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from relay.errors import ConfigError, KeyFileError, Text

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


def request(key_pem: bytes, common_name: str) -> bytes:
    """A request (PEM) to certify the key; it proves that the asker holds the key, nothing else."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(common_name))
    return builder.sign(_private_key(key_pem), None).public_bytes(serialization.Encoding.PEM)


def issue(
    authority_cert_pem: bytes,
    authority_key_pem: bytes,
    csr_pem: bytes,
    *,
    common_name: str,
    names: Iterable[str] = (),
) -> bytes:
    """The certificate (PEM) for the key in `csr_pem`.

    Only the key is taken from the request: `common_name` is the authority's word, since the broker
    makes it the user name that its access list judges. `names` are the host names and IP addresses of
    a server; without them the certificate is good for a client only, so that no node can pass for the
    broker. Raises ConfigError when the request is not one, or is not signed by its own key.
    """
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    public = _requested_key(csr_pem)
    authority = x509.load_pem_x509_certificate(authority_cert_pem)
    key = _private_key(authority_key_pem)
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
    return _pem(builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False).sign(key, None))


def pin(cert_pem: bytes) -> str:
    """What `client_context` compares: SHA-256 over the certificate's DER, 64 hex digits."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(cert_pem.decode("ascii"))).hexdigest()


def client_context(
    ca_file: Path, cert_file: Path, key_file: Path, *, pins: Iterable[str] = ()
) -> ssl.SSLContext:
    """What a client of the broker judges a connection by: TLS 1.3, chain and name, `pins` if any.

    A server whose certificate is none of the `pins` (see `pin`) fails the handshake like one of a
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
    _add_pins(context, frozenset(pin.lower() for pin in pins))
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


def _add_pins(context: ssl.SSLContext, pins: frozenset[str]) -> None:
    """Makes every handshake of `context` end by comparing the server's certificate with `pins`."""
    if not pins:
        return

    class PinnedSocket(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake(block)
            _judge(self.getpeercert(binary_form=True), pins)

    class PinnedObject(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            _judge(self.getpeercert(binary_form=True), pins)

    context.sslsocket_class = PinnedSocket
    context.sslobject_class = PinnedObject


def _judge(shown_der: bytes | None, pins: frozenset[str]) -> None:
    shown = hashlib.sha256(shown_der or b"").hexdigest()
    if shown not in pins:
        expected = ", ".join(sorted(pin[:4].upper() for pin in pins))
        raise ssl.SSLCertVerificationError(
            f"certificate pin differs: expected {expected}.., got {shown[:4].upper()}.."
        )


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


def _requested_key(csr_pem: bytes) -> CertificatePublicKeyTypes:
    from cryptography import x509

    try:
        csr = x509.load_pem_x509_csr(csr_pem)
        if csr.is_signature_valid:
            return csr.public_key()
    except ValueError:
        pass
    raise ConfigError(
        Text("Verzoek is beschadigd of niet echt", "The request is damaged or not genuine"),
        Text("Laat het knooppunt het opnieuw maken", "Let the node make it again"),
    )


def _unsigned(
    subject: x509.Name, public: CertificatePublicKeyTypes, issuer: x509.Name
) -> x509.CertificateBuilder:
    from cryptography import x509

    return x509.CertificateBuilder(
        issuer, subject, public, x509.random_serial_number(), VALID_FROM, VALID_UNTIL
    )


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
