"""`naober setup` and `naober enrol`: from nothing to a node that a broker takes."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import ssl
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay import config
from relay.cli import qr
from relay.cli.ports import free_port
from relay.trust import certificates, chain, keys, papers
from relay.trust.authority import Place
from relay.trust.roster import RosterFile
from relay.trust.stick import Stick
from tests.cli.setting_up import (
    BODY,
    HOST,
    SITE,
    Machine,
    World,
    check,
    contents,
    succeeded,
)
from tests.support.certs import host_names
from tests.support.command import naober
from tests.support.process import until

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
    assert host_names(found) == {HOST, "localhost", "127.0.0.1"}


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
    assert [line[:5] for line in lines] == ["[1/5]", "[2/5]", "[3/5]", "[4/5]", "[5/5]"]
    request = papers.read_request(world.node.request())
    shown = keys.show(request.address)
    assert f"gemaakt op dit apparaat · adres {shown} · controlegetal {request.control}" in lines[0]
    assert f"naober/verzoek/{request.address.hex()}" in lines[4]
    assert "naober authority approve" in lines[4]
    assert request.role == "node"


def test_without_a_radio_on_usb_the_rest_is_done_and_said(world: World) -> None:
    done = world.node.setup("--radio", world.stick / "no-such-radio")
    assert done.returncode == 1
    assert "[5/5] Inleren" in done.stdout
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
