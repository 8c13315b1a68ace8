"""`/hulp`: help that is asked for, or offered. What, how much, how urgent, a last look."""

from __future__ import annotations

from starlette.routing import Route

from relay.core.fields import BY_NAME
from relay.errors import Text, ValueRefused
from relay.node.desk import checking
from relay.node.desk.entry_words import PAGE
from relay.node.desk.render import Pages
from relay.node.desk.steps import Problems, State, Step, Walk, Way, urgency_problems

UNIT = {  # what each need is counted in, unless somebody says otherwise
    "water": "litres",
    "food": "people",
    "fuel": "litres",
    "generator": "pieces",
    "medical": "people",
    "staff": "people",
    "transport": "people",
    "security": "people",
    "sanitation": "pieces",
    "communication": "pieces",
}
AT_ONCE = {  # amounts of one tap
    "litres": (50, 100, 200, 500),
    "people": (5, 10, 25, 50),
    "pieces": (1, 2, 5, 10),
}


def routes(pages: Pages) -> list[Route]:
    """For app.py."""
    way = Way(
        path="/hulp",
        template="hulp.html",
        kinds=("request", "offer"),
        steps=_steps,
        values=_values,
        labels=_labels,
        more=lambda state: {"at_once": at_once(state), "unit": unit_of(state)},
    )
    return Walk(pages, way).routes()


def unit_of(state: State) -> str:
    """What an amount is in: as chosen, else as is usual for the need."""
    chosen = state.get("amount_unit", "")
    return chosen if chosen in BY_NAME["amount_unit"].choices else UNIT.get(state.get("need", ""), "pieces")


def at_once(state: State) -> tuple[tuple[int, str], ...]:
    """The amounts that take one tap, with what they are in."""
    unit = UNIT.get(state.get("need", ""), "pieces")
    return tuple((amount, unit) for amount in AT_ONCE[unit])


def _steps(state: State) -> tuple[Step, ...]:
    what = Step("", ("need",), _need_problems)
    amount = Step("hoeveel", ("amount", "amount_unit", "text"), _amount_problems)
    if state.get("kind") == "offer":
        return what, amount
    return what, amount, Step("dringend", ("urgency",), urgency_problems)


def _need_problems(state: State) -> Problems:
    return {} if state.get("need") in BY_NAME["need"].choices else {"need": PAGE["choose"]}


def _amount_problems(state: State) -> Problems:
    problems: Problems = {}
    try:
        amount = checking.number(BY_NAME["amount"], state.get("amount", ""))
    except ValueRefused as error:
        problems["amount"] = error.what
    else:
        if amount == 0:
            problems["amount"] = Text(
                "Vul een getal in vanaf 1, of laat het leeg.", "Fill in a number from 1, or leave it empty."
            )
    long = checking.too_long(state.get("text", ""))
    if long:
        problems["text"] = long
    return problems


def _values(state: State) -> dict[str, str]:
    values = {"need": state["need"]}
    amount = checking.number(BY_NAME["amount"], state.get("amount", ""))
    if amount is not None:
        values |= {"amount": str(amount), "amount_unit": unit_of(state)}
    text = checking.tidy(state.get("text", ""))
    return {**values, "text": text} if text else values


def _labels(state: State) -> dict[str, Text]:
    labels = {"need": PAGE["help"], "amount": PAGE["how_much"], "text": PAGE["text_line"]}
    if state["kind"] == "offer":
        return {**labels, "need": PAGE["offer"]}
    return {**labels, "urgency": PAGE["how_urgent"]}
