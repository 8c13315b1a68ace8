"""A node without NTP dates its messages by a GPS receiver: real gpsd, broker, node and inbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.kernel_clock import clock_is_synchronised
from tests.sensors.test_gpsd import NOON_UNIX_S, gpsd, receiver
from tests.support.process import until
from tests.support.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def test_a_message_is_dated_by_satellites_where_there_is_no_ntp(tmp_path: Path) -> None:
    (tmp_path / "gps").mkdir()
    with (
        gpsd(tmp_path / "gps", receiver("241126", fix=True)) as port,
        Stack(tmp_path, "beilen", status__interval_s=5) as stack,
    ):
        stack.nodes["beilen"].configure(sensors__gpsd=f"127.0.0.1:{port}")
        stack.start()
        node = stack.nodes["beilen"]
        best = "ntp" if clock_is_synchronised() else "gps"  # where this runs decides

        def dated() -> bool:
            site = stack.inbox.site(node)
            return bool(site.get("clock") == best)

        until(dated, 40, "the inbox is told what time it was, and by what")
        assert (node.status() or {})["clock"] == best
        if best == "gps":
            # the receiver that is played lives at noon, the inbox at another time
            assert NOON_UNIX_S <= stack.inbox.site(node)["composed_s"] < NOON_UNIX_S + 600
