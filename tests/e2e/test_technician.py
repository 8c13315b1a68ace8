"""Two technicians, three Pis, one stick: from the box to proven nodes, and back out again.

One story, with the real commands, Mosquitto by its generated configuration, and fake radios. It stands for
the acceptance points that take the whole way; each of the others has its own test:

T1  tests/e2e/test_technician.py::test_from_the_box_to_proven_nodes_and_back_out_again
T2  tests/cli/test_authority.py::test_fifty_requests_take_one_passphrase_and_less_than_a_minute
T3  tests/cli/test_faults.py::test_r01_no_radio_where_it_should_be
T3  tests/cli/test_faults.py::test_r02_the_radio_is_set_otherwise
T3  tests/cli/test_faults.py::test_r03_the_channel_s_key_is_another
T3  tests/cli/test_faults.py::test_r04_another_program_has_the_radio_and_is_named
T3  tests/cli/test_faults.py::test_c01_a_clock_without_a_source_is_no_fault
T3  tests/cli/test_faults.py::test_n05_the_broker_shows_another_key
T3  tests/cli/test_faults.py::test_e02_vrd_does_not_know_the_node
T3  tests/cli/test_faults.py::test_s01_the_card_is_read_only
T3  tests/cli/test_faults.py::test_p01_the_inbox_s_page_names_who_has_its_port
T3  tests/cli/test_authority.py::test_on_the_command_line_a_taken_site_is_e03
T4  tests/cli/test_doctor.py::test_it_opens_no_tty_whether_the_service_runs_or_not
T4  tests/cli/test_doctor.py::test_with_the_service_dead_it_reads_the_disk_and_leaves_it_as_it_was
T5  tests/cli/test_test.py::test_the_radio_is_not_proven_when_the_gateway_s_is_off_though_mqtt_works
T6  tests/cli/test_test.py::test_both_links_are_proven_told_to_vrd_and_kept_whatever_the_clocks_say
T6  tests/e2e/test_clocks.py::test_a_node_without_a_good_clock_comes_up_and_its_messages_have_the_right_time
T7  tests/links/test_meshtastic_setting.py::test_nothing_is_sent_in_the_wrong_region_until_the_radio_is_set
T8  tests/e2e/test_technician.py::test_from_the_box_to_proven_nodes_and_back_out_again
T8  tests/cli/test_authority.py::test_no_secret_lies_on_stick_laptop_or_screen
T9  tests/e2e/test_technician.py::test_from_the_box_to_proven_nodes_and_back_out_again
T9  tests/e2e/test_trust.py::test_a_block_is_in_force_within_five_seconds_and_can_be_taken_back_without_loss
T9  tests/core/test_papers.py::test_a_change_is_kept_whatever_way_it_came_and_the_revoked_neighbour_is_relayed_no_more
T10 tests/e2e/test_technician.py::test_from_the_box_to_proven_nodes_and_back_out_again
T10 tests/e2e/test_trust.py::test_a_spare_takes_a_place_and_the_sites_history_stays
T11 tests/deb/test_bookworm.py::test_a_machine_from_its_first_package_to_its_last
T11 tests/deb/booted.py::test_the_units_run_and_an_upgrade_is_carried_out_in_its_confinement
T11 tests/upgrade/test_bundle.py::test_no_byte_of_a_signed_bundle_can_change_and_none_can_go
T12 tests/cli/test_exercise.py::test_a_cut_link_is_really_down_also_after_a_reboot_and_heals_by_itself
T13 tests/e2e/test_technician.py::test_from_the_box_to_proven_nodes_and_back_out_again
T14 tests/cli/test_frame.py::test_every_help_fits_a_screen
T14 tests/cli/test_frame.py::test_a_mistake_is_two_lines_that_help
"""  # noqa: E501

from __future__ import annotations

import re
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from relay import config
from relay.cli import qr
from relay.node.proving import load as proofs_of
from relay.trust import channel
from relay.trust.authority_laptop import Laptop
from tests.support.broker import Mosquitto
from tests.support.command import REPOSITORY
from tests.support.path_unit import PathUnit
from tests.support.process import until
from tests.support.technician import Diary, FastRadios, Host, Pi, places_of

IN_FORCE_S = 5.0
PROOF_S = 60.0
DOCTOR_S = 10.0
PASSPHRASE = "vier losse woorden samen"
SITES = """
[[site]]
id = "VRD-BEI-01"
name = "Kazerne Beilen"
[[site]]
id = "VRD-NOR-01"
name = "Dorpshuis Norg"
[[site]]
id = "VRD-ROL-01"
name = "De Boerhoorn Rolde"
"""


