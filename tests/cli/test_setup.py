"""`naober setup`, `naober enrol` and `naober config check`: from nothing to a node that a broker takes."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay import config
from relay.cli import qr
from relay.errors import ConfigError
from relay.trust import certificates, chain, inbox_setup, keys, node_setup, papers
from relay.trust.authority import Place
from relay.trust.local import LocalAuthority
from relay.trust.roster import RosterFile
from relay.trust.roster_file import Papers, encode
from relay.trust.stick import Stick
from tests.support.broker import free_port
from tests.support.command import clean_environment, naober
from tests.support.process import until

SITE = "Kazerne Beilen"
BODY = re.compile(r"-----BEGIN PRIVATE KEY-----\n(.+?)\n")
HOST = "mqtt.vrd.lan"
Done = subprocess.CompletedProcess[str]


class Machine:
    """A Pi or the inbox host, with its folders, and the stick that goes between all of them."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.state, self.stick = folder / name, folder / f"{name}-state", folder / "stick"
        self.stick.mkdir(exist_ok=True)
        self.file = self.folder / ("inbox.toml" if name == "inbox" else "node.toml")
        self._where = ("--dir", self.folder, "--state", self.state)

    def setup(self, *more: str | Path, umask: int = -1) -> Done:
        return naober("setup", *more, *self._where, "--stick", self.stick, umask=umask)

    def setup_node(self, *more: str, umask: int = -1) -> Done:
        return self.setup("--radio", "none", *more, umask=umask)

    def setup_inbox(self, *more: str, umask: int = -1) -> Done:
        return self.setup("inbox", *(more or ("--broker", HOST)), umask=umask)

    def enrol(self, *more: str | Path, umask: int = -1) -> Done:
        source = more if set(more) & {"--file", "--text", "--photo"} else (*more, "--stick", self.stick)
        return naober("enrol", *source, *self._where, umask=umask)

    def put(self, request: bytes) -> None:
        """Puts a request on the stick."""
        Stick(self.stick).write(f"verzoek/{papers.read_request(request).address.hex()}", request)

    def request(self) -> bytes:
        found = (self.stick / "naober" / "verzoek").iterdir()
        requests = {papers.read_request(file.read_bytes()).sign_key: file for file in found}
        return requests[self.public_key].read_bytes()

    @property
    def public_key(self) -> bytes:
        return keys.public_bytes(keys.load(next(self.state.glob("*[ex].key"))))

    def give(self, grant: bytes) -> bytes:
        """Puts it on the stick."""
        Stick(self.stick).write(f"toelating/{keys.address_of(self.public_key).hex()}", grant)
        return grant


class World:
    """A network that was founded a moment ago, with one inbox and one Pi."""

    def __init__(self, folder: Path) -> None:
        self.trust = LocalAuthority()
        self.inbox, self.node = Machine(folder, "inbox"), Machine(folder, "node")
        self.stick = self.node.stick

    def admit_inbox(self) -> bytes:
        return self.inbox.give(self.trust.admit_inbox(self.inbox.request()))

    def tell_inbox(self, grant: bytes) -> None:
        roster = Papers(self.inbox.state / "roster")
        roster.add([grant])
        roster.save()

    def admit(self, machine: Machine, site: str = SITE) -> bytes:
        return machine.give(self.trust.admit(machine.request(), Place("node", "VRD-BEI-01", site, "GM1731")))


def succeeded(*steps: Done) -> None:
    for done in steps:
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def asked(world: World) -> World:
    """The inbox is admitted; the node has asked. Without the command line, which is slower."""
    inbox, node = world.inbox, world.node
    inbox.put(inbox_setup.prepare(inbox_setup.Place(inbox.folder, inbox.state, HOST)))
    inbox_setup.apply(world.admit_inbox(), inbox.folder, inbox.state)
    node.put(node_setup.prepare(node.state))
    return world


@pytest.fixture
def enrolled(asked: World) -> World:
    grant = asked.admit(asked.node)
    node_setup.apply(grant, asked.node.folder, asked.node.state)
    asked.tell_inbox(grant)
    return asked


def contents(*folders: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for folder in folders for file in folder.rglob("*") if file.is_file()}


def check(file: Path, *more: str) -> Done:
    return naober("config", "check", file, *more)


