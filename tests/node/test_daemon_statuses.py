"""When the real daemon makes a status: by its interval on MQTT, and rarely where nobody hears it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.process import until
from tests.support.stack import Stack

INTERVAL_S = 5
DARK_FOR_S = 16.0


@pytest.mark.slow
def test_in_the_dark_statuses_are_few_and_with_mqtt_they_keep_their_interval(tmp_path: Path) -> None:
    with Stack(tmp_path, "beilen", status__interval_s=INTERVAL_S) as stack:
        node = stack.nodes["beilen"]
        node.start()
        until(lambda: node.last_state()[1] > 0, why="the first status")
        time.sleep(DARK_FOR_S)
        assert node.last_state()[1] <= 2, "each is a write to the card, for the history only"

        stack.broker.start()
        stack.inbox.start()
        node.wait_code("up", timeout_s=60)
        until(
            lambda: stack.inbox.site(node)["values"].get("broker") == "works",
            why="the news of MQTT goes at once",
        )
        before = node.last_state()[1]
        until(lambda: node.last_state()[1] >= before + 2, 3 * INTERVAL_S, "statuses follow")
        stack.wait_newest(node)
        # it promises what it does now, as far as the scale of that field reaches down
        assert stack.inbox.site(node)["next_due_min"] == 1
