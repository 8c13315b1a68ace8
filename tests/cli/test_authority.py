"""`naober authority`, as two technicians use it: stick, photo, questions, a second laptop, a thief."""

from __future__ import annotations

import base64
import errno
import io
import os
import pty
import re
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest

from relay.cli import main, qr
from relay.config import PresetName
from relay.trust import authority_init, keys, papers, seal, stick
from relay.trust.authority_laptop import Laptop
from relay.trust.roster_file import decode
from tests.support import authority
from tests.support.authority import PASSPHRASE, Machine, inbox_host, machine, unlocked
from tests.support.command import REPOSITORY, clean_environment, naober

PROCESS_S = 30


class Desk(NamedTuple):
    """A laptop with its passphrase in a file, and a stick."""

    folder: Path
    passphrase: Path
    stick: Path

    def __call__(self, step: str, *more: str | Path) -> subprocess.CompletedProcess[str]:
        secret = () if step in ("label", "paper") else ("--passphrase-file", self.passphrase)
        return here("", step, "--dir", self.folder, *secret, *more)

    def answering(self, answers: str, *more: str | Path) -> subprocess.CompletedProcess[str]:
        """`approve`, with what a person types."""
        where = ("--dir", self.folder, "--passphrase-file", self.passphrase)
        return here(answers, "approve", *where, *more)

    @property
    def laptop(self) -> Laptop:
        return Laptop(self.folder)

    def grant(self, of: Machine) -> papers.Grant:
        data = (self.stick / "naober/toelating" / keys.address_text(of.address)).read_bytes()
        return papers.read_grant(data, self.laptop.pinned, self.laptop.network_id)


def here(answers: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """`naober authority` in this process: a new one for each of fifty calls would take most of the time."""
    out, err, stdin = io.StringIO(), io.StringIO(), sys.stdin
    sys.stdin = io.StringIO(answers)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = main(["authority", *map(str, arguments)])
    finally:
        sys.stdin = stdin
    assert "Fout in naober zelf" not in err.getvalue(), err.getvalue()
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@pytest.fixture(autouse=True)
def no_stick_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAOBER_STICK", raising=False)
    monkeypatch.delenv("NAOBER_LANG", raising=False)
    monkeypatch.setattr(stick, "_MOUNTS", ())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    authority.laptop(tmp_path / "laptop")
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE + "\n")
    secret.chmod(0o600)
    (tmp_path / "stick").mkdir()
    return Desk(tmp_path / "laptop", secret, tmp_path / "stick")


@pytest.fixture
def open_desk(desk: Desk) -> Desk:
    """A desk with an inbox admitted."""
    authority.approved(desk.laptop, inbox_host())
    return desk


def contents(*folders: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for folder in folders for file in folder.rglob("*") if file.is_file()}


def two_lines(done: subprocess.CompletedProcess[str], what: str) -> None:
    """One line of what, one of what to do."""
    assert done.returncode == 2, done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 2 and what in lines[0] and lines[1].startswith("Doe: "), done.stderr


# --- the first day


def test_init_makes_a_closed_folder_and_says_what_is_next(tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    made = ("authority", "init", "--dir", tmp_path / "a", "--passphrase-file", secret)
    done = naober(*made, "--phone", "0592-123456", "--preset", "MEDIUM_FAST")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^Controlegetal {2}(\d{5} ){4}\d{5}$", done.stdout, re.M)
    assert "naober authority paper" in done.stdout and "naober setup inbox" in done.stdout
    laptop = Laptop(tmp_path / "a")
    assert laptop.settings.sheet.phone == "0592-123456"
    secrets = unlocked(laptop)  # at the full price of a guess
    assert secrets.shared is not None and secrets.shared.channel.preset == "MEDIUM_FAST"
    before = contents(tmp_path)
    two_lines(naober(*made), "Er is al een gezag")
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("mode", "text", "what"),
    [
        (0o644, PASSPHRASE, "toegankelijk voor anderen"),
        (0o600, "kort", "te kort"),
    ],
)
def test_a_bad_passphrase_file_makes_nothing(tmp_path: Path, mode: int, text: str, what: str) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text(text)
    secret.chmod(mode)
    two_lines(naober("authority", "init", "--dir", tmp_path / "a", "--passphrase-file", secret), what)
    assert not (tmp_path / "a").exists()