def refused(done: Done, *words: str) -> None:
    """One line of what, one of what to do."""
    assert done.returncode == 2
    what, do = done.stderr.splitlines()
    assert do.startswith("Doe: ")
    assert all(word in what + do for word in words), done.stderr


# --- the whole way


def test_a_node_and_an_inbox_are_set_up_admitted_and_checked(world: World) -> None:
    enrolled = world
    succeeded(world.inbox.setup_inbox())
    world.admit_inbox()
    succeeded(world.inbox.enrol(), world.node.setup_node())
    world.tell_inbox(world.admit(world.node))
    succeeded(world.node.enrol())
    node, inbox = config.load_node(enrolled.node.file), config.load_inbox(enrolled.inbox.file)
    roster = RosterFile(inbox).roster
    entry = roster.entry(keys.address_of(enrolled.node.public_key))
    assert entry is not None
    assert (entry.site, entry.site_id, entry.municipality) == (SITE, "VRD-BEI-01", "GM1731")
    assert entry.public_key == enrolled.node.public_key
    assert node.inbox_keys == roster.inbox_keys == (enrolled.inbox.public_key,)
    assert node.network_id == inbox.network_id == roster.network_id == enrolled.trust.network_id
    assert node.authority_keys == inbox.authority_keys == (enrolled.trust.public_key,)
    assert (node.mqtt.host, node.mqtt.port, node.mqtt.tls) == (HOST, 8883, True)
    for machine in (enrolled.node, enrolled.inbox):
        done = check(machine.file)
        assert done.returncode == 0, done.stdout
        assert all(line.startswith(" ok ") for line in done.stdout.splitlines())
    certificates.client_context(node.mqtt.ca, node.mqtt.certificate, node.mqtt.key)
    certificates.client_context(inbox.mqtt.ca, inbox.mqtt.certificate, inbox.mqtt.key)


def test_the_broker_s_certificate_is_the_one_that_nodes_pin(enrolled: World) -> None:
    pins = config.load_node(enrolled.node.file).mqtt.broker_keys
    pem = (enrolled.inbox.folder / "broker" / "broker.pem").read_bytes()
    found = chain.certificate(pem, "broker")
    assert pins == (hashlib.sha256(chain.key_of_certificate(found)).hexdigest(),)
    assert chain.host_names(found) == {HOST, "localhost", "127.0.0.1"}


def test_node_toml_is_the_shipped_file_with_its_explanations(enrolled: World) -> None:
    shipped = (Path(__file__).parents[2] / "config" / "node.toml").read_text(encoding="utf-8")
    made = enrolled.node.file.read_text(encoding="utf-8")
    assert [line for line in made.splitlines() if line.startswith("#")] == [
        line for line in shipped.splitlines() if line.startswith("#")
    ]


def test_no_secret_leaves_the_machine_that_made_it(enrolled: World) -> None:
    secrets = [*enrolled.node.state.glob("*.key"), *enrolled.inbox.state.glob("*.key")]
    secrets.append(enrolled.inbox.folder / "broker" / "broker.key")
    bodies = [body.encode() for file in secrets for body in BODY.findall(file.read_text())]
    assert len(bodies) == len(secrets) == 7
    raw = [qr.base64.b64decode(body)[16:] for body in bodies]
    exchanged = contents(enrolled.stick)
    assert len(exchanged) == 4
    elsewhere = exchanged | contents(enrolled.node.folder)
    for file, data in elsewhere.items():
        assert not any(secret in data for secret in (*bodies, *raw)), file


def test_every_private_file_is_closed_to_others_under_an_open_umask(world: World) -> None:
    succeeded(world.inbox.setup_inbox(umask=0))
    world.admit_inbox()
    succeeded(world.inbox.enrol(umask=0), world.node.setup_node(umask=0))
    world.admit(world.node)
    succeeded(world.node.enrol(umask=0))
    private = [*world.node.state.iterdir(), *world.inbox.state.iterdir()]
    private.append(world.inbox.folder / "broker" / "broker.key")
    folders = (world.node.folder, world.node.state, world.inbox.folder, world.inbox.state)
    assert {file.name for file in private} >= {"node.key", "inbox.key", "grant", "roster", "broker.key"}
    for file in contents(*folders):
        mode = stat.S_IMODE(file.stat().st_mode)
        assert mode == 0o600 if file in private else not mode & 0o022, file
    assert stat.S_IMODE(world.node.state.stat().st_mode) == 0o700


