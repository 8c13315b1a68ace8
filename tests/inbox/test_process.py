"""`naober inbox` as a process: its health in HTTP codes, on loopback, and over a restart."""

from __future__ import annotations

import http.client
from contextlib import closing, suppress
from pathlib import Path

from tests.support.process import until
from tests.support.stack import Stack


def code_of(stack: Stack) -> int:
    """The HTTP status of /healthz; 0 while nobody answers."""
    with closing(http.client.HTTPConnection("127.0.0.1", stack.inbox.web_port, timeout=5)) as connection:
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status
        except OSError:
            return 0


def listeners(pid: int) -> set[str]:
    """The local addresses, in hex, on which a process listens."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            target = str(link.readlink())
            if target.startswith("socket:"):
                inodes.add(target.removeprefix("socket:[").rstrip("]"))
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    return {words[1].partition(":")[0] for words in lines if words[3] == "0A" and words[9] in inodes}


def test_health_follows_the_broker_and_a_killed_inbox_resumes_with_a_higher_epoch(tmp_path: Path) -> None:
    with Stack(tmp_path) as stack:
        stack.inbox.start(wait=False)
        until(lambda: code_of(stack) == 503, why="no broker yet")
        stack.broker.start()
        until(lambda: code_of(stack) == 200, why="the broker is there")
        assert listeners(stack.inbox.pid) == {"0100007F"}  # 127.0.0.1 and nothing else
        first = stack.inbox.health()["epoch"]
        stack.broker.kill()
        until(lambda: code_of(stack) == 503, why="the broker went")
        stack.broker.start()
        until(lambda: code_of(stack) == 200, why="the broker came back")
        stack.inbox.kill()
        assert code_of(stack) == 0
        stack.inbox.start()
        assert stack.inbox.health()["epoch"] > first
        assert "Traceback" not in stack.inbox.log()
