"""What a laptop grants and refuses, and what the machines can make of it."""

from __future__ import annotations

import ssl
from pathlib import Path

import msgspec
import pytest

from relay import files, toml
from relay.errors import ConfigError, KeyFileError, NaoberError, TrustError
from relay.trust import (
    authority,
    authority_approve,
    authority_init,
    authority_settings,
    chain,
    keys,
    papers,
    pins,
    seal,
    sites,
)
from relay.trust.authority_approve import Plan, gather
from relay.trust.authority_laptop import Laptop
from relay.trust.authority_revoke import find_key, revoke, rotate_channel
from relay.trust.papers import Grant
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
from tests.support.certs import host_names


@pytest.fixture
def vrd(tmp_path: Path) -> Laptop:
    return laptop(tmp_path / "laptop")


@pytest.fixture
def inbox(vrd: Laptop) -> Machine:
    host = inbox_host()
    approved(vrd, host)
    return host


def grant_of(of: Laptop, envelope: bytes) -> Grant:
    return papers.read_grant(envelope, of.pinned, of.network_id)


def plan_for(of: Laptop, *machines: Machine) -> Plan:
    return Plan(of, gather(of, [("x", each.envelope) for each in machines]).asked)


# --- granting


def test_a_node_gets_all_that_it_needs_and_nothing_that_another_could_read(
    vrd: Laptop, inbox: Machine
) -> None:
    pi = machine(radio="Heltec V3")
    envelope = approved(vrd, pi).grants[pi.address]
    grant = grant_of(vrd, envelope)
    assert (grant.site_id, grant.site, grant.municipality) == (
        "VRD-BEI-01",
        "Kazerne Beilen",
        "Midden-Drenthe",
    )
    assert grant.inbox_keys == (inbox.request.sign_key,)
    assert grant.brokers == (("mqtt.vrd.lan", 8883),)
    assert grant.authority_keys == (vrd.settings.authority.public.sign_key,)
    secrets = unlocked(vrd)
    assert secrets.shared is not None
    assert seal.unseal(grant.sealed_channel, pi.seal) == secrets.shared.channel
    with pytest.raises(TrustError):
        seal.unseal(grant.sealed_channel, inbox.seal)
    assert len(envelope) <= 800


def test_certificates_fit_their_keys_and_names_and_the_broker_its_pin(vrd: Laptop) -> None:
    host, pi = inbox_host(), machine()
    signed = approved(vrd, host, pi)
    for_inbox, for_pi = (grant_of(vrd, signed.grants[each.address]) for each in (host, pi))
    ca = chain.certificate_der(for_pi.ca, "ca")
    wanted = (
        (for_pi.certificate, keys.address_text(pi.address), pi.request.tls_key),
        (for_inbox.certificate, "inbox", host.request.tls_key),
        (for_inbox.broker_certificate, "broker", host.request.broker_key),
    )
    for der, name, key in wanted:
        found = chain.certificate_der(der, name)
        assert chain.issued_by(found, ca) and chain.common_name(found) == name
        assert chain.key_of_certificate(found).endswith(key)
        assert (found.not_valid_before_utc.year, found.not_valid_after_utc.year) == (2025, 2045)
    broker = chain.certificate_der(for_inbox.broker_certificate, "broker")
    assert host_names(broker) == {"mqtt.vrd.lan", "localhost", "127.0.0.1"}
    assert for_pi.broker_keys == (authority.pin_of(host.request.broker_key),)
    pem = ssl.DER_cert_to_PEM_cert(for_inbox.broker_certificate).encode()
    assert pins.pin(pem) == for_pi.broker_keys[0].hex()
    assert not host_names(chain.certificate_der(for_pi.certificate, "node"))  # cannot pass for a broker


def test_the_inbox_comes_first(vrd: Laptop) -> None:
    with pytest.raises(ConfigError, match="No inbox"):
        plan_for(vrd, machine())
    host, pi = inbox_host(), machine()
    signed = approved(vrd, pi, host)  # in one go is fine, in whatever order
    assert grant_of(vrd, signed.grants[pi.address]).inbox_keys == (host.request.sign_key,)


def test_each_node_gets_the_next_free_site_until_there_is_none(vrd: Laptop, inbox: Machine) -> None:
    pis = [machine() for _ in range(3)]
    signed = approved(vrd, *pis)
    assert sorted(place.site_id for place in signed.places.values()) == [
        "VRD-BEI-01",
        "VRD-NOR-01",
        "VRD-ROL-01",
    ]
    plan = plan_for(vrd, machine())
    assert plan.suggested(plan.asked[0]) is None


