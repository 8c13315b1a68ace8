"""V14: codes of a node, photographed, and read by an inbox that nothing else connects to it."""

from __future__ import annotations

import http.client
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from relay.cli import qr
from relay.cli.ports import free_port
from relay.core.message import Urgency
from relay.trust.roster_file import NAME as ROSTER
from tests.support.command import naober
from tests.support.photo import on_screen, photographed
from tests.support.process import until
from tests.support.stack import Node, Stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """An inbox that no broker connects to anybody."""
    with Stack(tmp_path, "beilen", status__interval_s=3600) as stack:
        stack.inbox.start(wait=False)
        until(lambda: (stack.inbox.state / "inbox.sock").exists())
        yield stack


def pictures(node: Node, folder: Path) -> list[bytes]:
    """The codes of a node as it writes them for a screen."""
    folder.mkdir()
    done = naober("stick", "qr", folder, "--config", node.file)
    assert done.returncode == 0, done.stderr
    return [each.read_bytes() for each in sorted(folder.iterdir())]


def read(stack: Stack, *files: str | Path, code: int = 0) -> str:
    done = naober("inbox", "photo", *files, "--config", stack.inbox.file)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def paste(stack: Stack, text: str) -> str:
    """`naober inbox photo -`; what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "relay.cli", "inbox", "photo", "-", "--config", str(stack.inbox.file)],
        input=text,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def page_of(port: int, path: str) -> str:
    """A page of the site, as soon as its server is there."""
    pages: list[str] = []

    def answers() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", path)
            pages.append(connection.getresponse().read().decode())
        except OSError:
            return False
        finally:
            connection.close()
        return True

    until(answers)
    return pages[-1]


def small(picture: bytes) -> bytes:
    """At three pixels a square, as the box's own screen has it."""
    image = Image.open(io.BytesIO(picture))
    part = 3 / qr.PICTURE_SCALE
    size = round(image.width * part), round(image.height * part)
    out = io.BytesIO()
    image.convert("L").resize(size, Image.Resampling.NEAREST).save(out, "PNG")
    return out.getvalue()


def test_photos_of_the_codes_bring_every_message_once_signed_and_by_courier(
    stack: Stack, tmp_path: Path
) -> None:
    beilen = stack.nodes["beilen"]
    beilen.start()
    texts = [f"melding {number} van de kazerne" for number in range(11)]
    for text in texts:
        beilen.submit(text)
    beilen.submit("arts nodig", Urgency.EMERGENCY)
    codes = pictures(beilen, tmp_path / "codes")
    assert len(codes) == 2
    photos = []
    for number, code in enumerate(codes):
        photo = tmp_path / f"IMG_{number}.jpg"
        photo.write_bytes(photographed(on_screen(small(code)), turned=-4 + 9 * number))
        photos.append(photo)

    assert "2 codes gelezen (koerier): 13 nieuw, 0 al bekend" in read(stack, *photos)
    assert sorted(stack.inbox.reports()) == sorted([*texts, "arts nodig"])
    shown = stack.inbox.page("/api/messages?statuses=1")
    assert {each["link"] for each in shown} == {"courier"}
    assert {each["address"] for each in shown} == {beilen.address}
    assert stack.inbox.counts()["bad_signature"] == 0 and not stack.inbox.findings(beilen)

    assert "0 nieuw, 13 al bekend" in read(stack, *photos, photos[0])  # brought twice
    assert len(stack.inbox.reports()) == 12
    assert beilen.open_reports() == 12  # it has heard nothing yet: only a receipt ends its duty


def test_text_of_a_scanner_app_does_as_well_and_what_can_not_be_read_is_said(
    stack: Stack, tmp_path: Path
) -> None:
    beilen, port = stack.nodes["beilen"], free_port()
    beilen.configure(page__host="127.0.0.1", page__port=port)
    beilen.start()
    beilen.submit("water is op")
    code = pictures(beilen, tmp_path / "codes")[0]
    photo, dark = tmp_path / "een.jpg", tmp_path / "donker.jpg"
    photo.write_bytes(photographed(on_screen(small(code), small(code))))
    dark.write_bytes(photographed(Image.new("L", (800, 480), 0)))
    (tmp_path / "geen.jpg").write_bytes(b"geen foto")

    done = naober("inbox", "photo", dark, "--config", stack.inbox.file)
    assert done.returncode == 2 and "dichterbij, of plak de tekst" in done.stderr
    done = naober("inbox", "photo", tmp_path / "geen.jpg", photo, "--config", stack.inbox.file)
    assert done.returncode == 1 and "geen foto die te lezen is" in done.stderr
    assert done.stdout == "1 code gelezen (koerier): 2 nieuw, 0 al bekend\n"
    assert stack.inbox.reports() == ["water is op"]

    beilen.submit("en brood ook")
    page = page_of(port, "/koerier")
    assert "Code 1 van 1: 3 berichten" in page and "<svg" in page
    found = re.search(r"NAOBER1/[A-Z2-7]+/", page)  # as copied from the page into a messenger
    assert found
    assert paste(stack, f"van Beilen: {found[0]}") == "1 code gelezen (koerier): 1 nieuw, 2 al bekend\n"
    assert stack.inbox.reports() == ["water is op", "en brood ook"]
    assert beilen.open_reports() == 2


def test_a_site_that_vrd_never_heard_of_brings_its_grant_along(tmp_path: Path) -> None:
    with Stack(tmp_path, "beilen", status__interval_s=3600) as stack:
        beilen = stack.nodes["beilen"]
        (stack.inbox.state / ROSTER).unlink(missing_ok=True)  # restored from before it was admitted
        stack.inbox.start(wait=False)
        until(lambda: (stack.inbox.state / "inbox.sock").exists())
        beilen.start()
        for number in range(9):
            beilen.submit(f"wij zijn nieuw, {number}")
        shown = naober("stick", "qr", "--config", beilen.file)  # no terminal: it just writes
        assert shown.returncode == 0 and "█" in shown.stdout and "Code 2 van 2" in shown.stdout
        codes = [each["text"] for each in beilen.ask({"verb": "stick_codes"})["codes"]]
        mail = "Hoi,\n" + "\n\n".join(codes).lower() + "\n\ngroet van de chauffeur"
        assert paste(stack, mail) == "2 codes gelezen (koerier): 10 nieuw, 0 al bekend\n"
        assert len(stack.inbox.reports()) == 9
