"""`naober send`: a report, request or offer from the shell, kept on this node's disk before it says so."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relay.cli.language import pick, say
from relay.errors import Text, ValueRefused

if TYPE_CHECKING:
    from relay.config import NodeConfig

EXAMPLES = (
    'naober send report incident=fire --text "Rook in de kelder" --urgency 2',
    "naober send request need=water amount=200 amount_unit=litres --wait 60",
    'naober send hulpaanbod --text "Tien bedden vrij"',
)
MIXED = True  # options may stand between the values

KINDS = {
    "report": "report", "request": "request", "offer": "offer",
    "melding": "report", "hulpvraag": "request", "hulpaanbod": "offer",
}  # fmt: skip
EMERGENCY, ROUTINE = 1, 3
POLL_S = 0.1
RETRY_DAEMON_S = 5.0
_OURS = ("part", "parts", "text")
_CALL_112 = Text(
    "Bel 112 als dat kan. Dit bericht vervangt 112 niet.",
    "Call 112 if you can. This message does not replace 112.",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to say, and whether to wait for VRD."""
    parser.add_argument("kind", choices=KINDS, metavar="report|request|offer")
    values = Text("bijvoorbeeld incident=fire of visitors=40", "such as incident=fire or visitors=40")
    parser.add_argument("values", nargs="*", metavar="FIELD=VALUE", help=pick(values))
    text = Text("in eigen woorden, zonder persoonsgegevens", "in your own words, no personal data")
    parser.add_argument("--text", default="", metavar="TEXT", help=pick(text))
    urgency = Text(
        "1 Nood, 2 Spoed, 3 Normaal, 4 Informatie", "1 emergency, 2 urgent, 3 routine, 4 information"
    )
    parser.add_argument("--urgency", type=int, choices=range(1, 5), default=ROUTINE, help=pick(urgency))
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--exercise", action="store_true", help=pick(Text("dit is oefening", "an exercise")))
    real = Text("dit is ECHT, ook tijdens een oefening", "this is real, during an exercise too")
    kind.add_argument("--real", action="store_true", help=pick(real))
    wait = Text("wacht tot VRD het heeft, ten hoogste S seconden", "wait up to S seconds for VRD's receipt")
    parser.add_argument("--wait", type=float, default=0.0, metavar="S", help=pick(wait))
    read = Text("met --wait: tot iemand van VRD het heeft gelezen", "with --wait: until VRD has read it")
    parser.add_argument("--read", action="store_true", help=pick(read))
    parser.add_argument("--config", type=Path, metavar="FILE", help=pick(Text("node.toml", "node.toml")))


def run(args: argparse.Namespace) -> int:
    """0: kept (with --wait: received by VRD); 1: kept, but not on its way or not received in time."""
    from relay import config

    request = {
        "verb": "submit",
        "kind": KINDS[args.kind],
        "values": _values(args.values, args.text),
        "urgency": args.urgency,
        "exercise": args.exercise,
        "real": args.real,
    }
    settings = config.load_node(args.config or config.FOLDER / config.NODE_FILE)
    if args.urgency == EMERGENCY and not (args.real or args.exercise) and sys.stdin.isatty():
        request |= _exercise_or_real(settings)
    answer, running = _submit(settings, request)
    parts = len(answer["numbers"])
    split = pick(Text(f" (in {parts} delen)", f" (in {parts} parts)")) if parts > 1 else ""
    if answer["exercise"]:
        say(Text("OEFENING: dit bericht telt niet als echt", "EXERCISE: this message does not count as real"))
    if args.urgency == EMERGENCY:
        say(_CALL_112)
    if not running:
        say(Text(f"Bewaard{split}; het knooppunt draait niet", f"Kept{split}; the node is not running"))
        say(Text("Doe: sudo systemctl start naober-node", "Do: sudo systemctl start naober-node"))
        return 1
    if not answer["safe"]:
        say(
            Text(
                f"Alleen in geheugen{split}: bij stroomuitval is het weg. Doe: naober status",
                f"In memory only{split}: a power cut takes it. Do: naober status",
            )
        )
    else:
        say(Text(f"Bewaard{split}", f"Kept{split}"))
    if args.wait > 0:
        return _wait(settings, answer, args.wait, read=args.read)
    return 0 if answer["safe"] else 1


def _exercise_or_real(settings: NodeConfig) -> dict[str, bool]:
    """Of an emergency during an exercise: whoever types is asked, and what is not an answer is real."""
    from relay.node import control

    try:
        exercise = control.ask(settings.node.state, {"verb": "status"})["exercise"]
    except control.NotRunning:
        return {}
    if not exercise:
        return {}
    question = Text("Oefening of echt? [o = oefening, Enter = ECHT] ", "Exercise or real? [e, Enter = REAL] ")
    exercise_meant = input(pick(question)).strip().lower() in ("o", "e", "oefening", "exercise")
    return {"exercise": exercise_meant, "real": not exercise_meant}


