"""`naober stick qr` on a terminal, as pictures, with nothing to give and with too much to give."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from relay import pictures
from relay.cli.stick_qr import show
from relay.core.courier_code import BATCH_BYTES, Code, encode
from relay.errors import NaoberError


class Node:
    """Answers with these codes."""

    def __init__(self, *sizes: int, more: bool = False) -> None:
        texts = [encode(Code(os.urandom(size))) for size in sizes]
        self.codes = [{"text": text, "messages": 10, "more": False} for text in texts]
        if self.codes:
            self.codes[-1]["more"] = more

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert request == {"verb": "stick_codes"}
        return {"codes": self.codes}


def test_pictures_for_a_screen_or_a_mail_hold_the_codes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node = Node(BATCH_BYTES, 300)
    assert show(node.ask, tmp_path) == 0
    for number, code in enumerate(node.codes, 1):
        assert pictures.codes_in((tmp_path / f"koerier-{number}.png").read_bytes(), "x") == [code["text"]]
    told = capsys.readouterr().out
    assert "Code 1 van 2: 10 berichten\nCode 2 van 2" in told and "blijven hier wachten" in told


def test_a_terminal_shows_one_at_a_time_and_a_small_one_the_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    node = Node(BATCH_BYTES)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((200, 100)))
    show(node.ask, None)
    assert "█" in capsys.readouterr().out
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((80, 24)))
    show(node.ask, None)
    told = capsys.readouterr().out
    assert "█" not in told and "(nodig: 125x64)" in told and node.codes[0]["text"] in told


def test_a_folder_that_is_not_there_is_named_with_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(NaoberError) as refused:
        show(Node(300).ask, tmp_path / "codes")
    assert refused.value.do.nl == f"mkdir {tmp_path / 'codes'}"


def test_nothing_to_take_along_and_more_than_codes_hold_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(Node().ask, None) == 0
    assert capsys.readouterr().out == "Niets mee te geven: VRD heeft alles\n"
    assert show(Node(50, more=True).ask, None) == 1
    assert "neem een stick" in capsys.readouterr().out
    (tmp_path / "koerier-1.png").mkdir()
    with pytest.raises(NaoberError, match="koerier-1"):
        show(Node(50).ask, tmp_path)
