"""The roster: made of papers, VRD's own decisions and its register of sites, and followed on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay import files
from relay.config import InboxConfig, parse_inbox
from relay.errors import ConfigError, StorageError
from relay.trust import roster_file
from relay.trust.judging import judge
from relay.trust.keys import address_of
from relay.trust.roster import Decision, Roster, RosterFile, granted_s
from relay.trust.sites import Site
from tests.support.papers import AUTHORITIES, NETWORK, public_key
from tests.trust.test_judging import grant, revoke

BEILEN, SPARE, SECOND = public_key("node"), public_key("tls"), public_key("seal")
SITE_ID = "VRD-BEI-01"


def roster(*envelopes: bytes, decided: tuple[Decision, ...] = (), places: tuple[Site, ...] = ()) -> Roster:
    return Roster(judge(envelopes, AUTHORITIES, NETWORK), NETWORK, decided, places)


def decision(key: bytes, **more: object) -> Decision:
    return Decision(address=address_of(key).hex(), **more)  # type: ignore[arg-type]


def entry(found: Roster, key: bytes):
    node = found.entry(address_of(key))
    assert node is not None
    return node


def spare(version: int = 4) -> bytes:
    return grant(version, SPARE, role="spare", site="", site_id="", name="RESERVE-1")


# --- what a node is


def test_a_node_is_what_its_grant_says():
    found = roster(grant(5, BEILEN, municipality="Midden-Drenthe", name="zolder", role="gateway"))
    node = entry(found, BEILEN)
    assert (node.site, node.site_id, node.municipality) == ("Kazerne Beilen", SITE_ID, "Midden-Drenthe")
    assert (node.name, node.version, node.public_key) == ("zolder", 5, BEILEN)
    assert node.gateway and not node.revoked and not node.replaced_s
    assert (found.network_id, found.version) == (NETWORK, 5)
    assert found.inbox_keys == (public_key("inbox"),)
    assert found.entry(b"none") is None


def test_an_inbox_is_no_node():
    assert roster(grant(5, public_key("inbox"), role="inbox", site="VRD")).nodes == ()


def test_the_register_of_sites_has_the_last_word_on_names():
    place = Site(id=SITE_ID, name="Kazerne Beilen-Zuid", municipality="Elders", lat=52.8)
    node = entry(roster(grant(5), places=(place,)), BEILEN)
    assert (node.site, node.municipality, node.place) == ("Kazerne Beilen-Zuid", "Elders", place)


def test_revoked_nodes_stay_known_with_reason_and_speak_for_no_site():
    found = roster(grant(5), revoke(6))
    node = entry(found, BEILEN)
    assert (node.revoked, node.reason, node.site) == (True, "gestolen", "Kazerne Beilen")
    assert found.at_site(SITE_ID) == []


def test_a_blocked_node_has_the_operator_s_reason():
    found = roster(grant(5), decided=(decision(BEILEN, blocked="vreemde berichten"),))
    assert entry(found, BEILEN).blocked == "vreemde berichten"
    assert roster(grant(5), decided=(decision(SPARE, blocked="x"),)).nodes[0].blocked == ""


def test_of_two_keys_with_one_address_the_first_granted_stays(monkeypatch: pytest.MonkeyPatch):
    for module in ("papers", "roster"):
        monkeypatch.setattr(f"relay.trust.{module}.address_of", lambda key: b"same")
    old, new = grant(5, BEILEN, site="eerst"), grant(7, SPARE, site="later")
    again = grant(9, BEILEN, site="eerst, opnieuw")
    monkeypatch.setattr("relay.trust.papers.signer_of", lambda *_: AUTHORITIES[0])
    monkeypatch.setattr("relay.trust.judging.address_of", lambda key: b"same")
    found = roster(new, old, again)
    assert [node.public_key for node in found.nodes] == [BEILEN]
    assert entry_at(found, b"same").site == "eerst, opnieuw"


def entry_at(found: Roster, address: bytes):
    node = found.entry(address)
    assert node is not None
    return node


# --- replaced


def test_a_grant_that_replaces_takes_the_place_of_the_node_it_names():
    found = roster(grant(5, BEILEN), grant(9, SECOND, replaces=address_of(BEILEN)))
    assert entry(found, BEILEN).replaced_s == granted_s(9) > granted_s(8)
    assert not entry(found, SECOND).replaced_s
    assert [node.public_key for node in found.at_site(SITE_ID)] == [SECOND]


@pytest.mark.parametrize(
    "replacement",
    [
        {"version": 3},  # older than the grant of the node that it names
        {"site_id": "VRD-ASS-01"},  # of another place
        {"replaces": b"none"},
    ],
    ids=str,
)
def test_a_grant_that_does_not_fit_replaces_nobody(replacement):
    said = {"version": 9, "replaces": address_of(BEILEN)} | replacement
    found = roster(grant(5, BEILEN), grant(said.pop("version"), SECOND, **said))
    assert not entry(found, BEILEN).replaced_s


def test_a_revoked_replacement_gives_the_place_back():
    found = roster(grant(5, BEILEN), grant(9, SECOND, replaces=address_of(BEILEN)), revoke(10, SECOND))
    assert not entry(found, BEILEN).replaced_s


def test_a_node_that_was_granted_anew_is_not_replaced_any_more():
    swap = grant(9, SECOND, replaces=address_of(BEILEN))
    assert not entry(roster(grant(5, BEILEN), swap, grant(11, BEILEN)), BEILEN).replaced_s


# --- spares, by register.toml


def test_a_spare_waits_until_it_is_assigned_and_then_has_the_place_and_its_history():
    found = roster(grant(3), spare())
    waiting = entry(found, SPARE)
    assert waiting.role == "spare" and waiting.site == "RESERVE-1" and not waiting.site_id
    place = Site(id=SITE_ID, name="Kazerne Beilen", municipality="Midden-Drenthe")
    assigned = decision(SPARE, site_id=SITE_ID, since=1_800_000_000, version=4)
    found = roster(grant(3), spare(), decided=(assigned,), places=(place,))
    node = entry(found, SPARE)
    assert (node.site, node.site_id, node.municipality) == ("Kazerne Beilen", SITE_ID, "Midden-Drenthe")
    assert entry(found, BEILEN).replaced_s == 1_800_000_000
    assert found.at_site(SITE_ID) == [node]


def test_a_spare_at_a_place_that_the_register_of_sites_does_not_know_has_the_name_that_was_given():
    assigned = decision(SPARE, site_id="X-1", site="Kerk Zweeloo")
    assert entry(roster(spare(), decided=(assigned,)), SPARE).site == "Kerk Zweeloo"


def test_a_second_node_beside_the_first_replaces_nobody():
    beside = decision(SPARE, site_id=SITE_ID, since=5, beside=True)
    assert not entry(roster(grant(3), spare(), decided=(beside,)), BEILEN).replaced_s


def test_who_came_after_the_assignment_is_not_replaced_by_it():
    assigned = decision(SPARE, site_id=SITE_ID, since=5, version=4)
    found = roster(spare(), grant(9, SECOND, replaces=address_of(SPARE)), decided=(assigned,))
    assert not entry(found, SECOND).replaced_s
    assert entry(found, SPARE).replaced_s == granted_s(9)


def test_of_two_spares_assigned_one_after_the_other_the_last_has_the_place():
    first = decision(SPARE, site_id=SITE_ID, since=5, version=9)
    last = decision(SECOND, site_id=SITE_ID, since=8, version=9)
    both = (spare(), grant(5, SECOND, role="spare", site="", site_id=""))
    found = roster(*both, decided=(first, last))
    assert entry(found, SPARE).replaced_s == 8 and not entry(found, SECOND).replaced_s


def test_a_revoked_spare_takes_nobody_s_place():
    assigned = decision(SPARE, site_id=SITE_ID, since=5)
    found = roster(grant(3), spare(), revoke(6, SPARE), decided=(assigned,))
    assert not entry(found, BEILEN).replaced_s


# --- on disk


@pytest.fixture
def config(tmp_path: Path) -> InboxConfig:
    authorities = [key.hex() for key in AUTHORITIES]
    return parse_inbox(
        f'[inbox]\nstate = "state"\nnetwork_id = "{NETWORK.hex()}"\nauthority_keys = {authorities}\n',
        tmp_path / "inbox.toml",
    )


def write(config: InboxConfig, *envelopes: bytes) -> None:
    kept = roster_file.Papers(config.roster_file)
    kept.add(envelopes)
    kept.save()


def test_nothing_on_disk_is_a_roster_of_nobody(config: InboxConfig):
    assert RosterFile(config).roster.nodes == ()


def test_an_inbox_that_was_never_admitted_has_none(tmp_path: Path):
    with pytest.raises(ConfigError, match="not been admitted"):
        RosterFile(parse_inbox("[inbox]\n", tmp_path / "inbox.toml"))


def test_all_three_files_are_followed(config: InboxConfig):
    write(config, grant(3))
    followed = RosterFile(config)
    assert not followed.reload_if_changed()
    write(config, spare())
    assert followed.reload_if_changed() and len(followed.roster.nodes) == 2
    assigned = f'[[node]]\naddress = "{address_of(SPARE).hex()}"\nsite_id = "{SITE_ID}"\nsince = 5\n'
    files.replace(config.register_file, assigned.encode())
    assert followed.reload_if_changed()
    assert entry(followed.roster, BEILEN).replaced_s == 5
    files.replace(config.inbox.sites, f'[[site]]\nid = "{SITE_ID}"\nname = "Elders"\n'.encode())
    assert followed.reload_if_changed() and not followed.reload_if_changed()
    assert entry(followed.roster, SPARE).site == "Elders"


@pytest.mark.parametrize("which", ["roster", "register", "sites"])
def test_a_broken_file_is_told_once_and_the_old_roster_stays(config: InboxConfig, which: str):
    write(config, grant(3))
    followed = RosterFile(config)
    before = followed.roster
    path = {"roster": config.roster_file, "register": config.register_file, "sites": config.inbox.sites}[
        which
    ]
    files.replace(path, b"[[node]\n")
    with pytest.raises((ConfigError, StorageError)):
        followed.reload_if_changed()
    assert not followed.reload_if_changed()
    assert followed.roster is before
    path.unlink()
    assert followed.reload_if_changed()


@pytest.mark.parametrize(
    "text",
    [
        '[[node]]\naddress = "3f9a"\n',
        '[[node]]\naddress = "3f9a21c4"\nsite = 5\n',
        '[[node]]\naddress = "3f9a21c4"\nblokked = "x"\n',
        '[[node]]\naddress = "3f9a21c4"\n[[node]]\naddress = "3f9a21c4"\n',
    ],
)
def test_a_register_that_says_something_else_is_refused(config: InboxConfig, text: str):
    config.inbox.state.mkdir()
    config.register_file.write_text(text)
    with pytest.raises(ConfigError, match=r"register\.toml"):
        RosterFile(config)