def test_the_same_steps_again_change_nothing(enrolled: World) -> None:
    places = (enrolled.inbox, enrolled.node)
    folders = [folder for each in places for folder in (each.folder, each.state)]
    before = contents(*folders, enrolled.stick)
    steps = [enrolled.inbox.setup_inbox(), enrolled.node.setup_node()]
    steps += [enrolled.inbox.enrol(), enrolled.node.enrol()]
    succeeded(*steps)
    assert "waren er al" in steps[0].stdout and "waren er al" in steps[1].stdout
    assert f"was al gedaan: {SITE}" in steps[1].stdout
    assert contents(*folders, enrolled.stick) == before


def test_setup_prints_its_lines_and_asks_nothing(world: World) -> None:
    done = world.node.setup_node()
    lines = done.stdout.splitlines()
    assert [line[:5] for line in lines] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]
    request = papers.read_request(world.node.request())
    shown = keys.show(request.address)
    assert f"gemaakt op dit apparaat · adres {shown} · controlegetal {request.control}" in lines[0]
    assert f"naober/verzoek/{request.address.hex()}" in lines[3]
    assert "naober authority approve" in lines[3]
    assert request.role == "node"


def test_without_a_radio_on_usb_the_rest_is_done_and_said(world: World) -> None:
    done = world.node.setup("--radio", world.stick / "no-such-radio")
    assert done.returncode == 1
    assert "[4/4] Inleren" in done.stdout
    assert "Doe: " in done.stderr and "Traceback" not in done.stderr
    assert papers.read_request(world.node.request())


def test_an_enrolled_node_asks_again_only_when_told_to(enrolled: World) -> None:
    shutil.rmtree(enrolled.stick / "naober" / "verzoek")
    enrolled.node.setup_node()
    assert not (enrolled.stick / "naober" / "verzoek").exists()
    succeeded(enrolled.node.setup_node("--again"))
    assert enrolled.node.request()


# --- without a stick


def test_enrolment_by_photo_alone(asked: World, tmp_path: Path) -> None:
    """The Pi shows its request as text and QR code; the laptop's answer is a QR code, too."""
    done = naober("setup", "--radio", "none", "--dir", asked.node.folder, "--state", asked.node.state)
    text = done.stdout.splitlines()[-1]
    assert "█" in done.stdout
    photo = tmp_path / "verzoek.png"
    photo.write_bytes(qr.picture(text))
    request = qr.from_photo(photo)[0]
    assert request == asked.node.request()
    answer = tmp_path / "antwoord.png"
    grant = asked.trust.admit(request, Place("node", "VRD-BEI-01", SITE))
    answer.write_bytes(qr.picture(qr.to_text(grant, qr.GRANT_PREFIX)))
    succeeded(asked.node.enrol("--photo", answer))
    assert config.load_node(asked.node.file).node.site == SITE


@pytest.mark.parametrize("form", ["text", "url", "lines", "file", "file of text"])
def test_a_grant_may_come_as_text_or_file(asked: World, form: str, tmp_path: Path) -> None:
    grant = asked.trust.admit(asked.node.request(), Place("node", "VRD-BEI-01", SITE))
    text = qr.to_text(grant, qr.GRANT_PREFIX)
    file = tmp_path / "grant"
    file.write_bytes(grant if form == "file" else text.encode())
    if form.startswith("file"):
        done = asked.node.enrol("--file", file)
    else:
        shown = {"text": qr.to_text(grant), "url": text, "lines": f"{text[:40]}\n {text[40:]}".lower()}
        done = asked.node.enrol("--text", shown[form])
    succeeded(done)
    assert (asked.node.state / "grant").read_bytes() == grant


# --- a real broker


