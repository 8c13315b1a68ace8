"""`naober setup`'s Wi-Fi step, `naober page`, and D07: the page as a technician brings it to the site."""

from __future__ import annotations

import contextlib
import json
import socket
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from msgspec.structs import replace

from relay import config
from relay.cli.ports import free_port
from relay.doctor.case import Case
from relay.doctor.finding import ATTENTION, ERROR, GOOD, NOT_LOOKED, Finding
from relay.doctor.page import page
from relay.trust import keys
from relay.wifi import point, setting
from tests.cli.setting_up import Done, Machine, World, contents, succeeded
from tests.support.command import naober
from tests.support.fake_nmcli import FakeNmcli


@pytest.fixture
def machine(tmp_path: Path) -> FakeNmcli:
    fake = FakeNmcli(tmp_path)
    fake.wifi()
    return fake


def set_up(pi: Machine, fake: FakeNmcli, *more: str) -> Done:
    where = ("--dir", pi.folder, "--state", pi.state, "--root", fake.root, "--stick", pi.stick)
    wifi = () if "--wifi" in more else ("--wifi", "wlan0")
    return naober("setup", "--radio", "none", *where, *wifi, *more, PATH=fake.path)


def show(pi: Machine, fake: FakeNmcli, *more: str) -> Done:
    return naober("page", "--config", pi.file, "--root", fake.root, *more, PATH=fake.path)


# --- setup


def test_setup_gives_the_page_a_wi_fi_and_the_stick_its_card(world: World, machine: FakeNmcli) -> None:
    done = set_up(world.node, machine)
    succeeded(done)
    address = keys.address_of(world.node.public_key)
    name = f"naober-{address.hex()[:4]}"
    assert f"[4/5] Pagina     wifi {name} · http://10.42.0.1" in done.stdout.splitlines()
    assert config.load_node(world.node.file).page.host == "10.42.0.1"
    here = setting.current(machine.root)
    assert here is not None and here.name == name
    card = json.loads((world.stick / "naober/kaart" / address.hex()).read_text())
    assert card == {"name": name, "password": here.password}
    assert here.password not in done.stdout + done.stderr, "a screen may be filmed, a log kept"
    holding = contents(world.node.folder, world.node.state)
    assert not [file for file, data in holding.items() if here.password.encode() in data]


def test_setup_again_keeps_what_is_there(world: World, machine: FakeNmcli) -> None:
    succeeded(set_up(world.node, machine))
    machine.wifi(connection="naober")
    before = contents(machine.root, world.node.folder, world.stick)
    succeeded(set_up(world.node, machine))
    assert contents(machine.root, world.node.folder, world.stick) == before


def test_an_address_that_a_technician_wrote_stays(world: World, machine: FakeNmcli) -> None:
    succeeded(set_up(world.node, machine, "--wifi", "none"))
    assert machine.asked() == [] and not world.node.file.exists()
    world.node.folder.mkdir(exist_ok=True)
    world.node.file.write_text('[page]\nhost = "192.168.4.1"\n')
    succeeded(set_up(world.node, machine))
    assert config.load_node(world.node.file).page.host == "192.168.4.1"


