"""What must not be in a file for remote help, though nobody meant to write it down."""

from __future__ import annotations

import base64
import json

import pytest

from relay.cli.support_parts import GONE, scrubbed, silent

KEY16, KEY32 = bytes(range(100, 116)), bytes(range(100, 132))


def url(key: bytes) -> str:
    """A Meshtastic channel as people share it, and paste it into notes: the key is in it."""
    channel = b"\x0a" + bytes((len(key) + 10,)) + b"\x12" + bytes((len(key),)) + key + b"\x1a\x06Naober"
    return "https://meshtastic.org/e/#" + base64.urlsafe_b64encode(channel).decode().rstrip("=")


@pytest.mark.parametrize(
    "leaked",
    [
        url(KEY16),
        url(KEY32),
        base64.b64encode(KEY16).decode().rstrip("="),
        base64.urlsafe_b64encode(KEY16).decode().rstrip("="),
        base64.b64encode(KEY32).decode(),
        KEY16.hex(),
        KEY16.hex(":"),
        KEY32.hex(" "),
        str(bytes(range(200, 216))),
        repr(list(KEY32)),
    ],
)
def test_a_channel_key_goes_in_whatever_form_somebody_noted_it(leaked: str) -> None:
    for line in (f"channel is {leaked}, as agreed", f'note = "{leaked}"', leaked):
        assert leaked not in scrubbed(line) and GONE in scrubbed(line)


def test_what_a_helper_needs_stays() -> None:
    line = "2026-11-24T13:05:01 /dev/serial/by-id/usb-Silicon_Labs_CP2102_0001-if00-port0 Heltec V3 3f9a21c4"
    assert scrubbed(line) == line
    for word in (
        "naober-radio-channel-1",
        "TimeoutStartUSec=infini",
        "[1, 2, 3]",
        "fe80::1a2b:3c4d/64",
    ):
        assert scrubbed(word) == word


def test_what_vrd_wrote_is_a_message_too() -> None:
    notices = {"unread": 1, "newest": [{"text": "geheim"}], "handled": [{"text": "geheim"}], "old": 2}
    status = {"address": "3f9a21c4", "notices": notices, "links": {"mqtt": 1}}
    kept = silent(status)
    assert "geheim" not in json.dumps(kept)
    assert kept == {**status, "notices": {"unread": 1, "newest": 1, "handled": 1, "old": 2}}
    assert silent(None) is None
    assert silent({"address": "x"}) == {"address": "x"}
