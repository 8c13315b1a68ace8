"""VRD's own decisions: written by verbs, read by the roster, refused in one line when they can't be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.config import InboxConfig, parse_inbox
from relay.errors import ConfigError
from relay.inbox import register
from relay.trust.roster import Node, RosterFile, decisions
from relay.trust.roster_file import encode
from tests.inbox.desk import NETWORK, UNIX_S, Writer
from tests.support.papers import AUTHORITIES, papers_of

BEILEN, NORG, SPARE, THIEF = Writer("beilen"), Writer("norg"), Writer("reserve"), Writer("dief")


@pytest.fixture
def config(tmp_path: Path) -> InboxConfig:
    named = [
        (each.public_key.public_bytes_raw(), f"Punt {each.hex}", each is THIEF)
        for each in (BEILEN, NORG, SPARE, THIEF)
    ]
    (tmp_path / "roster").write_bytes(encode(papers_of(*named, network_id=NETWORK)))
    keys = [key.hex() for key in AUTHORITIES]
    text = f'[inbox]\nstate = "{tmp_path}"\nnetwork_id = "{NETWORK.hex()}"\nauthority_keys = {keys}\n'
    return parse_inbox(text, tmp_path / "inbox.toml")


def node(config: InboxConfig, writer: Writer) -> Node:
    found = RosterFile(config).roster.entry(writer.address)
    assert found
    return found


def test_a_block_stands_with_its_reason_and_time_until_it_is_taken_back(config: InboxConfig) -> None:
    register.block(config, BEILEN.address, 'zegt "vreemde" dingen\\', UNIX_S)
    assert node(config, BEILEN).blocked == 'zegt "vreemde" dingen\\'
    assert decisions(config.register_file)[0].blocked_since == UNIX_S
    assert not node(config, NORG).blocked
    assert config.register_file.stat().st_mode & 0o777 == 0o600
    register.unblock(config, BEILEN.address)
    assert not node(config, BEILEN).blocked
    assert decisions(config.register_file) == ()


def test_an_assignment_replaces_who_was_there_and_outlasts_a_block(config: InboxConfig) -> None:
    site = node(config, BEILEN).site_id
    register.block(config, SPARE.address, "nog niet af", UNIX_S)
    done = register.assign(config, SPARE.address, site, UNIX_S)
    assert [each.address for each in done.replaced] == [BEILEN.address]
    register.unblock(config, SPARE.address)
    assert (node(config, SPARE).site_id, node(config, SPARE).replaced_s) == (site, 0)
    assert node(config, BEILEN).replaced_s == UNIX_S
    assert node(config, BEILEN).site_id == site  # its history stays there


def test_a_second_box_beside_the_first_replaces_nobody(config: InboxConfig) -> None:
    done = register.assign(config, SPARE.address, node(config, BEILEN).site_id, UNIX_S, beside=True)
    assert done.replaced == []
    assert node(config, BEILEN).replaced_s == 0


def test_what_cannot_be_meant_is_refused_in_one_line_and_changes_nothing(config: InboxConfig) -> None:
    def refused(*what: object) -> str:
        with pytest.raises(ConfigError) as error:
            what[0](config, *what[1:])  # type: ignore[operator]
        assert "\n" not in error.value.what.nl
        assert error.value.do.nl
        return error.value.what.en

    assert "does not know" in refused(register.block, b"\x00" * 4, "x", UNIX_S)
    assert "reason" in refused(register.block, BEILEN.address, "  ", UNIX_S)
    assert "not blocked" in refused(register.unblock, BEILEN.address)
    assert "no site" in refused(register.assign, SPARE.address, "VRD-XXX", UNIX_S)
    assert "revoked" in refused(register.assign, THIEF.address, f"Punt {BEILEN.hex}", UNIX_S)
    assert not config.register_file.exists()


def test_a_damaged_register_is_not_overwritten(config: InboxConfig) -> None:
    config.register_file.write_text("[[node]\n")
    with pytest.raises(ConfigError):
        register.block(config, BEILEN.address, "x", UNIX_S)
    assert config.register_file.read_text() == "[[node]\n"
