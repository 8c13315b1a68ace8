"""The picture of the hour on paper: whole, in its own lane, printed; and what is told when it fails."""

from __future__ import annotations

import asyncio
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from relay.config.inbox import load_inbox
from relay.inbox.board import Board
from relay.inbox.pages import picture
from relay.inbox.pages.picture import draw, keep_picture, kept_pictures, sheet_of
from relay.inbox.paper_work import PaperWork
from relay.labels.picture import picture_pdf
from tests.inbox.room import OpenRoom
from tests.inbox.test_lanes import DRILL, emergency

CONFIG = Path(__file__).parents[2] / "config" / "inbox.toml"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[OpenRoom]:
    with OpenRoom(tmp_path) as room:
        emergency(room, "rook in hal \u25b2 caf\u00e9")
        emergency(room, DRILL, site=1, exercise=True)
        room.vrd.watch.look()
        yield room


def board_of(room: OpenRoom) -> Board:
    board = room.vrd.watch.board
    assert board is not None
    return board


def text_of(pdf: bytes) -> str:
    """What is written on it, roughly: the operators of its pages, unpacked."""
    assert pdf.startswith(b"%PDF-") and pdf.rstrip().endswith(b"%%EOF")
    parts = (part.partition(b"endstream")[0] for part in pdf.split(b"stream\n")[1:])
    unpacked = []
    for part in parts:
        try:
            unpacked.append(zlib.decompress(part))
        except zlib.error:
            continue
    return b"".join(unpacked).decode("latin-1")


def pages_of(pdf: bytes) -> int:
    return pdf.count(b"/Type /Page\n")


def work(room: OpenRoom, folder: Path, keep: int = 48, command: tuple[str, ...] = ()) -> PaperWork:
    shipped = load_inbox(CONFIG)
    pages = msgspec.structs.replace(
        shipped.pages, paper_folder=str(folder), paper_keep=keep, paper_command=command
    )
    return PaperWork(msgspec.structs.replace(shipped, pages=pages), room.room)


def test_it_says_what_asks_for_attention_and_each_site_of_its_own_lane(room: OpenRoom) -> None:
    text = text_of(draw(sheet_of(board_of(room), "")))
    wanted = ["Stand van de noodsteunpunten", "0 van 3 open", "1 Nood", "rook in hal ? café", "Punt 3"]
    assert [said for said in wanted if said not in text] == []
    assert DRILL not in text
    drill = room.vrd.watch.exercise.board
    assert drill is not None
    assert "OEFENING" in text_of(picture_pdf(sheet_of(drill, "")))
    assert "DEMO" in text_of(picture_pdf(sheet_of(board_of(room), "DEMO")))


@pytest.mark.parametrize(("sites", "columns"), [(0, 1), (1, 1), (40, 1), (80, 2), (150, 3)])
def test_the_whole_of_drenthe_fits_one_sheet(room: OpenRoom, sites: int, columns: int) -> None:
    board = board_of(room)
    many = tuple(msgspec.structs.replace(board.sites[0], name=f"Dorpshuis {at:03}") for at in range(sites))
    lines = board.attention * 40
    sheet = sheet_of(msgspec.structs.replace(board, sites=many, attention=lines), "")
    pdf = picture_pdf(sheet)
    text = text_of(pdf)
    assert sheet.columns == columns
    assert pages_of(pdf) == 1
    assert f"en nog {len(lines) - picture.LINES_MAX}" in text
    assert all(f"Dorpshuis {at:03}" in text for at in range(sites))


def test_what_does_not_fit_goes_on_another_sheet(room: OpenRoom) -> None:
    board = board_of(room)
    many = tuple(msgspec.structs.replace(board.sites[0], name=f"Punt {at:04}") for at in range(600))
    pdf = picture_pdf(sheet_of(msgspec.structs.replace(board, sites=many), ""))
    assert pages_of(pdf) > 1
    text = text_of(pdf)
    assert all(f"Punt {at:04}" in text for at in range(600))


def test_it_is_one_whole_file_and_old_ones_make_room(room: OpenRoom, tmp_path: Path) -> None:
    folder = tmp_path / "stand"
    folder.mkdir()
    (folder / "stand-20250101-0000.html").write_text("of a version before")
    (folder / "notitie.txt").write_text("blijft")
    for _ in range(3):
        room.vrd.desk.wait(3600)
        room.vrd.watch.look()
        path = keep_picture(board_of(room), "", folder, 3)
    assert [each.suffix for each in kept_pictures(folder)] == [".pdf"] * 3
    assert (folder / "notitie.txt").exists()
    assert path.stat().st_mode & 0o777 == 0o600


def test_pictures_of_a_clock_that_ran_ahead_make_room_for_those_of_now(
    room: OpenRoom, tmp_path: Path
) -> None:
    folder = tmp_path / "stand"
    folder.mkdir()
    for hour in range(3):
        (folder / f"stand-20400101-0{hour}00.pdf").write_text("of 2040")
    board = board_of(room)
    paths = [
        keep_picture(msgspec.structs.replace(board, unix_s=board.unix_s + at * 3600), "", folder, 3)
        for at in range(4)
    ]
    assert kept_pictures(folder) == paths[1:]


def test_each_is_handed_to_the_command_that_prints_it(room: OpenRoom, tmp_path: Path) -> None:
    printed = tmp_path / "printed"
    done = work(room, tmp_path / "stand", command=("/bin/sh", "-c", f'cp "$1" {printed}', "lp"))
    asyncio.run(done.write())
    assert done.trouble == ""
    assert printed.read_bytes() == kept_pictures(tmp_path / "stand")[0].read_bytes()
    printed.unlink()
    room.room.standby = lambda: "standby"
    asyncio.run(done.write())
    assert not printed.exists(), "the inbox that speaks prints"


def test_what_fails_is_told_on_the_page_until_it_works_and_stops_nothing(
    room: OpenRoom, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "stick").write_text("in the way")
    paper = work(room, tmp_path / "stick")
    asyncio.run(paper.write())
    asyncio.run(paper.write())
    assert paper.trouble and caplog.text.count("not put on paper") == 1
    room.vrd.own = msgspec.structs.replace(room.vrd.own, paper=paper.trouble)
    told = [each for each in room.vrd.watch.look() if each.rule == "own_paper"]
    assert [(each.level, each.sound) for each in told] == [(4, "")]
    assert "Stand op papier</span>" in room.browser("els").get("/").text
    (tmp_path / "stick").unlink()
    asyncio.run(paper.write())
    assert paper.trouble == "" and len(kept_pictures(tmp_path / "stick")) == 1
    broken = work(room, tmp_path / "stand", command=("/bin/sh", "-c", "echo geen printer >&2; exit 1"))
    asyncio.run(broken.write())
    assert "geen printer" in broken.trouble and kept_pictures(tmp_path / "stand"), "it is kept all the same"


def test_none_is_made_when_none_is_wanted(room: OpenRoom, tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(work(room, tmp_path / "stand", keep=0).run(), 2))


def test_the_service_itself_never_loads_what_draws() -> None:
    assert "fpdf" not in Path(picture.__file__).read_text()
    assert not any(name.startswith("relay.labels") for name in _loaded("relay.inbox.process"))


def _loaded(module: str) -> list[str]:
    import subprocess

    code = f"import sys, {module}; print(*sys.modules)"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    ).stdout.split()
