"""What a certificate says, and whether it fits a key and an authority. Dates are judged by nobody.

For setting up and checking only: a running node has no need of `cryptography.x509`.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from relay.errors import ConfigError, KeyFileError, Text

_BAD_VALUES = (ValueError, TypeError, UnsupportedAlgorithm)


def certificate(pem: bytes, what: str) -> x509.Certificate:
    """The certificate in `pem`; raises ConfigError, which calls it `what`."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except _BAD_VALUES:
        raise _unusable(what) from None


def certificate_der(der: bytes, what: str) -> x509.Certificate:
    """As `certificate`, for the form in which a grant has it."""
    try:
        return x509.load_der_x509_certificate(der)
    except _BAD_VALUES:
        raise _unusable(what) from None


def _unusable(what: str) -> ConfigError:
    return ConfigError(
        Text(f"Geen bruikbaar certificaat: {what}", f"Not a usable certificate: {what}"),
        Text("Leer dit apparaat opnieuw in (naober enrol)", "Enrol this machine again (naober enrol)"),
    )


def key_of_certificate(found: x509.Certificate) -> bytes:
    """The public key that `found` is about, as DER."""
    return _der(found.public_key())


def key_of_private(pem: bytes, what: str) -> bytes:
    """The public half of a private key; raises KeyFileError, which calls it `what`."""
    try:
        public = load_pem_private_key(pem, None).public_key()
    except _BAD_VALUES:
        raise KeyFileError(
            Text(f"Sleutelbestand is beschadigd: {what}", f"Key file is damaged: {what}"),
            Text(
                "Zet het terug, of leer opnieuw in (naober setup)",
                "Put it back, or enrol again (naober setup)",
            ),
        ) from None
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def issued_by(found: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether `authority` signed `found`."""
    try:
        found.verify_directly_issued_by(authority)
    except (*_BAD_VALUES, InvalidSignature):
        return False
    return True


def common_name(found: x509.Certificate) -> str:
    """The user name that the broker takes from `found`; empty when it has none."""
    names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def _der(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
