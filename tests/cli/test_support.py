"""`naober support`: what a helper needs, in one file; no key, no channel, no message, no password."""

from __future__ import annotations

import base64
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.cli import support_parts
from relay.trust import keys
from tests.support.command import naober
from tests.support.stack import Stack

MESSAGE = "Geheimzinnige-Eikenprocessierups"
PASSWORD = "paars-paard-bijna-negen"
CHANNEL_KEY = bytes(range(32))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One node that has said something; no inbox answers."""
    with Stack(tmp_path_factory.mktemp("stack"), "beilen") as running:
        node = running.nodes["beilen"]
        node.file.write_text(node.file.read_text() + f'\n# passphrase = "{PASSWORD}"\n')
        running.broker.start()
        node.start()
        node.submit(MESSAGE)
        yield running


def unpacked(stack: Stack, folder: Path) -> dict[str, bytes]:
    done = naober("support", folder, "--config", stack.nodes["beilen"].file)
    assert done.returncode == 0
    (file,) = folder.glob("naober-support-*.tar.gz")
    assert file.name in done.stdout
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as archive:
        return {
            Path(each.name).name: extracted.read()
            for each in archive.getmembers()
            if (extracted := archive.extractfile(each))
        }


def secrets(stack: Stack) -> dict[str, list[bytes]]:
    """Every form in which each of them might be written."""
    state = stack.nodes["beilen"].state
    raw = {"channel key": CHANNEL_KEY, "sign key": keys.load(state / "node.key").private_bytes_raw()}
    found = {
        name: [key, key.hex().encode(), base64.b64encode(key), base64.urlsafe_b64encode(key)]
        for name, key in raw.items()
    }
    for file in state.glob("*.key"):
        found[file.name] = [line for line in file.read_bytes().splitlines() if line and b"-----" not in line]
    return {**found, "message": [MESSAGE.encode(), MESSAGE[:16].encode()], "password": [PASSWORD.encode()]}


def test_it_holds_what_a_helper_asks_for(stack: Stack, tmp_path: Path) -> None:
    found = unpacked(stack, tmp_path)
    node = stack.nodes["beilen"]
    assert json.loads(found["status.json"])["address"] == node.address
    assert json.loads(found["doctor.json"])["spoken"]
    assert b"naober 0." in found["versions.txt"] and b"msgspec" in found["versions.txt"]
    assert b"sound: True" in found["outbox.txt"] and b"kind 1: 1" in found["outbox.txt"]
    assert f"port = {stack.broker.port}".encode() in found["node.toml"]
    assert b"node.key" in found["files.txt"]
    assert {"log.txt", "usb.txt", "network.txt", "service.txt"} <= found.keys()


def test_nothing_in_it_is_a_secret_or_a_message(stack: Stack, tmp_path: Path) -> None:
    found = unpacked(stack, tmp_path)
    looked = secrets(stack)
    assert len(looked) >= 6
    for name, data in found.items():
        for secret, forms in looked.items():
            assert not any(form in data for form in forms), f"{secret} in {name}"


@pytest.mark.parametrize(
    "written",
    [
        base64.b64encode(CHANNEL_KEY).decode(),
        CHANNEL_KEY.hex(),
        CHANNEL_KEY[:16].hex().upper(),
        base64.b64encode(CHANNEL_KEY[:16]).decode(),
        base64.urlsafe_b64encode(CHANNEL_KEY).decode().rstrip("="),
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA",  # cut off
    ],
)
def test_what_could_be_a_key_is_taken_out_wherever_it_stands(written: str) -> None:
    for text in (written, f"psk={written}", f'key = "{written}" # x', f"log: ({written}), done"):
        left = support_parts.scrubbed(text)
        assert written not in left and support_parts.GONE in left


def test_what_helps_is_left_in() -> None:
    for text in (
        "/dev/serial/by-id/usb-Silicon_Labs_CP2102_USB_to_UART_Bridge_0001-if00-port0",
        "3f9a21c4",
        "!4e410001",
    ):
        assert support_parts.scrubbed(text) == text


def test_it_works_with_the_service_dead_and_a_broken_outbox(stack: Stack, tmp_path: Path) -> None:
    node = stack.nodes["beilen"]
    node.kill()
    (node.state / "outbox.db").write_bytes(b"not a database at all" * 100)
    (node.state / "outbox.db-wal").unlink(missing_ok=True)
    found = unpacked(stack, tmp_path)
    assert b"not made: DatabaseError" in found["outbox.txt"]
    assert json.loads(found["doctor.json"])["grade"] == "error"
    assert json.loads(found["status.json"]) is None