class Bench:
    """Everything on the table, and the two people at it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.diary = Diary(folder)
        self.stick = self.diary.stick
        self.laptop = folder / "laptop"
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text(PASSPHRASE)
        self.passphrase.chmod(0o600)
        self.host = Host(self.diary, folder)
        self.radios = FastRadios(folder, 2)
        self.norg = Pi(self.diary, "norg", folder, self.radios.hosts[0])
        self.beilen = Pi(self.diary, "beilen", folder, self.radios.hosts[1])
        self.spare = Pi(self.diary, "reserve", folder)
        self.rolde = Pi(self.diary, "rolde", folder)
        self.pis = (self.norg, self.beilen, self.spare, self.rolde)
        self.broker: Mosquitto | None = None

    def authority(self, *words: str | Path, answers: str = "") -> str:
        """A command on the laptop. Its passphrase comes from a file: nobody can type here."""
        where = ("--dir", self.laptop, "--passphrase-file", self.passphrase)
        step, *rest = words
        return self.diary.types("laptop", "authority", step, *rest, *where, answers=answers)

    def site(self, pi: Pi) -> dict[str, Any]:
        return self.host.site(pi)

    def standing(self, pi: Pi) -> str:
        return str(self.site(pi)["standing"])

    def typed_at(self, machine: str) -> list[str]:
        return [command for where, command in self.diary.typed if where == machine]


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    made = Bench(folder)
    try:
        made.radios.start(PYTHONUNBUFFERED="1")
        yield made
    except BaseException as error:
        for each in (*made.pis, made.host):
            error.add_note(f"--- {each.name} ---\n{each.log()[-2000:]}")
        raise
    finally:
        for each in (*made.pis, made.host, made.radios):
            each.kill()
        if made.broker:
            made.broker.kill()


def together(*steps: Any) -> list[Any]:
    """Done at several machines at once, as on a bench."""
    with ThreadPoolExecutor(len(steps)) as pool:
        return list(pool.map(lambda step: step(), steps))


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_from_the_box_to_proven_nodes_and_back_out_again(tmp_path: Path) -> None:
    with bench(tmp_path) as here:
        found_a_network(here)
        assert here.broker
        with PathUnit(here.host.state, here.broker):
            enrol_three(here)
            enrol_by_photo(here)
            both_links_are_proven(here)
            a_spare_takes_over(here)
            cut_for_an_exercise_and_carried_by_hand(here)
            out_again(here)
        secrets_stay_where_they_were_made(here)


def found_a_network(here: Bench) -> None:
    """The laptop, then the inbox host with its broker."""
    here.authority("init", "--preset", "SHORT_FAST", "--phone", "0592-000000")
    (here.laptop / "sites.toml").write_text(SITES)
    host = here.host
    port = str(host.broker_port)
    host.types("setup", "inbox", "--broker", "localhost", "--port", port, *host.where, "--stick", here.stick)
    shown = here.authority("approve", here.stick, answers="j\n")
    assert "postvak, broker localhost" in shown
    shown = host.types("enrol", *host.where, "--stick", here.stick)
    assert "sudo systemctl restart mosquitto" in shown
    here.broker = host.broker()
    here.broker.start()
    host.start()
    assert " ok " in host.types("config", "check", host.file)


def enrol_three(here: Bench) -> None:
    """T1: three handlings a Pi, and nothing is typed there. The laptop's is one for all of them."""
    first = together(*(pi.stick_in for pi in (here.norg, here.beilen, here.spare)))
    assert all("verzoek op stick: naober/verzoek/" in shown for shown in first), first
    assert all("EU_868, LONG_FAST" in shown and "klaar" in shown for shown in first[:2]), first
    # control numbers are on both screens; the places follow the register, in the order of addresses
    numbers = [re.search(r"controlegetal ([\d ]{29})", shown)[1] for shown in first]  # type: ignore[index]
    order = sorted(here.pis[:3], key=lambda pi: request_of(here, pi))
    places = {here.norg: "norg", here.beilen: "beilen", here.spare: "r RESERVE-1"}
    answers = [places[pi] for pi in order]
    shown = here.authority("approve", here.stick, answers="\n".join([*answers, "j", ""]))
    here.diary.handled.append(("laptop", "approve"))
    assert "3 toelatingen getekend" in shown and all(number in shown for number in numbers), shown
    assert list((here.stick / "naober").glob("labels-*.pdf"))
    second = together(*(pi.stick_in for pi in (here.norg, here.beilen, here.spare)))
    assert all("kanaal naober" in shown and "Dienst" in shown for shown in second[:2]), second
    for pi in here.pis[:3]:
        pi.service()


