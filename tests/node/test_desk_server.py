"""The page is served where and when it can be; where it can't, the node goes on and says why."""

from __future__ import annotations

import asyncio
import http.client
import logging
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import cast

import pytest

from relay.cli.ports import free_port
from relay.config import PageSection
from relay.node.desk import server as serving
from relay.node.desk.server import CONNECTIONS_OF_ONE_MAX, PageServer
from relay.node.desk.work import DeskWork
from tests.support.desk import Desk

DEADLINE_S = 20.0


@asynccontextmanager
async def running(page: PageSection, folder: Path) -> AsyncIterator[PageServer]:
    served = PageServer(cast(DeskWork, Desk()), page, folder / "page-pin")
    task = asyncio.create_task(served.run())
    try:
        yield served
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, DEADLINE_S)


async def until_code(served: PageServer, code: str) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while served.facts["code"] != code:
            await asyncio.sleep(0.02)


def status(host: str, port: int) -> int:
    connection = http.client.HTTPConnection(host, port, timeout=DEADLINE_S)
    connection.request("GET", "/")
    answer = connection.getresponse().status
    connection.close()
    return answer


def test_it_listens_on_the_wifi_the_lan_and_the_machine_itself(tmp_path: Path) -> None:
    port = free_port()

    async def go() -> list[int]:
        page = PageSection(host="127.0.0.3", lan_host="127.0.0.2", port=port)
        async with running(page, tmp_path) as served:
            await until_code(served, "")
            assert served.facts["serving"] and served.facts["port"] == port
            hosts = ("127.0.0.3", "127.0.0.2", "127.0.0.1")
            return [await asyncio.to_thread(status, host, port) for host in hosts]

    assert asyncio.run(go()) == [200, 303, 200]  # only the building's network is asked for the PIN
    with pytest.raises(ConnectionRefusedError):
        status("127.0.0.1", port)  # and it is over when it is told to stop


def test_an_address_that_is_not_up_yet_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(serving, "AGAIN_S", 0.05)
    up, make = [False], socket.create_server

    def create(address: tuple[str, int], **options: int) -> socket.socket:
        if address[0] == "127.0.0.4" and not up[0]:
            return make(("192.0.2.1", address[1]))  # no address of this machine: the kernel's own refusal
        return make(address, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "create_server", create)
    port = free_port()

    async def go() -> None:
        async with running(PageSection(host="127.0.0.4", port=port), tmp_path) as served:
            await until_code(served, "no_address")
            assert await asyncio.to_thread(status, "127.0.0.1", port) == 200  # the small screen need not wait
            await asyncio.sleep(0.3)
            up[0] = True
            await until_code(served, "")
            assert await asyncio.to_thread(status, "127.0.0.4", port) == 200

    with caplog.at_level(logging.INFO, "naober.desk"):
        asyncio.run(go())
    assert len([line for line in caplog.messages if "can't be served at 127.0.0.4" in line]) == 1


def test_a_port_that_another_program_holds_is_p01_until_it_lets_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(serving, "AGAIN_S", 0.05)
    port = free_port()

    async def go(pid: int, other: subprocess.Popen[bytes]) -> None:
        async with running(PageSection(host="127.0.0.1", port=port), tmp_path) as served:
            await until_code(served, "P01")
            assert not served.facts["serving"]
            other.kill()
            other.wait()
            await until_code(served, "")
            assert await asyncio.to_thread(status, "127.0.0.1", port) == 200
        told = [line for line in caplog.messages if "P01" in line]
        assert len(told) == 1 and f"P01 Port {port} is taken by sleep (pid {pid})." in told[0]
        assert "Do: stop that program, or choose another page.port" in told[0]

    with socket.create_server(("127.0.0.1", port)) as taken:
        other = subprocess.Popen(["sleep", "60"], pass_fds=[taken.fileno()])
    with caplog.at_level(logging.INFO, "naober.desk"):
        asyncio.run(go(other.pid, other))


def test_one_device_can_not_take_all_connections(tmp_path: Path) -> None:
    port = free_port()

    def hold() -> int:
        links = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS_OF_ONE_MAX + 6)]
        gone = 0
        for link in links[CONNECTIONS_OF_ONE_MAX:]:
            link.settimeout(DEADLINE_S)
            with suppress(ConnectionResetError):
                assert link.recv(1) == b""
            gone += 1
        elsewhere = socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.9", 0))
        elsewhere.sendall(f"GET /levend HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        elsewhere.settimeout(DEADLINE_S)
        answer = elsewhere.recv(100)
        for link in (*links, elsewhere):
            link.close()
        assert answer.startswith(b"HTTP/1.1 200")
        return gone

    async def go() -> int:
        async with running(PageSection(host="127.0.0.1", port=port), tmp_path) as served:
            await until_code(served, "")
            return await asyncio.to_thread(hold)

    assert asyncio.run(go()) == 6
