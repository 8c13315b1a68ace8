"""Two laptops that sign one network: how they meet, and how they stay the same."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pytest

from relay.errors import ConfigError, KeyFileError, NaoberError, StorageError, TrustError
from relay.trust import authority, authority_file, authority_init, authority_share, keys, papers, seal
from relay.trust.authority_laptop import Laptop
from relay.trust.authority_revoke import revoke, rotate_channel
from relay.trust.authority_sync import EXCHANGE, EXCHANGED_REQUESTS, Synced, sync
from relay.trust.roster_file import encode
from tests.support.authority import (
    COST_LOG2,
    NOW,
    PASSPHRASE,
    Machine,
    approved,
    inbox_host,
    laptop,
    machine,
    unlocked,
)


class Two(NamedTuple):
    a: Laptop
    b: Laptop
    stick: Path
    inbox: Machine

    def sync(self, which: Laptop, *, agree: bool = True) -> Synced:
        return sync(which, self.stick, unlocked(which), PASSPHRASE, lambda other: agree, NOW)


def joined(a: Laptop, stick: Path, folder: Path) -> Laptop:
    other = authority_init.find_introduction(stick)
    assert other == authority_init.own_introduction(a)
    b = authority_init.join(folder, "VRD-B", PASSPHRASE, other, cost_log2=COST_LOG2)
    own = authority_share.introduction_bytes(authority_init.own_introduction(b))
    (stick / "naober" / EXCHANGE / "VRD-B").write_bytes(own)
    return b


@pytest.fixture
def apart(tmp_path: Path) -> Two:
    """B has joined; A has not met it yet."""
    (tmp_path / "stick").mkdir()
    a = laptop(tmp_path / "a")
    inbox = inbox_host()
    approved(a, inbox)
    sync(a, tmp_path / "stick", unlocked(a), PASSPHRASE, lambda other: False, NOW)
    return Two(a, joined(a, tmp_path / "stick", tmp_path / "b"), tmp_path / "stick", inbox)


@pytest.fixture
def two(apart: Two) -> Two:
    """Both know each other and are the same."""
    for each in (apart.a, apart.b, apart.a):
        apart.sync(each)
    return apart


def same(two: Two) -> bool:
    return two.a.papers.envelopes == two.b.papers.envelopes and two.a.requests() == two.b.requests()


def test_both_sign_for_one_network_and_share_its_secrets(two: Two) -> None:
    assert two.a.network_id == two.b.network_id
    assert two.a.pinned == two.b.pinned
    assert two.a.shared(unlocked(two.a)) == two.b.shared(unlocked(two.b))
    assert unlocked(two.a).sign_key != unlocked(two.b).sign_key
    assert [site.id for site in two.b.sites()] == [site.id for site in two.a.sites()]
    assert same(two)


def test_what_either_grants_counts_for_the_other_and_names_both(two: Two) -> None:
    for signs, other in ((two.a, two.b), (two.b, two.a)):
        pi = machine()
        envelope = approved(signs, pi).grants[pi.address]
        two.sync(signs)
        assert two.sync(other).taken == 1
        grant = other.living()[pi.request.sign_key]
        assert grant.authority_keys == two.a.pinned
        assert (
            papers.signer_of(envelope, other.pinned, other.network_id)
            == signs.settings.authority.public.sign_key
        )
        assert same(two)


def test_nodes_admitted_before_are_told_of_the_second_authority(two: Two) -> None:
    changes = [papers.read_change(each, two.a.pinned, two.a.network_id) for each in two.a.standing.changes]
    assert [change.what for change in changes] == [papers.AuthorityKeys(two.a.pinned)]
    first = (two.a.settings.authority.public.sign_key,)
    assert papers.read_change(two.a.standing.changes[0], first, two.a.network_id)


def test_the_second_one_signs_nothing_before_the_first_has_answered(apart: Two) -> None:
    apart.sync(apart.b)
    with pytest.raises(TrustError, match="shared keys yet"):
        approved(apart.b, machine())


def test_an_unknown_authority_is_taken_over_only_when_people_agree(apart: Two) -> None:
    before = {path: path.read_bytes() for path in apart.a.folder.rglob("*") if path.is_file()}
    with pytest.raises(TrustError, match="nothing has changed"):
        apart.sync(apart.a, agree=False)
    assert before == {path: path.read_bytes() for path in apart.a.folder.rglob("*") if path.is_file()}
    assert apart.sync(apart.a).met == "VRD-B"
    assert apart.sync(apart.a, agree=False).met == ""  # once is enough


def test_order_and_route_do_not_matter(two: Two) -> None:
    for at in range(3):
        approved(two.a, machine(), now=NOW + at) if at % 2 else approved(two.b, machine(), now=NOW)
    revoke(
        two.a,
        next(key for key, grant in two.a.living().items() if grant.role == "node"),
        "x",
        unlocked(two.a),
        NOW,
    )
    other = sync(
        two.b, two.a.folder, unlocked(two.b), PASSPHRASE, lambda other: False, NOW
    )  # folder to folder
    assert other.taken == 2
    assert Laptop(two.a.folder).papers.envelopes == two.b.papers.envelopes
    assert Laptop(two.a.folder).standing.version == two.b.standing.version


def test_a_new_channel_key_reaches_the_other_laptop(two: Two) -> None:
    pi = machine()
    approved(two.a, pi)
    secrets, _ = rotate_channel(two.a, PASSPHRASE, unlocked(two.a), NOW)
    two.sync(two.a)
    assert two.sync(two.b).shared
    fresh = Laptop(two.b.folder)
    assert fresh.shared(unlocked(fresh)) == secrets.shared
    other = machine()
    grant = papers.read_grant(approved(fresh, other).grants[other.address], fresh.pinned, fresh.network_id)
    assert secrets.shared is not None
    assert seal.unseal(grant.sealed_channel, other.seal) == secrets.shared.channel
    assert not two.sync(two.a).shared  # and never back to an older one


def test_either_may_drop_the_other_and_all_that_holds_goes_on(two: Two) -> None:
    by_a, by_b, stolen = machine(), machine(), machine()
    approved(two.b, by_b, stolen)
    revoke(two.b, stolen.request.sign_key, "gestolen", unlocked(two.b), NOW)
    two.sync(two.b)
    two.sync(two.a)
    approved(two.a, by_a)
    gone = two.b.settings.authority.public.sign_key
    renewed = revoke(two.a, gone, "laptop gestolen", unlocked(two.a), NOW)
    alone = Laptop(two.a.folder)
    assert alone.standing.authority_keys == alone.pinned == (two.a.settings.authority.public.sign_key,)
    assert {two.inbox.request.sign_key, by_a.request.sign_key, by_b.request.sign_key} == set(alone.living())
    assert alone.is_revoked(stolen.request.sign_key)
    assert by_b.address in renewed.grants and stolen.address not in renewed.grants
    evil = machine()
    signed = approved(two.b, evil)  # the thief goes on signing
    (two.stick / "naober/roster").write_bytes(encode(signed.grants.values()))
    done = sync(alone, two.stick, unlocked(alone), PASSPHRASE, lambda other: False, NOW)  # asks nothing
    assert (done.taken, done.strange) == (0, 1)
    assert evil.request.sign_key not in alone.living()


def test_the_key_file_of_the_other_laptop_is_noticed(two: Two) -> None:
    (two.a.folder / "authority.key").write_bytes(two.b.key_bytes())
    with pytest.raises(KeyFileError, match="do not belong together"):
        unlocked(two.a)


def test_registers_of_sites_that_differ_are_said_and_left_to_people(two: Two) -> None:
    assert not two.sync(two.b).sites
    ours = (two.b.folder / "sites.toml").read_text() + '[[site]]\nid = "VRD-NEW"\nname = "Nieuw"\n'
    (two.b.folder / "sites.toml").write_text(ours)
    assert two.sync(two.b).sites and two.sync(two.a).sites
    assert (two.b.folder / "sites.toml").read_text() == ours
    assert "VRD-NEW" not in (two.a.folder / "sites.toml").read_text()
    (two.stick / "naober" / EXCHANGE / "sites.toml").write_bytes(os.urandom(100))
    assert two.sync(two.a).sites


def test_a_roster_put_back_from_a_copy_signs_nothing_while_it_is_merged(two: Two) -> None:
    untold = encode(two.a.papers.envelopes - {*two.a.standing.changes})  # that there are two authorities
    approved(two.a, machine())
    (two.stick / "naober/roster").unlink()
    two.a.papers.path.write_bytes(untold)
    stale = Laptop(two.a.folder)
    sync(stale, two.stick, unlocked(stale), PASSPHRASE, lambda other: False, NOW)
    assert not stale.is_newest
    with pytest.raises(TrustError, match="is older than"):
        approved(stale, machine())


# --- what strangers put on the stick


def hostile(tmp_path: Path) -> dict[str, bytes]:
    stranger = authority_file.new_secrets(shared=authority.new_shared(10**6))
    pi = machine()
    network = authority.Network(
        stranger.network_id, (stranger.public.sign_key,), (bytes(32),), (("evil.lan", 1),), ()
    )
    assert stranger.shared is not None
    grant = authority.grant_node(
        pi.request,
        authority.Place("node", "X", "X"),
        network,
        stranger.shared,
        stranger.signer,
        4_000_000_000,
    )
    return {"grant": grant, "roster": encode([grant, *(os.urandom(200) for _ in range(50))])}


def test_papers_of_strangers_are_counted_and_left_where_they_are(two: Two, tmp_path: Path) -> None:
    (two.stick / "naober/roster").write_bytes(hostile(tmp_path)["roster"])
    before = two.a.papers.envelopes
    done = two.sync(two.a)
    assert (done.taken, done.strange) == (0, 51)
    assert two.a.papers.envelopes == before
    assert two.a.standing.version < 4_000_000_000


@pytest.mark.parametrize("at", range(0, 400, 57))
def test_a_roster_that_is_cut_or_broken_changes_nothing(two: Two, at: int) -> None:
    file = two.stick / "naober/roster"
    whole = file.read_bytes()
    before = {path: path.read_bytes() for path in two.a.folder.rglob("*") if path.is_file()}
    file.write_bytes(whole[:at])
    with pytest.raises(StorageError) as error:
        two.sync(two.a)
    assert error.value.code == "corrupt"
    assert before == {path: path.read_bytes() for path in two.a.folder.rglob("*") if path.is_file()}


def test_a_link_a_pipe_or_a_flood_in_place_of_the_roster_changes_nothing(two: Two, tmp_path: Path) -> None:
    file = two.stick / "naober/roster"
    file.unlink()
    for make, code in (
        (lambda: file.symlink_to(two.a.folder / "authority.key"), "unsafe"),
        (lambda: os.mkfifo(file), "unsafe"),
        (lambda: (file.touch(), os.truncate(file, 10**10)), "too_large"),
    ):
        make()
        with pytest.raises(StorageError) as error:
            two.sync(two.a)
        assert error.value.code == code
        file.unlink()


def test_sealed_secrets_by_a_stranger_change_nothing(two: Two) -> None:
    stranger = authority_file.new_secrets()
    forged = authority_share.seal_shared(
        authority.new_shared(4_000_000_000), stranger, two.a.settings.authority.public.seal_key
    )
    (two.stick / "naober" / EXCHANGE / "VRD-A.sealed").write_bytes(forged)
    before = two.a.key_bytes()
    with pytest.raises(TrustError, match="not by the other laptop"):
        two.sync(two.a)
    assert two.a.key_bytes() == before


def test_a_request_that_nobody_granted_or_that_changed_since_is_not_taken_over(two: Two) -> None:
    pi = machine()
    approved(two.a, pi)
    two.sync(two.a)
    folder = two.stick / "naober" / EXCHANGED_REQUESTS
    evil_broker = inbox_host("evil.lan").request.broker_key
    changed = two.inbox._replace(
        request=papers.Request(
            two.inbox.request.sign_key, two.inbox.request.tls_key, two.inbox.request.seal_key,
            role="inbox", broker="evil.lan", port=1, broker_key=evil_broker,
        )
    )  # fmt: skip
    for each in (machine(), changed):
        (folder / keys.address_text(each.address)).write_bytes(each.envelope)
    (two.b.folder / "verzoek" / keys.address_text(two.inbox.address)).unlink()
    two.sync(two.b)
    assert set(two.b.requests()) == {pi.request.sign_key}
    with pytest.raises(TrustError, match="is not on this laptop"):
        two.b.network()


def test_more_than_one_introduction_asks_a_person_to_choose(two: Two, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must be one"):
        authority_init.find_introduction(two.stick)
    named = authority_init.find_introduction(two.stick / "naober" / EXCHANGE / "VRD-A")
    assert named == authority_init.own_introduction(two.a) == authority_init.find_introduction(two.a.folder)
    with pytest.raises(ConfigError, match="already"):
        authority_init.join(tmp_path / "c", "VRD-A", PASSPHRASE, named, cost_log2=COST_LOG2)
    (tmp_path / "junk").write_bytes(os.urandom(100))
    with pytest.raises(NaoberError):
        authority_init.find_introduction(tmp_path / "junk")


# --- a stolen laptop


def on_stick(two: Two, *envelopes: bytes) -> None:
    (two.stick / "naober" / "roster").write_bytes(encode([*two.a.papers.envelopes, *envelopes]))


def test_a_thief_can_t_use_up_the_numbers_that_the_other_needs_to_drop_him(two: Two) -> None:
    thief, key = unlocked(two.a).signer, machine().request.sign_key
    last = papers.Revoke(keys.address_of(key), papers.key_hash(key), "x")
    on_stick(two, papers.sign_change(papers.Change(papers.VERSION_MAX, last), thief, two.a.network_id))
    before = two.b.seen
    assert two.sync(two.b).strange == 1
    assert two.b.seen == before
    revoke(two.b, two.a.settings.authority.public.sign_key, "gestolen", unlocked(two.b), NOW)
    assert two.b.standing.authority_keys == (two.b.settings.authority.public.sign_key,)


def test_a_thief_who_named_an_inbox_of_his_own_is_dropped_and_the_true_one_counts_again(two: Two) -> None:
    thief, evil = unlocked(two.a).signer, machine().request.sign_key
    change = papers.Change(two.b.seen + 5, papers.InboxKeys((evil,)))
    on_stick(two, papers.sign_change(change, thief, two.a.network_id))
    two.sync(two.b)
    assert two.b.standing.inbox_keys == (evil,)
    revoke(two.b, two.a.settings.authority.public.sign_key, "gestolen", unlocked(two.b), NOW)
    assert two.b.standing.inbox_keys == (two.inbox.request.sign_key,)
