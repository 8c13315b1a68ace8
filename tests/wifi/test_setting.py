"""Making the access point through NetworkManager, and leaving alone what people need."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from relay.wifi import country, manager, point, setting
from tests.support.fake_nmcli import FakeNmcli

NAME = "naober-3f9a"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeNmcli:
    fake = FakeNmcli(tmp_path)
    monkeypatch.setenv("PATH", fake.path)
    return fake


def made(machine: FakeNmcli, wanted: str = "") -> setting.Made:
    return setting.make(NAME, wanted=wanted, root=machine.root)


def test_a_wi_fi_that_is_free_becomes_the_access_point(machine: FakeNmcli) -> None:
    machine.wifi()
    found = made(machine)
    assert found.point is not None and not found.attention
    assert point.read(machine.keyfile) == found.point == setting.current(machine.root)
    assert (found.point.name, found.point.device) == (NAME, "wlan0")
    names = machine.root / "etc/NetworkManager/dnsmasq-shared.d/naober.conf"
    assert names.read_text() == point.names()
    assert country.current() == "NL"
    assert "regdom=NL" in (machine.root / "etc/modprobe.d/naober-wifi.conf").read_text()
    *_, set_country, load, wifi_on, up, _ = machine.asked()
    assert set_country == "iw reg set NL"
    assert load == f"connection load {machine.keyfile}"
    assert wifi_on == "radio wifi on"
    assert up.endswith("connection up id naober")


def test_its_password_is_for_root_alone(machine: FakeNmcli) -> None:
    machine.wifi()
    found = made(machine)
    assert found.point is not None
    assert stat.S_IMODE(machine.keyfile.stat().st_mode) == 0o600
    assert stat.S_IMODE(machine.keyfile.parent.stat().st_mode) == 0o700
    holding = [file for file in machine.root.rglob("*") if file.is_file()]
    assert [file for file in holding if found.point.password in file.read_text()] == [machine.keyfile]
    assert not any(found.point.password in line for line in machine.asked()), "nor on a command line"


def test_the_same_again_changes_nothing(machine: FakeNmcli) -> None:
    machine.wifi()
    before = made(machine).point
    asked = len(machine.asked())
    machine.wifi(connection="naober")
    again = made(machine)
    assert again.point == before
    assert not any("connection up" in line for line in machine.asked()[asked:]), "phones stay connected"


def test_another_identity_has_another_password(machine: FakeNmcli) -> None:
    """A card that was copied to another box: its Wi-Fi must not open with the first one's card."""
    machine.wifi()
    first = made(machine).point
    second = setting.make("naober-77b0", root=machine.root).point
    assert first and second and first.password != second.password
    assert setting.current(machine.root) == second


@pytest.mark.parametrize("able", [None, False], ids=["no wifi", "not able"])
def test_without_a_wi_fi_that_can_there_is_none(machine: FakeNmcli, able: bool | None) -> None:
    if able is not None:
        machine.wifi(able=able)
    found = made(machine)
    assert found.point is None and not found.attention
    assert "geen wifi" in found.why.nl
    assert not list(machine.root.iterdir()), "nothing was written"


def test_without_networkmanager_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = setting.make(NAME, root=tmp_path)
    assert found.point is None and "NetworkManager" in found.why.nl


def test_without_what_gives_out_addresses_it_says_what_to_install(
    machine: FakeNmcli, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.wifi()
    monkeypatch.setattr(manager, "can_give_addresses", lambda: False)
    found = made(machine)
    assert found.point is None and found.attention and "dnsmasq-base" in found.do.nl
    assert not list(machine.root.iterdir()), "nothing was written"


def test_the_way_to_the_outside_is_never_cut_unasked(machine: FakeNmcli) -> None:
    machine.wifi(connection="Kazerne: gast")
    found = made(machine)
    assert found.point is None and found.attention
    assert "Kazerne: gast" in found.why.nl and "--wifi wlan0" in found.do.nl
    assert not list(machine.root.iterdir()), "nothing was written"
    asked = made(machine, "wlan0")
    assert asked.point is not None, "unless somebody says so"


def test_of_two_the_free_one_is_taken(machine: FakeNmcli) -> None:
    machine.wifi(connection="Kazerne-gast")
    machine.wifi("wlan1")
    found = made(machine)
    assert found.point is not None and found.point.device == "wlan1"
    assert "iif wlan1 type prohibit" in machine.keyfile.read_text(), "it leads nowhere else"


def test_one_that_takes_a_moment_is_tried_again(machine: FakeNmcli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager, "UP_PAUSE_S", 0.01)
    machine.wifi()
    machine.refuses(2)
    assert not made(machine).attention
    assert sum("connection up" in line for line in machine.asked()) == 3


def test_one_that_does_not_switch_on_is_told_and_kept(
    machine: FakeNmcli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager, "UP_PAUSE_S", 0.01)
    machine.wifi()
    machine.refuses()
    found = made(machine)
    assert sum("connection up" in line for line in machine.asked()) == manager.UP_TRIES
    assert found.point is not None and found.attention
    assert "Connection activation failed" in found.why.nl and found.do.nl
    assert machine.keyfile.exists()


def test_one_that_is_not_there_is_told(machine: FakeNmcli) -> None:
    machine.wifi()
    found = made(machine, "wlan7")
    assert found.point is None and found.attention and "wlan7" in found.why.nl


def test_what_is_up_is_told_as_networkmanager_says_it(machine: FakeNmcli) -> None:
    machine.active("naober:activated", "Vast\\: bekabeld:activating")
    assert manager.active() == {"naober": "activated", "Vast: bekabeld": "activating"}