@pytest.fixture
def broker(world: World) -> Iterator[int]:
    port = free_port()
    succeeded(world.inbox.setup_inbox("--broker", "localhost", "--port", str(port)))
    world.admit_inbox()
    succeeded(world.inbox.enrol())
    conf = world.inbox.folder / "broker" / "naober.conf"
    if os.geteuid() == 0:  # or it becomes a user that may not read our temporary folder
        conf.write_text(conf.read_text() + "user root\n")
    binary = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
    assert binary, "mosquitto is not installed: sudo apt-get install mosquitto"
    with (world.stick.parent / "broker.log").open("wb") as log:
        process = subprocess.Popen([binary, "-c", conf], stdout=log, stderr=log)
    try:
        until(lambda: _listens(port), 10, "the broker listens")
        yield port
    finally:
        process.kill()
        process.wait(10)


def test_the_broker_takes_what_was_set_up_and_nobody_else(world: World, broker: int) -> None:
    succeeded(world.node.setup_node())
    world.admit(world.node)
    succeeded(world.node.enrol())
    node = config.load_node(world.node.file).mqtt
    inbox = config.load_inbox(world.inbox.file).mqtt
    address = keys.address_text(keys.address_of(world.node.public_key))
    topic = f"naober/1/up/{address}"
    heard = subprocess.Popen(
        ["mosquitto_sub", *_client(inbox, "inbox-1"), "-t", "naober/1/up/#", "-v", "-C", "1", "-W", "20"],
        stdout=subprocess.PIPE,
    )

    def said() -> bool:  # again until the subscription stands
        hello = ["mosquitto_pub", *_client(node, f"{address}-1"), "-q", "1", "-t", topic, "-m", "hello"]
        assert subprocess.run(hello, timeout=20).returncode == 0
        return heard.poll() is not None

    until(said, 15, "the inbox hears the node")
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


def test_what_a_technician_wrote_into_node_toml_stays(enrolled: World) -> None:
    file = enrolled.node.file
    file.write_text(file.read_text().replace("interval_s = 60", "interval_s = 77  # by hand", 1))
    enrolled.admit(enrolled.node, "MFA Roden")
    succeeded(enrolled.node.enrol())
    assert "interval_s = 77  # by hand" in file.read_text()
    assert config.load_node(file).node.site == "MFA Roden"


def test_the_register_of_sites_is_never_touched_again(enrolled: World) -> None:
    sites = enrolled.inbox.folder / "sites.toml"
    sites.write_text('[[site]]\nid = "VRD-BEI-01"\nname = "Kazerne Beilen-Zuid"\n')
    enrolled.inbox.give(enrolled.trust.admit_inbox(enrolled.inbox.request()))
    succeeded(enrolled.inbox.enrol())
    assert "Beilen-Zuid" in sites.read_text()
    roster = RosterFile(config.load_inbox(enrolled.inbox.file)).roster
    assert [node.site for node in roster.nodes] == ["Kazerne Beilen-Zuid"]


def test_a_gateway_may_share_the_folders_of_the_inbox(asked: World, tmp_path: Path) -> None:
    gateway = Machine(tmp_path, "inbox")
    gateway.file = gateway.folder / "node.toml"
    succeeded(gateway.setup_node())
    name = keys.address_of(keys.public_bytes(keys.load(gateway.state / "node.key"))).hex()
    request = (asked.stick / "naober" / "verzoek" / name).read_bytes()
    Stick(asked.stick).write(f"toelating/{name}", asked.trust.admit(request, Place("gateway", "VRD", "VRD")))
    succeeded(gateway.enrol())
    assert check(gateway.file).returncode == check(asked.inbox.file).returncode == 0


# --- what may not be applied: one line, what to do, and nothing changed


def changed_nothing(machine: Machine, done: Done, before: dict[Path, bytes], *words: str) -> None:
    refused(done, *words)
    assert contents(machine.folder, machine.state) == before


def test_another_node_s_grant_is_refused(enrolled: World, tmp_path: Path) -> None:
    other = Machine(tmp_path, "other")
    succeeded(other.setup_node())
    grant = enrolled.admit(enrolled.node)
    before = contents(other.folder, other.state)
    theirs, ours = (keys.show(keys.address_of(each.public_key)) for each in (enrolled.node, other))
    changed_nothing(other, other.enrol("--text", qr.to_text(grant)), before, f"voor {theirs}; dit is {ours}")
    changed_nothing(other, other.enrol(), before, f"geen toelating voor {ours}")