def request_of(here: Bench, pi: Pi) -> str:
    """Under which name its request lies on the stick."""
    from relay.trust import keys

    return keys.address_text(keys.address_of(keys.public_bytes(keys.load(pi.state / "node.key"))))


def enrol_by_photo(here: Bench) -> None:
    """T13: no stick and no network; pictures of screens go between the Pi and the laptop."""
    shown = here.rolde.setup()
    text = shown.splitlines()[-1]
    assert "geen stick" in shown and "█" in shown
    photo = here.folder / "verzoek.png"
    photo.write_bytes(qr.picture(text))  # what a camera sees of that screen
    shown = here.authority("approve", "--photo", photo, answers="rolde\nj\n")
    assert "1 toelating getekend" in shown
    answer = next((here.laptop / "toelating").glob("*.png"))
    shown = here.diary.types("rolde", "enrol", "--photo", answer, *here.rolde.where)
    assert "De Boerhoorn Rolde" in shown
    here.rolde.service()
    here.rolde.wait_code("up")


def both_links_are_proven(here: Bench) -> None:
    """By itself, after enrolment; VRD knows, and the doctor finds nothing that is wrong."""
    for pi in (here.norg, here.beilen):
        until(lambda pi=pi: {"mqtt", "radio"} == proven(pi), PROOF_S, f"both links of {pi.name}")
        until(lambda pi=pi: here.site(pi)["values"].get("proven") == "both")
        assert here.typed_at(pi.name) == []
        handled = [each for each in here.diary.handled if each[0] in (pi.name, "laptop")]
        assert handled == [(pi.name, "stick"), ("laptop", "approve"), (pi.name, "stick")]
    began_s = time.monotonic()
    shown = here.norg.types("doctor", code=None)
    assert time.monotonic() - began_s < DOCTOR_S
    assert "FOUT" not in shown
    for place in ("D05 Radio", "D08 Rechten", "D11 MQTT", "D12 Bewijs", "D13 Inleren"):
        assert f" ok  {place}" in shown, shown
    # whoever asks again sees it
    shown = here.norg.types("test", "mqtt")
    assert "BEWEZEN" in shown


def proven(pi: Pi) -> set[str]:
    return {link for link, result in proofs_of(pi.state).items() if result.proven}


def a_spare_takes_over(here: Bench) -> None:
    """T10: swap the box, one command at the inbox, and the proof. What the old one still had counts."""
    here.broker.pause() if here.broker else None
    here.norg.submit("nog van de oude kast")
    here.norg.kill()
    here.broker.resume() if here.broker else None
    began_s = time.monotonic()
    shown = here.host.step("assign", here.spare.address, "VRD-NOR-01")
    assert "Vervangen" in shown and "Dorpshuis Norg" in shown
    until(lambda: here.standing(here.norg) == "replaced", IN_FORCE_S)
    assert "BEWEZEN" in here.spare.types("test")
    assert "RESERVE-1" in here.spare.types("status", code=None)
    assert here.site(here.spare)["site"] == "Dorpshuis Norg"
    assert time.monotonic() - began_s < 5 * 60
    here.norg.start()
    until(lambda: here.norg.open_reports() == 0)
    found = here.host.page(f"/api/messages?address={here.norg.address}")
    texts = {each["values"]["text"]: each["standing"] for each in found if "text" in each.get("values", {})}
    assert texts == {"nog van de oude kast": "replaced"}
    here.norg.stop()


def cut_for_an_exercise_and_carried_by_hand(here: Bench) -> None:
    """T12 and the courier: a link is cut for real, a stick goes to VRD and back, a real message heals."""
    pi = here.rolde
    pi.types("exercise", "start", "--for", "2h")
    assert "MQTT is onderbroken" in pi.types("exercise", "cut", "mqtt", "--for", "60m")
    pi.wait_code("cut")
    pi.types("send", "report", "--text", "oefening: brug dicht")
    assert "bericht" in pi.stick_in()
    shown = here.host.step("import", str(here.stick))
    assert "bevestigingen voor 1 punt op de stick" in shown, shown
    assert "oefening: brug dicht" in here.host.reports()
    shown = pi.stick_in()
    assert "VRD heeft 1 melding" in shown and "(koerier)" in shown, shown
    pi.types("send", "report", "--text", "nu echt", "--real")
    pi.wait_code("up")
    until(lambda: "nu echt" in here.host.reports())
    assert pi.types("exercise", "stop")