def test_without_a_terminal_nobody_is_asked_for_a_passphrase(open_desk: Desk) -> None:
    machine().asks_on(open_desk.stick)
    done = naober("authority", "approve", "--dir", open_desk.folder, open_desk.stick)
    two_lines(done, "Hier kan niemand een wachtwoord typen")


def test_a_typed_passphrase_is_not_shown_and_may_be_typed_again(open_desk: Desk) -> None:
    pi = machine().asks_on(open_desk.stick)
    screen, child = on_a_terminal("approve", "--dir", str(open_desk.folder), "--yes", str(open_desk.stick))
    try:
        typed = screen.until("wachtwoord: ")
        screen.type("verkeerd verkeerd\n")
        typed += screen.until("wachtwoord: ")
        screen.type(PASSPHRASE + "\n")
        typed += screen.rest()
    finally:
        assert child.wait(PROCESS_S) == 0, typed
    assert "Verkeerd wachtwoord voor VRD-A" in typed
    assert "sleutel VRD-A" in typed and "1 toelating getekend" in typed
    assert PASSPHRASE not in typed and "verkeerd verkeerd" not in typed
    assert open_desk.grant(pi).site == "Kazerne Beilen"


# --- approving


def test_one_stick_one_passphrase_all_signed(desk: Desk) -> None:
    host = inbox_host().asks_on(desk.stick)
    pis = [machine(radio="Heltec V3").asks_on(desk.stick) for _ in range(2)]
    done = desk.answering("\n\nj\n", desk.stick)
    assert done.returncode == 0, done.stderr
    for each in (host, *pis):
        assert keys.show(each.address) in done.stdout and each.request.control in done.stdout
    version = desk.laptop.standing.version
    assert f"3 toelatingen getekend, roster {version}." in done.stdout
    assert f"labels-{version}.pdf en bladen-{version}.pdf: op de stick." in done.stdout
    assert {desk.grant(pi).site_id for pi in pis} == {"VRD-BEI-01", "VRD-NOR-01"}
    assert desk.grant(host).role == "inbox"
    on_stick = decode((desk.stick / "naober/roster").read_bytes())
    assert on_stick == desk.laptop.papers.envelopes
    for name in (f"labels-{version}.pdf", f"bladen-{version}.pdf"):
        assert (desk.stick / "naober" / name).read_bytes().startswith(b"%PDF")


def test_no_to_the_control_numbers_signs_nothing(open_desk: Desk) -> None:
    machine().asks_on(open_desk.stick)
    before = contents(open_desk.folder, open_desk.stick)
    for answers in ("\nn\n", "\n\n", ""):
        done = open_desk.answering(answers, open_desk.stick)
        assert done.returncode in (1, 2) and "Traceback" not in done.stderr
        assert {**before, open_desk.folder / ".lock": b""} == contents(open_desk.folder, open_desk.stick)


def test_a_site_is_chosen_by_a_part_of_its_name_and_a_spare_by_a_letter(open_desk: Desk) -> None:
    first, second = sorted((machine(), machine()), key=lambda each: each.address)
    for each in (first, second):
        each.asks_on(open_desk.stick)
    done = open_desk.answering("rolde\nr RESERVE-1\nj\n", open_desk.stick)
    assert done.returncode == 0, done.stderr
    assert "'r NAAM' = reserve" not in done.stdout  # there was a free site to suggest
    assert open_desk.grant(first).site_id == "VRD-ROL-01"
    spare = open_desk.grant(second)
    assert (spare.role, spare.site, spare.name) == ("spare", "", "RESERVE-1")