def test_a_grant_by_an_unknown_authority_is_refused_until_the_network_is_to_change(enrolled: World) -> None:
    machine, stranger = enrolled.node, LocalAuthority()
    stranger.admit_inbox(enrolled.inbox.request())
    machine.give(stranger.admit(machine.request(), Place("node", "X", "Elders")))
    before = contents(machine.folder, machine.state)
    changed_nothing(machine, machine.enrol(), before, "gezag", "--replace")
    succeeded(machine.enrol("--replace"))
    assert config.load_node(machine.file).network_id == stranger.network_id
    assert check(machine.file).returncode == 0


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "a request"])
def test_a_damaged_grant_is_refused(asked: World, damage: str) -> None:
    machine = asked.node
    grant = asked.admit(machine)
    spoilt = {
        "cut": grant[:-1],
        "flipped": grant[:200] + bytes((grant[200] ^ 1,)) + grant[201:],
        "empty": b"",
        "a request": machine.request(),
    }
    machine.give(spoilt[damage])
    before = contents(machine.folder, machine.state)
    changed_nothing(machine, machine.enrol(), before)
    machine.give(grant)
    succeeded(machine.enrol())
    machine.give(spoilt[damage])
    before = contents(machine.folder, machine.state)
    changed_nothing(machine, machine.enrol(), before)


def test_an_older_grant_does_not_take_the_place_of_a_newer_one(enrolled: World) -> None:
    old = (enrolled.node.state / "grant").read_bytes()
    enrolled.admit(enrolled.node, "MFA Roden")
    succeeded(enrolled.node.enrol())
    enrolled.node.give(old)
    before = contents(enrolled.node.folder, enrolled.node.state)
    changed_nothing(enrolled.node, enrolled.node.enrol(), before, "niet nieuwer")


def test_a_revoked_key_is_not_enrolled(asked: World) -> None:
    asked.admit(asked.node)
    change = asked.trust.revoke(asked.node.public_key, "gestolen")
    Stick(asked.stick).write("roster", encode([change]))
    before = contents(asked.node.folder, asked.node.state)
    changed_nothing(asked.node, asked.node.enrol(), before, "E02", "ingetrokken: gestolen", "Lever dit")


def test_a_revocation_on_the_stick_is_kept_and_shows_in_the_check(enrolled: World) -> None:
    other = enrolled.trust.revoke(b"\x01" * 32, "kwijt")
    Stick(enrolled.stick).write("roster", encode([other]))
    succeeded(enrolled.node.enrol())
    assert Papers(enrolled.node.state / "roster").envelopes == {other}
    own = enrolled.trust.revoke(enrolled.node.public_key, "gestolen")
    roster = Papers(enrolled.node.state / "roster")
    roster.add([own])
    roster.save()
    done = check(enrolled.node.file)
    assert done.returncode == 2
    assert "E02 Sleutel ingetrokken: gestolen · Doe: Lever dit apparaat in bij VRD" in done.stdout


def test_papers_on_a_stick_that_nobody_we_know_signed_are_not_kept(enrolled: World) -> None:
    stranger = LocalAuthority()
    junk = [stranger.revoke(b"\x01" * 32), bytes(100)]
    Stick(enrolled.stick).write("roster", encode(junk))
    succeeded(enrolled.node.enrol(), enrolled.inbox.enrol())
    assert not Papers(enrolled.node.state / "roster").envelopes
    assert not Papers(enrolled.inbox.state / "roster").envelopes & set(junk)


def test_a_node_is_no_inbox(asked: World) -> None:
    grant = asked.inbox.state / "inbox-grant"
    refused(asked.node.enrol("--file", grant), "Deze toelating is voor")


def test_a_machine_without_keys_is_told_to_begin_with_setup(world: World) -> None:
    refused(world.node.enrol(), "geen sleutels", "naober setup")


def test_a_stick_without_a_grant_says_so(asked: World) -> None:
    refused(asked.node.enrol(), "geen toelating voor", "naober authority approve")


@pytest.mark.parametrize("text", ["", "0189", "HTTP://10.42.0.1/I/", "é" * 90, "A" * 10_000])
def test_a_text_that_is_no_grant_is_refused(asked: World, text: str) -> None:
    refused(asked.node.enrol("--text", text))


