"""A power cut right after "Bewaard": what the kernel had not written to the card by then is gone.

The node runs on a file system in a file. At each cut that file is copied as it is: pages that nobody synced
are in the kernel's memory only, and so not in the copy. A file that is written without a sync, just before
each cut, shows that the copies do lose what a power cut would take.
"""

from __future__ import annotations

import http.client
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest

from relay.node.desk.rows import DeskRows
from tests.support.broker import free_port
from tests.support.process import until
from tests.support.stack import Stack

CUTS = 20
SIZE_MB = 16

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@contextmanager
def mounted(image: Path, at: Path) -> Iterator[Path]:
    """The file system in `image`, as a machine finds it when power is back."""
    at.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", image, at], check=True, capture_output=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", at], check=True)


def ask(port: int, method: str, path: str, **fields: str) -> tuple[int, str, str]:
    """Status, where it leads, and the page."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if fields else {}
        connection.request(method, path, urlencode(fields) if fields else None, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("location", ""), answer.read().decode()


def say(port: int, text: str) -> str:
    """Send a report by the page, as a browser without scripts does; returns the page that says "Bewaard"."""
    form = re.search(r'name="form" value="([^"]+)"', ask(port, "GET", "/melden")[2])
    assert form
    chosen = {"form": form[1], "kind": "report", "incident": "other", "text": text, "urgency": "3"}
    status, where, page = ask(port, "POST", "/melden/controle", **chosen, naar="versturen")
    assert status == 303, page
    return ask(port, "GET", where)[2]


def kept(state: Path) -> list[str]:
    """The texts of all that people posted, as a start after the cut finds them."""
    with closing(sqlite3.connect(state / "outbox.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [str(form.what.values.get("text")) for form in DeskRows(db, state).newest(1000)]


def test_what_the_page_calls_kept_is_there_after_a_power_cut_twenty_times_of_twenty(tmp_path: Path) -> None:
    image = tmp_path / "card"
    with image.open("wb") as file:
        file.truncate(SIZE_MB * 1024 * 1024)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    try:
        with mounted(image, tmp_path / "card-at"):
            pass
    except (OSError, subprocess.CalledProcessError) as error:  # a container without the right to
        pytest.skip(f"this machine mounts no file as a file system: {error}")
    with mounted(image, tmp_path / "card-at") as card:
        node, port = Stack(card, "beilen").nodes["beilen"], free_port()
        node.configure(page__host="127.0.0.1", page__port=port)
        node.start()
        try:
            until(lambda: bool((node.status() or {}).get("page", {}).get("serving")), 20, "the page is there")
            for cut in range(CUTS):
                assert "Bewaard" in say(port, f"melding {cut}")
                (card / f"unsynced-{cut}").write_text("lost")
                shutil.copyfile(image, tmp_path / f"card{cut}.cut")
        finally:
            node.stop()
    lost = 0
    for cut in range(CUTS):
        with mounted(tmp_path / f"card{cut}.cut", tmp_path / "after") as after:
            texts = kept(after / "beilen" / "state")
            assert sorted(texts) == sorted(f"melding {each}" for each in range(cut + 1))
            control = after / f"unsynced-{cut}"
            lost += not control.exists() or control.read_text() != "lost"
        (tmp_path / f"card{cut}.cut").unlink()
    assert lost == CUTS, "the copies are no power cuts"
