"""What was written on a paper form: read, judged, and put beside what is known since.

What the node measures by itself is on the paper, for the day that the node is dark, but is not entered here.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from relay.core.fields import BY_NAME, paper_number
from relay.core.paper_form import Pasted, understand
from relay.errors import ValueRefused
from relay.node.desk import checking
from relay.node.desk.checking import wire_words
from relay.node.desk.entry_words import PAGE, URGENCY
from relay.node.desk.facts import Known
from relay.node.desk.status_form import GROUPS, judge
from relay.node.desk.steps import NOT_ASKED, Problems, is_form

MESSAGE_FIELDS = ("need", "amount", "amount_unit", "incident", "text")
SITE_FIELDS = tuple(name for names in GROUPS.values() for name in names)
OWN = ("form", "form_stand", "said", "hours", "minutes", "urgency")
AGO_MIN_MAX = 48 * 60  # older than that, nothing of the site is known any more
DIGITS_MAX = 4
KEY_LENGTH_MAX = 600


class Paper(msgspec.Struct, frozen=True):
    """A form on its way from paper to the node."""

    given: dict[str, str]

    @property
    def is_ours(self) -> bool:
        """Whether it has both its one-time form ids."""
        return all(is_form(self.given.get(name, "")) for name in ("form", "form_stand"))

    @property
    def ago_min(self) -> int | None:
        """How long ago it was written; None when nobody said, or not in numbers."""
        both = [self.given.get(name, "").strip() for name in ("hours", "minutes")]
        if not any(both) or not all(each.isascii() and each.isdecimal() for each in both if each):
            return None
        hours, minutes = (int(each[:DIGITS_MAX] or 0) for each in both)
        return hours * 60 + minutes

    def site(self) -> dict[str, str]:
        """What is said of the site, as wire words."""
        return wire_words({name: self.given[name] for name in SITE_FIELDS if self.given.get(name)})

    def message(self) -> dict[str, str]:
        """The report or request on it, as wire words; empty when there is none."""
        values = wire_words({name: self.given[name] for name in MESSAGE_FIELDS if self.given.get(name)})
        if "text" in values:
            values["text"] = checking.tidy(values["text"])
        if "amount" not in values:
            values.pop("amount_unit", None)
        return values

    @property
    def kind(self) -> str:
        """Of the message."""
        return "request" if self.given.get("need") else "report"

    @property
    def urgency(self) -> str:
        """Of the message."""
        return self.given.get("urgency") or NOT_ASKED

    def query(self) -> str:
        """As it stands in an address."""
        return urlencode({key: value for key, value in self.given.items() if value})


def paper_of(given: Mapping[str, str]) -> Paper:
    """What a form, an address or a draft says; anything else that is given is left out."""
    return Paper(
        {key: given[key][:KEY_LENGTH_MAX] for key in (*OWN, *SITE_FIELDS, *MESSAGE_FIELDS) if key in given}
    )


def problems_of(paper: Paper, capacity: int) -> tuple[Problems, Problems]:
    """What is wrong with it, and what should be asked about it, by key."""
    site, message = paper.site(), paper.message()
    problems, questions = judge(site, {}, capacity)
    if paper.ago_min is None:
        problems["hours"] = PAGE["written"]
    elif paper.ago_min > AGO_MIN_MAX:
        problems["hours"] = PAGE["ago_max"]
    for name in ("need", "incident", "amount_unit"):
        if name in message and message[name] not in BY_NAME[name].choices:
            problems[name] = PAGE["choose"]
    try:
        checking.number(BY_NAME["amount"], message.get("amount", ""))
    except ValueRefused as error:
        problems["amount"] = error.what
    long = checking.too_long(message.get("text", ""))
    if long:
        problems["text"] = long
    if message and paper.urgency not in URGENCY:
        problems["urgency"] = PAGE["choose"]
    if not site and not message:
        problems["said"] = PAGE["fill_in_one"]
    return problems, questions


def newer_than(paper: Paper, known: Mapping[str, Known]) -> dict[str, Known]:
    """What is known of the site since the paper was written, of the fields on it: that stays."""
    ago_s = (paper.ago_min or 0) * 60
    return {name: known[name] for name in paper.site() if name in known and known[name].age_s < ago_s}


def taken_over(paper: Paper) -> Paper:
    """What was typed as it was read out, in its places; what was there already and is not named stays."""
    pasted = understand(paper.given.get("said", ""))
    named = {
        name: str(value) for name, value in pasted.values.items() if name in (*SITE_FIELDS, *MESSAGE_FIELDS)
    }
    return Paper({**paper.given, **named})


def not_taken(pasted: Pasted) -> list[str]:
    """What has no place on this form, word for word."""
    ours = (*SITE_FIELDS, *MESSAGE_FIELDS)
    measured = [
        f"{paper_number(BY_NAME[name])}={value}" for name, value in pasted.values.items() if name not in ours
    ]
    return [*pasted.rest, *measured]
