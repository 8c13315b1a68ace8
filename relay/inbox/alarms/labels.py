"""What each rule is called, on every screen and in every message."""

from __future__ import annotations

from relay.errors import Text
from relay.inbox.alarms import calls, own
from relay.inbox.alarms.rules import RULES

LABELS: dict[str, Text] = {**{rule.name: rule.label for rule in RULES}, **calls.LABELS, **own.LABELS}