def test_a_second_inbox_is_the_sealed_next_one_and_nodes_are_told(vrd: Laptop, inbox: Machine) -> None:
    reserve = inbox_host("mqtt2.vrd.lan")
    signed = approved(vrd, reserve)
    both = (inbox.request.sign_key, reserve.request.sign_key)
    assert vrd.standing.inbox_keys == both
    change = papers.read_change(vrd.standing.changes[0], vrd.pinned, vrd.network_id)
    assert change == papers.Change(signed.version, papers.InboxKeys(both))
    pi = machine()
    grant = grant_of(vrd, approved(vrd, pi).grants[pi.address])
    assert grant.inbox_keys == both
    assert grant.brokers == (("mqtt.vrd.lan", 8883), ("mqtt2.vrd.lan", 8883))
    assert len(grant.broker_keys) == 2
    with pytest.raises(TrustError, match="two inbox keys"):
        plan_for(vrd, inbox_host("mqtt3.vrd.lan"))


def test_a_version_follows_the_clock_and_never_goes_back(vrd: Laptop, inbox: Machine) -> None:
    minutes = int(NOW - 1_735_689_600) // 60
    assert vrd.standing.version == minutes
    assert approved(vrd, machine()).version == minutes + 1
    assert approved(vrd, machine(), now=NOW + 7200).version == minutes + 120
    assert approved(vrd, machine(), now=0.0).version == minutes + 121  # a laptop that believes it is 1970


# --- refusing


def test_a_revoked_key_is_refused_for_ever(vrd: Laptop, inbox: Machine) -> None:
    pi, other = machine(), machine()
    approved(vrd, pi)
    revoke(vrd, pi.request.sign_key, "gestolen", unlocked(vrd), NOW)
    gathered = gather(vrd, [("a", pi.envelope), ("b", other.envelope)])
    assert [each.request for each in gathered.asked] == [other.request]
    assert "ingetrokken" in gathered.refused[0].error.what.nl
    assert pi.request.sign_key not in vrd.living()