def out_again(here: Bench) -> None:
    """T9: stolen. Blocked at the inbox in five seconds, then revoked for ever."""
    stolen, host = here.beilen, here.host
    host.step("block", stolen.address, "--reason", "gestolen")
    until(lambda: here.standing(stolen) == "blocked", IN_FORCE_S)
    stolen.submit("van de dief")
    here.authority("revoke", stolen.address, "--reason", "gestolen", "--stick", here.stick)
    host.step("import", str(here.stick))
    until(lambda: here.standing(stolen) == "revoked", IN_FORCE_S)
    shown = host.page(f"/api/messages?address={stolen.address}")
    assert "valid" not in {each["standing"] for each in shown}
    # the laptop never admits that key again
    refused = here.diary.run(
        *("authority", "approve", here.stick, "--yes", "--dir", here.laptop),
        *("--passphrase-file", here.passphrase),
        code=None,
    )
    assert "is ingetrokken" in refused and "Doe: " in refused
    # its neighbours are told, and go on
    until(lambda: (here.rolde.status() or {}).get("roster") == Laptop(here.laptop).standing.version)
    # the thief knows the channel's key: another one for all who stay
    here.authority("channel-rotate", "--stick", here.stick)
    shown = here.diary.types("rolde", "enrol", "--stick", here.stick, *here.rolde.where)
    assert "herstart hem" in shown  # no systemd does it here
    here.rolde.types("support", here.stick)


def secrets_stay_where_they_were_made(here: Bench) -> None:
    """T8: neither a node's private key nor the channel's key lies on stick, laptop, screen, or in a log."""
    opened = Laptop(here.laptop).unlock(PASSPHRASE)
    files = [*here.host.state.glob("*.key"), *(file for pi in here.pis for file in pi.state.glob("*.key"))]
    files.append(here.host.folder / "broker" / "broker.key")
    secrets = [raw_key(file) for file in files]
    assert len(secrets) == 3 + 3 * len(here.pis) + 1
    shared = [channel.load(config.load_node(pi.file)) for pi in (here.beilen, here.rolde)]
    channels = {each.key for each in shared if each}
    assert len(channels) == 2
    secrets += [*channels, opened.sign_key, opened.seal_key, PASSPHRASE.encode()]

    seen = here.folder / "seen"
    seen.mkdir()
    (seen / "screens").write_text("\n".join(here.diary.screens))
    for number, picture in enumerate(here.laptop.rglob("*.png")):
        (seen / f"code-{number}").write_bytes(b"\n".join(qr.from_photo(picture)))
    for log in here.folder.glob("*.log"):
        (seen / log.name).write_bytes(log.read_bytes())
    (seen / "broker").write_text(here.broker.log() if here.broker else "")
    for packed in here.folder.rglob("naober-support-*.tar.gz"):
        with tarfile.open(packed) as bundle:
            bundle.extractall(seen / "support", filter="data")
    assert places_of(secrets, here.stick, here.laptop, seen) == []
    # the same search does find what may be read by all, and what is where it belongs
    assert places_of([here.beilen.public_key], here.stick, here.laptop)
    assert places_of([raw_key(here.rolde.state / "node.key")], here.rolde.state)
    assert places_of([bytes.fromhex(here.rolde.address)], seen)


def raw_key(file: Path) -> bytes:
    """The 32 bytes inside."""
    loaded = serialization.load_pem_private_key(file.read_bytes(), None)
    return loaded.private_bytes_raw()  # type: ignore[union-attr]


def test_every_acceptance_point_of_technicians_has_a_test_that_exists() -> None:
    rows = re.findall(r"^(T\d+)\s+(\S+)::(\S+)$", __doc__ or "", re.M)
    assert {point for point, _, _ in rows} == {f"T{number}" for number in range(1, 15)}
    for point, file, name in rows:
        assert re.search(rf"^def {name}\(", (REPOSITORY / file).read_text("utf-8"), re.M), (point, file, name)
