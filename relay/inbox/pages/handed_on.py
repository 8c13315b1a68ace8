"""What one shift tells the next: the list that both read, and the text that is frozen in the log."""

from __future__ import annotations

from collections.abc import Sequence

from relay.errors import Text
from relay.inbox.alarms.facts import Own
from relay.inbox.alarms.state import Mute
from relay.inbox.board import NEVER, SILENT, Board
from relay.inbox.pages import render, situation, words, words_manual

GATEWAY_SILENT_S = 180  # as the overview has it
SHORTAGES = Text("Tekorten en bijstand", "Shortages and requests")
MUTED = Text("Zonder geluid", "Without sound")
NONE = Text("geen bekend", "none known")
NO_RULE = Text("geen regel", "no rule")


def rest(board: Board, mutes: Sequence[Mute], language: str) -> list[tuple[str, str]]:
    """Title and text of what is not about one site: shortages, rules that are mute, our own system."""
    until = words.pick(words.PAGE["until"], language)
    muted = [
        f"{_rule(each.rule, language)} {until} {render.stamp(each.until_s)[-5:]} ({each.by}: {each.reason})"
        for each in mutes
    ]
    return [
        (
            words.pick(SHORTAGES, language),
            "; ".join(situation.shortages(board, language)) or words.pick(NONE, language),
        ),
        (words.pick(MUTED, language), "; ".join(muted) or words.pick(NO_RULE, language)),
        (words.pick(words.PAGE["own_system"], language), _own(board.own, language)),
    ]


def _own(own: Own, language: str) -> str:
    gateway = words.pick(words.PAGE["gateway"], language)
    parts = {
        words.pick(words.PAGE["storage"], language): own.storing,
        words.pick(words.PAGE["broker"], language): own.broker,
        words.pick(words.PAGE["clock"], language): own.clock,
        **{
            f"{gateway} {name}": silent_s is not None and silent_s <= GATEWAY_SILENT_S
            for name, silent_s in own.gateways.items()
        },
    }
    if own.paper:
        parts[words.pick(words_manual.PAGE["on_paper"], language)] = False
    return ", ".join(f"{'✔' if is_well else '✖'} {name}" for name, is_well in parts.items())


def text(board: Board, mutes: Sequence[Mute], giver: str, taker: str, remark: str) -> str:
    """What was handed over, in plain Dutch; of an exercise each line says so."""
    silent = [site.name for site in board.sites if site.state in (SILENT, NEVER)]
    lines = [
        f"DIENSTOVERDRACHT {render.stamp(board.unix_s)} - {giver} draagt over aan {taker}",
        f"Open {board.count('open', 'limited', 'full')}/{len(board.sites)},"
        f" stil: {', '.join(silent) or 'geen'}",
        *(
            f"{line.level} {line.name or ', '.join(line.names)} {_rule(line.rule, 'nl')}"
            f" - {line.who or 'nog niemand'}"
            for line in board.attention
        ),
        *(f"{title}: {said}" for title, said in rest(board, mutes, "nl")),
        f"Opmerking: {remark or '-'}",
    ]
    return "\n".join(f"{situation.EXERCISE}: {line}" if board.exercise else line for line in lines)


def _rule(rule: str, language: str) -> str:
    return words.pick(words.RULE[rule], language) if rule in words.RULE else rule