def test_a_site_with_a_node_is_asked_about_and_there_is_no_default(open_desk: Desk) -> None:
    old = machine()
    authority.approved(open_desk.laptop, old)
    new = machine().asks_on(open_desk.stick)
    done = open_desk.answering("beilen\n\nx\nv\nj\n", open_desk.stick)
    assert done.returncode == 0, done.stderr
    assert "E03" in done.stdout and keys.show(old.address) in done.stdout
    assert done.stdout.count("[v]ervangen, [t]weede knooppunt daar, [a]ndere plaats?") == 3
    assert open_desk.grant(new).replaces == old.address
    second = machine().asks_on(open_desk.stick)
    done = open_desk.answering("beilen\na\nbeilen\nt\nzolder\nj\n", open_desk.stick)
    assert done.returncode == 0, done.stderr
    grant = open_desk.grant(second)
    assert (grant.site_id, grant.name, grant.replaces) == ("VRD-BEI-01", "zolder", b"")


def test_on_the_command_line_a_taken_site_is_e03(open_desk: Desk) -> None:
    authority.approved(open_desk.laptop, machine())
    new = machine().asks_on(open_desk.stick)
    before = contents(open_desk.stick)
    two_lines(open_desk("approve", open_desk.stick, "--site", "VRD-BEI-01", "--yes"), "E03")
    assert contents(open_desk.stick) == before
    done = open_desk("approve", open_desk.stick, "--site", "VRD-BEI-01", "--replace", "--yes")
    assert done.returncode == 0 and open_desk.grant(new).replaces
    two_lines(open_desk("approve", open_desk.stick, "--site", "nergens", "--yes"), "staat niet in sites.toml")


def test_on_a_stick_that_has_been_around_a_place_that_is_given_is_for_who_is_new(open_desk: Desk) -> None:
    for _ in range(2):
        machine().asks_on(open_desk.stick)
    assert open_desk("approve", open_desk.stick, "--yes").returncode == 0
    new = machine().asks_on(open_desk.stick)
    place = ("--role", "spare", "--name", "RESERVE-1", "--yes")
    assert open_desk("approve", open_desk.stick, *place).returncode == 0
    assert open_desk.grant(new).name == "RESERVE-1"
    # nobody is new: which of the three?
    two_lines(open_desk("approve", open_desk.stick, *place), "gaan over één verzoek")


def test_on_a_stick_that_has_been_around_a_replaced_box_gets_no_new_place_by_itself(open_desk: Desk) -> None:
    old, new = machine().asks_on(open_desk.stick), machine()
    assert open_desk("approve", open_desk.stick, "--site", "VRD-BEI-01", "--yes").returncode == 0
    new.asks_on(open_desk.stick)
    assert open_desk("approve", open_desk.stick, "--site", "VRD-BEI-01", "--replace", "--yes").returncode == 0
    inbox_host("elders.lan").asks_on(open_desk.stick)  # another inbox: all that counts is granted anew
    done = open_desk.answering("j\n", open_desk.stick)  # and nobody is asked about places that are settled
    assert done.returncode == 0 and f"{keys.show(old.address)} is vervangen" in done.stdout, done.stderr
    assert open_desk.grant(new).site_id == "VRD-BEI-01"
    assert len(open_desk.grant(new).inbox_keys) == 2 > len(open_desk.grant(old).inbox_keys)
    assert "VRD-NOR-01" not in done.stdout


def test_what_is_admitted_already_is_handed_out_again_and_not_signed_again(open_desk: Desk) -> None:
    pi = machine().asks_on(open_desk.stick)
    assert open_desk("approve", open_desk.stick, "--yes").returncode == 0
    first = contents(open_desk.stick / "naober/toelating")
    version = open_desk.laptop.standing.version
    for file in first:
        file.unlink()
    done = open_desk("approve", open_desk.stick, "--yes")
    assert done.returncode == 0 and "1 al toegelaten" in done.stdout
    assert contents(open_desk.stick / "naober/toelating") == first
    assert open_desk.laptop.standing.version == version
    assert "niets nieuws te tekenen" in done.stdout
    assert open_desk("approve", open_desk.stick, "--yes", "--again").returncode == 0
    assert open_desk.grant(pi).version == version + 1
    machine().asks_on(open_desk.stick)
    assert "1 al toegelaten\n" in open_desk("approve", open_desk.stick, "--yes").stdout