def test_without_a_wi_fi_the_rest_is_done_and_said(world: World, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    fake = FakeNmcli(tmp_path / "none")
    done = set_up(world.node, fake)
    assert done.returncode == 1, "a device was named"
    assert "[4/5] Pagina     geen pagina: wlan0 kan geen toegangspunt zijn" in done.stdout
    assert "[5/5] Inleren" in done.stdout
    assert not (world.stick / "naober" / "kaart").exists()


def test_a_set_up_into_another_folder_leaves_the_machine_s_wi_fi_alone(
    world: World, machine: FakeNmcli
) -> None:
    done = naober(
        *("setup", "--radio", "none", "--dir", world.node.folder, "--state", world.node.state),
        *("--root", machine.root, "--stick", world.stick),
        PATH=machine.path,
    )
    succeeded(done)
    assert "[4/5] Pagina     overgeslagen" in done.stdout
    assert machine.asked() == [] and not list(machine.root.iterdir())


# --- naober page


def test_the_page_is_shown_with_all_that_one_needs_to_come_in(world: World, machine: FakeNmcli) -> None:
    succeeded(set_up(world.node, machine))
    world.node.file.write_text(
        world.node.file.read_text().replace('lan_host = ""', 'lan_host = "192.168.1.7"', 1)
    )
    machine.active("naober:activated")
    done = show(world.node, machine)
    here = setting.current(machine.root)
    assert here is not None
    assert f"Wifi        {here.name}\n" in done.stdout
    assert f"Wachtwoord  {here.password}\n" in done.stdout
    assert "█" in done.stdout, "and as a code"
    assert "Pagina      http://10.42.0.1\n" in done.stdout
    pin = world.node.state / "page-pin"
    assert f"Pincode     {pin.read_text().strip()}\n" in done.stdout
    assert stat.S_IMODE(pin.stat().st_mode) == 0o600
    assert "niet bekeken: dienst draait niet" in done.stdout
    assert done.returncode == 1


def test_a_new_pin_and_a_new_password_replace_the_old_ones(world: World, machine: FakeNmcli) -> None:
    succeeded(set_up(world.node, machine))
    before, asked = setting.current(machine.root), len(machine.asked())
    done = show(world.node, machine, "--new-password", "--new-pin")
    after = setting.current(machine.root)
    assert before and after and before.password != after.password
    assert (before.name, before.device) == (after.name, after.device)
    assert f"connection load {machine.keyfile}" in machine.asked()[asked:]
    assert after.password in done.stdout and "kaart in de kast" in done.stdout
    pins = {(world.node.state / "page-pin").read_text()}
    for _ in range(3):
        show(world.node, machine, "--new-pin")
        pins.add((world.node.state / "page-pin").read_text())
    assert len(pins) > 1


def test_a_node_without_a_page_says_so(world: World, machine: FakeNmcli) -> None:
    world.node.folder.mkdir()
    world.node.file.write_text("")
    done = show(world.node, machine)
    assert done.returncode == 2 and "geen pagina" in done.stderr and "Doe: " in done.stderr


# --- D07


@pytest.fixture
def served() -> Iterator[int]:
    """Something on a port of this machine that answers GET / well."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def at_home(machine: FakeNmcli, monkeypatch: pytest.MonkeyPatch) -> FakeNmcli:
    """A machine whose own Wi-Fi has the address of its loopback, on, in the Netherlands."""
    monkeypatch.setenv("PATH", machine.path)
    monkeypatch.setattr(point, "ADDRESS", "127.0.0.1")
    machine.active("naober:activated")
    machine.country("NL")
    return machine


def case(port: int, *, serving: bool | None = True, code: str = "", pid: int = 0, lan_host: str = "") -> Case:
    """A node whose daemon says so of its page; `serving` None: it does not run."""
    section = config.node.PageSection(host="127.0.0.1", lan_host=lan_host, port=port)
    settings = replace(config.NodeConfig(), page=section)
    told = {"host": "127.0.0.1", "port": port, "serving": serving, "code": code}
    facts = None if serving is None else {"page": told}
    return Case(settings, Path("node.toml"), facts, None, pid, lambda: None)


def test_a_page_that_is_there_is_good_and_says_why(at_home: FakeNmcli, served: int) -> None:
    found = page(case(served))
    assert (found.grade, found.short.nl) == (GOOD, f"127.0.0.1:{served}, wifi aan, land NL")


def test_what_is_the_matter_is_told_with_its_cause(at_home: FakeNmcli, served: int) -> None:
    at_home.country("00")
    found = page(case(served))
    assert (found.grade, found.fix) == (ATTENTION, "page") and "land 00" in found.short.nl
    at_home.active("naober:activating")
    assert page(case(served)).grade == ATTENTION
    at_home.active("Vast:activated")
    found = page(case(served))
    assert (found.grade, found.fix, found.short.nl) == (ERROR, "page", "wifi uit")


def test_a_daemon_that_shows_no_page_is_told_and_one_that_is_off_is_no_judgement(at_home: FakeNmcli) -> None:
    port = free_port()
    found = page(case(port, serving=False, code="no_address"))
    assert found.grade == ERROR and "geen adres van dit apparaat" in found.short.nl
    assert page(case(port, serving=None)).grade == NOT_LOOKED
    found = page(case(port))
    assert found.grade == ERROR and "antwoordt niet" in found.short.nl, "what is said is tried"


def test_a_cable_that_is_out_is_told_and_the_wi_fi_s_page_is_no_worse_for_it(
    at_home: FakeNmcli, served: int
) -> None:
    nowhere = "127.0.0.77"
    found = page(case(served, serving=False, code="no_address", lan_host=nowhere))
    assert found.grade == ATTENTION and nowhere in found.short.nl and "kabel" in found.do.nl


def test_whoever_has_the_port_is_named_by_p01(at_home: FakeNmcli) -> None:
    found = taken(pid=1)
    assert (found.grade, found.code) == (ERROR, "P01")
    assert "pid " in found.what.nl and "[page]" in found.do.nl


def taken(pid: int) -> Finding:
    with socket.create_server(("127.0.0.1", 0)) as listener, holding(listener):
        return page(case(listener.getsockname()[1], serving=False, code="P01", pid=pid))


@contextlib.contextmanager
def holding(listener: socket.socket) -> Iterator[None]:
    """Another process has it, too: of its own process the doctor says nothing."""
    import subprocess
    import sys

    code = "import sys; sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, pass_fds=(listener.fileno(),)
    )
    try:
        yield
    finally:
        process.communicate(timeout=20)


def test_a_node_without_a_page_is_not_judged() -> None:
    nothing = replace(case(80), settings=config.NodeConfig())
    assert page(nothing).grade == NOT_LOOKED


def test_mending_switches_the_wi_fi_on(at_home: FakeNmcli, monkeypatch: pytest.MonkeyPatch) -> None:
    from relay.doctor.fixes import fix

    monkeypatch.setattr(setting, "ROOT", at_home.root)
    at_home.active()
    case_ = case(80)
    assert fix(case_, page(case_)).nl == "wifi aangezet"
    assert f"connection load {at_home.keyfile}" in at_home.asked()
    assert at_home.asked()[-1].endswith("connection up id naober")