def _values(typed: list[str], text: str) -> dict[str, str]:
    """Field names and values as the wire knows them; raises ValueRefused with the nearest there is."""
    from relay.core.fields import parse
    from relay.core.parts import split
    from relay.core.words import pairs_from, value_from

    values: dict[str, str] = {}
    do = Text('Eigen woorden gaan met --text "..."', 'Use --text "..." for your own words')
    for field, value in pairs_from(typed, do):
        if field.name in _OURS:
            raise ValueRefused(
                Text(f"{field.name} wordt zelf ingevuld", f"{field.name} is filled in by itself"),
                Text('Gebruik --text "..."', 'Use --text "..."'),
            )
        values[field.name] = value_from(field, value)
    if not values and not text.strip():
        raise ValueRefused(
            Text("Er is niets om te versturen", "There is nothing to send"),
            Text('Geef een veld of --text "..."', 'Give a field or --text "..."'),
        )
    split({name: parse(name, value) for name, value in values.items()}, text)  # or refuse it here
    return {**values, **({"text": text} if text.strip() else {})}


def _submit(settings: NodeConfig, request: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The answer, and whether a daemon gave it; without one the outbox is opened here, as its owner."""
    from relay.node import control, lock

    deadline_s = time.monotonic() + RETRY_DAEMON_S
    while True:
        try:
            return control.ask(settings.node.state, request), True
        except control.NotRunning:
            pass
        try:
            with lock.hold(settings.node.state, wait_s=0.0):
                return _keep(settings, request), False
        except lock.AlreadyOwned:  # a daemon that is starting or stopping, or another `send`
            if time.monotonic() >= deadline_s:
                raise
        time.sleep(POLL_S)


def _keep(settings: NodeConfig, request: dict[str, Any]) -> dict[str, Any]:
    """Commit to the outbox itself; raises StorageError when the disk does not take it."""
    from relay.kernel_clock import clock_is_synchronised
    from relay.node.compose import identity_of, open_station
    from relay.node.exercising import Exercise
    from relay.node.submitting import drafts_of, marked, submitted

    clock_is_synchronised()  # loads what it needs while root can still read it
    with as_owner(settings.node.state):
        station = open_station(settings, identity_of(settings))
        try:
            exercise, now = Exercise(settings.node.state), (station.moment(), station.forwarder.state.inbox)
            drafts = drafts_of(marked(request, runs=bool(exercise.left_s(*now))))
            if request["real"]:
                exercise.heal()
            answer = submitted(station.submit(drafts), station)
            if station.storage:  # it is in memory only, and that ends with this process
                raise station.storage
            return answer
        finally:
            station.close()


@contextlib.contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """As root, act as the service's user: a file of root's in its folder would stop the daemon later."""
    owner, group = folder.stat(), os.getegid()
    if os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:  # root again, who can read this program wherever it is installed
        os.seteuid(0)
        os.setegid(group)


def _wait(settings: NodeConfig, answer: dict[str, Any], wait_s: float, *, read: bool = False) -> int:
    """Until VRD has it or, with `read`, tells by a signed notice that somebody read it."""
    from relay.cli.notice_words import handling
    from relay.node import control

    question = {"verb": "where", "epoch": answer["epoch"], "numbers": answer["numbers"]}
    deadline_s = time.monotonic() + wait_s
    said = ""
    while True:
        try:
            told = control.ask(settings.node.state, question)
            states, words = set(told["states"]), told.get("handling", [])
        except control.NotRunning:
            states, words = {"waiting"}, []  # it is on disk, and goes on when the daemon does
        if states == {"receipted"}:
            if said != "receipted":
                said = "receipted"
                say(Text("VRD heeft dit ontvangen", "VRD has received this"))
            if not read:
                return 0
            if words and all(words):
                say(handling(words[-1]))
                return 0
        if "reissued" in states:
            say(
                Text(
                    "Het is onder een nieuw nummer verder gegaan: kijk met naober status",
                    "It went on under a new number: see naober status",
                ),
                sys.stderr,
            )
            return 1
        if "waiting" not in states and not said:
            said = "sent"
            say(Text("Onderweg", "On its way"))
        if time.monotonic() >= deadline_s and said == "receipted":
            say(
                Text(
                    "Nog niet gelezen; kijk later met naober status", "Not read yet; see naober status later"
                )
            )
            return 1
        if time.monotonic() >= deadline_s:
            say(
                Text(
                    f"Nog geen bevestiging na {wait_s:g} s; het blijft bewaard en wordt opnieuw verstuurd",
                    f"No receipt after {wait_s:g} s; it is kept and sent again",
                ),
                sys.stderr,
            )
            say(Text("Doe: naober status", "Do: naober status"), sys.stderr)
            return 1
        time.sleep(POLL_S)
