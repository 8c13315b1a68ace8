"""What a person reads on a page of a site, and a message to read."""

from __future__ import annotations

import re

import msgspec

from relay.node.desk.facts import Sent, Step


def text_of(html: str) -> str:
    """What a person reads."""
    body = html.partition("<body")[2].partition(">")[2]
    return re.sub(r" (?=[.,:)])", "", " ".join(re.sub(r"<[^>]+>", " ", body).split()))


def message(step: Step = Step.KEPT, **values: object) -> Sent:
    plain = {"id": "x1", "kind": "request", "values": {"need": "water"}, "urgency": 3, "exercise": False,
             "step": step, "age_s": 30}  # fmt: skip
    return msgspec.convert({**plain, **values}, Sent)
