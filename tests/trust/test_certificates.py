"""Certificates judged by real TLS handshakes, between two ends in memory."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from relay.errors import ConfigError, KeyFileError
from relay.trust import certificates, pins
from tests.support.certs import Authority, Pair


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


def server_context(pair: Pair, authority: Authority) -> ssl.SSLContext:
    """A server as strict about its clients as the broker."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    context.load_verify_locations(authority.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def shake(client: ssl.SSLContext, server: ssl.SSLContext, name: str = "localhost") -> ssl.SSLObject:
    """Runs a handshake to its end; raises what either side raises."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (ours, theirs, ours, theirs):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return ours


def test_a_client_and_a_server_of_one_authority_meet_under_tls_1_3(authority: Authority) -> None:
    server = server_context(authority.server(), authority)
    assert shake(authority.context("0a1b2c3d"), server).version() == "TLSv1.3"


def test_an_address_in_the_certificate_is_as_good_as_a_name(authority: Authority) -> None:
    server = server_context(authority.server("10.1.2.3"), authority)
    shake(authority.context("0a1b2c3d"), server, "10.1.2.3")


def test_a_server_with_another_name_is_refused(authority: Authority) -> None:
    server = server_context(authority.server("elsewhere"), authority)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake(authority.context("0a1b2c3d"), server)


def test_a_server_of_another_authority_is_refused(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(authority.context("0a1b2c3d"), server_context(stranger.server(), authority))


def test_a_client_of_another_authority_is_refused(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger")
    pair = stranger.client("0a1b2c3d")
    context = certificates.client_context(authority.ca_file, pair.cert, pair.key)
    with pytest.raises(ssl.SSLError, match="certificate verify failed"):
        shake(context, server_context(authority.server(), authority))


def test_a_node_cannot_pass_for_the_broker(authority: Authority) -> None:
    # its common name is the broker's host name, which the authority would never grant
    server = server_context(authority.client("localhost"), authority)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(authority.context("0a1b2c3d"), server)


@pytest.mark.parametrize("valid", [(1990, 2000), (2090, 2099)], ids=["expired", "not yet valid"])
def test_dates_are_not_judged(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, valid: tuple[int, int]
) -> None:
    client = authority.context("0a1b2c3d")
    monkeypatch.setattr(certificates, "VALID_FROM", datetime(valid[0], 1, 1, tzinfo=UTC))
    monkeypatch.setattr(certificates, "VALID_UNTIL", datetime(valid[1], 1, 1, tzinfo=UTC))
    server = server_context(authority.server(), authority)
    shake(client, server)
    # and that is our context's doing: a usual one refuses these dates
    usual = ssl.create_default_context(cafile=authority.ca_file)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"expired|not yet valid"):
        shake(usual, server)


def test_a_pinned_certificate_is_taken_and_another_of_the_same_authority_is_not(
    authority: Authority,
) -> None:
    pair = authority.server()
    pin = pins.pin(pair.cert.read_bytes())
    server = server_context(pair, authority)
    shake(authority.context("0a1b2c3d", pins=(pin.upper(),)), server)
    replaced = server_context(authority.server(), authority)
    with pytest.raises(ssl.SSLCertVerificationError, match="pin differs"):
        shake(authority.context("0a1b2c3d", pins=(pin,)), replaced)


def test_a_certificate_runs_for_twenty_years_in_the_name_that_the_authority_gave(
    authority: Authority,
) -> None:
    from cryptography import x509

    cert = x509.load_pem_x509_certificate(authority.client("0a1b2c3d").cert.read_bytes())
    assert cert.subject.rfc4514_string() == "CN=0a1b2c3d"
    assert (cert.not_valid_before_utc.year, cert.not_valid_after_utc.year) == (2025, 2045)
    assert cert.serial_number < 2**63


def test_each_kind_of_bad_file_is_told_apart(authority: Authority, tmp_path: Path) -> None:
    good, other = authority.client("0a1b2c3d"), authority.client("0b0b0b0b")
    text = tmp_path / "text"
    text.write_text("hello")
    damaged = tmp_path / "damaged"
    damaged.write_text("-----BEGIN CERTIFICATE-----\nhello\n-----END CERTIFICATE-----\n")
    half = tmp_path / "half.key"
    half.touch(mode=0o600)
    half.write_bytes(good.key.read_bytes()[:60])
    ca, gone = authority.ca_file, tmp_path / "gone"
    cases: list[tuple[Path, Path, Path, type[Exception], str]] = [
        (gone, good.cert, good.key, ConfigError, "missing .CA certificate"),
        (ca, gone, good.key, ConfigError, "missing .certificate"),
        (ca, good.cert, gone, KeyFileError, "missing .key"),
        (text, good.cert, good.key, ConfigError, "Not a PEM file .CA certificate"),
        (ca, text, good.key, ConfigError, "Not a PEM file .certificate"),
        (ca, good.cert, good.cert, KeyFileError, "Not a PEM file .key"),
        (damaged, good.cert, good.key, ConfigError, "Damaged .CA certificate"),
        (ca, damaged, good.key, ConfigError, "Damaged .certificate"),
        (ca, good.cert, half, KeyFileError, "Not a usable key"),
        (ca, good.cert, other.key, KeyFileError, "does not belong"),
        (tmp_path, good.cert, good.key, ConfigError, "Unreadable .CA certificate"),
    ]
    for ca_file, cert_file, key_file, kind, words in cases:
        with pytest.raises(kind, match=words) as caught:
            certificates.client_context(ca_file, cert_file, key_file)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_refused(authority: Authority, mode: int) -> None:
    pair = authority.client("0a1b2c3d")
    pair.key.chmod(mode)
    with pytest.raises(KeyFileError, match=f"mode {mode:o}.*chmod 600"):
        certificates.client_context(authority.ca_file, pair.cert, pair.key)


def test_a_running_node_loads_no_x509(authority: Authority) -> None:
    pair = authority.client("0a1b2c3d")
    program = (
        "import sys; from pathlib import Path; from relay.trust import certificates\n"
        "certificates.client_context(*map(Path, sys.argv[1:]))\n"
        "sys.exit('cryptography' in sys.modules)"
    )
    arguments: list[str | Path] = [sys.executable, "-c", program, authority.ca_file, pair.cert, pair.key]
    root = Path(__file__).parents[2]
    assert subprocess.run(arguments, env={**os.environ, "PYTHONPATH": str(root)}, check=False).returncode == 0
