"""VRD changes the channel key: a node takes the newer grant, sets its radio by it, and goes on with both."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from relay import config
from relay.cli.ports import free_port
from relay.core import wire
from relay.core.wire import Entry
from relay.links.meshtastic import fingerprint
from relay.links.meshtastic.setting import Patience
from relay.node import control, radio_setting
from relay.trust import inbox_setup, node_setup
from relay.trust.authority import Place
from relay.trust.local import LocalAuthority
from relay.trust.seal import Channel
from tests.cli.test_radio import FastRadio
from tests.sim.test_meshtastic_command import meshtastic
from tests.support.command import naober
from tests.support.process import Process, until
from tests.support.radios import PRESET
from tests.support.stack import edit

OLD = Channel("naober", bytes(range(32)), PRESET)  # type: ignore[arg-type]
NEW = Channel("naober2", bytes(range(32, 64)), PRESET)  # type: ignore[arg-type]


class Site(Process):
    """A node with a grant, a radio and no broker; its authority is this test."""

    def __init__(self, folder: Path, radio_port: int) -> None:
        self.authority = LocalAuthority(plain=True, channel=OLD)
        inbox = inbox_setup.Place(folder / "inbox", folder / "inbox" / "state", "127.0.0.1", free_port())
        self.authority.lay_out_inbox(inbox)
        self.state = folder / "node" / "state"
        self.file = folder / "node" / config.NODE_FILE
        self.place = Place("node", "VRD-BEI-01", "Kazerne Beilen")
        self.authority.lay_out_node(self.file.parent, self.state, self.place)
        edit(self.file, radio__host="127.0.0.1", radio__port=radio_port, log__level="debug")
        super().__init__("site", ["node", "--config", self.file], folder)

    def ready(self) -> bool:
        return bool(self.radio())

    def radio(self) -> dict[str, object]:
        try:
            return dict(control.ask(self.state, {"verb": "status"})["radio"])
        except control.NotRunning:
            return {}

    def on(self, channel: Channel) -> bool:
        """Whether it has its radio, set to this channel, and finds nothing wrong with it."""
        found = self.radio()
        return (found.get("code"), found.get("channel_key")) == ("connected", fingerprint(channel.key))

    def rotated(self, channel: Channel) -> bytes:
        """The newer grant, with another channel."""
        self.authority.shared = msgspec.structs.replace(self.authority.shared, channel=channel)
        return self.authority.admit(node_setup.prepare(self.state), self.place)

    def give(self, grant: bytes) -> None:
        """As a stick does; over MQTT it comes to the same place."""
        frame = base64.b64encode(wire.encode_batch([Entry(grant)])).decode()
        control.ask(self.state, {"verb": "stick_papers", "frame": frame})


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FastRadio]:
    process = FastRadio(tmp_path)
    process.start(PYTHONUNBUFFERED="1")
    yield process
    process.kill()


@pytest.fixture
def site(tmp_path: Path, fake: FastRadio, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Its radio set by its grant, as `naober enrol` does it."""
    quick = msgspec.structs.replace(Patience(), again_s=0.1)
    monkeypatch.setattr(radio_setting, "PATIENCE", quick)
    site = Site(tmp_path, fake.port)
    from relay.trust import channel

    node = config.load_node(site.file)
    radio_setting.set_radio(node, channel.load(node), lambda line: None)
    yield site
    site.kill()


def test_a_newer_grant_with_another_key_sets_the_radio_and_the_node_goes_on_with_it(
    site: Site, fake: FastRadio
) -> None:
    site.start()
    until(lambda: site.on(OLD))
    site.give(site.rotated(NEW))
    until(lambda: site.on(NEW), 30, site.log()[-800:])
    assert site.log().count("set to channel naober2") == 1
    assert '"name": "naober2"' in meshtastic(fake.port, "--info")
    assert "Traceback" not in site.log() and NEW.key.hex() not in site.log()
    until(lambda: site.on(NEW))  # the official command threw the node out
    done = naober("radio", "--config", site.file)
    assert done.returncode == 0 and "Sleutel      klopt met de toelating" in done.stdout
    assert "naober2" in done.stdout
    # node.toml still tells of the first channel; after a restart the grant counts
    assert config.load_node(site.file).radio.channel_name == "naober"
    assert site.stop()[0] == 0
    site.start()
    until(lambda: site.on(NEW))
    assert site.log().count("set to channel") == 1


def test_a_power_cut_between_the_grant_and_the_radio_changes_nothing(site: Site) -> None:
    (site.state / "grant").write_bytes(site.rotated(NEW))
    site.start()
    until(lambda: site.on(NEW), 30)


def test_a_radio_that_nobody_ever_set_by_a_grant_is_left_to_a_person(site: Site) -> None:
    (site.state / radio_setting.FILE).unlink()
    (site.state / "grant").write_bytes(site.rotated(NEW))
    site.start()
    until(lambda: site.radio().get("code") == "R03")
    done = naober("radio", "--config", site.file)
    assert done.returncode == 2 and "Doe: naober radio set" in done.stdout
    assert site.radio()["channel_key"] == fingerprint(OLD.key)
