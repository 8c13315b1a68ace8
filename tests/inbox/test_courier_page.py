"""Codes that a courier brings, read in on the operators' page: as text, and as photos."""

from __future__ import annotations

import os
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from relay.cli import qr
from relay.core import wire
from relay.core.courier_code import Code, encode
from relay.core.message import Entry
from relay.inbox.pages import courier
from tests.inbox.room import Answer, Browser, OpenRoom
from tests.support.photo import on_screen, photographed

PAGE, PHOTO = "/handmatig/koerier", "/handmatig/koerier/foto"
BOUNDARY = "0123456789abcdef"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[OpenRoom]:
    with OpenRoom(tmp_path) as room:
        desk = room.vrd.desk

        async def take(question: dict[str, Any]) -> dict[str, Any]:
            """What Courier makes of it, on this inbox without threads."""
            assert question["verb"] == "stick_read"
            entries = wire.decode_batch(b64decode(question["frame"]))
            fresh = len(desk.take("stick-00000000", *(each.envelope for each in entries)).fresh)
            return {"new": fresh, "known": len(entries) - fresh, "apart": 0, "junk": 0, "whole": True}

        room.room.courier = take
        yield room


@pytest.fixture
def els(room: OpenRoom) -> Browser:
    browser = room.browser("els")
    browser.get(PAGE)
    return browser


def code_of(room: OpenRoom, *texts: str) -> str:
    reports = [room.writers[0].report(number, text) for number, text in enumerate(texts, 1)]
    return encode(Code(wire.encode_batch([Entry(each, 5) for each in reports])))


def upload(browser: Browser, *photos: bytes, **changed: str) -> Answer:
    """What a browser sends for the form with photos."""
    parts = [b'Content-Disposition: form-data; name="csrf"\r\n\r\n' + browser.csrf.encode()]
    for number, photo in enumerate(photos):
        head = f'Content-Disposition: form-data; name="photos"; filename="IMG_{number}.jpg"\r\n'
        parts.append(head.encode() + b"Content-Type: image/jpeg\r\n\r\n" + photo)
    body = b"".join(b"--" + BOUNDARY.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    headers = {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Origin": f"http://127.0.0.1:{browser.port}",
        **changed,
    }
    return browser.ask("POST", PHOTO, body + b"--" + BOUNDARY.encode() + b"--\r\n", headers)


def photo_of(*codes: str) -> bytes:
    return photographed(on_screen(*map(qr.picture, codes), size=(1200, 700)), turned=7)


def test_pasted_text_is_read_in_and_said_what_became_of_it(room: OpenRoom, els: Browser) -> None:
    assert PAGE in els.get("/handmatig").text
    text = f"Van de kazerne:\n{code_of(room, 'water is op', 'weg dicht')}\n{code_of(room, 'x')[:-3]}"
    answer = els.post(PAGE, codes=text)
    assert answer.status == 200 and "Codes gelezen: 1 · <b>2 nieuw</b>, 0 al bekend" in answer.text
    assert "Codes niet heel overgekomen: 1. Neem de hele tekst over" in answer.text
    assert "<b>0 nieuw</b>, 2 al bekend" in els.post(PAGE, codes=text.lower()).text
    entry = room.vrd.operators.newest_of_journal(1)[0]
    assert (entry.who, entry.what) == ("els", "courier")


def test_photos_are_read_in_several_at_once_and_several_codes_in_one(room: OpenRoom, els: Browser) -> None:
    one, other, third = (
        code_of(room, "een"),
        code_of(room, "een", "twee"),
        code_of(room, "een", "twee", "drie"),
    )
    answer = upload(els, photo_of(one, other), photo_of(third), photo_of(third))
    assert answer.status == 200, answer.text
    assert "Codes gelezen: 3 · <b>3 nieuw</b>, 3 al bekend" in answer.text


def test_what_holds_no_code_is_said_and_what_does_is_taken_all_the_same(room: OpenRoom, els: Browser) -> None:
    answer = els.post(PAGE, codes="geen code <b>")
    assert answer.status == 422 and "Geen code gevonden" in answer.text
    wall = photographed(Image.new("L", (800, 480), 100))
    answer = upload(els, b"geen foto", os.urandom(4000), wall)
    assert answer.status == 422 and answer.text.count("is geen foto die te lezen is") == 2
    answer = upload(els, b"<b>", photo_of(code_of(room, "een")))
    assert (
        answer.status == 200 and "IMG_0.jpg is geen foto" in answer.text and "<b>1 nieuw</b>" in answer.text
    )


def test_a_form_of_another_page_or_too_large_does_nothing(
    room: OpenRoom, els: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = photo_of(code_of(room, "een"))
    assert upload(els, photo, Origin="http://elders.nl").status == 403
    token, els.csrf = els.csrf, "x"
    assert upload(els, photo).status == 403
    assert els.post(PAGE, codes=code_of(room, "een")).status == 403
    els.csrf = token
    assert upload(room.browser("lees"), photo).status == 403  # a reader
    assert upload(Browser(room.port), photo).status == 303  # nobody
    monkeypatch.setattr(courier, "PHOTOS_BYTES_MAX", len(photo) // 2)
    answer = upload(els, photo)
    assert answer.status == 422 and "te veel tegelijk" in answer.text
    assert upload(els, photo, Origin="http://elders.nl").status == 403  # looked at before anything is read
    monkeypatch.undo()
    assert upload(els, *([photo] * (courier.PHOTOS_MAX + 1))).status == 400
    assert els.post(PAGE, codes="A" * (courier.TEXT_LENGTH_MAX + 1)).status == 413
    assert room.vrd.desk.rows() == 0
    assert "<b>1 nieuw</b>" in upload(els, photo).text


def test_without_what_reads_photos_the_page_says_to_paste_the_text(
    room: OpenRoom, els: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 'type="file"' in els.get(PAGE).text
    monkeypatch.setattr(courier, "takes_photos", lambda: False)
    page = els.get(PAGE).text
    assert 'type="file"' not in page and "plak de tekst die een QR-app toont" in page
    assert upload(els, photo_of(code_of(room, "een"))).status == 415
    assert "<b>1 nieuw</b>" in els.post(PAGE, codes=code_of(room, "een")).text
