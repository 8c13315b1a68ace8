"""Whose word does not count as it did: blocked by an operator, or replaced by another box."""

from __future__ import annotations

import pytest

from relay.core.message import Clock
from relay.inbox.filing_apart import REPLACED_SPEAKS, REPLACED_TOLERANCE_S
from relay.inbox.parcel import REPLACED_LIFE_S
from relay.inbox.site_views import sites_of
from relay.trust.roster import Node
from tests.inbox.desk import TIME, UNIX_S, Desk, Writer, fresh_texts


def waiting(desk: Desk) -> int:
    return sum(len(desk.store.apart.quarantined(each)) for each in desk.store.apart.quarantined_signers())


# --- blocked ---


def test_what_a_blocked_node_says_is_quarantined_not_answered_and_not_shown(desk: Desk, node: Writer) -> None:
    node.blocked = True
    outcome = desk.take(node.hex, node.report(1, "x"), node.status(1), node.hello(1, 1))
    assert not outcome.replies and not outcome.fresh
    assert (desk.rows(), waiting(desk)) == (0, 2)
    assert desk.intake.counts["blocked"] == 2
    assert desk.judge_again() is None  # as long as it is blocked
    assert not desk.findings(node)


def test_what_a_blocked_node_said_counts_when_it_is_unblocked(desk: Desk, node: Writer) -> None:
    desk.take(node.hex, node.report(1, "een"))
    node.blocked = True
    desk.take(node.hex, node.report(2, "twee"))
    node.blocked = False
    outcome = desk.judge_again()
    assert outcome and fresh_texts(outcome) == ["twee"]
    assert desk.texts() == ["een", "twee"]
    assert waiting(desk) == 0


def test_a_blocked_node_whose_key_is_revoked_then_is_shown_apart(desk: Desk, node: Writer) -> None:
    node.blocked = True
    desk.take(node.hex, node.report(1, "vals"))
    node.revoked = True
    desk.judge_again()
    assert [each.standing for each in desk.shown()] == [1]


def test_a_forged_message_of_a_blocked_node_is_no_more_than_a_forged_one(desk: Desk, node: Writer) -> None:
    node.blocked = True
    good = node.report(1)
    desk.take(node.hex, good[:-1] + bytes((good[-1] ^ 1,)))
    assert waiting(desk) == 0
    assert desk.intake.counts["bad_signature"] == 1


# --- replaced ---


def test_the_backlog_of_a_replaced_node_is_taken_and_what_is_newer_is_taken_and_told(
    desk: Desk, node: Writer
) -> None:
    node.replaced_s = UNIX_S - 3600
    outcome = desk.take(node.hex, node.report(1, "oud", time=TIME - 7200), age_s=7200)
    assert fresh_texts(outcome) == ["oud"]
    assert desk.receipts(outcome)[0].entries[0].upto == 1
    assert not desk.findings(node)
    outcome = desk.take(node.hex, node.report(2, "nieuw", time=TIME))
    assert fresh_texts(outcome) == ["nieuw"]
    assert desk.findings(node)[REPLACED_SPEAKS].count == 1


def test_without_a_clock_the_age_tells_whether_a_replaced_node_speaks(desk: Desk, node: Writer) -> None:
    node.replaced_s = UNIX_S - 3600
    desk.take(node.hex, node.report(1, clock=Clock.NONE, time=5), age_s=3600 - REPLACED_TOLERANCE_S - 60)
    desk.take(node.hex, node.report(2, clock=Clock.NONE, time=5), age_s=None)  # nobody knows
    desk.take(node.hex, node.report(3, clock=Clock.NONE, time=5), age_s=7200)
    assert desk.findings(node)[REPLACED_SPEAKS].count == 1


def test_thirty_days_later_nothing_of_a_replaced_node_counts_any_more(desk: Desk, node: Writer) -> None:
    node.replaced_s = UNIX_S - REPLACED_LIFE_S - 1
    outcome = desk.take(node.hex, node.report(1, time=TIME - REPLACED_LIFE_S - 60), node.hello(1, 0))
    assert not outcome.replies
    assert (desk.rows(), waiting(desk)) == (0, 1)
    assert desk.findings(node)[REPLACED_SPEAKS].count == 1
    node.replaced_s = 0  # it has its place again
    desk.judge_again()
    assert desk.texts() == ["melding 1"]


# --- what operators see ---


@pytest.mark.parametrize(
    "fallen",
    [{"revoked": True}, {"blocked": "gestolen"}, {"replaced_s": UNIX_S}],
    ids=lambda each: next(iter(each)),
)
def test_a_site_is_shown_by_the_nodes_whose_word_counts(desk: Desk, fallen: dict[str, object]) -> None:
    good, bad = Writer("goed"), Writer("slecht")
    nodes = [
        Node(bad.public_key.public_bytes_raw(), "Beilen", "BEI", **fallen),  # type: ignore[arg-type]
        Node(good.public_key.public_bytes_raw(), "Beilen", "BEI"),
    ]
    desk.roster |= {bad.address: bad, good.address: good}
    desk.take(good.hex, good.status(1))
    desk.wait(60)
    desk.take(bad.hex, bad.status(7))  # heard last
    found = sites_of(
        nodes, desk.reader.nodes(), desk.now, 1e6, lambda *_: 1, lambda _: 0.0, {bad.address: ["clone"]}
    )
    [(site, _view)] = found
    assert site.security == ()
    assert round(site.heard_age_s or 0) == 60
