"""A radio on a serial line: a pseudo-terminal stands for the USB device, the stub radio behind it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import subprocess
import termios
import tty
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest

from relay.links.meshtastic import link as link_module
from relay.links.meshtastic.serial import holder_of, open_serial
from tests.links.radio_bench import TIMING, Bench
from tests.links.radio_stub import RadioStub
from tests.support.clients import fails, until


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "RETRY_MIN_S", 0.05)
    monkeypatch.setattr(link_module, "RETRY_MAX_S", 0.2)


class HasPort(Protocol):
    @property
    def port(self) -> int: ...


class Line:
    """A device at `path` whose other end is the stub radio; `unplug` takes it away."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = bytearray()  # by the client
        self._far = self._near = -1

    @contextlib.asynccontextmanager
    async def to(self, radio: HasPort) -> AsyncIterator[Line]:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", radio.port)
        pump = asyncio.create_task(self._from_radio(reader, radio))
        self.plug()
        try:
            yield self
        finally:
            self.unplug()
            pump.cancel()
            await asyncio.wait([pump])
            self._writer.close()

    def plug(self) -> None:
        self._far, self._near = os.openpty()
        tty.setraw(self._near)
        self.path.symlink_to(os.ttyname(self._near))
        os.set_blocking(self._far, False)
        asyncio.get_running_loop().add_reader(self._far, self._from_client)

    def unplug(self) -> None:
        if self._far >= 0:
            asyncio.get_running_loop().remove_reader(self._far)
            self.path.unlink()
            os.close(self._far)
            os.close(self._near)
            self._far = self._near = -1

    def flags(self) -> int:
        return int(termios.tcgetattr(self._near)[2])

    def _from_client(self) -> None:
        with contextlib.suppress(OSError):
            data = os.read(self._far, 4096)
            self.written += data
            self._writer.write(data)

    async def _from_radio(self, reader: asyncio.StreamReader, radio: HasPort) -> None:
        """A wire has no end: when the radio ends its connection after a goodbye, it gets another."""
        while True:
            while data := await reader.read(256):
                if self._far >= 0:
                    os.write(self._far, data)
            self._writer.close()
            try:
                reader, self._writer = await asyncio.open_connection("127.0.0.1", radio.port)
            except OSError:
                return


def test_frames_pass_over_a_serial_line_and_every_byte_value_with_them(tmp_path: Path) -> None:
    async def run() -> None:
        async with RadioStub() as radio, Line(tmp_path / "radio").to(radio) as line:
            bench = Bench(device=str(line.path))
            every_byte = bytes(range(231))
            async with bench.running() as link:
                await link.send(every_byte)
                assert radio.packets[0].decoded.payload == every_byte
                radio.hear(bytes(range(255, 24, -1)))
                await until(lambda: bool(bench.heard))
                assert bench.payloads() == [bytes(range(255, 24, -1))]
                assert line.written.startswith(b"\xc3" * 32)  # wakes a sleeping radio
                assert bench.codes() == ["connected"]

    asyncio.run(run())


def test_our_end_does_not_reset_the_board(tmp_path: Path) -> None:
    async def run() -> None:
        async with RadioStub() as radio, Line(tmp_path / "radio").to(radio) as line:
            near = termios.tcgetattr(line._near)
            near[2] |= termios.HUPCL
            termios.tcsetattr(line._near, termios.TCSANOW, near)
            async with Bench(device=str(line.path)).running():
                assert not line.flags() & termios.HUPCL
            assert not line.flags() & termios.HUPCL
            assert termios.tcgetattr(line._near)[4:6] == [termios.B115200] * 2

    asyncio.run(run())


def test_the_line_is_ours_alone(tmp_path: Path) -> None:
    async def run() -> None:
        async with RadioStub() as radio, Line(tmp_path / "radio").to(radio) as line:
            async with Bench(device=str(line.path)).running():
                with line.path.open("rb", buffering=0) as other, pytest.raises(BlockingIOError):
                    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                error = await fails(open_serial(str(line.path)))
                assert error.code == "R04"
            stream = await open_serial(str(line.path))  # and free again afterwards
            await stream.close()

    asyncio.run(run())


def test_another_program_on_the_line_is_named_and_not_disturbed(tmp_path: Path) -> None:
    async def run() -> None:
        async with RadioStub() as radio, Line(tmp_path / "radio").to(radio) as line:
            with line.path.open("rb", buffering=0) as device:
                other = subprocess.Popen(["sleep", "60"], stdin=device)
            try:
                assert holder_of(str(line.path)) == f"sleep (pid {other.pid})"
                bench = Bench(device=str(line.path))
                async with bench.running(connected=False) as link:
                    await until(lambda: bool(bench.facts))
                    await asyncio.sleep(0.3)  # it tries again meanwhile
                    assert bench.codes() == ["R04"]
                    assert f"sleep (pid {other.pid})" in link.facts.what.nl
                    assert line.written == b""  # not a byte was sent to a line that is another's
                    other.kill()
                    other.wait()
                    await until(lambda: link.room() == 1)
            finally:
                other.kill()
                other.wait()

    asyncio.run(run())


def test_an_unplugged_radio_is_missed_and_found_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with RadioStub() as radio, Line(tmp_path / "radio").to(radio) as line:
            bench = Bench(device=str(line.path))
            async with bench.running() as link:
                line.unplug()
                await until(lambda: link.facts.code == "R01")
                assert link.room() == 0 and "datakabel" in link.facts.do.nl
                line.plug()
                await until(lambda: link.room() == 1)
                await link.send(b"x")
            assert bench.codes() == ["connected", "lost", "R01", "connected"]
            assert radio.packets[-1].decoded.payload == b"x"

    asyncio.run(run())


def test_a_restart_in_silence_is_known_on_a_serial_line_too(tmp_path: Path) -> None:
    async def run() -> None:
        async with RadioStub() as radio, Line(tmp_path / "radio").to(radio) as line:
            bench = Bench(device=str(line.path), timing=TIMING)
            async with bench.running() as link:
                radio.deaf = True
                await until(lambda: "silent" in bench.codes())
                await until(lambda: link.room() == 1)

    asyncio.run(run())


def test_a_device_that_is_none_is_one_line_for_the_technician(tmp_path: Path) -> None:
    async def run() -> None:
        (tmp_path / "file").write_text("no radio")
        assert (await fails(open_serial(str(tmp_path / "nothing")))).code == "R01"
        assert (await fails(open_serial(str(tmp_path / "file")))).code == "no_access"

    asyncio.run(run())