@pytest.mark.parametrize("host", ["mqtt.vrd.lan:8883", "mqtt vrd", "bröker", "a_b", "a" * 65])
def test_what_cannot_be_a_host_is_refused_before_anything_is_made(world: World, host: str) -> None:
    inbox = world.inbox
    with pytest.raises(ConfigError):
        inbox_setup.prepare(inbox_setup.Place(inbox.folder, inbox.state, host))
    assert not inbox.folder.exists() and not inbox.state.exists()


def test_a_broker_without_a_name_is_two_lines(world: World) -> None:
    refused(world.inbox.setup_inbox("--broker="), "--broker")
    refused(world.inbox.setup_inbox("--broker=a_b"), "a_b")
    assert not world.inbox.folder.exists() and not world.inbox.state.exists()


@pytest.mark.parametrize("host", ["10.0.0.7", "fd00::7"])
def test_a_broker_may_be_an_address(world: World, host: str) -> None:
    succeeded(world.inbox.setup_inbox("--broker", host))
    assert papers.read_request(world.inbox.request()).broker == host


# --- without TLS, on one machine


def test_a_plain_grant_makes_a_node_that_stays_on_this_machine(world: World) -> None:
    world.trust = LocalAuthority(plain=True)
    succeeded(world.inbox.setup_inbox("--broker", "127.0.0.1", "--port", "1884"))
    world.admit_inbox()
    succeeded(world.inbox.enrol(), world.node.setup_node())
    world.admit(world.node)
    succeeded(world.node.enrol())
    node = config.load_node(world.node.file)
    assert (node.mqtt.host, node.mqtt.port, node.mqtt.tls) == ("127.0.0.1", 1884, False)
    assert not node.sensors.network.active, "nothing is sent to the outside"
    assert check(world.node.file).returncode == check(world.inbox.file).returncode == 0


# --- config check


def test_every_fault_is_a_line_of_its_own_and_says_what_to_do(enrolled: World) -> None:
    (enrolled.node.state / "node-tls.key").chmod(0o644)
    (enrolled.node.state / "node.epoch").write_text("many")
    done = check(enrolled.node.file)
    assert done.returncode == 2
    faults = [line for line in done.stdout.splitlines() if line.startswith("FOUT")]
    assert len(faults) == 2
    assert any("chmod 600" in line for line in faults)
    assert all(" · Doe: " in line for line in faults)


def test_a_certificate_that_does_not_belong_here_is_found(enrolled: World, tmp_path: Path) -> None:
    other = Machine(tmp_path, "other")
    succeeded(other.setup_node())
    enrolled.admit(other, "MFA Roden")
    succeeded(other.enrol())
    shutil.copy(other.folder / "node.pem", enrolled.node.folder)
    done = check(enrolled.node.file, "--lang", "en")
    assert "does not belong to" in done.stdout and "is not in the name of" in done.stdout
    (enrolled.node.folder / "ca.pem").write_bytes(certificates.make_authority("stranger")[0])
    assert "is not by" in check(enrolled.node.file, "--lang", "en").stdout


def test_a_file_that_is_gone_is_named(enrolled: World) -> None:
    places = {"node.pem": enrolled.node.folder, "ca.pem": enrolled.node.folder}
    for name in ("node.pem", "ca.pem", "node-tls.key", "node.key", "grant"):
        file = places.get(name, enrolled.node.state) / name
        kept = file.read_bytes()
        file.unlink()
        done = check(enrolled.node.file)
        assert done.returncode == 2
        word = "toelating" if name == "grant" else name
        assert any(line.startswith("FOUT") and word in line for line in done.stdout.splitlines()), name
        file.touch(mode=0o600)
        file.write_bytes(kept)
    assert check(enrolled.node.file).returncode == 0


def test_a_broken_roster_of_the_inbox_is_found(enrolled: World) -> None:
    (enrolled.inbox.state / "roster").write_bytes(b"\x93")
    done = check(enrolled.inbox.file)
    assert done.returncode == 2
    assert "Roster is beschadigd" in done.stdout


def test_a_node_that_was_never_admitted_is_not_ready(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text('[node]\nstate = "state"\n')
    done = check(file)
    assert done.returncode == 2
    assert "node.key" in done.stdout and str(tmp_path / "state") in done.stdout


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