def test_bad_requests_are_named_and_the_good_ones_go_on(open_desk: Desk) -> None:
    good, stolen = machine().asks_on(open_desk.stick), machine()
    authority.approved(open_desk.laptop, stolen)
    assert open_desk("revoke", keys.show(stolen.address), "--reason", "gestolen").returncode == 0
    stolen.asks_on(open_desk.stick)
    folder = open_desk.stick / "naober/verzoek"
    (folder / "00000001").symlink_to(open_desk.folder / "authority.key")
    os.mkfifo(folder / "00000002")
    (folder / "00000003").write_bytes(os.urandom(300))
    with (folder / "00000004").open("wb") as file:
        file.truncate(10**10)
    (folder / "Thumbs.db").write_bytes(b"x")
    done = open_desk("approve", open_desk.stick, "--yes")
    assert done.returncode == 1
    assert done.stdout.count("Geweigerd: ") == 5
    assert f"Sleutel {keys.show(stolen.address)} is ingetrokken" in done.stderr
    assert open_desk.grant(good).site == "Kazerne Beilen"
    assert len(list((open_desk.stick / "naober/toelating").iterdir())) == 1


@pytest.mark.parametrize("where", ["naober", "naober/toelating"])
def test_a_stick_that_leads_elsewhere_is_refused_in_one_line(
    open_desk: Desk, tmp_path: Path, where: str
) -> None:
    machine().asks_on(open_desk.stick)
    outside = tmp_path / "outside"
    if where == "naober":
        (open_desk.stick / "naober").rename(outside)
    else:
        outside.mkdir()
    (open_desk.stick / where).symlink_to(outside)
    before = contents(outside)
    two_lines(open_desk("approve", open_desk.stick, "--yes"), "Geen gewoon bestand of map")
    assert contents(outside) == before


def test_a_broken_roster_on_the_stick_is_refused_in_one_line(open_desk: Desk) -> None:
    machine().asks_on(open_desk.stick)
    (open_desk.stick / "naober/roster").write_bytes(os.urandom(500))
    before = contents(open_desk.folder)
    for step in ("approve", "sync"):
        two_lines(open_desk(step, open_desk.stick, "--yes"), "is beschadigd")
    assert contents(open_desk.folder) == {**before, open_desk.folder / ".lock": b""}


