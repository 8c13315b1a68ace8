"""Ends in good order, and word to systemd: ready, alive only while its disk is, stopping."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay.errors import NaoberError
from tests.support.process import Process, until
from tests.support.reporter import Reporter, check
from tests.support.stack import Stack
from tests.support.trace import attached

STOP_S = 5.0
LOAD = 20  # reports between one stop and the next
WATCHDOG_S = 0.4  # what the unit would allow
HANG = "inject=fdatasync:delay_enter=60000000"  # microseconds: a card that does not answer any more


class Systemd:
    """What a service tells its manager."""

    def __init__(self, sock: socket.socket, path: Path) -> None:
        self._sock = sock
        self.environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": str(int(WATCHDOG_S * 1_000_000))}
        self._lines: list[str] = []

    def lines(self) -> list[str]:
        """All that was said up to now."""
        while True:
            try:
                self._lines += self._sock.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self._lines

    def alive(self) -> int:
        """How often it said that it is alive."""
        return self.lines().count("WATCHDOG=1")


@contextmanager
def systemd(folder: Path, name: str) -> Iterator[Systemd]:
    path = folder / f"{name}.notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        sock.bind(str(path))
        yield Systemd(sock, path)


def stops_well(process: Process) -> None:
    code, seconds = process.stop()
    assert code == 0, process.log()[-2000:]
    assert seconds < STOP_S
    assert "Traceback" not in process.log()


def test_sigterm_under_load_ends_node_and_inbox_and_loses_nothing(tmp_path: Path) -> None:
    with Stack(tmp_path, "beilen") as stack:
        node = stack.nodes["beilen"]
        stack.start()
        reporter = Reporter(node)
        reporter.start()
        for process in (stack.inbox, node, stack.inbox, node):
            was = len(reporter.acknowledged)
            until(lambda was=was: len(reporter.acknowledged) > was + LOAD)
            stops_well(process)
            process.start()
        reporter.finish()
        node.wait_code("up")
        stack.settle()
        check([reporter], stack.inbox.reports())


@pytest.mark.parametrize("name", ["node", "inbox"])
def test_sigterm_before_the_configuration_is_read_is_a_good_end_too(tmp_path: Path, name: str) -> None:
    config = tmp_path / f"{name}.toml"
    os.mkfifo(config)  # holds the start at this place
    process = Process(name, [name, "--config", config], tmp_path)
    process.start(wait=False)
    try:
        writer = until(lambda: opened_by_a_reader(config))
        os.kill(process.pid, signal.SIGTERM)
        os.close(writer)  # or a signal just before its read would wait for that read's end
        assert process.end() == 0, process.log()[-2000:]
        assert process.log() == ""
    finally:
        process.kill()


@pytest.mark.parametrize("case", ["no broker", "silent broker", "broker that fell silent"])
def test_sigterm_ends_both_whatever_the_broker_does(tmp_path: Path, case: str) -> None:
    with Stack(tmp_path, "beilen") as stack:
        node = stack.nodes["beilen"]
        if case == "broker that fell silent":
            stack.start()
        elif case == "silent broker":
            stack.broker.start()
        if case != "no broker":
            stack.broker.pause()
        for process in (stack.inbox, node):
            if not process.running:
                process.start(wait=False)
        node.wait_ready()
        node.submit("blijft bewaard")
        until(lambda: bool(stack.inbox.health()))
        stops_well(node)
        stops_well(stack.inbox)
        node.start()
        assert node.open_reports() == 1


def test_node_and_inbox_tell_systemd_that_they_are_ready_alive_and_stopping(tmp_path: Path) -> None:
    with (
        Stack(tmp_path, "beilen") as stack,
        systemd(tmp_path, "node") as of_node,
        systemd(tmp_path, "inbox") as of_inbox,
    ):
        node = stack.nodes["beilen"]
        stack.broker.start()
        stack.inbox.start(**of_inbox.environment)
        node.start(**of_node.environment)
        for process, told in ((node, of_node), (stack.inbox, of_inbox)):
            until(lambda told=told: told.alive() >= 3)
            assert told.lines()[0] == "READY=1"
            assert "STOPPING=1" not in told.lines()
            stops_well(process)
            assert "STOPPING=1" in told.lines()


@pytest.mark.parametrize("name", ["node", "inbox"])
def test_a_disk_that_hangs_silences_the_watchdog_though_the_rest_lives(tmp_path: Path, name: str) -> None:
    with Stack(tmp_path, "beilen", status__interval_s=3600) as stack, systemd(tmp_path, name) as told:
        node = stack.nodes["beilen"]
        stack.broker.start()
        stack.inbox.start(**(told.environment if name == "inbox" else {}))
        node.start(**(told.environment if name == "node" else {}))
        node.wait_code("up")
        stack.wait_newest(node)
        process: Process = node if name == "node" else stack.inbox
        until(lambda: told.alive() >= 3)
        with attached(process.pid, "-e", "trace=fdatasync", "-e", HANG):
            if name == "node":
                hang_up(node.state / "node.sock")
            else:
                node.submit("dit komt niet op schijf")
            time.sleep(2 * WATCHDOG_S)  # what was due before the hang has been said
            was = told.alive()
            time.sleep(4 * WATCHDOG_S)
            assert told.alive() == was  # systemd would restart it now
            if name == "node":  # the loop itself lives: it still refuses nonsense by itself
                with pytest.raises(NaoberError, match="Unknown question"):
                    node.ask({"verb": "nonsense"})
            else:
                assert stack.inbox.page("/healthz") is not None
        until(lambda: told.alive() > was)  # and when the disk answers, all goes on
        stack.settle()


def opened_by_a_reader(pipe: Path) -> int | None:
    """The writing end, once somebody has the other one."""
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def hang_up(path: Path) -> None:
    """Ask for a report to be kept, and do not wait for the answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.connect(str(path))
        sock.sendall(b'{"verb":"submit","kind":"report","values":{"text":"dit komt niet op schijf"}}\n')
        time.sleep(0.2)
