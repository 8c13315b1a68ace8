"""Which radio is meant: by option, by node.toml, or the one on USB. Asked only when there are two."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from relay.cli.language import pick
from relay.codes import CodedError, fault
from relay.errors import ConfigError, LinkError, NaoberError, Text
from relay.links.meshtastic.boards import Board, UsbDevice, boards, others

OTHERS_SHOWN = 4

Ask = Callable[[str], str]


def found_board(ask: Ask = input) -> Board:
    """The radio on USB. Raises NaoberError: R01 for none; for several when nobody can be asked."""
    return choose(boards(), ask)


def choose(found: Sequence[Board], ask: Ask = input) -> Board:
    """The only one of `found`, or the one that a person chooses; Enter is the first."""
    if not found:
        raise fault("R01", seen=seen(others()))
    if len(found) == 1:
        return found[0]
    if not sys.stdin.isatty() and ask is input:
        raise ConfigError(
            Text(f"{len(found)} radio's op USB", f"{len(found)} radios on USB"),
            Text(f"noem er een: --device {found[0].path}", f"name one: --device {found[0].path}"),
        )
    listed = " ".join(f"{number}) {board.name}" for number, board in enumerate(found, 1))
    count = pick(Text("Twee", "Two")) if len(found) == 2 else str(len(found))
    question = pick(
        Text(
            f"{count} radio's: {listed}. Welke is voor Naober? [1] ",
            f"{count} radios: {listed}. Which one is for Naober? [1] ",
        )
    )
    while True:
        try:
            answer = ask(question).strip() or "1"
        except EOFError:
            answer = "1"
        if answer.isdecimal() and 0 < int(answer) <= len(found):
            return found[int(answer) - 1]


def seen(devices: Sequence[UsbDevice]) -> Text:
    """What else is on USB, for the line of R01."""
    if not devices:
        return Text("", "")
    shown = ", ".join(f"{each.id} {each.name}".strip() for each in devices[:OTHERS_SHOWN])
    return Text(f" (wel gezien: {shown})", f" (but seen: {shown})")


def spoken(error: LinkError) -> NaoberError:
    """A radio's trouble with its spoken code in front, where it has one."""
    is_code = len(error.code) == 3 and error.code[1:].isdecimal()
    if error.code == "R01" and not error.what.nl.startswith("R01"):
        extra = seen(others())
        return CodedError("R01", Text(error.what.nl + extra.nl, error.what.en + extra.en), error.do)
    return CodedError(error.code, error.what, error.do) if is_code else error
