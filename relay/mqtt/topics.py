"""The MQTT topics of Naober: everything lives under one root, with a version in it."""

from __future__ import annotations

ROOT = "naober/1"
PER_NODE = ("up", "down", "air")  # roster and inbox are one for all


def topic(kind: str, address: str = "") -> str:
    """The topic for `kind` (up, down, air, roster, inbox), of one node where each has its own."""
    return f"{ROOT}/{kind}/{address}" if kind in PER_NODE else f"{ROOT}/{kind}"


def split_topic(full: str) -> tuple[str, str]:
    """Kind and address (or an empty text) of a topic of ours; two empty texts for any other."""
    if not full.startswith(f"{ROOT}/"):
        return "", ""
    kind, _, address = full.removeprefix(f"{ROOT}/").partition("/")
    return kind, address
