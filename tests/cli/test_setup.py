"""`naober setup` and `naober config check`, from nothing to a node that a real broker takes."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from relay import config
from relay.trust import certificates, keys
from relay.trust.admission import load_admission, load_request
from relay.trust.roster import Roster
from tests.support.command import clean_environment, naober

SITE = "Kazerne Beilen"
PRIVATE = re.compile(r"PRIVATE KEY")
BODY = re.compile(r"-----BEGIN PRIVATE KEY-----\n(.+?)\n")
START_TIMEOUT_S = 10.0


class World(NamedTuple):
    """An inbox host, a Pi, and the stick that goes between them."""

    inbox: Path
    inbox_state: Path
    node: Path
    node_state: Path
    stick: Path

    def setup_inbox(self, *more: str, umask: int = -1) -> subprocess.CompletedProcess[str]:
        where = ("--dir", str(self.inbox), "--state", str(self.inbox_state))
        broker = () if "--broker" in more else ("--broker", "mqtt.vrd.lan")
        return naober("setup", "inbox", *broker, *where, *more, umask=umask)

    def setup_node(self, *more: str, site: str = SITE, umask: int = -1) -> subprocess.CompletedProcess[str]:
        where = ("--state", str(self.node_state), "--out", str(self.stick))
        return naober("setup", "node", "--site", site, *where, *more, umask=umask)

    def admit(self, *more: str, umask: int = -1) -> subprocess.CompletedProcess[str]:
        where = ("--dir", str(self.inbox), "--out", str(self.stick))
        return naober("setup", "admit", self.request, *where, *more, umask=umask)

    def apply(self, *more: str, umask: int = -1) -> subprocess.CompletedProcess[str]:
        where = ("--dir", str(self.node), "--state", str(self.node_state))
        return naober("setup", "apply", self.admission, *where, *more, umask=umask)

    def another_pi(self, name: str) -> World:
        folder = self.stick.parent / name
        (folder / "stick").mkdir(parents=True)
        return self._replace(node=folder / "etc", node_state=folder / "state", stick=folder / "stick")

    @property
    def request(self) -> Path:
        return next(self.stick.glob("request-*.toml"))

    @property
    def admission(self) -> Path:
        return next(self.stick.glob("admission-*.toml"))

    @property
    def roster(self) -> Roster:
        return Roster.load(self.inbox / "roster.toml")


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "stick").mkdir()
    names = ("inbox", "inbox-state", "node", "node-state", "stick")
    return World(*(tmp_path / name for name in names))


@pytest.fixture
def admitted(world: World) -> World:
    for done in (world.setup_inbox(), world.setup_node(), world.admit(), world.apply()):
        assert done.returncode == 0, done.stderr
    return world


def contents(*folders: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for folder in folders for file in folder.rglob("*") if file.is_file()}


def check(file: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return naober("config", "check", file, *more)


# --- the whole way


def test_a_node_is_set_up_admitted_and_checked(admitted: World) -> None:
    node = config.load_node(admitted.node / "node.toml")
    inbox = config.load_inbox(admitted.inbox / "inbox.toml")
    own = keys.public_bytes(keys.load(node.signing_key))
    entry = admitted.roster.entry(keys.address_of(own))
    assert entry is not None and (entry.site, entry.public_key) == (SITE, own)
    assert node.inbox_keys == admitted.roster.inbox_keys == (keys.public_bytes(keys.load(inbox.signing_key)),)
    assert node.network_id == inbox.network_id == admitted.roster.network_id
    assert len(node.network_id) == 8
    assert (node.mqtt.host, node.mqtt.port, node.mqtt.tls) == ("mqtt.vrd.lan", 8883, True)
    for file in (admitted.node / "node.toml", admitted.inbox / "inbox.toml"):
        done = check(file)
        assert done.returncode == 0, done.stdout
        assert all(line.startswith(" ok ") for line in done.stdout.splitlines())
    certificates.client_context(node.mqtt.ca, node.mqtt.certificate, node.mqtt.key)
    certificates.client_context(inbox.mqtt.ca, inbox.mqtt.certificate, inbox.mqtt.key)


def test_node_toml_is_the_shipped_file_with_its_explanations(admitted: World) -> None:
    shipped = (Path(__file__).parents[2] / "config" / "node.toml").read_text(encoding="utf-8")
    made = (admitted.node / "node.toml").read_text(encoding="utf-8")
    assert [line for line in made.splitlines() if line.startswith("#")] == [
        line for line in shipped.splitlines() if line.startswith("#")
    ]


def test_no_private_key_leaves_the_machine_that_made_it(admitted: World) -> None:
    secrets = [*admitted.node_state.glob("*.key"), *admitted.inbox_state.glob("*.key")]
    secrets += [admitted.inbox / "authority" / "authority.pem", admitted.inbox / "broker" / "broker.key"]
    bodies = [body for file in secrets for body in BODY.findall(file.read_text())]
    assert len(bodies) == 6, "every secret of the two machines"
    exchanged = contents(admitted.stick)
    assert len(exchanged) == 2
    for file, data in exchanged.items():
        assert not PRIVATE.search(data.decode()), file
        assert not any(body in data.decode() for body in bodies), file
    # nor do the inbox's files hold a node's, or the other way round
    node_body = BODY.findall((admitted.node_state / "node.key").read_text())[0]
    assert not any(
        node_body.encode() in data for data in contents(admitted.inbox, admitted.inbox_state).values()
    )
    assert not any(PRIVATE.search(data.decode()) for data in contents(admitted.node).values())


def test_every_private_file_is_closed_to_others_under_an_open_umask(world: World) -> None:
    for done in (
        world.setup_inbox(umask=0),
        world.setup_node(umask=0),
        world.admit(umask=0),
        world.apply(umask=0),
    ):
        assert done.returncode == 0, done.stderr
    everything = contents(world.inbox, world.inbox_state, world.node, world.node_state, world.stick)
    private = [file for file, data in everything.items() if b"PRIVATE KEY" in data]
    assert len(private) == 6
    for file in everything:
        mode = stat.S_IMODE(file.stat().st_mode)
        assert mode == 0o600 if file in private else not mode & 0o022, file
        assert not stat.S_IMODE(file.parent.stat().st_mode) & 0o022 or file.parent == world.stick, file.parent


def test_the_same_steps_again_change_nothing(admitted: World) -> None:
    folders = (admitted.inbox, admitted.inbox_state, admitted.node, admitted.node_state, admitted.stick)
    before = contents(*folders)
    for done in (admitted.setup_inbox(), admitted.setup_node(), admitted.admit(), admitted.apply()):
        assert done.returncode == 0, done.stderr
        assert "was er al" in done.stdout
        assert "vervangen " not in done.stdout
    assert contents(*folders) == before


def test_the_control_number_on_both_sides_is_the_same(world: World) -> None:
    world.setup_inbox()
    shown = re.search(r"controlegetal ((\d{5} ){4}\d{5})", world.setup_node().stdout)
    assert shown is not None
    assert shown[1] in world.admit().stdout
    assert world.admit("--control", shown[1].replace(" ", "")).returncode == 0
    refused = world.admit("--control", "1" * 25)
    assert refused.returncode == 2
    assert "ander controlegetal" in refused.stderr


# --- a real broker


@pytest.fixture
def broker(world: World) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    assert world.setup_inbox("--broker", "localhost", "--port", str(port)).returncode == 0
    conf = world.inbox / "broker" / "naober.conf"
    if os.geteuid() == 0:  # or it becomes a user that may not read our temporary folder
        conf.write_text(conf.read_text() + "user root\n")
    binary = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
    assert binary, "mosquitto is not installed: sudo apt-get install mosquitto"
    with (world.stick.parent / "broker.log").open("wb") as log:
        process = subprocess.Popen([binary, "-c", conf], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _listens(port):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        yield port
    finally:
        process.kill()
        process.wait(START_TIMEOUT_S)


def test_the_broker_takes_what_was_set_up_and_nobody_else(world: World, broker: int) -> None:
    for done in (world.setup_node(), world.admit(), world.apply()):
        assert done.returncode == 0, done.stderr
    node = config.load_node(world.node / "node.toml").mqtt
    inbox = config.load_inbox(world.inbox / "inbox.toml").mqtt
    address = keys.address_text(load_admission(world.admission).address)
    heard = subprocess.Popen(
        ["mosquitto_sub", *_client(inbox, "inbox-1"), "-t", "naober/1/up/#", "-v", "-C", "1", "-W", "20"],
        stdout=subprocess.PIPE,
    )
    topic = f"naober/1/up/{address}"
    deadline = time.monotonic() + START_TIMEOUT_S
    while heard.poll() is None and time.monotonic() < deadline:  # until the subscription stands
        sent = subprocess.run(
            ["mosquitto_pub", *_client(node, f"{address}-1"), "-q", "1", "-t", topic, "-m", "hello"],
            timeout=20,
        )
        assert sent.returncode == 0
    assert heard.communicate(timeout=30)[0].decode().strip() == f"{topic} hello"
    # without a certificate of our authority there is no way in
    stranger = ssl.create_default_context(cafile=str(node.ca))
    stranger.verify_flags = ssl.VerifyFlags(stranger.verify_flags | certificates.X509_V_FLAG_NO_CHECK_TIME)
    with (
        socket.create_connection(("127.0.0.1", broker), 10) as plain,
        stranger.wrap_socket(plain, server_hostname="localhost") as wrapped,
        pytest.raises(ssl.SSLError, match="CERT"),
    ):
        wrapped.recv(1)  # under TLS 1.3 the refusal comes with the first read


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _client(mqtt: config.MqttSection, name: str) -> list[str]:
    files = ["--cafile", str(mqtt.ca), "--cert", str(mqtt.certificate), "--key", str(mqtt.key)]
    return ["-V", "5", "-i", name, "-h", "localhost", "-p", str(mqtt.port), *files]


# --- nothing is overwritten unasked


def test_what_a_technician_wrote_into_node_toml_stays(admitted: World) -> None:
    file = admitted.node / "node.toml"
    file.write_text(file.read_text().replace("interval_s = 60", "interval_s = 77  # by hand", 1))
    assert admitted.apply().returncode == 0
    assert "interval_s = 77  # by hand" in file.read_text()


def test_another_broker_is_refused_until_it_is_asked_for(admitted: World) -> None:
    before = contents(admitted.inbox, admitted.inbox_state)
    refused = admitted.setup_inbox("--broker", "other.vrd.lan")
    assert refused.returncode == 2
    assert "bestaat al en is anders" in refused.stderr and "--replace" in refused.stderr
    assert contents(admitted.inbox, admitted.inbox_state) == before
    assert admitted.setup_inbox("--broker", "other.vrd.lan", "--replace").returncode == 0
    after = contents(admitted.inbox, admitted.inbox_state)
    changed = {file.name for file in after if after[file] != before.get(file)}
    assert changed == {"inbox.toml", "broker.pem"}, "keys, network and authority are the same"
    assert check(admitted.inbox / "inbox.toml").returncode == 0


def test_an_admission_that_says_another_thing_is_refused_until_it_is_asked_for(admitted: World) -> None:
    text = admitted.admission.read_text()
    admitted.admission.write_text(text.replace("mqtt.vrd.lan", "mqtt2.vrd.lan"))
    before = contents(admitted.node)
    assert admitted.apply().returncode == 2
    assert contents(admitted.node) == before
    assert admitted.apply("--replace").returncode == 0
    assert config.load_node(admitted.node / "node.toml").mqtt.host == "mqtt2.vrd.lan"


def test_a_request_for_another_site_does_not_replace_the_first_unasked(world: World) -> None:
    world.setup_node()
    refused = world.setup_node(site="MFA Roden")
    assert refused.returncode == 2
    assert load_request(world.request).site == SITE
    assert world.setup_node("--replace", site="MFA Roden").returncode == 0
    assert load_request(world.request).site == "MFA Roden"


def test_a_lost_admission_is_simply_made_again(admitted: World) -> None:
    admitted.admission.unlink()
    assert admitted.admit().returncode == 0
    assert admitted.apply("--replace").returncode == 0
    assert check(admitted.node / "node.toml").returncode == 0
    assert len(admitted.roster.nodes) == 1


# --- the roster


def test_a_second_key_at_a_site_takes_the_place_of_the_first_only_when_asked(admitted: World) -> None:
    second = admitted.another_pi("second")
    second.setup_node()
    refused = second.admit()
    assert refused.returncode == 2
    assert f"{SITE} heeft al knooppunt" in refused.stderr
    assert len(admitted.roster.nodes) == 1
    assert second.admit("--replace").returncode == 0
    assert [node.revoked for node in admitted.roster.nodes] == [True, False]
    # and the first does not get back in
    assert "ingetrokken" in admitted.admit().stderr


def test_the_register_s_facts_and_a_technician_s_remarks_stand_in_the_roster(world: World) -> None:
    world.setup_inbox()
    file = world.inbox / "roster.toml"
    file.write_text(file.read_text() + "\n# key of the loft: ask Jan\n")
    world.setup_node()
    register = ("--municipality", "GM1731", "--site-id", "VRD-BEI-01", "--gateway")
    assert world.admit(*register).returncode == 0
    node = world.roster.nodes[0]
    assert (node.municipality, node.site_id, node.gateway) == ("GM1731", "VRD-BEI-01", True)
    assert "# key of the loft: ask Jan" in file.read_text()
    assert world.admit(*register).returncode == 0
    assert world.admit("--municipality", "GM0106").returncode == 2


def test_two_technicians_at_once_both_get_their_node_in(world: World) -> None:
    world.setup_inbox()
    pis = [world.another_pi(f"pi{number}") for number in range(4)]
    for number, pi in enumerate(pis):
        pi.setup_node(site=f"site {number}")
    with ThreadPoolExecutor(4) as pool:
        assert [done.returncode for done in pool.map(World.admit, pis)] == [0, 0, 0, 0]
    assert sorted(node.site for node in world.roster.nodes) == [f"site {number}" for number in range(4)]


# --- what is not what it claims to be


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (SITE, "Kazerne\\nBeilen"),
        (SITE, ""),
        ("format = 1", "format = 2"),
        ('public_key = "', 'public_key = "00'),
        ('control = "', 'control = "9'),
        ("CERTIFICATE REQUEST-----\nMI", "CERTIFICATE REQUEST-----\nMJ"),
        ("csr", "crs"),
    ],
)
def test_a_damaged_request_is_refused_and_changes_nothing(world: World, old: str, new: str) -> None:
    world.setup_inbox()
    world.setup_node()
    before = contents(world.inbox)
    request = world.request
    text = request.read_text()
    assert old in text
    request.write_text(text.replace(old, new, 1))
    done = world.admit()
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    assert contents(world.inbox) == before
    assert not list(world.stick.glob("admission-*"))


def test_a_request_with_someone_else_s_tls_key_does_not_pass(world: World) -> None:
    world.setup_inbox()
    world.setup_node()
    thief = certificates.request(certificates.make_tls_key(), "3f9a21c4").decode()
    text = world.request.read_text()
    world.request.write_text(re.sub(r"-----BEGIN.*REQUEST-----\n", thief, text, flags=re.DOTALL))
    assert "controlegetal klopt niet" in world.admit().stderr


def test_an_admission_for_another_node_is_refused(admitted: World) -> None:
    other = admitted.another_pi("other")
    other.setup_node(site="MFA Roden")
    shutil.copy(admitted.admission, other.stick)
    done = other.apply()
    assert done.returncode == 2
    assert "Deze toelating is voor" in done.stderr
    assert not other.node.exists()


def test_an_admission_with_another_authority_s_certificate_is_refused(admitted: World) -> None:
    admission = load_admission(admitted.admission)
    stranger = certificates.make_authority("stranger")[0].decode()
    text = admitted.admission.read_text()
    assert admission.ca in text
    admitted.admission.write_text(text.replace(admission.ca, stranger))
    before = contents(admitted.node)
    assert admitted.apply("--replace").returncode == 2
    assert contents(admitted.node) == before


@pytest.mark.parametrize("host", ["", "mqtt.vrd.lan:8883", "mqtt vrd", "bröker", "a_b", "-x", "a" * 65])
def test_what_cannot_be_a_host_is_refused_before_anything_is_made(world: World, host: str) -> None:
    where = ("--dir", world.inbox, "--state", world.inbox_state)
    done = naober("setup", "inbox", f"--broker={host}", *where)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    assert not world.inbox.exists() and not world.inbox_state.exists()


@pytest.mark.parametrize("host", ["10.0.0.7", "fd00::7", "mqtt.vrd.lan"])
def test_a_broker_may_be_an_address_or_a_name(world: World, host: str) -> None:
    assert world.setup_inbox("--broker", host).returncode == 0


# --- without TLS, on one machine


def test_a_plain_set_up_stays_on_this_machine(world: World) -> None:
    assert world.setup_inbox("--plain").returncode == 2  # the broker is mqtt.vrd.lan
    steps = [
        world.setup_inbox("--broker", "127.0.0.1", "--plain"),
        world.setup_node("--plain"),
        world.admit(),
        world.apply(),
    ]
    assert [done.returncode for done in steps] == [0, 0, 0, 0]
    node = config.load_node(world.node / "node.toml")
    assert (node.mqtt.host, node.mqtt.port, node.mqtt.tls) == ("127.0.0.1", 1884, False)
    assert not node.sensors.network.active, "nothing is sent to the outside"
    assert check(world.node / "node.toml").returncode == 0
    assert check(world.inbox / "inbox.toml").returncode == 0


def test_a_plain_request_is_refused_by_an_inbox_with_tls(world: World) -> None:
    world.setup_inbox()
    world.setup_node("--plain")
    assert "--plain" in world.admit().stderr
    assert world.roster.nodes == ()


# --- config check


def test_every_fault_is_a_line_of_its_own_and_says_what_to_do(admitted: World) -> None:
    (admitted.node_state / "node-tls.key").chmod(0o644)
    (admitted.node_state / "node.epoch").write_text("many")
    done = check(admitted.node / "node.toml")
    assert done.returncode == 2
    faults = [line for line in done.stdout.splitlines() if line.startswith("FOUT")]
    assert len(faults) == 2
    assert any("chmod 600" in line for line in faults)
    assert all(" · Doe: " in line for line in faults)


def test_only_a_node_has_its_epoch_in_a_file(admitted: World) -> None:
    assert "Tijdvak" in check(admitted.node / "node.toml").stdout
    assert (
        "Tijdvak" not in check(admitted.inbox / "inbox.toml").stdout
    )  # the inbox keeps its own in its store


def test_a_certificate_that_does_not_belong_here_is_found(admitted: World) -> None:
    other = admitted.another_pi("other")
    other.setup_node(site="MFA Roden")
    other.admit()
    (admitted.node / "node.pem").write_text(load_admission(other.admission).certificate)
    done = check(admitted.node / "node.toml", "--lang", "en")
    assert "does not belong to" in done.stdout and "is not in the name of" in done.stdout
    (admitted.node / "ca.pem").write_bytes(certificates.make_authority("stranger")[0])
    assert "is not by" in check(admitted.node / "node.toml", "--lang", "en").stdout


@pytest.mark.parametrize(
    ("file", "word"),
    [
        ("node.pem", "node.pem"),
        ("ca.pem", "ca.pem"),
        ("node-tls.key", "node-tls.key"),
        ("node.key", "node.key"),
    ],
)
def test_a_file_that_is_gone_is_named(admitted: World, file: str, word: str) -> None:
    (admitted.node_state if file.endswith("key") else admitted.node).joinpath(file).unlink()
    done = check(admitted.node / "node.toml")
    assert done.returncode == 2
    assert any(line.startswith("FOUT") and word in line for line in done.stdout.splitlines())


def test_a_roster_of_another_network_is_found(admitted: World) -> None:
    file = admitted.inbox / "roster.toml"
    text = file.read_text()
    file.write_text(text.replace(admitted.roster.network_id.hex(), "00" * 8))
    assert "network_id" in check(admitted.inbox / "inbox.toml").stdout
    file.write_text(text + "[[node]\n")
    assert check(admitted.inbox / "inbox.toml").returncode == 2


def test_a_node_that_was_never_admitted_is_not_ready(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text('[node]\nstate = "state"\n')
    done = check(file)
    assert done.returncode == 2
    assert "network_id" in done.stdout and str(tmp_path / "state") in done.stdout


@pytest.mark.parametrize(
    ("text", "word"),
    [("[mqtt]\nadress = 1\n", "[mqtt] adress"), ('[mqtt]\nport = "x"\n', "[mqtt] port"), ("[mqtt\n", "TOML")],
)
def test_a_bad_configuration_is_one_line(tmp_path: Path, text: str, word: str) -> None:
    file = tmp_path / "node.toml"
    file.write_text(text)
    done = check(file)
    assert done.returncode == 2
    assert word in done.stdout and len(done.stdout.splitlines()) == 1


def test_a_missing_configuration_is_one_line(tmp_path: Path) -> None:
    done = check(tmp_path / "node.toml")
    assert done.returncode == 2
    assert "Bestand ontbreekt" in done.stdout


def test_an_unreadable_configuration_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text("")
    file.chmod(0)
    code = (
        "import os, sys, unicodedata, relay.cli.config, relay.trust.inspection\n"
        "os.geteuid() or os.setuid(65534)\n"  # root may read everything
        "sys.exit(relay.cli.main(['config', 'check', sys.argv[1]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, file], capture_output=True, text=True, env=clean_environment()
    )
    assert done.returncode == 2
    assert f"Kan niet lezen: {file}" in done.stdout and len(done.stdout.splitlines()) == 1
    assert done.stderr == ""
