"""The roster file: what it says, what it refuses, and how it is followed while it changes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from relay.errors import ConfigError
from relay.trust.keys import address_of
from relay.trust.roster import Roster, RosterFile

HERE = Path("roster.toml")
HEAD = f'network_id = "0123456789abcdef"\ninbox_keys = ["{"ee" * 32}"]\n'
BEILEN, RODEN = "11" * 32, "22" * 32


def entry(key: str, site: str = "Kazerne Beilen", more: str = "") -> str:
    return f'\n[[node]]\nsite = "{site}"\nkey = "{key}"\n{more}'


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        Roster.parse(text, HERE)
    return caught.value


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "roster.toml"
    path.write_text(HEAD + entry(BEILEN))
    return path


def test_a_node_is_found_by_its_address() -> None:
    roster = Roster.parse(HEAD + entry(BEILEN) + entry(RODEN, "MFA Roden", "revoked = true\n"), HERE)
    beilen = roster.entry(address_of(bytes.fromhex(BEILEN)))
    roden = roster.entry(address_of(bytes.fromhex(RODEN)))
    assert beilen is not None and roden is not None
    assert (beilen.site, beilen.public_key, beilen.revoked) == ("Kazerne Beilen", b"\x11" * 32, False)
    assert roden.revoked, "a revoked node is known, and known to be revoked"
    assert roster.entry(b"none") is None
    assert roster.network_id == bytes.fromhex("0123456789abcdef")
    assert roster.inbox_keys == (b"\xee" * 32,)


def test_a_revoked_node_is_not_at_its_site_any_more() -> None:
    roster = Roster.parse(HEAD + entry(BEILEN, more="revoked = true\n") + entry(RODEN, "MFA Roden"), HERE)
    assert roster.at_site("Kazerne Beilen") == []
    assert [node.key for node in roster.at_site("MFA Roden")] == [RODEN]


def test_a_roster_of_the_whole_country_is_looked_up_at_once() -> None:
    text = HEAD + "".join(entry(f"{number:064x}", f"site {number}") for number in range(4_500))
    roster = Roster.parse(text, HERE)
    addresses = [node.address for node in roster.nodes]
    start = time.perf_counter()
    assert all(roster.entry(address) is not None for address in addresses)
    assert time.perf_counter() - start < 0.5  # a search would take minutes


def test_the_same_key_twice_is_refused_with_both_entries() -> None:
    error = refusal(HEAD + entry(BEILEN) + entry(BEILEN.upper(), "MFA Roden"))
    assert "[[node]] 2" in error.what.nl and "[[node]] 1" in error.what.nl


def test_another_key_with_a_taken_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # a real collision takes 2^32 keys; the address of one byte takes few
    monkeypatch.setattr("relay.trust.roster.address_of", lambda key: b"\0\0\0" + bytes([key[0] // 128]))
    error = refusal(HEAD + entry(BEILEN) + entry(RODEN, "MFA Roden"))
    assert "0000-0000" in error.what.nl and "Kazerne Beilen" in error.what.nl


def test_a_node_with_the_key_of_the_inbox_is_refused() -> None:
    assert "inbox_keys 1" in refusal(HEAD + entry("ee" * 32)).what.nl


def test_an_inbox_key_twice_is_refused() -> None:
    refusal(f'network_id = "0123456789abcdef"\ninbox_keys = ["{"ee" * 32}", "{"ee" * 32}"]\n')


@pytest.mark.parametrize(
    ("text", "place", "do"),
    [
        (HEAD + entry("11" * 31), "roster.toml: [[node]] 1 key", "64 tekens"),
        (HEAD + entry(BEILEN) + entry("zz" * 32), "roster.toml: [[node]] 2 key", "64 tekens"),
        (
            HEAD + entry(BEILEN, more='munincipality = "Assen"\n'),
            "[[node]] 1 munincipality",
            "Bedoelde u municipality?",
        ),
        (HEAD + entry(BEILEN, more='revoked = "yes"\n'), "[[node]] 1 revoked is tekst", "true of false"),
        (HEAD + entry(BEILEN, " "), "[[node]] 1 heeft geen site", ""),
        (HEAD + f'\n[[node]]\nkey = "{BEILEN}"\n', "roster.toml: [[node]] 1", ""),
        (HEAD.replace("cdef", "cde"), "network_id", "16 tekens"),
        ("inbox_keys = []\n", "network_id", "16 tekens"),
        (HEAD.replace("inbox_keys", "inbox_key"), "inbox_key", "Bedoelde u inbox_keys?"),
    ],
)
def test_a_wrong_entry_is_named_with_file_and_number(text: str, place: str, do: str) -> None:
    error = refusal(text)
    assert place in error.what.nl
    assert do in error.do.nl


def test_an_unchanged_file_is_not_read_again(file: Path) -> None:
    followed = RosterFile(file)
    before = followed.roster
    assert not followed.reload_if_changed()
    assert followed.roster is before


def test_a_changed_file_is_taken_over(file: Path) -> None:
    followed = RosterFile(file)
    with file.open("a") as opened:
        opened.write(entry(RODEN, "MFA Roden"))
    assert followed.reload_if_changed()
    assert len(followed.roster.nodes) == 2
    assert not followed.reload_if_changed()


def test_a_file_of_the_same_size_and_time_but_another_one_is_taken_over(file: Path) -> None:
    followed = RosterFile(file)
    stamp = file.stat().st_mtime_ns
    other = file.with_name("other")
    other.write_text(file.read_text().replace(BEILEN, RODEN))
    os.utime(other, ns=(stamp, stamp))
    other.replace(file)
    assert followed.reload_if_changed()
    assert followed.roster.nodes[0].key == RODEN


def test_a_broken_new_version_is_told_once_and_the_old_one_stays(file: Path) -> None:
    followed = RosterFile(file)
    good = file.read_text()
    file.write_text(good + "[[node]\n")
    with pytest.raises(ConfigError, match="TOML"):
        followed.reload_if_changed()
    assert not followed.reload_if_changed(), "the same broken file is no news"
    assert len(followed.roster.nodes) == 1
    # another broken version is news again
    file.write_text(good + entry(BEILEN))
    with pytest.raises(ConfigError):
        followed.reload_if_changed()
    file.write_text(good + entry(RODEN))
    assert followed.reload_if_changed()
    assert len(followed.roster.nodes) == 2


def test_a_file_that_is_gone_is_told_once_and_taken_up_when_it_is_back(file: Path) -> None:
    followed = RosterFile(file)
    text = file.read_text()
    file.unlink()
    with pytest.raises(ConfigError, match="missing"):
        followed.reload_if_changed()
    assert not followed.reload_if_changed()
    assert len(followed.roster.nodes) == 1
    file.write_text(text)
    assert followed.reload_if_changed()


def test_without_a_usable_roster_there_is_none_to_follow(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        RosterFile(tmp_path / "roster.toml")
