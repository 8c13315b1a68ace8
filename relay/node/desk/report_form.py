"""`/melden`: something is the matter. What, in a few words, how urgent, a last look."""

from __future__ import annotations

from starlette.routing import Route

from relay.core.fields import BY_NAME
from relay.errors import Text
from relay.node.desk import checking
from relay.node.desk.entry_words import PAGE
from relay.node.desk.render import Pages
from relay.node.desk.steps import Problems, State, Step, Walk, Way, urgency_problems

SAYS_NOTHING = "other"  # a report of this kind without a text tells nothing


def routes(pages: Pages) -> list[Route]:
    """For app.py."""
    way = Way(
        path="/melden",
        template="melden.html",
        kinds=("report",),
        steps=_steps,
        values=_values,
        labels=_labels,
        more=lambda state: {},
    )
    return Walk(pages, way).routes()


def _steps(_state: State) -> tuple[Step, ...]:
    return (
        Step("", ("incident",), _incident_problems),
        Step("tekst", ("text",), _text_problems),
        Step("dringend", ("urgency",), urgency_problems),
    )


def _incident_problems(state: State) -> Problems:
    return {} if state.get("incident") in BY_NAME["incident"].choices else {"incident": PAGE["choose"]}


def _text_problems(state: State) -> Problems:
    text = state.get("text", "")
    long = checking.too_long(text)
    if long:
        return {"text": long}
    if state.get("incident") == SAYS_NOTHING and not checking.tidy(text):
        return {"text": PAGE["say_what"]}
    return {}


def _values(state: State) -> dict[str, str]:
    values = {"incident": state["incident"]}
    text = checking.tidy(state.get("text", ""))
    return {**values, "text": text} if text else values


def _labels(_state: State) -> dict[str, Text]:
    return {"incident": PAGE["report"], "text": PAGE["text_line"], "urgency": PAGE["how_urgent"]}
