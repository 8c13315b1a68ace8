"""A power cut right after the page said "Bewaard": what the kernel had not written to the card is gone.

A file that is written without a sync, just before each cut, shows that the cuts do lose what one would take.
"""

from __future__ import annotations

import http.client
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest

from relay.cli.ports import free_port
from relay.node.desk.rows import DeskRows
from relay.node.station import OUTBOX_NAME
from tests.node.disks import CardDisk, mounted
from tests.support.process import until
from tests.support.stack import Stack

CUTS = 20

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def ask(port: int, method: str, path: str, **fields: str) -> tuple[int, str, str]:
    """Status, where it leads, and the page."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if fields else {}
        connection.request(method, path, urlencode(fields) if fields else None, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("location", ""), answer.read().decode()


def say(port: int, text: str) -> str:
    """Send a report by the page, as a browser without scripts does; returns the page that comes back."""
    form = re.search(r'name="form" value="([^"]+)"', ask(port, "GET", "/melden")[2])
    assert form
    chosen = {"form": form[1], "kind": "report", "incident": "other", "text": text, "urgency": "3"}
    status, where, page = ask(port, "POST", "/melden/controle", **chosen, naar="versturen")
    assert status == 303, page
    return ask(port, "GET", where)[2]


def kept(state: Path) -> list[str]:
    """The texts of all that people posted, as a start after the cut finds them."""
    with closing(sqlite3.connect(state / OUTBOX_NAME)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [str(form.what.values.get("text")) for form in DeskRows(db, state).newest(CUTS + 1)]


def test_what_the_page_calls_kept_is_there_after_a_power_cut_twenty_times_of_twenty(tmp_path: Path) -> None:
    lost = 0
    with mounted(CardDisk(tmp_path / "card")) as card, Stack(card.folder, "beilen") as stack:
        assert isinstance(card, CardDisk)
        node, port = stack.nodes["beilen"], free_port()
        node.configure(page__host="127.0.0.1", page__port=port)
        node.start()
        until(lambda: bool((node.status() or {}).get("page", {}).get("serving")), 20, "the page is there")
        for cut in range(CUTS):
            assert "Bewaard" in say(port, f"melding {cut}")
            (card.folder / f"unsynced-{cut}").write_text("lost")
            left = tmp_path / f"cut{cut}"
            card.after_power_cut(left)
            texts = kept(left / "beilen" / "state")
            assert sorted(texts) == sorted(f"melding {each}" for each in range(cut + 1))
            control = left / f"unsynced-{cut}"
            lost += not control.exists() or control.read_text() != "lost"
    assert lost == CUTS, "the copies are no power cuts"
