"""Old copies that come back to life: card images, clones, an outbox without its file, an older inbox.

Rules 3 to 5 of the design: the epoch goes up, reports are issued again, VRD is told, nothing is lost.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.support.faketime import DAY_S, faked
from tests.support.process import until
from tests.support.stack import Node, Stack, card_image

ALARMS = {"clone", "rollback", "epoch"}  # two voices under one number; older than held; begun anew


def epoch(node: Node) -> int:
    status = node.status()
    assert status is not None
    return int(status["epoch"])


def say(node: Node, *texts: str) -> list[str]:
    for text in texts:
        node.submit(text)
    return list(texts)


def shown_once(stack: Stack, texts: list[str]) -> None:
    """An operator sees each of them, once, and nothing else."""
    stack.settle()
    assert Counter(stack.inbox.reports()) == Counter(texts)


def receipted_beyond_the_image(stack: Stack, image: Path) -> tuple[list[str], int]:
    """A node whose card was put back to two reports, while the inbox holds four; their texts, its epoch."""
    [node] = stack.nodes.values()
    stack.start()
    texts = say(node, "een", "twee")
    stack.settle()
    was = epoch(node)
    node.stop()
    with card_image(node, image):
        node.start()
        node.wait_code("up")
        texts += say(node, "drie", "vier")
        stack.settle()
        node.stop()
    return texts, was


def test_a_card_image_from_before_the_receipts_raises_its_epoch_and_vrd_is_told(tmp_path: Path) -> None:
    with Stack(tmp_path, "beilen") as stack:
        node = stack.nodes["beilen"]
        texts, was = receipted_beyond_the_image(stack, tmp_path / "image")

        node.start()
        until(lambda: epoch(node) > was)
        assert "old card image or second card" in node.log()
        texts += say(node, "vijf")
        shown_once(stack, texts)
        assert "rollback" in stack.inbox.findings(node)
        stack.wait_newest(node)  # what the image says now, though its numbers began anew


def test_a_card_image_that_has_counted_past_the_receipts_is_found_out_by_their_check(tmp_path: Path) -> None:
    with Stack(tmp_path, "beilen") as stack:
        node = stack.nodes["beilen"]
        texts, was = receipted_beyond_the_image(stack, tmp_path / "image")

        # out of reach, the image uses 3 and 4 for other contents, and goes past them
        stack.inbox.stop()
        node.start()
        texts += say(node, "drie bis", "vier bis", "vijf", "zes")
        stack.inbox.start()
        until(lambda: epoch(node) > was)
        assert "other contents under this card's numbers" in node.log()
        shown_once(stack, texts)
        assert ALARMS & stack.inbox.findings(node)


def test_a_card_image_with_all_that_was_receipted_goes_on_as_if_nothing_happened(tmp_path: Path) -> None:
    with Stack(tmp_path, "beilen") as stack:
        node = stack.nodes["beilen"]
        stack.start()
        texts = say(node, "een")
        stack.settle()
        was = epoch(node)
        stack.inbox.stop()
        texts += say(node, "twee")
        node.stop()
        with card_image(node, tmp_path / "image"):
            node.start()
            say(node, "weg met de kaart")  # heard by nobody but the card that broke
            node.stop()

        node.start()
        texts += say(node, "drie")
        stack.inbox.start()
        shown_once(stack, texts)
        assert epoch(node) == was
        assert stack.inbox.findings(node) == set()


def test_two_cards_from_one_copy_are_told_to_vrd_and_what_both_say_is_shown_once(tmp_path: Path) -> None:
    with Stack(tmp_path, "beilen") as stack:
        node = stack.nodes["beilen"]
        stack.start()
        texts = say(node, "een")
        stack.settle()
        node.stop()
        clone = Node.twin("clone", node)
        stack.extra.append(clone)

        node.start()
        clone.start()
        for number in range(10):
            texts += say(node, f"hier {number}")
            texts += say(clone, f"daar {number}")
        until(lambda: node.open_reports() == 0 and clone.open_reports() == 0, 40)
        assert Counter(stack.inbox.reports()) == Counter(texts)
        assert ALARMS & stack.inbox.findings(node)

        # two cards at war raise their epochs a few times, not for ever
        assert (node.log() + clone.log()).count("Epoch is now") <= 6


@pytest.mark.parametrize("lost", [("outbox.db*",), ("outbox.db*", "node.epoch")], ids=["outbox", "epoch too"])
def test_a_deleted_outbox_begins_a_new_epoch_under_the_same_key(
    tmp_path: Path, lost: tuple[str, ...]
) -> None:
    with Stack(tmp_path, "beilen") as stack:
        node = stack.nodes["beilen"]
        stack.start()
        texts = say(node, "een", "twee", "drie")
        stack.settle()
        was = epoch(node)
        node.stop()
        for pattern in lost:
            for file in node.state.glob(pattern):
                file.unlink()

        node.start()
        texts += say(node, "vier", "vijf")  # as 1 and 2 of another epoch
        until(lambda: epoch(node) > was)
        shown_once(stack, texts)
        assert "epoch" in stack.inbox.findings(node)
        stack.wait_newest(node)
        assert stack.inbox.site(node)["missing_reports"] == []


def test_an_inbox_restored_from_a_backup_gets_back_what_it_forgot(tmp_path: Path) -> None:
    with Stack(tmp_path, "beilen", "assen") as stack:
        beilen, assen = stack.nodes.values()
        stack.start()
        texts = say(beilen, "een") + say(assen, "eins")
        stack.settle()
        stack.inbox.stop()
        with card_image(stack.inbox, tmp_path / "backup"):
            stack.inbox.start()
            texts += say(beilen, "twee", "drie") + say(assen, "zwei")
            stack.settle()
            before = stack.inbox.health()["epoch"]
            stack.inbox.stop()
            epochs = epoch(beilen), epoch(assen)

        stack.inbox.start(**faked(tmp_path / "clock", DAY_S))  # a day later: what was made up for it
        assert stack.inbox.health()["epoch"] > before  # or nodes would take its word for an old one
        until(lambda: len(stack.inbox.reports()) >= len(texts))
        shown_once(stack, texts)
        assert "no longer holds" in beilen.log()
        assert (epoch(beilen), epoch(assen)) == epochs  # it forgot, they did not
        assert all(stack.inbox.findings(node) == set() for node in (beilen, assen))
