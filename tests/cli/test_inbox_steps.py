"""`naober inbox block`, `unblock` and `assign`: what a person reads, also when it can't be done."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from relay.trust import inbox_setup, keys, papers
from relay.trust.local import LocalAuthority
from relay.trust.roster import decisions
from tests.support.command import naober


class Office(NamedTuple):
    """An inbox that does not run, and the addresses that it knows."""

    folder: Path
    beilen: str
    spare: str

    def run(self, *arguments: str) -> tuple[int, str]:
        done = naober("inbox", *arguments, "--config", str(self.folder / "inbox.toml"))
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    folder = tmp_path_factory.mktemp("office")
    trust = LocalAuthority(plain=True)
    trust.lay_out_inbox(inbox_setup.Place(folder, folder / "state", "127.0.0.1", 1884))
    addresses = []
    for name in ("Beilen", "Norg"):
        grant = trust.lay_out_node(folder / name, folder / name / "state", name)
        addresses.append(keys.show(papers.read_first_grant(grant).address))
    return Office(folder, *addresses)


def test_blocking_and_what_undoes_it_are_told(office: Office) -> None:
    code, told = office.run("block", office.beilen, "--reason", "gestolen")
    assert code == 0
    assert f"Geblokkeerd: {office.beilen} (Beilen)" in told
    assert f"naober inbox unblock {office.beilen}" in told
    code, told = office.run("unblock", office.beilen.replace("-", "").upper())
    assert code == 0
    assert "opgeheven" in told
    assert decisions(office.folder / "state" / "register.toml") == ()


def test_lists_with_nobody_in_them_say_so(office: Office) -> None:
    assert office.run("user", "list") == (0, "Nog niemand kan inloggen\n")
    assert office.run("token", "list") == (0, "Er zijn geen tokens\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("block", "dead-beef", "--reason", "x"), "kent dead-beef niet"),
        (("block", "beilen", "--reason", "x"), "is geen adres"),
        (("unblock", "{beilen}"), "is niet geblokkeerd"),
        (("assign", "{spare}", "Belien"), "Geen plaats met nummer Belien"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_a_way_out(
    office: Office, arguments: tuple[str, ...], said: str
) -> None:
    code, told = office.run(*(each.format(**office._asdict()) for each in arguments))
    assert code == 2
    what, do, *rest = told.strip().splitlines()
    assert said in what
    assert do.startswith("Doe: ")
    assert not rest


def test_a_place_with_a_typing_error_is_suggested(office: Office) -> None:
    _, told = office.run("assign", office.spare, "Bielen")
    assert "Bedoelde u Beilen" in told