def test_a_stick_with_a_newer_roster_must_be_synced_first(open_desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "older"
    subprocess.run(["cp", "-a", open_desk.folder, folder], check=True)
    machine().asks_on(open_desk.stick)
    assert open_desk("approve", open_desk.stick, "--yes").returncode == 0
    older = open_desk._replace(folder=folder)
    two_lines(older("approve", open_desk.stick, "--yes"), "Op de stick staat een nieuwer roster (1 ")
    assert older("sync", open_desk.stick).returncode == 0
    done = older("approve", open_desk.stick, "--yes")
    assert done.returncode == 0 and "1 al toegelaten" in done.stdout


def test_nothing_to_do_and_no_inbox_are_said_in_two_lines(desk: Desk, tmp_path: Path) -> None:
    two_lines(desk("approve", desk.stick), "Geen verzoek gevonden")
    machine().asks_on(desk.stick)
    two_lines(desk("approve", desk.stick, "--yes"), "Er is nog geen postvak toegelaten")
    two_lines(desk._replace(folder=tmp_path / "none")("approve", desk.stick), "is geen gezag ingericht")


@pytest.mark.parametrize(("preset", "told"), [("MEDIUM_FAST", True), ("LONG_FAST", False)])
def test_an_inbox_has_no_channel_so_its_person_is_told_the_preset(
    tmp_path: Path, preset: PresetName, told: bool
) -> None:
    channel = seal.Channel("naober", bytes(32), preset)
    authority_init.found(tmp_path / "a", "VRD-A", PASSPHRASE, channel=channel, cost_log2=authority.COST_LOG2)
    (tmp_path / "stick").mkdir()
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    desk = Desk(tmp_path / "a", secret, tmp_path / "stick")
    inbox_host().asks_on(desk.stick)
    done = desk("approve", desk.stick, "--yes")
    assert done.returncode == 0 and (f'preset = "{preset}" onder [radio]' in done.stdout) == told, done.stderr


def test_a_stick_that_is_full_or_pulled_out_loses_nothing(
    open_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    pi = machine().asks_on(open_desk.stick)
    for number, what in ((errno.ENOSPC, "De stick is vol"), (errno.EIO, "is er niet meer of is kapot")):

        def fails(fd: int, name: str, data: bytes, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr(stick, "_write", fails)
            two_lines(open_desk("approve", open_desk.stick, "--yes"), what)
    version = open_desk.laptop.standing.version
    done = open_desk("approve", open_desk.stick, "--yes")
    assert done.returncode == 0 and "1 al toegelaten" in done.stdout
    assert open_desk.grant(pi).version == version == open_desk.laptop.standing.version


# --- without a stick


def test_a_photo_in_and_a_code_out(open_desk: Desk, tmp_path: Path) -> None:
    pi = machine(radio="Heltec V3")
    photo = tmp_path / "verzoek.png"
    photo.write_bytes(qr.picture(qr.to_text(pi.envelope)))
    done = open_desk("approve", "--photo", photo, "--yes")
    assert done.returncode == 0, done.stderr
    answer = open_desk.folder / "toelating" / keys.address_text(pi.address)
    assert str(answer) + ".png" in done.stdout
    text = next(line for line in done.stdout.splitlines() if line.startswith(qr.GRANT_PREFIX))
    assert re.fullmatch(r"[A-Z0-9:/.]+", text)  # what a QR code holds most of
    envelope = qr.from_text(text)
    assert envelope == answer.read_bytes() == qr.from_photo(Path(f"{answer}.png"))[0]
    grant = papers.read_grant(envelope, open_desk.laptop.pinned, open_desk.laptop.network_id)
    assert grant.sign_key == pi.request.sign_key


def test_a_request_may_come_as_a_file_or_as_text(open_desk: Desk, tmp_path: Path) -> None:
    raw, written = machine(), machine()
    (tmp_path / "raw").write_bytes(raw.envelope)
    letters = qr.to_text(written.envelope).lower()
    (tmp_path / "text").write_text("\n".join(letters[at : at + 40] for at in range(0, len(letters), 40)))
    done = open_desk("approve", tmp_path / "raw", tmp_path / "text", "--yes")
    assert done.returncode == 0, done.stderr
    assert {raw.request.sign_key, written.request.sign_key} < set(open_desk.laptop.living())


def test_a_picture_that_is_none_is_refused(open_desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "junk.jpg").write_bytes(os.urandom(2000))
    done = open_desk("approve", "--photo", tmp_path / "junk.jpg", "--yes")
    assert done.returncode == 2 and "geen foto die te lezen is" in done.stderr


# --- taking back


def test_revoke_puts_the_roster_on_the_stick_and_says_where_it_goes(open_desk: Desk) -> None:
    pi = machine()
    authority.approved(open_desk.laptop, pi)
    done = open_desk("revoke", keys.show(pi.address), "--reason", "gestolen", "--stick", open_desk.stick)
    assert done.returncode == 0, done.stderr
    assert f"Ingetrokken, roster {open_desk.laptop.standing.version}." in done.stdout
    assert f"naober inbox import {open_desk.stick}" in done.stdout
    assert decode((open_desk.stick / "naober/roster").read_bytes()) == open_desk.laptop.papers.envelopes
    assert open_desk.laptop.is_revoked(pi.request.sign_key)
    two_lines(open_desk("revoke", "00000000", "--reason", "x"), "kent 0000-0000 niet")
    two_lines(open_desk("revoke", "Beilen", "--reason", "x"), "Dit is geen adres: Beilen")
    inbox = next(grant for grant in open_desk.laptop.living().values() if grant.role == "inbox")
    two_lines(open_desk("revoke", keys.show(inbox.address), "--reason", "é" * 31), "Reden is te lang")
    two_lines(open_desk("revoke", keys.show(inbox.address), "--reason", "x"), "de enige postvaksleutel")


def test_a_new_channel_key_goes_onto_the_stick_for_every_node(open_desk: Desk) -> None:
    pis = [machine(), machine()]
    authority.approved(open_desk.laptop, *pis)
    two_lines(open_desk("channel-rotate"), "Geen stick NAOBER gevonden")
    before = unlocked(open_desk.laptop)
    done = open_desk("channel-rotate", "--stick", open_desk.stick)
    assert done.returncode == 0, done.stderr
    assert "3 toelatingen opnieuw getekend" in done.stdout
    after = unlocked(open_desk.laptop)
    assert before.shared and after.shared and before.shared.channel.key != after.shared.channel.key
    for pi in pis:
        assert seal.unseal(open_desk.grant(pi).sealed_channel, pi.seal) == after.shared.channel


# --- the second laptop


def test_two_laptops_meet_over_a_stick(open_desk: Desk, tmp_path: Path) -> None:
    b = open_desk._replace(folder=tmp_path / "b")
    assert open_desk("sync", open_desk.stick).returncode == 0
    done = b("init", "--name", "VRD-B", "--other", open_desk.stick, "--yes")
    assert done.returncode == 0, done.stderr
    assert "naober authority sync STICK" in done.stdout
    machine().asks_on(open_desk.stick)
    two_lines(b("approve", open_desk.stick, "--yes"), "nieuwer roster")
    two_lines(open_desk("sync", open_desk.stick), "Geen antwoord")
    met = open_desk("sync", open_desk.stick, "--yes")
    assert met.returncode == 0 and "VRD-B is nu het andere gezag." in met.stdout
    took = b("sync", open_desk.stick)
    assert took.returncode == 0 and "Gedeelde sleutels overgenomen." in took.stdout
    assert b("approve", open_desk.stick, "--yes").returncode == 0
    assert open_desk("sync", open_desk.stick).returncode == 0
    assert b.laptop.papers.envelopes == open_desk.laptop.papers.envelopes
    assert b.laptop.shared(unlocked(b.laptop)) == open_desk.laptop.shared(unlocked(open_desk.laptop))


# --- paper


def test_labels_are_made_again_for_one_site(open_desk: Desk, tmp_path: Path) -> None:
    authority.approved(open_desk.laptop, machine(), machine())
    done = open_desk("label", "--site", "vrd-nor-01", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    version = open_desk.laptop.standing.version
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        f"labels-{version}.pdf",
        f"bladen-{version}.pdf",
    }
    two_lines(open_desk("label", "--site", "X", "--out", tmp_path / "out"), "niets toegelaten")


def test_the_paper_copy_is_read_back_from_a_photo(open_desk: Desk, tmp_path: Path) -> None:
    sheet = tmp_path / "sleutel.pdf"
    done = open_desk("paper", "--out", sheet)
    assert done.returncode == 0 and sheet.stat().st_mode & 0o777 == 0o600
    subprocess.run(["pdftoppm", "-r", "110", "-png", sheet, tmp_path / "foto"], check=True)
    again = open_desk._replace(folder=tmp_path / "again")
    done = again("init", "--restore", tmp_path / "foto-1.png")
    assert done.returncode == 0, done.stderr
    assert "naober authority sync" in done.stdout
    assert unlocked(again.laptop) == unlocked(open_desk.laptop)


# --- T2 and T8


def test_fifty_requests_take_one_passphrase_and_less_than_a_minute(tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    desk = Desk(tmp_path / "laptop", secret, tmp_path / "stick")
    assert desk("init").returncode == 0  # at the full price of a guess
    sites = "".join(f'[[site]]\nid = "VRD-{at:03}"\nname = "Punt {at}"\n' for at in range(50))
    (desk.folder / "sites.toml").write_text(sites)
    inbox_host().asks_on(desk.stick)
    pis = [machine(radio="Heltec V3").asks_on(desk.stick) for _ in range(49)]
    began = time.monotonic()
    done = desk.answering("\n" * 49 + "j\n", desk.stick)
    took_s = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    assert "50 toelatingen getekend" in done.stdout
    assert took_s < 60
    assert len({desk.grant(pi).site_id for pi in pis}) == 49
    assert len(list((desk.stick / "naober").glob("labels-*.pdf"))) == 1


def test_no_secret_lies_on_stick_laptop_or_screen(open_desk: Desk, tmp_path: Path) -> None:
    pis = [machine().asks_on(open_desk.stick) for _ in range(2)]
    shown = open_desk("approve", open_desk.stick, "--yes").stdout
    by_photo = machine()
    (tmp_path / "photo.png").write_bytes(qr.picture(qr.to_text(by_photo.envelope)))
    shown += open_desk("approve", "--photo", tmp_path / "photo.png", "--yes").stdout
    shown += open_desk("channel-rotate", "--stick", open_desk.stick).stdout
    shown += open_desk("sync", open_desk.stick).stdout
    shown += open_desk("label", "--out", tmp_path / "stick" / "print").stdout
    secrets = unlocked(open_desk.laptop)
    assert secrets.shared is not None
    private = [secrets.sign_key, secrets.seal_key, secrets.shared.ca_key, secrets.shared.channel.key]
    private += [key for each in (*pis, by_photo) for key in each.private_bytes]
    files = contents(open_desk.folder, open_desk.stick)
    assert len(files) > 15
    texts = [data for path, data in files.items() if path != open_desk.passphrase]
    codes = [qr.from_photo(path)[0] for path in files if path.suffix == ".png"]
    codes += [qr.from_text(line) for line in shown.splitlines() if line.startswith(qr.GRANT_PREFIX)]
    assert len(codes) == 2
    for secret in private:
        for form in forms(secret):
            for data in (*texts, *codes, shown.encode()):
                assert form not in data
    for text in (qr.to_text(b"abc" + private[0]).encode(), base64.b64encode(b"abcd" + private[0])):
        assert any(form in text for form in forms(private[0]))  # it would be found


def forms(secret: bytes) -> list[bytes]:
    """How a key may be written down: as it is, in hex, base64 or base32 at any offset."""
    found = [secret, secret.hex().encode(), secret.hex().upper().encode()]
    for skip in range(3):
        found.append(base64.b64encode(bytes(skip) + secret)[4:-4])
    for skip in range(5):
        found.append(base64.b32encode(bytes(skip) + secret)[8:-8])
    return found


# --- a terminal


class Screen:
    def __init__(self, fd: int) -> None:
        self._fd = fd

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def until(self, text: str) -> str:
        seen = ""
        while text not in seen:
            part = self._read()
            assert part, seen
            seen += part
        return seen

    def rest(self) -> str:
        seen = ""
        while part := self._read():
            seen += part
        return seen

    def _read(self) -> str:
        try:
            return os.read(self._fd, 4096).decode("utf-8", "replace")
        except OSError:  # the other end is closed
            return ""


def on_a_terminal(*arguments: str) -> tuple[Screen, subprocess.Popen[bytes]]:
    """`naober authority`, as somebody who types sees it."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "relay.cli", "authority", *arguments],
        stdin=theirs, stdout=theirs, stderr=theirs, env=clean_environment(), cwd=REPOSITORY,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    return Screen(ours), child
