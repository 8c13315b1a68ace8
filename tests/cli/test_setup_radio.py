"""`naober setup` and `naober enrol` with a radio: found, set, and given the channel of the grant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from relay import cli, config
from relay.links.meshtastic import fingerprint
from relay.links.meshtastic.setting import Patience
from relay.node import radio_setting
from relay.trust import papers
from relay.trust.authority import Place
from relay.trust.inbox_setup import Place as InboxPlace
from relay.trust.local import LocalAuthority
from relay.trust.seal import Channel
from relay.trust.stick import Stick
from tests.cli.test_radio import FastRadio
from tests.support.radios import PRESET

CHANNEL = Channel("naober", bytes(range(32)), PRESET)  # type: ignore[arg-type]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FastRadio]:
    """A radio out of its box, and as little patience as its fast clock needs."""
    quick = msgspec.structs.replace(Patience(), restart_s=0.4, begins_s=3.0, again_s=0.1, back_s=10.0)
    monkeypatch.setattr(radio_setting, "PATIENCE", quick)
    process = FastRadio(tmp_path)
    process.start(PYTHONUNBUFFERED="1")
    yield process
    process.kill()


def test_setup_sets_the_radio_and_enrol_gives_it_the_channel(
    fake: FastRadio, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    folder, state = tmp_path / "etc", tmp_path / "state"
    where = ["--dir", str(folder), "--state", str(state), "--stick", str(stick)]
    assert cli.main(["setup", "--radio", fake.host, *where]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"{fake.host} · firmware 2.7" in lines[1]
    assert lines[2].startswith("[3/5] Instellen") and "EU_868, LONG_FAST" in lines[2] and "klaar" in lines[2]
    node = config.load_node(folder / "node.toml")
    assert (node.radio.host, node.radio.port) == ("127.0.0.1", fake.port)

    trust = LocalAuthority(channel=CHANNEL)
    trust.lay_out_inbox(InboxPlace(tmp_path / "inbox", tmp_path / "inbox-state"))
    request = next((stick / "naober" / "verzoek").iterdir())
    assert papers.read_request(request.read_bytes()).radio
    Stick(stick).write(
        f"toelating/{request.name}", trust.admit(request.read_bytes(), Place("spare", name="R1"))
    )
    assert cli.main(["enrol", *where]) == 0
    out = capsys.readouterr().out
    assert "Toelating  R1" in out
    assert f"Radio      EU_868, {PRESET} · kanaal naober, rol CLIENT · radio herstart" in out
    radio = config.load_node(folder / "node.toml").radio
    assert (radio.channel_name, radio.channel_key, radio.preset) == (
        "naober",
        fingerprint(CHANNEL.key),
        PRESET,
    )
    assert CHANNEL.key not in (state / "grant").read_bytes()
    # again: it is right already, and says so
    assert cli.main(["enrol", *where]) == 0
    assert "kanaal naober, was al goed" in capsys.readouterr().out
