"""Pictures of strangers are read in a process of their own; what harms that harms nobody else."""

from __future__ import annotations

import importlib.util
import io
import os
import struct
import subprocess
import sys
import zlib
from typing import Any

import pytest
from PIL import Image

from relay import pictures
from relay.cli import qr
from relay.errors import ConfigError


def png_of(width: int, height: int) -> bytes:
    """A small file that claims to be large, and is: one white line of zeros, packed."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_all_codes_of_a_picture_are_read_and_a_large_jpeg_at_a_part_of_its_size() -> None:
    screen = Image.new("RGB", (9000, 8000), "white")
    for at, text in ((100, "EEN"), (4500, "TWEE")):
        code = Image.open(io.BytesIO(qr.picture(text))).convert("RGB")
        screen.paste(code.resize((2000, 2000), Image.Resampling.NEAREST), (at, at))
    out = io.BytesIO()
    screen.save(out, "JPEG", quality=70)
    assert sorted(pictures.apart(out.getvalue(), "x")) == ["EEN", "TWEE"]


@pytest.mark.parametrize(
    "data",
    [b"", b"junk", png_of(30_000, 30_000), png_of(9000, 9000), os.urandom(5000)],
    ids=["empty", "text", "bomb", "cut off", "noise"],
)
def test_what_is_no_picture_or_a_bomb_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(ConfigError, match="is no picture"):
        pictures.apart(data, "IMG_1.jpg")


@pytest.mark.parametrize(
    ("kind", "reads"), [("PNG", True), ("JPEG", True), ("MPO", True), ("WEBP", True), ("TIFF", False)]
)
def test_of_a_stranger_only_what_phones_make_is_read(kind: str, reads: bool) -> None:
    code, out = Image.open(io.BytesIO(qr.picture("EEN"))).convert("RGB"), io.BytesIO()
    code.save(out, kind, **({"save_all": True, "append_images": [code]} if kind == "MPO" else {}))
    assert pictures.codes_in(out.getvalue(), "x") == ["EEN"]
    if reads:
        assert pictures.apart(out.getvalue(), "x") == ["EEN"]
    else:
        with pytest.raises(ConfigError, match="no picture"):
            pictures.apart(out.getvalue(), "x")


def test_what_breaks_a_reader_can_open_no_file_and_no_socket() -> None:
    tried = """
import socket, sys
from relay import pictures
def broken(data, name, formats):
    said = []
    for attempt in (lambda: open("/etc/hostname"), socket.socket):
        try:
            attempt(); said.append("open")
        except OSError:
            said.append("shut")
    return said
pictures.codes_in = broken
pictures._main()
"""
    done = subprocess.run([sys.executable, "-c", tried], input=b"x", stdout=subprocess.PIPE, check=True)
    assert done.stdout == b'["shut","shut"]'


def test_a_reader_that_hangs_crashes_or_says_rubbish_is_a_picture_that_can_not_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = subprocess.run
    monkeypatch.setattr(pictures, "APART_TIMEOUT_S", 0.3)
    for script in ("sleep 20", "kill -SEGV $$", "echo rubbish", "exit 3"):

        def other(command: list[str], script: str = script, **options: Any) -> Any:
            return run(["sh", "-c", script], **options)

        monkeypatch.setattr(subprocess, "run", other)
        with pytest.raises(ConfigError, match="no picture"):
            pictures.apart(b"x", "IMG_1.jpg")


def test_where_nothing_reads_pictures_it_says_what_to_do_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError) as caught:
        pictures.apart(b"x", "IMG_1.jpg")
    assert "naober[photo]" in str(caught.value) and "paste the text" in str(caught.value)
