"""The real daemon on a real small disk that fills up, and gets room again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.node.disks import MemoryDisk, mounted
from tests.support.process import until
from tests.support.stack import Stack


@pytest.fixture
def disk(tmp_path) -> Iterator[MemoryDisk]:
    with mounted(MemoryDisk(tmp_path / "mount")) as disk:
        yield disk


@pytest.mark.slow  # the disk is looked at every 30 s
def test_a_daemon_whose_disk_fills_up_says_so_once_goes_on_and_returns_to_it(tmp_path, disk):
    with Stack(tmp_path / "stack", "beilen", status__interval_s=5) as stack:
        node = stack.nodes["beilen"]
        for file in node.state.iterdir():
            (disk.folder / file.name).write_bytes(file.read_bytes())
            (disk.folder / file.name).chmod(0o600)
            file.unlink()
        node.state.rmdir()
        node.state.symlink_to(disk.folder)
        stack.start()
        node.submit("before")
        disk.fill()
        safe = [submit(node, f"while full {number}") for number in range(40)]
        assert not safe[-1]
        assert node.status()["storage_code"] == "full"
        stack.settle()
        assert node.running
        until(lambda: stack.inbox.site(node).get("values", {}).get("storage"), 20, "the status says it")
        disk.free()
        until(lambda: node.status()["storage_code"] == "ok", 45, "it returns to the disk")
        node.submit("after")
        stack.settle()
        texts = sorted(stack.inbox.reports())
        assert texts == sorted(["before", "after", *(f"while full {number}" for number in range(40))])
        log = node.log()
        assert log.count("S01") == 1
        assert log.count("storage works again") == 1
        assert "Traceback" not in log


def submit(node, text: str) -> bool:
    """Whether the daemon said that it is safe on disk."""
    answer = node.ask({"verb": "submit", "kind": "report", "values": {"text": text}, "urgency": 3})
    return bool(answer["safe"])
