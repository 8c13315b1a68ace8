"""Who holds a device or a port is found in /proc, and how that ends for good."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path

import relay
from relay.processes import Program, holders, how_to_stop, listeners


def test_another_program_that_has_a_file_open_is_named_and_we_are_not(tmp_path: Path) -> None:
    file = tmp_path / "device"
    file.write_text("x")
    with file.open() as ours:
        assert list(holders(str(file))) == []
        with subprocess.Popen(["sleep", "60"], stdin=ours) as other:
            try:
                assert list(holders(str(file))) == [Program("sleep", other.pid)]
                link = tmp_path / "link"
                link.symlink_to(file)  # as in /dev/serial/by-id
                assert next(holders(str(link))).pid == other.pid
            finally:
                other.kill()


def test_who_listens_on_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = ours.getsockname()[1]
        assert list(listeners(port)) == []  # nobody but us
        with subprocess.Popen(["sleep", "60"], pass_fds=[ours.fileno()]) as other:
            try:
                assert str(next(listeners(port))) == f"sleep (pid {other.pid})"
            finally:
                other.kill()


def test_a_service_is_stopped_as_one_and_any_other_program_by_its_number(tmp_path: Path) -> None:
    for pid, group in (
        (7, "0::/system.slice/meshtasticd.service\n"),
        (8, "0::/user.slice/session-1.scope\n"),
    ):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "cgroup").write_text(group)
    assert how_to_stop(Program("python3", 7), tmp_path) == "sudo systemctl disable --now meshtasticd"
    assert how_to_stop(Program("screen", 8), tmp_path) == "sudo kill 8"
    assert how_to_stop(Program("gone", os.getpid() + 10**6), tmp_path).startswith("sudo kill")


def test_a_module_of_ours_runs_by_itself_where_only_the_program_knows_where_it_lies(tmp_path: Path) -> None:
    """As in the .deb: its Python has no packages but those that the launcher adds."""
    places = [str(Path(relay.__file__).parents[1]), sysconfig.get_path("purelib")]
    launcher = (
        f"import subprocess, sys; sys.path[:0] = {places}\n"
        "from relay.processes import of_ours\n"
        "command, environment = of_ours('relay.cli', '--version')\n"
        "sys.exit(subprocess.run(command, env=environment).returncode)"
    )
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    base = [Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}", "-SsP"]
    done = subprocess.run(
        [*base, "-c", launcher], capture_output=True, text=True, timeout=60, cwd=tmp_path, env=bare
    )
    assert done.returncode == 0, done.stderr
    alone = [*base, "-m", "relay.cli", "--version"]
    assert subprocess.run(alone, capture_output=True, timeout=60, cwd=tmp_path, env=bare).returncode != 0
