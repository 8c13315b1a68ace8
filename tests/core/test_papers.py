"""What authorities say, at a node: who is revoked, whose receipts count, and what hostile papers can't do."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.core import wire
from relay.core.events import Dismissed, InboxDistrusted, Junk, RosterChanged
from relay.core.heard import HeardMessage
from relay.core.message import Entry, Header, Heard, Kind, Numbering, Urgency
from relay.node.papers import GRANT_NAME, NodePapers
from relay.trust import keys, papers, roster_file
from relay.trust.papers import AuthorityKeys, Change, InboxKeys, Revoke
from tests.support.ends import InboxEnd, NodeEnd, converse, proved, said, sent_reports
from tests.support.papers import AUTHORITIES, papers_of, private_key
from tests.support.radio_end import RadioEnd
from tests.support.world import NETWORK, Signer

A, B, STRANGER = "authority", "second_authority", "third"
ME, NEIGHBOUR, NEXT_INBOX = Signer.seeded("node"), Signer.seeded("buur"), Signer.seeded("next inbox")
OTHER_AUTHORITY = Signer.seeded("third authority")


def raw(signer: Signer) -> bytes:
    return signer.public_key.public_bytes_raw()


def signed(version: int, what: object, by: str = A, network: bytes = NETWORK) -> bytes:
    private = OTHER_AUTHORITY.private if by == STRANGER else private_key(by)
    return papers.sign_change(Change(version, what), private, network)  # type: ignore[arg-type]


def revoke(signer: Signer, version: int = 50, reason: str = "gestolen", **by: object) -> bytes:
    what = Revoke(keys.address_of(raw(signer)), papers.key_hash(raw(signer)), reason)
    return signed(version, what, **by)  # type: ignore[arg-type]


def inbox_keys(version: int, *signers: Signer, **by: object) -> bytes:
    return signed(version, InboxKeys(tuple(map(raw, signers))), **by)  # type: ignore[arg-type]


@pytest.fixture
def inbox() -> InboxEnd:
    return InboxEnd()


class Home:
    """The state folder of a node, and the node that lives there."""

    def __init__(self, state: Path, inbox: InboxEnd) -> None:
        self.state, self.inbox = state, inbox
        self.grant = papers_of((raw(ME), "Beilen", False), network_id=NETWORK, inbox_key=raw(inbox.signer))[0]
        (state / GRANT_NAME).write_bytes(self.grant)

    def papers(self) -> NodePapers:
        return NodePapers(self.state, raw(ME), NETWORK, AUTHORITIES, (raw(self.inbox.signer),))

    def node(self) -> NodeEnd:
        return NodeEnd(papers=self.papers())


@pytest.fixture
def home(tmp_path: Path, inbox: InboxEnd) -> Home:
    return Home(tmp_path, inbox)


@pytest.fixture
def node(home: Home) -> NodeEnd:
    return home.node()


def heard_of(signer: Signer, number: int = 1) -> bytes:
    header = Header(Kind.REPORT, signer.address, Urgency.ROUTINE, 0, 0, False, False, 3, number, 5000, 0)
    return wire.sign(header, b"\x80", NETWORK, signer.private.sign)


def puts_on_air(node: NodeEnd, envelope: bytes) -> list[object]:
    frame = wire.encode_radio_frame(envelope, 0.0)
    return list(node.forwarder.hear(frame, Heard("radio", 5, 1), 3, node.moment))


# --- showing the grant ---


def test_the_grant_goes_before_the_hello_until_the_inbox_has_answered_and_not_after(
    home: Home, node: NodeEnd, inbox: InboxEnd
) -> None:
    node.connect()
    [frame] = node.frames()
    assert frame[0] == home.grant
    assert said(frame)[1][0] == "hello"
    for answer in inbox.take(frame):
        node.hear(*answer)
    converse(node, inbox)
    node.now_s += 61
    assert [kind for kind, _ in said([each for frame in node.frames() for each in frame])] == ["hello"]
    # an inbox that answers no more may have been restored from before it knew us
    for _ in range(3):
        node.now_s += 61
        frames = node.frames()
    assert [each[0] for each in said(frames[-1])] == ["grant", "hello"]


# --- revoked ---


def test_a_node_that_was_revoked_sends_nothing_keeps_everything_and_says_why(
    home: Home, node: NodeEnd, inbox: InboxEnd
) -> None:
    sent_reports(node, inbox, 2)
    events = node.hear(revoke(ME))
    assert events == [RosterChanged(50), Dismissed("gestolen")]
    node.report("nog een")
    node.now_s += 1000
    assert node.frames() == []
    assert node.forwarder.next_wake_s() is None  # and does not spin
    assert node.forwarder.next_transmission(node.moment) is None
    assert len(node.ledger().open()) == 3
    # a restart changes nothing, and nothing brings a revoked key back
    again = home.papers()
    assert again.dismissed == "gestolen"
    newer = papers_of((raw(ME), "Beilen", False), network_id=NETWORK)[0]
    assert not again.take(newer) and again.dismissed == "gestolen"


def test_a_revocation_of_another_key_with_our_address_is_not_about_us(node: NodeEnd) -> None:
    node.hear(signed(50, Revoke(ME.address, bytes(16), "gestolen")))
    assert node.forwarder.papers.dismissed is None


@pytest.mark.parametrize("way", ["mqtt", "radio", "air"])
def test_a_change_is_kept_whatever_way_it_came_and_the_revoked_neighbour_is_relayed_no_more(
    home: Home, node: NodeEnd, inbox: InboxEnd, way: str
) -> None:
    proved(node, inbox)
    other = Signer.seeded("ander")
    for signer in (NEIGHBOUR, other):
        puts_on_air(node, heard_of(signer))
    assert len(node.forwarder.heard) == 2
    change = revoke(NEIGHBOUR)
    if way == "mqtt":
        node.hear(change)
    elif way == "radio":
        assert puts_on_air(node, change) == [RosterChanged(50)]
    else:
        node.forwarder.order(wire.encode_batch([Entry(change)]), node.moment)
    assert len(node.forwarder.heard) == 1
    [junk] = puts_on_air(node, heard_of(NEIGHBOUR, 2))
    assert isinstance(junk, Junk)
    relayed = [wire.parse_header(each).address for frame in node.frames() for each in frame]
    assert other.address in relayed
    assert NEIGHBOUR.address not in relayed
    assert roster_file.Papers(home.state / "roster").envelopes == {change}


def test_a_gateway_says_a_change_on_the_air_as_often_as_it_is_ordered_and_a_site_on_radio_keeps_it(
    home: Home, tmp_path_factory: pytest.TempPathFactory, inbox: InboxEnd
) -> None:
    gateway = RadioEnd(papers=home.papers())
    change = revoke(NEIGHBOUR)
    for _ in range(2):
        gateway.forwarder.order(wire.encode_batch([Entry(change)]), gateway.moment)
        [sent] = gateway.run(30.0)
        assert sent.kind == "roster_change"
    site = Home(tmp_path_factory.mktemp("site"), inbox)
    far = site.node()
    frame = sent.transmission.frame
    assert far.forwarder.hear(frame, Heard("radio", 5, 1), 3, far.moment) == [RosterChanged(50)]
    assert far.forwarder.hear(frame, Heard("radio", 5, 1), 3, far.moment) == []
    assert site.papers().refuses(NEIGHBOUR.address)


def test_what_no_authority_signed_is_not_transmitted_whoever_orders_it(home: Home) -> None:
    gateway = RadioEnd(papers=home.papers())
    gateway.forwarder.order(wire.encode_batch([Entry(revoke(NEIGHBOUR, by=STRANGER))]), gateway.moment)
    assert gateway.run(30.0) == []


def test_a_revoked_node_transmits_nothing_by_radio_not_even_an_emergency(home: Home) -> None:
    node = RadioEnd(papers=home.papers())
    node.dark()
    assert node.run(3600.0) != []
    node.hear(revoke(ME))
    node.report("brand", Urgency.EMERGENCY)
    assert node.run(7200.0) == []


# --- inbox keys ---


def test_receipts_of_an_inbox_key_that_is_distrusted_are_void_and_all_is_sent_again_to_the_next(
    home: Home, node: NodeEnd, inbox: InboxEnd
) -> None:
    proved(node, inbox)
    node.reports(3)
    node.status(2)
    converse(node, inbox)
    assert not node.ledger().open()
    events = node.hear(inbox_keys(60, NEXT_INBOX))
    assert InboxDistrusted(4) in events  # three reports, the newest status; the older went before it
    assert len(node.ledger().open()) == 3
    assert node.outbox.saves[-1]  # on disk at once
    # the old one is not heard any more, whatever epoch it claims
    inbox.epoch += 1000
    assert all(
        isinstance(event, Junk)
        for frame in node.frames()
        for answer in inbox.take(frame)
        for event in node.hear(*answer)
    )
    # the next one, though its epoch is lower
    fresh = InboxEnd(NEXT_INBOX, epoch=5)
    node.now_s += 1000
    converse(node, fresh, 10)
    assert not node.ledger().open()
    assert {number for kind, number in fresh.taken if kind == "report"} == {1, 2, 3}


def test_beliefs_of_a_key_that_was_distrusted_while_the_node_was_down_are_void_at_its_start(
    home: Home, inbox: InboxEnd
) -> None:
    node = home.node()
    proved(node, inbox)
    node.reports(2)
    converse(node, inbox)
    home.papers().take(inbox_keys(60, NEXT_INBOX))  # by a stick, say
    from relay.core.forwarder import Forwarder, Settings

    again = Forwarder(
        node.forwarder._me,
        node.outbox,
        node.forwarder.state,
        node.forwarder._chance,
        Settings(),
        papers=home.papers(),
    )
    assert len(again.log.ledger(Numbering.REPORT).open()) == 2


def test_a_sealed_next_key_that_is_exchanged_voids_nothing(node: NodeEnd, inbox: InboxEnd) -> None:
    proved(node, inbox)
    node.reports(2)
    converse(node, inbox)
    assert node.hear(inbox_keys(60, inbox.signer, NEXT_INBOX)) == [RosterChanged(60)]
    assert not node.ledger().open()


def test_an_older_change_of_inbox_keys_does_not_undo_a_newer_one(
    node: NodeEnd, inbox: InboxEnd, home: Home
) -> None:
    node.hear(inbox_keys(60, NEXT_INBOX))
    assert node.hear(inbox_keys(59, inbox.signer)) == []  # replayed
    assert node.hear(inbox_keys(60, NEXT_INBOX)) == []
    assert set(node.forwarder.papers.inboxes) == {NEXT_INBOX.address}
    assert len(home.papers()._changes.envelopes) == 1


# --- authority keys ---


def test_an_authority_that_was_dropped_signs_nothing_that_counts_and_the_new_one_does(
    node: NodeEnd, home: Home
) -> None:
    pair = (AUTHORITIES[1], raw(OTHER_AUTHORITY))
    assert node.hear(signed(70, AuthorityKeys(pair), by=B)) == [RosterChanged(70)]
    [junk] = node.hear(revoke(NEIGHBOUR, 71, by=A))
    assert isinstance(junk, Junk)
    assert not node.forwarder.papers.refuses(NEIGHBOUR.address)
    assert node.hear(revoke(NEIGHBOUR, 72, by=STRANGER)) == [RosterChanged(72)]
    again = home.papers()  # after a restart too
    assert again.refuses(NEIGHBOUR.address)
    assert again.version == 72


# --- hostile ---


@pytest.mark.parametrize(
    "paper",
    [
        revoke(ME, by=STRANGER),
        revoke(ME, network=b"anderela"),
        revoke(ME)[:-1] + b"\x00",
        revoke(ME) + b"\x00",
        papers_of((raw(NEIGHBOUR), "Norg", False), network_id=NETWORK)[0],  # a good grant, for another key
        papers_of((raw(ME), "Norg", False), network_id=b"anderela")[0],
    ],
    ids=["stranger", "other network", "broken", "longer", "grant of another key", "grant of another network"],
)
def test_a_paper_that_is_not_ours_to_believe_is_junk_and_changes_nothing(
    node: NodeEnd, home: Home, paper: bytes
) -> None:
    before = node.forwarder.papers.version
    [junk] = node.hear(paper)
    assert isinstance(junk, Junk)
    assert node.forwarder.papers.dismissed is None
    assert node.forwarder.papers.version == before
    assert not (home.state / "roster").exists()
    assert (home.state / GRANT_NAME).read_bytes() == home.grant


def test_grants_and_requests_never_come_by_radio(node: NodeEnd, home: Home) -> None:
    for kind in (Kind.GRANT, Kind.ENROLMENT_REQUEST):
        header = Header(kind, NEIGHBOUR.address, 3, 0, 0, False, False, 0, 1, 0, 0)
        [event] = puts_on_air(node, wire.sign(header, b"\x80", NETWORK, NEIGHBOUR.private.sign))
        assert isinstance(event, Junk)
    assert len(node.forwarder.heard) == 0


def test_changes_that_a_node_keeps_are_bounded(
    node: NodeEnd, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster_file, "CHANGES_BYTES_MAX", 1000)
    thieves = [Signer.seeded(f"dief {each}") for each in range(12)]
    for version, thief in enumerate(thieves, 50):
        node.hear(revoke(thief, version))
    assert (home.state / "roster").stat().st_size <= 1000
    assert [home.papers().refuses(each.address) for each in (thieves[0], thieves[-1])] == [False, True]
    assert [type(each) for each in node.hear(revoke(thieves[0], 50))] == [Junk]  # a replay of what went


def test_a_damaged_roster_file_is_set_aside_and_read_anew(home: Home) -> None:
    (home.state / "roster").write_bytes(b"\xc1 geen papieren")
    fresh = home.papers()
    assert fresh.take(revoke(NEIGHBOUR))
    assert home.papers().refuses(NEIGHBOUR.address)


def test_a_newer_grant_of_our_own_is_kept(home: Home) -> None:
    older, newer = (
        papers_of(*((raw(ME), "Beilen", False),) * count, network_id=NETWORK)[count - 1] for count in (1, 2)
    )
    mine = home.papers()
    assert mine.take(newer)
    assert home.papers().grant == newer
    assert not mine.take(older)
    assert home.papers().grant == newer


def test_what_is_heard_of_others_is_counted_out_when_their_key_goes() -> None:
    from relay.core.heard import HeardStore

    store = HeardStore()
    for number in range(1, 4):
        envelope = heard_of(NEIGHBOUR, number)
        store.add(HeardMessage(wire.parse_header(envelope), envelope, Heard("radio", 0, 0), 0, 0.0))
    store.forget(lambda address: address == NEIGHBOUR.address)
    assert (len(store), store.size_bytes) == (0, 0)
