"""The inbox's host is lost: `naober inbox backup`, `naober inbox restore`, and nothing is lost with it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.command import naober
from tests.support.stack import STATES, Node, Stack

PASSPHRASE = "paard batterij nietje klopt"


@pytest.mark.slow
def test_an_inbox_comes_back_from_an_older_backup_on_an_empty_host_and_nodes_send_the_rest(
    tmp_path: Path,
) -> None:
    secret = tmp_path / "passphrase"
    secret.touch(0o600)
    secret.write_text(PASSPHRASE + "\n")
    with Stack(tmp_path, "beilen", "assen", status__interval_s=5) as stack:
        stack.start()
        beilen, assen = stack.nodes.values()
        beilen.submit("voor de back-up")
        stack.settle()
        closing = ("--passphrase-file", secret)
        made = naober("inbox", "--config", stack.inbox.file, "backup", tmp_path, *closing)
        assert made.returncode == 0, made.stderr
        (backup,) = tmp_path.glob("naober-inbox-*.backup")
        beilen.submit("na de back-up")
        assen.submit("ook na de back-up")
        # admitted after it: nobody but the node itself can show its grant to the restored inbox
        norg = stack.nodes["norg"] = Node("norg", tmp_path / "norg", stack.trust, told=False)
        norg.start()
        norg.wait_code("up")
        norg.submit("van wie later kwam")
        stack.settle()
        assert len(stack.inbox.reports()) == 4

        # the host burns; what nodes say meanwhile waits
        stack.inbox.kill()
        stack.broker.kill()
        for gone in stack.inbox.folder.iterdir():
            shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
        assen.submit("in de brand")

        where = ("--dir", stack.inbox.folder, "--state", stack.inbox.state)
        back = naober("inbox", "restore", backup, *where, *closing)
        assert back.returncode == 0, back.stderr
        assert stack.inbox.reports() == ["voor de back-up"]
        stack.broker.start()
        stack.inbox.start()
        for node in stack.nodes.values():
            node.wait_code("up", timeout_s=30)
        stack.settle()
        assert sorted(stack.inbox.reports()) == [
            "in de brand", "na de back-up", "ook na de back-up", "van wie later kwam", "voor de back-up",
        ]  # fmt: skip
        for node in stack.nodes.values():
            stack.wait_newest(node)
            assert stack.inbox.findings(node) == set(), "a restore is no clone"
        rows = [(row.address, row.epoch, row.number, row.variant) for row in stack.inbox.rows(STATES)]
        assert len(rows) == len(set(rows))
