"""What a configuration makes of a node: a radio only where there is one, and what its packets cost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from relay import config
from relay.core.airtime import Preset, airtime_ms
from relay.core.log import Identity
from relay.links.meshtastic import MeshtasticOptions
from relay.links.meshtastic.packets import BROADCAST
from relay.node.compose import make_link, make_radio, radio_settings
from tests.support.command import REPOSITORY, clean_environment
from tests.support.world import NETWORK, Signer

HERE = Path("/etc/naober/node.toml")
TO = 'to = "!4e410003"\n'


def node(radio: str) -> config.NodeConfig:
    return config.parse_node(f"[mqtt]\ntls = false\n[radio]\n{radio}", HERE)


def options(radio: str) -> MeshtasticOptions:
    made = node(radio)
    settings = radio_settings(made)
    assert settings
    link = make_radio(made, settings)
    found = link._options  # type: ignore[attr-defined]  # what a link is made of is its own affair otherwise
    assert isinstance(found, MeshtasticOptions)
    return found


def test_without_a_radio_nothing_of_it_is_made_or_loaded() -> None:
    assert radio_settings(node("")) is None
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from relay import config\n"
        "from relay.node import compose, daemon\n"
        "assert compose.radio_settings(config.parse_node('', Path('/x/node.toml'))) is None\n"
        "print([name for name in sys.modules if 'meshtastic' in name or name.startswith('google')"
        " or name == 'relay.node.radio_work'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=clean_environment(), cwd=REPOSITORY
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_the_link_and_the_core_are_told_the_same() -> None:
    text = (
        'host = "10.0.0.9"\npreset = "MEDIUM_FAST"\nextra_bytes = 66\npayload_bytes_max = 165\nsites = 12\n'
    )
    settings = radio_settings(node(text))
    assert settings
    assert (settings.preset, settings.payload_bytes_max, settings.sites) == (Preset.MEDIUM_FAST, 165, 12)
    link = options(text)
    assert link.payload_bytes_max == 165
    assert link.airtime_ms(100) == airtime_ms(Preset.MEDIUM_FAST, 100, 66)
    assert (link.host, link.device, link.to) == ("10.0.0.9", "", BROADCAST)


def test_a_packet_for_one_gateway_is_smaller_and_costs_more() -> None:
    # public-key encryption: 12 bytes more on the air, 12 less for us
    settings = radio_settings(node('device = "/dev/ttyACM0"\n' + TO))
    assert settings
    assert (settings.payload_bytes_max, settings.extra_bytes) == (219, 12)
    link = options('device = "/dev/ttyACM0"\nwant_ack = true\n' + TO)
    assert (link.to, link.want_ack, link.device) == (0x4E410003, True, "/dev/ttyACM0")


def test_what_the_radio_must_be_set_to_comes_from_the_file() -> None:
    key = "0123456789abcdef"
    wanted = options(
        f'host = "h"\nregion = "EU_433"\nhop_limit = 3\nchannel_name = "Drenthe"\nchannel_key = "{key}"\n'
    ).wanted
    assert (wanted.region, wanted.preset, wanted.hop_limit) == ("EU_433", "LONG_FAST", 3)
    assert (wanted.channel_name, wanted.channel_key) == ("Drenthe", key)


@pytest.mark.parametrize(
    ("radio", "kinds"),
    [("", {"down", "inbox", "roster"}), ('host = "h"\n', {"down", "inbox", "roster", "air"})],
)
def test_only_a_node_with_a_radio_listens_for_what_it_should_transmit(radio: str, kinds: set[str]) -> None:
    # the broker tells the inbox when nobody listens
    signer = Signer.seeded("beilen")
    link = make_link(node(radio), Identity(signer.address, NETWORK, signer.private.sign, {}))
    assert set(link._topics.values()) == kinds
