"""Pins: a broker is believed only when it shows the key that the grant names, whoever vouches for another."""

from __future__ import annotations

import hashlib
import ssl


def pin(cert_pem: bytes) -> str:
    """What `add_pins` compares: SHA-256 over the public key in the certificate, 64 hex digits.

    The key (SubjectPublicKeyInfo, as in RFC 7469), not the certificate: one that is renewed keeps its pin.
    """
    return _pin_of(ssl.PEM_cert_to_DER_cert(cert_pem.decode("ascii")))


def add_pins(context: ssl.SSLContext, pins: frozenset[str]) -> None:
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


class PinDiffers(ssl.SSLCertVerificationError):
    """The broker shows another key than the grant says; both are told by their first digits."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"certificate pin differs: expected {expected}, got {found}")
        self.expected, self.found = expected, found


def _judge(shown_der: bytes | None, pins: frozenset[str]) -> None:
    shown = _pin_of(shown_der or b"")
    if shown not in pins:
        expected = ", ".join(sorted(f"{pin[:4].upper()}.." for pin in pins))
        raise PinDiffers(expected, f"{shown[:4].upper()}..")


def _pin_of(certificate: bytes) -> str:
    return hashlib.sha256(_public_key_of(certificate)).hexdigest()


def _public_key_of(certificate: bytes) -> bytes:
    """The SubjectPublicKeyInfo of a DER certificate that OpenSSL has parsed; empty for anything else.

    Read by hand: `cryptography.x509` would cost a running node two megabytes. RFC 5280, section 4.1: a
    certificate begins with the part that is signed, in which the key is the seventh field (version first).
    """
    try:
        at, _ = _der_inside(certificate, 0)
        at, end = _der_inside(certificate, at)
        for _ in range(6):  # version, serial number, algorithm, issuer, validity, subject
            at = _der_inside(certificate, at)[1]
        return certificate[at : _der_inside(certificate, at)[1]] if at < end else b""
    except IndexError:
        return b""


def _der_inside(data: bytes, at: int) -> tuple[int, int]:
    """Where the contents of the DER value at `at` begin and end. Raises IndexError when it is cut off."""
    length, begin = data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        begin, length = begin + count, int.from_bytes(data[begin : begin + count])
    if begin + length > len(data):
        raise IndexError(at)
    return begin, begin + length
