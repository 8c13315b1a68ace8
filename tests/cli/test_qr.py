"""Papers as text, on a screen and in a photo."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from relay.cli import qr
from relay.errors import ConfigError, StorageError, WireError

ENVELOPE = os.urandom(760)


def test_text_is_read_as_it_was_written_and_as_people_copy_it() -> None:
    text = qr.to_text(ENVELOPE, qr.GRANT_PREFIX)
    assert text.startswith("HTTP://10.42.0.1/I/") and "=" not in text
    spaced = " ".join(text[at : at + 5] for at in range(0, len(text), 5))
    for way in (text, qr.to_text(ENVELOPE), text.lower(), f"\n {spaced}\n"):
        assert qr.from_text(way) == ENVELOPE


@pytest.mark.parametrize("text", ["", "HTTP://10.42.0.1/I/", "ABC1", "é" * 100, "A" * 5000, "A" * 10**6])
def test_what_is_no_such_text_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        qr.from_text(text)


def test_a_photo_of_the_terminal_can_be_read(tmp_path: Path) -> None:
    lines = qr.for_terminal(qr.to_text(ENVELOPE, qr.GRANT_PREFIX)).split("\n")
    assert len(lines) <= 60 and len({len(line) for line in lines}) == 1
    screen = Image.new("L", (len(lines[0]), 2 * len(lines)), 0)
    for y, line in enumerate(lines):
        for x, letter in enumerate(line):
            screen.putpixel((x, 2 * y), 255 * (letter in "█▀"))
            screen.putpixel((x, 2 * y + 1), 255 * (letter in "█▄"))
    screen = screen.resize((5 * screen.width, 5 * screen.height), Image.Resampling.NEAREST)
    for angle, name in ((0, "straight.png"), (4, "tilted.jpg")):
        screen.rotate(angle, expand=True, fillcolor=90).save(tmp_path / name)
        assert qr.from_photo(tmp_path / name) == [ENVELOPE]


def test_a_picture_of_a_grant_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(qr.picture(qr.to_text(bytes(1024), qr.GRANT_PREFIX)))
    assert qr.from_photo(tmp_path / "x.png") == [bytes(1024)]


def test_pictures_that_say_nothing_or_too_much_are_refused(tmp_path: Path) -> None:
    Image.new("L", (50, 50), 255).save(tmp_path / "empty.png")
    (tmp_path / "junk.jpg").write_bytes(os.urandom(500))
    (tmp_path / "other.png").write_bytes(qr.picture("https://example.org"))
    whole = qr.picture(qr.to_text(ENVELOPE))
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    for name in ("empty.png", "junk.jpg", "other.png", "cut.png", "bomb.png"):
        with pytest.raises(ConfigError):
            qr.from_photo(tmp_path / name)
    with pytest.raises(StorageError):
        qr.from_photo(tmp_path / "away.png")