def test_an_address_that_is_taken_is_refused(
    vrd: Laptop, inbox: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    second, third = machine(), machine()
    approved(vrd, machine())
    monkeypatch.setattr(papers, "address_of", lambda key: b"same")  # 2^32 keys are more than a test can make
    gathered = gather(vrd, [("x", second.envelope), ("y", third.envelope)])
    assert gathered.asked == [] and len(gathered.refused) == 2
    assert [each.request for each in gather(vrd, [("x", second.envelope)]).asked] == [second.request]
    monkeypatch.setattr(authority_approve, "address_of", lambda key: b"same")
    gathered = gather(vrd, [("x", second.envelope)])
    assert gathered.asked == [] and "andere sleutel" in gathered.refused[0].error.what.nl


def test_a_request_that_somebody_touched_is_refused_and_the_others_go_on(vrd: Laptop, inbox: Machine) -> None:
    good, bad = machine(), machine().envelope
    sources = [("good", good.envelope), *((str(at), bad[:at]) for at in range(0, len(bad), 5))]
    sources += [
        (f"bit {at}", bad[:at] + bytes((bad[at] ^ 4,)) + bad[at + 1 :]) for at in range(0, len(bad), 5)
    ]
    gathered = gather(vrd, sources)
    assert [each.request for each in gathered.asked] == [good.request]
    assert len(gathered.refused) == len(sources) - 1


def test_a_site_that_has_a_node_is_seen(vrd: Laptop, inbox: Machine) -> None:
    old, new = machine(), machine()
    approved(vrd, old)
    plan = plan_for(vrd, new)
    assert plan.others_at("VRD-BEI-01", plan.asked[0]) == [old.address]
    plan.put(plan.asked[0], authority.Place("node", "VRD-BEI-01", "Kazerne Beilen", replaces=old.address))
    plan.sign(unlocked(vrd), NOW)
    assert set(vrd.living()) == {inbox.request.sign_key, new.request.sign_key}
    later = plan_for(vrd, machine())
    assert later.others_at("VRD-BEI-01", later.asked[0]) == [new.address]


def test_an_older_roster_signs_nothing(vrd: Laptop, inbox: Machine) -> None:
    older = vrd.papers.path.read_bytes()
    approved(vrd, machine())
    vrd.papers.path.write_bytes(older)
    again = Laptop(vrd.folder)
    before = {path: path.read_bytes() for path in vrd.folder.iterdir() if path.is_file()}
    with pytest.raises(TrustError, match="is older than"):
        approved(again, machine())
    with pytest.raises(TrustError, match="is older than"):
        revoke(again, inbox.request.sign_key, "", unlocked(again), NOW)
    assert before == {path: path.read_bytes() for path in vrd.folder.iterdir() if path.is_file()}


# --- what is signed already


def test_what_was_granted_is_not_signed_again_unless_something_changed(vrd: Laptop, inbox: Machine) -> None:
    pi = machine()
    approved(vrd, pi)
    shared = vrd.shared(unlocked(vrd))

    def current() -> bool:
        plan = plan_for(vrd, pi)
        return plan.is_current(plan.asked[0], shared.version)

    assert current()
    assert vrd.envelope_of(vrd.living()[pi.request.sign_key]) in vrd.papers.envelopes
    other_seal = machine().request.seal_key
    changed = pi._replace(request=msgspec.structs.replace(pi.request, seal_key=other_seal))
    assert not plan_for(vrd, changed).is_current(gather(vrd, [("x", changed.envelope)]).asked[0], 1)
    approved(vrd, inbox_host("mqtt2.vrd.lan"))
    assert not current()
    approved(vrd, pi)
    assert current()
    secrets, _ = rotate_channel(vrd, PASSPHRASE, unlocked(vrd), NOW)
    shared = vrd.shared(secrets)
    assert current()  # the rotation signed it anew


# --- taking back


def test_a_revocation_fits_a_radio_packet_and_names_the_very_key(vrd: Laptop, inbox: Machine) -> None:
    pi = machine()
    approved(vrd, pi)
    version = revoke(vrd, pi.request.sign_key, "x" * 60, unlocked(vrd), NOW).version
    envelope = vrd.standing.changes[0]
    assert len(envelope) <= papers.CHANGE_BYTES_MAX
    change = papers.read_change(envelope, vrd.pinned, vrd.network_id)
    assert change.version == version and isinstance(change.what, papers.Revoke)
    assert change.what.key_hash == papers.key_hash(pi.request.sign_key)
    with pytest.raises(TrustError, match="already"):
        revoke(vrd, pi.request.sign_key, "", unlocked(vrd), NOW)


def test_revoking_changes_nothing_when_it_cannot_be_done(vrd: Laptop, inbox: Machine) -> None:
    before = vrd.papers.path.read_bytes()
    with pytest.raises(TrustError, match="only inbox"):
        revoke(vrd, inbox.request.sign_key, "", unlocked(vrd), NOW)
    with pytest.raises(ConfigError, match="own key"):
        revoke(vrd, vrd.settings.authority.public.sign_key, "", unlocked(vrd), NOW)
    with pytest.raises(ConfigError, match="does not know"):
        find_key(vrd, bytes(4))
    with pytest.raises(NaoberError):
        revoke(vrd, machine().request.sign_key, "é" * 31, unlocked(vrd), NOW)
    assert vrd.papers.path.read_bytes() == before


def test_revoking_the_inbox_makes_the_sealed_one_current(vrd: Laptop, inbox: Machine) -> None:
    reserve = inbox_host("mqtt2.vrd.lan")
    approved(vrd, reserve)
    revoke(vrd, inbox.request.sign_key, "gehackt", unlocked(vrd), NOW)
    assert vrd.standing.inbox_keys == (reserve.request.sign_key,)
    pi = machine()
    grant = grant_of(vrd, approved(vrd, pi).grants[pi.address])
    assert grant.inbox_keys == (reserve.request.sign_key,)
    assert grant.brokers == (("mqtt2.vrd.lan", 8883),)
    assert grant.broker_keys == (authority.pin_of(reserve.request.broker_key),)


def test_a_new_channel_key_reaches_every_node_that_counts_and_no_other(vrd: Laptop, inbox: Machine) -> None:
    stays, stolen = machine(), machine()
    approved(vrd, stays, stolen)
    old = vrd.shared(unlocked(vrd)).channel
    revoke(vrd, stolen.request.sign_key, "gestolen", unlocked(vrd), NOW)
    _, renewed = rotate_channel(vrd, PASSPHRASE, unlocked(vrd), NOW)
    assert set(renewed.grants) == {inbox.address, stays.address} and renewed.missing == ()
    again = Laptop(vrd.folder)
    fresh = again.shared(unlocked(again)).channel
    assert fresh.key != old.key and msgspec.structs.replace(fresh, key=old.key) == old
    grant = grant_of(again, renewed.grants[stays.address])
    assert seal.unseal(grant.sealed_channel, stays.seal) == fresh
    assert grant.site_id == grant_of(vrd, renewed.grants[stays.address]).site_id != ""
    (again.folder / "verzoek" / keys.address_text(stays.address)).unlink()
    _, renewed = rotate_channel(again, PASSPHRASE, unlocked(again), NOW)
    assert [grant.address for grant in renewed.missing] == [stays.address]


# --- the folder


def test_the_shipped_settings_say_the_defaults_and_broken_ones_are_refused(vrd: Laptop) -> None:
    shipped = files.shipped("authority.toml")
    assert toml.load(shipped, authority_settings.Settings) == authority_settings.Settings()
    assert sites.load(files.shipped("sites.toml")) == ()
    path = vrd.folder / "authority.toml"
    good = path.read_text()
    assert good.count("#") == shipped.read_text().count("#")  # its explanations are still there
    wrong = good.replace('page = "', 'pages = "')
    assert wrong != good
    for bad in ("x", "", wrong, good.replace(vrd.settings.authority.sign_key, "")):
        path.write_text(bad)
        with pytest.raises(ConfigError):
            Laptop(vrd.folder)


def test_brokers_and_pins_announced_ahead_stand_in_every_new_grant(vrd: Laptop, inbox: Machine) -> None:
    path = vrd.folder / "authority.toml"
    text = path.read_text().replace("also = []", 'also = ["mqtt2.vrd.lan:8884"]')
    path.write_text(text.replace("pins = []", f'pins = ["{"ab" * 32}"]'))
    again, pi = Laptop(vrd.folder), machine()
    grant = grant_of(again, approved(again, pi).grants[pi.address])
    assert grant.brokers == (("mqtt.vrd.lan", 8883), ("mqtt2.vrd.lan", 8884))
    assert grant.broker_keys == (authority.pin_of(inbox.request.broker_key), bytes.fromhex("ab" * 32))


@pytest.mark.parametrize(
    "text",
    [
        '[[site]]\nid = "A"\nname = "x"\n[[site]]\nid = "A"\nname = "y"',
        '[[site]]\nid = ""\nname = "x"',
        '[[site]]\nid = "A"\nname = " x"',
        f'[[site]]\nid = "A"\nname = "{"x" * 65}"',
        '[[site]]\nid = "A"\nnaam = "x"',
    ],
)
def test_a_register_with_a_mistake_is_refused(vrd: Laptop, inbox: Machine, text: str) -> None:
    (vrd.folder / "sites.toml").write_text(text)
    with pytest.raises(ConfigError):
        plan_for(vrd, machine())


def test_an_authority_is_never_replaced(vrd: Laptop) -> None:
    before = (vrd.folder / "authority.key").read_bytes()
    with pytest.raises(ConfigError, match="already"):
        authority_init.found(vrd.folder, "VRD-A", PASSPHRASE, cost_log2=COST_LOG2)
    with pytest.raises(ConfigError, match="already"):
        authority_init.restore(vrd.folder, before, PASSPHRASE)
    assert (vrd.folder / "authority.key").read_bytes() == before


def test_a_short_passphrase_or_a_strange_name_makes_nothing(tmp_path: Path) -> None:
    for name, passphrase in (("VRD-A", "kort"), ("../x", PASSPHRASE), ("", PASSPHRASE)):
        with pytest.raises(ConfigError):
            authority_init.found(tmp_path / "new", name, passphrase, cost_log2=COST_LOG2)
        assert not (tmp_path / "new").exists()


def test_a_key_that_others_may_read_is_not_used(vrd: Laptop) -> None:
    (vrd.folder / "authority.key").chmod(0o640)
    with pytest.raises(KeyFileError, match="open to others"):
        unlocked(vrd)


def test_everything_private_is_closed_to_others(vrd: Laptop, inbox: Machine) -> None:
    assert vrd.folder.stat().st_mode & 0o777 == 0o700
    for name in ("authority.key", "roster", "version"):
        assert (vrd.folder / name).stat().st_mode & 0o777 == 0o600


def test_a_key_of_another_folder_is_noticed(vrd: Laptop, tmp_path: Path) -> None:
    other = laptop(tmp_path / "other", "VRD-X")
    (vrd.folder / "authority.key").write_bytes(other.key_bytes())
    with pytest.raises(KeyFileError, match="do not belong together"):
        unlocked(vrd)


def test_the_paper_copy_brings_the_authority_back_but_not_its_roster(
    vrd: Laptop, inbox: Machine, tmp_path: Path
) -> None:
    again = authority_init.restore(tmp_path / "again", vrd.key_bytes(), PASSPHRASE)
    assert unlocked(again) == unlocked(vrd)
    assert again.network_id == vrd.network_id
    with pytest.raises(TrustError, match="is older than"):
        approved(again, inbox_host())  # it must not sign before it has its roster back
    again.keep(vrd.papers.envelopes, vrd.request_files())
    approved(again, inbox)


def test_two_programs_in_one_folder_wait_for_each_other(vrd: Laptop) -> None:
    with vrd.alone(), pytest.raises(ConfigError, match="works here"), Laptop(vrd.folder).alone():
        raise AssertionError("a second one got in")
    with Laptop(vrd.folder).alone():
        pass
