"""The picture of an hour as a PDF: worded here, drawn by a process of its own, kept beside the others."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from relay import files
from relay.errors import NaoberError, Text
from relay.inbox.board import Attention, Board, SiteView
from relay.inbox.pages import render, words
from relay.inbox.pages.words_manual import PAGE
from relay.picture_sheet import Sheet
from relay.processes import of_ours

LINES_MAX = 15
ONE_COLUMN_SITES, TWO_COLUMNS_SITES = 40, 80
_SHORT = {"power": "Stroom", "visitors": "Bez.", "water": "Water"}
DRAW_TIMEOUT_S = 60.0
COMMAND_TIMEOUT_S = 60.0
FILE = re.compile(r"stand-\d{8}-\d{4}\.(pdf|html)")  # html: of a version before


class NotOnPaper(NaoberError):
    """It could not be drawn, or the command that is to print it failed."""


def sheet_of(board: Board, banner: str) -> Sheet:
    """What stands on it, in Dutch."""
    mark = "OEFENING · " if board.exercise else f"{banner} · " if banner else ""
    many = len(board.sites)
    columns = 1 if many <= ONE_COLUMN_SITES else 2 if many <= TWO_COLUMNS_SITES else 3
    values = ("power", "visitors", "water") if columns == 1 else ("visitors", "water")[: 4 - columns]
    lines = [(_line(line), line.level == 1) for line in board.attention[:LINES_MAX]]
    if (more := len(board.attention) - LINES_MAX) > 0:
        lines.append((f"en nog {more}", False))
    heads = ("Punt", "Toestand", "Gehoord", "Gespr.", *(_SHORT[name] for name in values))
    return Sheet(
        title=f"{mark}{PAGE['picture'].nl} · {render.stamp(board.unix_s)}",
        counts=_counts(board),
        attention=f"Aandacht nodig ({len(board.attention)})",
        lines=tuple(lines) or (("Niets vraagt aandacht.", False),),
        columns=columns,
        heads=heads,
        widths=_widths(len(heads)),
        rows=tuple(_row(site, values) for site in board.sites),
    )


def _counts(board: Board) -> tuple[str, ...]:
    own = ((board.own.storing, "opslag"), (board.own.broker, "broker"), (board.own.clock, "klok"))
    return (
        f"{board.count('open', 'limited', 'full')} van {len(board.sites)} open",
        f"{board.count('silent', 'never')} stil",
        f"{board.count('overdue')} te laat",
        f"{board.count('not_judged')} niet te bepalen",
        f"{board.calls} hulpvragen",
        f"{board.visitors} bezoekers",
        *(f"{name} {'goed' if good else 'WEG'}" for good, name in own),
    )


def _line(line: Attention) -> str:
    where = line.name or ", ".join(line.names) or "VRD"
    if line.report:
        report = line.report
        what = words.KIND[report.kind].nl if report.kind in words.KIND else report.kind
        text, state = report.shown.values.get("text", ""), words.handling_text(line.handling.state, "nl")
        told = f"{what} {text}, {state}"
    else:
        told = words.RULE[line.rule].nl if line.rule in words.RULE else line.rule
    who = line.who or words.PAGE["nobody"].nl
    urgency = f"{line.level} {words.URGENCY[line.level].nl}"
    return f"{urgency}  {where}: {told} · {render.age(line.since_s, 'nl')} · {who}"


def _widths(cells: int) -> tuple[float, ...]:
    """A name has four times the room of a value, a state two and a half times."""
    others = cells - 2
    unit = 1 / (6.5 + others)
    return (4 * unit, 2.5 * unit, *[unit] * others)


def _row(site: SiteView, values: Sequence[str]) -> tuple[str, ...]:
    state = words.SITE_STATE[site.state][1].nl if site.state in words.SITE_STATE else site.state
    heard = render.age(site.heard_age_s, "nl") or "nooit"
    fresh = [(name, site.fresh(name)) for name in values]
    said = ["?" if value is None else words.value_text(name, value, "nl") for name, value in fresh]
    return (site.name, state, heard, render.age(site.spoken_age_s, "nl"), *said)


def draw(sheet: Sheet) -> bytes:
    """As PDF; raises NotOnPaper."""
    command, environment = of_ours("relay.labels.picture")
    return _run(command, DRAW_TIMEOUT_S, msgspec.json.encode(sheet), environment)


def hand_on(command: Sequence[str], file: Path) -> None:
    """To the command that prints it; raises NotOnPaper."""
    if command:
        _run([*command, str(file)], COMMAND_TIMEOUT_S)


def _run(
    command: Sequence[str], timeout_s: float, data: bytes = b"", environment: dict[str, str] | None = None
) -> bytes:
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, timeout=timeout_s, check=False, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotOnPaper(Text(str(error), str(error))) from error
    if done.returncode or (environment and not done.stdout):
        said = (done.stderr.decode(errors="replace").strip().splitlines() or ["?"])[-1][:200]
        why = f"{Path(command[0]).name}: {said} ({done.returncode})"
        raise NotOnPaper(Text(why, why))
    return done.stdout


def kept_pictures(folder: Path) -> list[Path]:
    """The oldest first."""
    try:
        return sorted(each for each in folder.iterdir() if FILE.fullmatch(each.name))
    except OSError:
        return []


def keep_picture(board: Board, banner: str, folder: Path, keep: int) -> Path:
    """The picture of `board`, whole or not at all, beside those of the hours before, of which `keep` stay.

    Raises NotOnPaper, or StorageError when the folder refuses.
    """
    drawn = draw(sheet_of(board, banner))
    files.make_folder(folder, 0o700)
    when = datetime.fromtimestamp(board.unix_s).astimezone().strftime("%Y%m%d-%H%M")
    path = folder / f"stand-{when}.pdf"
    files.replace(path, drawn, files.PRIVATE)
    # those of a clock that ran ahead go first: else each new one would be the oldest
    first_to_go = sorted(kept_pictures(folder), key=lambda each: (each.name <= path.name, each.name))
    for each in first_to_go[:-keep]:
        with contextlib.suppress(OSError):
            each.unlink()
    return path
