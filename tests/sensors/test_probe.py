from __future__ import annotations

import pytest

from relay.errors import ConfigError
from relay.sensors.probe import address_of, parse_address, wire_name


@pytest.mark.parametrize("written", ["192.0.2.1:443", "[2001:db8::1]:443", "[fe80::1%eth0]:8883"])
def test_addresses_are_numbers_with_a_port(written: str) -> None:
    address = parse_address(written)
    assert f"{'[' if ':' in address.host else ''}{address.host}" in written
    assert address == address_of(address.host, int(written.rpartition(":")[2]))


@pytest.mark.parametrize(
    "written",
    [
        "",
        "vrd.nl:443",
        "192.0.2.1",
        "192.0.2.1:0",
        "192.0.2.1:65536",
        "192.0.2.1:x",
        "2001:db8::1:443",
        "[192.0.2.1]:4",
    ],
)
def test_anything_else_is_refused_with_what_to_write(written: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_address(written)
    assert "192.0.2.1:443" in refusal.value.do.nl


@pytest.mark.parametrize("name", ["a..b", ".", "x" * 64 + ".nl", "é.nl", ".".join(["abc"] * 64)])
def test_a_name_that_dns_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="DNS can hold"):
        wire_name(name)
