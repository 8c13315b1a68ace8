"""A second inbox with the same key stands by, takes over by one command, and the first returns in vain."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from relay.cli.ports import free_port
from tests.support.command import naober
from tests.support.process import until
from tests.support.stack import REPORTS, STATES, Inbox, Stack, edit

PASSPHRASE = "paard batterij nietje klopt"


def standby_of(stack: Stack, folder: Path, secret: Path) -> Inbox:
    """Made from a backup of the running inbox, as on another host."""
    closing = ("--passphrase-file", secret)
    made = naober("inbox", "--config", stack.inbox.file, "backup", folder / "een.backup", *closing)
    assert made.returncode == 0, made.stderr
    spare = Inbox.twin("spare", stack.inbox)
    shutil.rmtree(spare.folder)
    where = ("--dir", spare.folder, "--state", spare.state)
    back = naober("inbox", "restore", folder / "een.backup", "--standby", *where, *closing)
    assert back.returncode == 0, back.stderr
    assert "Dit is een reserve" in back.stdout and "naober inbox take-over" in back.stdout
    spare.web_port, spare.pages_port = free_port(), free_port()
    edit(spare.file, web__port=spare.web_port, pages__port=spare.pages_port)
    return spare


@pytest.mark.slow
def test_the_first_inbox_fails_the_standby_takes_over_and_nothing_is_lost_or_there_twice(
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
        spare = standby_of(stack, tmp_path, secret)
        stack.extra.append(spare)
        spare.start(wait=False)
        until(lambda: spare.health().get("broker") == "connected", 20, "the spare listens")
        assen.submit("beide horen dit")
        stack.settle()
        until(lambda: "beide horen dit" in spare.reports(), 10, "the spare keeps it")
        assert spare.health()["standby"] == "set_up" and stack.inbox.health()["ok"]

        first_epoch = stack.inbox.health()["epoch"]
        stack.inbox.kill()
        beilen.submit("terwijl niemand antwoordt")
        assert beilen.open_reports() == 1
        done = naober("inbox", "--config", spare.file, "take-over")
        assert done.returncode == 0 and "heeft nu de leiding" in done.stdout, done.stdout + done.stderr
        stack.settle(60)
        assert spare.health()["ok"] and spare.health()["epoch"] > first_epoch
        again = naober("inbox", "--config", spare.file, "take-over")
        assert again.returncode == 2 and "heeft de leiding al" in again.stderr

        stack.inbox.start(wait=False)  # power is back at the first host
        until(lambda: stack.inbox.health().get("standby") == "taken_over", 20, "the first stands by")
        until(lambda: stack.inbox.health().get("broker") == "connected", 20, "the first listens again")
        assen.submit("na de overname")
        stack.settle(60)
        assert spare.health()["ok"]
        told = ["voor de back-up", "beide horen dit", "terwijl niemand antwoordt", "na de overname"]
        assert spare.reports() == told
        until(lambda: "na de overname" in stack.inbox.reports(), 10, "the first listens on")
        for inbox in (spare, stack.inbox):
            rows = [
                (row.address, row.epoch, numbering, row.number, row.variant)
                for numbering in (REPORTS, STATES)
                for row in inbox.rows(numbering)
            ]
            assert len(rows) == len(set(rows))
        assert not spare.findings(beilen) and not spare.findings(assen)
