"""The real `meshtastic` command line works against a fake radio, and `naober fake-radio` starts one."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.cli.ports import free_port
from tests.sim.client import Client, client, run
from tests.support.command import naober
from tests.support.process import Process

COMMAND = Path(sys.executable).with_name("meshtastic")
TIMEOUT_S = 40
NOWHERE = "http://127.0.0.1:9"  # the command asks the internet for its newest version: not here


def meshtastic(port: int, *arguments: str) -> str:
    """Run the command; what it prints.

    It may complain on standard error when the radio was so quick that it had closed before its first
    heartbeat: a race of its own, after the work was done.
    """
    done = subprocess.run(
        [COMMAND, "--host", f"127.0.0.1:{port}", *arguments],
        env={**os.environ, "https_proxy": NOWHERE, "http_proxy": NOWHERE, "no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class FakeRadioProcess(Process):
    """`naober fake-radio`, two radios at ten times the speed, on free ports."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port(run=2)
        arguments = ["--lang", "en", "fake-radio", "--count", "2", "--speed", "10", "--port", self.port]
        super().__init__("fake-radio", list(map(str, arguments)), folder)

    def ready(self) -> bool:
        return self.log().count("127.0.0.1:") == 2


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeRadioProcess]:
    process = FakeRadioProcess(tmp_path)
    process.start()
    yield process
    process.kill()


def test_info_shows_the_radio_and_its_settings(fake: FakeRadioProcess) -> None:
    shown = meshtastic(fake.port, "--info")
    assert "Owner: Meshtastic 0001 (0001)" in shown
    assert '"firmwareVersion": "2.7.26' in shown
    assert '"region": "EU_868"' in shown
    assert '"rebroadcastMode": "ALL"' in shown
    assert "Index 0: PRIMARY psk=default" in shown


def test_nodes_shows_who_was_heard(fake: FakeRadioProcess) -> None:
    async def speak() -> None:
        async with client(fake.port + 1) as other, client(fake.port) as one:
            other.send(b"here I am")
            await one.payload(b"here I am")

    run(speak)
    shown = meshtastic(fake.port, "--nodes")
    assert "!4e410001" in shown
    assert "!4e410002" in shown


def test_a_text_sent_with_the_command_is_heard_by_the_other_radio(fake: FakeRadioProcess) -> None:
    async def hear() -> None:
        async with client(fake.port + 1) as other:
            shown = await asyncio.to_thread(meshtastic, fake.port, "--sendtext", "hallo allemaal")
            assert "Sending text message hallo allemaal" in shown
            packet = await other.payload(b"hallo allemaal")
            assert packet.decoded.portnum == 1

    run(hear)


def test_setting_the_region_restarts_the_radio_with_it(fake: FakeRadioProcess) -> None:
    async def reboots(one: Client) -> int:
        return int((await one.config())[0].my_info.reboot_count)

    async def change(setting: str, expected: int) -> None:
        shown = await asyncio.to_thread(meshtastic, fake.port, "--set", "lora.region", setting)
        assert f"Set lora.region to {setting}" in shown
        async with asyncio.timeout(20):
            while True:
                await asyncio.sleep(0.3)
                async with client(fake.port, config=False) as one:
                    try:
                        async with asyncio.timeout(1):
                            if await reboots(one) == expected:
                                return
                    except TimeoutError:
                        continue  # it is just restarting

    async def test() -> None:
        await change("US", 1)
        assert '"region": "US"' in await asyncio.to_thread(meshtastic, fake.port, "--info")
        await change("EU_868", 2)
        assert '"region": "EU_868"' in await asyncio.to_thread(meshtastic, fake.port, "--info")

    run(test)


def test_each_radio_is_a_line_and_a_signal_ends_it(fake: FakeRadioProcess) -> None:
    lines = fake.log().splitlines()
    assert [line.split()[0] for line in lines] == [f"127.0.0.1:{fake.port + index}" for index in range(2)]
    assert all(re.search(r"!4e41000\d  LONG_FAST  EU_868$", line) for line in lines)
    assert fake.end(signal.SIGINT) == 0
    assert "Traceback" not in fake.log()


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--count", "0"], "--count 0 kan niet"),
        (["--count", "51"], "--count 51 kan niet"),
        (["--speed", "0"], "--speed 0 kan niet"),
        (["--preset", "LONG"], '"LONG" bestaat niet'),
        (["--port", "65535"], "--port 65535 kan niet"),
    ],
)
def test_what_makes_no_sense_is_refused_in_two_lines(arguments: list[str], what: str) -> None:
    done = naober("fake-radio", *arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    assert what in done.stderr


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = naober("fake-radio", "--count", "1", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "is niet vrij" in done.stderr
    assert "Doe: Kies een andere met --port" in done.stderr
