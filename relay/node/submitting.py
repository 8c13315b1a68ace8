"""What `naober send` asks of a node: typed words in, messages out."""

from __future__ import annotations

from typing import Any

from relay.core.fields import parse
from relay.core.log import Row
from relay.core.message import Confidence, Draft, Kind, Urgency
from relay.core.parts import split
from relay.core.wire import parse_header
from relay.errors import NaoberError, Text, ValueRefused
from relay.node.station import Station

SEND_KINDS = {"report": Kind.REPORT, "request": Kind.REQUEST, "offer": Kind.OFFER}


def drafts_of(request: dict[str, Any]) -> list[Draft]:
    """What `naober send` asked for; raises ValueRefused. Values come as the texts that were typed.

    A text that one packet can't hold becomes several drafts, in order.
    """
    kind = SEND_KINDS.get(str(request.get("kind")))
    if kind is None:
        raise ValueRefused(Text("Onbekende soort bericht", "Unknown kind of message"))
    typed = dict(request["values"])
    text = str(typed.pop("text", ""))
    values = {name: parse(name, str(value)) for name, value in typed.items()}
    urgency = Urgency(int(request.get("urgency", Urgency.ROUTINE)))
    exercise = bool(request.get("exercise"))
    return [
        Draft(kind=kind, values=part, urgency=urgency, confidence=Confidence.UNCONFIRMED, exercise=exercise)
        for part in split(values, text)
    ]


def marked(request: dict[str, Any], *, runs: bool) -> dict[str, Any]:
    """What is sent while an exercise `runs` is of it, unless it is said to be real.

    Raises NaoberError for an emergency that says neither: nobody should have to guess.
    """
    if not runs or request.get("real") or request.get("exercise"):
        return request
    if int(request.get("urgency", Urgency.ROUTINE)) == Urgency.EMERGENCY:
        raise NaoberError(
            Text("Er loopt een oefening: is dit oefening of echt?", "An exercise is going on: is this real?"),
            Text("herhaal dit met --real (ECHT) of --exercise", "repeat this with --real or --exercise"),
        )
    return {**request, "exercise": True}


def submitted(rows: list[Row], station: Station) -> dict[str, Any]:
    """The answer to `submit`."""
    return {
        "epoch": station.forwarder.state.epoch,
        "numbers": [row.number for row in rows],
        "safe": station.storage is None,
        "exercise": bool(rows) and parse_header(rows[0].envelope).exercise,
    }
