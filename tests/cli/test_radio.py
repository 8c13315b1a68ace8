"""`naober radio`: looking at it, listing what is on USB, and setting it, beside a running service too."""

from __future__ import annotations

import asyncio
import io
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relay import cli, config
from relay.cli import radio_choice
from relay.cli.ports import free_port
from relay.errors import ConfigError, NaoberError
from relay.links.meshtastic import fingerprint
from relay.links.meshtastic.boards import Board, UsbDevice
from relay.links.meshtastic.serial import holder_of
from relay.links.meshtastic.setting import Patience
from relay.node import control, radio_setting
from relay.sim.meshtastic import FakeRadios
from relay.trust import channel, keys, seal
from tests.links.test_meshtastic_serial import Line
from tests.sim.test_meshtastic_command import meshtastic
from tests.support import clients, papers
from tests.support.command import REPOSITORY, naober
from tests.support.process import Process, until
from tests.support.radios import PRESET, Radios, radio
from tests.support.stack import Stack, edit

SPEED = 20
CHANNEL = seal.Channel("naober", bytes(range(32)), PRESET)  # type: ignore[arg-type]
SHOWN_KEY = "base64:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


class FastRadio(Process):
    """One fake radio out of its box whose time runs twenty times as fast."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        arguments = ["fake-radio", "--count", "1", "--port", self.port, "--preset", PRESET, "--speed", SPEED]
        super().__init__("fast-radio", list(map(str, arguments)), folder)

    def ready(self) -> bool:
        return PRESET in self.log()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FastRadio]:
    process = FastRadio(tmp_path)
    process.start(PYTHONUNBUFFERED="1")
    yield process
    process.kill()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """As fast as the fake radio is."""
    quick = msgspec.structs.replace(Patience(), restart_s=0.4, begins_s=3.0, again_s=0.1, back_s=10.0)
    monkeypatch.setattr(radio_setting, "PATIENCE", quick)


@pytest.fixture
def enrolled(tmp_path: Path, fake: FastRadio) -> Path:
    """node.toml of a node whose grant names a channel."""
    state = tmp_path / "state"
    state.mkdir()
    seal_key = keys.load_or_create_seal(state / "node-seal.key")
    sealed = seal.seal(CHANNEL, seal_key.public_key().public_bytes_raw())
    (state / "grant").write_bytes(papers.sign(papers.another("grant", sealed_channel=sealed), "authority"))
    file = tmp_path / config.NODE_FILE
    authorities = ", ".join(f'"{key.hex()}"' for key in papers.AUTHORITIES)
    file.write_text(
        f'[node]\nstate = "{state}"\nnetwork_id = "{papers.NETWORK.hex()}"\n'
        f"authority_keys = [{authorities}]\n"
        f'[radio]\nhost = "127.0.0.1"\nport = {fake.port}\npreset = "{PRESET}"\n'
        f'channel_name = "naober"\nchannel_key = "{fingerprint(CHANNEL.key)}"\n'
    )
    return file


def run(*arguments: str | Path) -> int:
    return cli.main([*map(str, arguments)])


def test_a_radio_is_set_as_the_grant_says_and_the_official_command_agrees(
    enrolled: Path, fake: FastRadio, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("radio", "--config", enrolled) == 2  # nothing would be transmitted
    before = capsys.readouterr().out
    assert "FOUT  Sleutel      een andere, moet die van de toelating zijn" in before
    assert "LET   Stappen      3, moet 5 zijn" in before and " ok   Regio        EU_868" in before
    assert "R03 Kanaalsleutel klopt niet met de toelating. Er is niets uitgezonden." in before
    assert "Doe: naober radio set" in before

    assert run("radio", "set", "--config", enrolled) == 0
    said = capsys.readouterr().out
    assert " *    Kanaal       ShortFast -> naober" in said and "nieuwe kanaalsleutel" in said
    assert "klaar (" in said
    assert CHANNEL.key.hex() not in said and SHOWN_KEY[7:] not in said

    assert run("radio", "--config", enrolled) == 0
    assert "Sleutel      klopt met de toelating" in capsys.readouterr().out
    assert run("radio", "set", "--config", enrolled) == 0
    assert "niets gewijzigd" in capsys.readouterr().out

    shown = meshtastic(fake.port, "--export-config")
    for line in (
        "hopLimit: 5",
        "modemPreset: SHORT_FAST",
        "region: EU_868",
        "usePreset: true",
        "txEnabled: true",
    ):
        assert line in shown, line
    assert "nodeInfoBroadcastSecs: 259200" in shown and "positionBroadcastSecs: 259200" in shown
    info = meshtastic(fake.port, "--info")
    assert '"name": "naober"' in info and "Index 0: PRIMARY psk=secret" in info
    assert '"rebroadcastMode": "ALL"' in info and '"deviceUpdateInterval": 259200' in info


def test_without_a_grant_the_channel_stays_and_that_is_said(
    tmp_path: Path, fake: FastRadio, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / config.NODE_FILE
    file.write_text(f'[node]\nstate = "{tmp_path}"\n[radio]\npreset = "{PRESET}"\n')
    assert run("radio", "set", "--config", file, "--host", fake.host) == 0
    said = capsys.readouterr().out
    assert "geen toelating: het kanaal blijft zoals het is" in said and "Kanaal" not in said
    # and a node.toml that named no radio names this one from now on
    written = config.load_node(file).radio
    assert (written.host, written.port) == ("127.0.0.1", fake.port)


def test_a_radio_is_set_beside_the_service_that_holds_it(
    tmp_path: Path, fake: FastRadio, capsys: pytest.CaptureFixture[str]
) -> None:
    node = Stack(tmp_path / "stack", "beilen", plain=True).nodes["beilen"]
    node.configure(radio__host="127.0.0.1", radio__port=fake.port, radio__preset="LONG_FAST")
    try:
        node.start()
        until(lambda: radio(node)["connected"])
        assert run("radio", "--config", node.file) == 2
        assert "SHORT_FAST, moet LONG_FAST zijn" in capsys.readouterr().out
        with radio_setting.lent(node.state):
            until(lambda: radio(node)["code"] == "lent")
            with pytest.raises(NaoberError, match="being set"), radio_setting.lent(node.state):
                pass
        until(lambda: radio(node)["connected"])
        assert run("radio", "set", "--config", node.file) == 0
        until(lambda: radio(node)["code"] == "connected")
    finally:
        node.kill()
    assert "Traceback" not in node.log()
    assert "is also used by" not in node.log()  # they never threw each other out


def test_a_borrowed_radio_that_nobody_brings_back_is_taken_back(tmp_path: Path) -> None:
    radios = Radios(tmp_path, 1)
    node = Stack(tmp_path / "stack", "beilen", plain=True).nodes["beilen"]
    node.configure(radio__host="127.0.0.1", radio__port=radios.ports[0], radio__preset=PRESET)
    try:
        radios.start()
        node.start()
        until(lambda: radio(node)["connected"])
        assert control.ask(node.state, {"verb": "radio_let_go", "seconds": 0.5})["held"]
        assert radio(node)["code"] == "lent"
        until(lambda: radio(node)["connected"])
    finally:
        node.kill()
        radios.kill()


def test_a_radio_on_usb_is_set_unless_another_program_holds_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / config.NODE_FILE
    file.write_text(f'[node]\nstate = "{tmp_path}"\n')

    async def test() -> None:
        async with (
            FakeRadios(1, region="US", speed=float(SPEED)) as radios,
            Line(tmp_path / "radio").to(radios.streams[0]) as line,
        ):
            arguments = ("radio", "set", "--device", line.path, "--config", file)
            with subprocess.Popen(["cat", line.path], stdout=subprocess.DEVNULL) as holder:
                await clients.until(lambda: bool(holder_of(str(line.path))))
                assert await asyncio.to_thread(run, *arguments) == 2
                said = capsys.readouterr().err
                assert said.startswith("R04 ") and f"cat (pid {holder.pid})" in said
                holder.kill()
            assert await asyncio.to_thread(run, *arguments) == 0
            assert " *    Regio        US -> EU_868" in capsys.readouterr().out

    asyncio.run(test())
    assert config.load_node(file).radio.device == str(tmp_path / "radio")


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        (["--device", "/dev/nothing-here"], "R01", "R01 Geen radio op /dev/nothing-here"),
        (["set", "--device", "/dev/nothing-here"], "R01", "R01 Geen radio op /dev/nothing-here"),
        (["--host", "127.0.0.1:1"], "", "verbinding geweigerd"),
        (["--host", "here:there"], "", "--host here:there past niet"),
        (["--device", "/dev/x", "--host", "y"], "", "gaan niet samen"),
        (["sett"], "", '"sett" bestaat niet'),
        (["--list"], "R01", "R01 Geen radio op USB"),
    ],
)
def test_what_does_not_work_is_two_lines_with_the_spoken_code(
    arguments: list[str], code: str, what: str, tmp_path: Path
) -> None:
    file = tmp_path / config.NODE_FILE
    file.write_text(f'[node]\nstate = "{tmp_path}"\n')
    done = naober("radio", *arguments, "--config", file)
    assert done.returncode == 2 and what in done.stderr
    assert len(done.stderr.splitlines()) == 2 and done.stderr.splitlines()[1].startswith("Doe: ")
    assert done.stderr.startswith(code)


# --- which radio

RADIOS = [Board("/dev/serial/by-id/heltec", "Heltec V3"), Board("/dev/serial/by-id/rak", "RAK4631")]


def asked(*answers: str) -> tuple[list[str], Any]:
    questions: list[str] = []
    waiting = iter(answers)

    def ask(question: str) -> str:
        questions.append(question)
        return next(waiting)

    return questions, ask


def test_one_radio_is_not_asked_about() -> None:
    questions, ask = asked()
    assert radio_choice.choose(RADIOS[:1], ask) is RADIOS[0] and questions == []


def test_two_radios_are_one_question_and_enter_is_the_first() -> None:
    questions, ask = asked("")
    assert radio_choice.choose(RADIOS, ask) is RADIOS[0]
    assert questions == ["Twee radio's: 1) Heltec V3 2) RAK4631. Welke is voor Naober? [1] "]
    questions, ask = asked("0", "drie", " 2 ")
    assert radio_choice.choose(RADIOS, ask) is RADIOS[1] and len(questions) == 3


def test_two_radios_and_nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(ConfigError) as caught:
        radio_choice.choose(RADIOS)
    assert "--device /dev/serial/by-id/heltec" in caught.value.do.nl


def test_no_radio_says_what_else_is_plugged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radio_choice, "others", lambda: [UsbDevice("046d:c31c", "toetsenbord")])
    with pytest.raises(NaoberError) as caught:
        radio_choice.choose([])
    assert caught.value.what.nl == "R01 Geen radio op USB (wel gezien: 046d:c31c toetsenbord)."
    assert "datakabel" in caught.value.do.nl


# --- the channel in the grant


def test_a_grant_for_another_machine_or_by_a_stranger_opens_no_channel(enrolled: Path) -> None:
    node = config.load_node(enrolled)
    found = channel.load(node)
    assert found == CHANNEL
    node.seal_key.unlink()
    keys.load_or_create_seal(node.seal_key)
    with pytest.raises(NaoberError, match="not for this machine"):
        channel.load(node)
    node.grant_file.write_bytes(papers.sign(papers.another("grant"), "node"))
    with pytest.raises(NaoberError, match="known authority"):
        channel.load(node)
    node.grant_file.unlink()
    assert channel.load(node) is None


def test_config_check_looks_for_the_radio_and_for_the_software_that_it_takes(
    tmp_path: Path, enrolled: Path
) -> None:
    assert "Radio op 127.0.0.1" in naober("config", "check", enrolled).stdout
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['meshtastic'] = None\n")
    done = naober("config", "check", enrolled, PYTHONPATH=f"{tmp_path}:{REPOSITORY}")
    assert "FOUT  Onderdeel voor de radio ontbreekt" in done.stdout and done.returncode == 2
    edit(enrolled, radio__host="", radio__device="/dev/nothing-here")
    assert "LET   Geen radio op /dev/nothing-here" in naober("config", "check", enrolled).stdout
