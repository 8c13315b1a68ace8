"""A daemon carries nothing along that it does not use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.process import clean_environment

REPOSITORY = Path(__file__).parents[1]

# what was found in a node once, and what would cost it most; with all that stands below them
NOT_IN_A_NODE = (
    "argparse",
    "ast",
    "cryptography.hazmat.primitives.serialization",
    "cryptography.x509",
    "ctypes",
    "difflib",
    "email",
    "google",
    "http",
    "ipaddress",
    "jinja2",
    "meshtastic",
    "msgspec.inspect",
    "multiprocessing",
    "pickle",
    "platform",
    "relay.cli.parser",
    "relay.codes",
    "relay.config.inbox",
    "relay.doctor",
    "relay.inbox",
    "relay.labels",
    "relay.links.courier",
    "relay.links.meshtastic",
    "relay.node.courier_desk",
    "relay.node.courier_store",
    "relay.node.desk",
    "relay.node.desk",
    "relay.node.exercising",
    "relay.node.radio_work",
    "relay.node.desk",
    "relay.sensors.portal",
    "relay.toml",
    "relay.trust.authority",
    "relay.trust.seal",
    "relay.web",
    "relay.web",
    "relay.wifi",
    "segno",
    "starlette",
    "tempfile",
    "tomllib",
    "urllib.request",
    "uvicorn",
    "xml",
)

A_NODE = """
import sys
import relay.cli  # first, as the command does
from pathlib import Path
from relay.cli import node
from relay.node import compose
from relay.trust import keys

async def main(config):
    identity = compose.identity_of(config)
    station = compose.open_station(config, identity)
    station.moment()
    station.close()
    compose.clock_is_synchronised()
    compose.sensors_of(config)

folder = Path(sys.argv[1])
keys.load_or_create(folder / "node.key")
node.daemon.main = main
assert relay.cli.main(["node", "--config", str(folder / "node.toml")]) == 0
print(*sys.modules)
"""


def run(code: str, *arguments: object) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=clean_environment(),
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_node_without_radio_has_nothing_loaded_that_it_does_not_use(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text(f'[node]\nstate = "."\nauthority_keys = ["{bytes(32).hex()}"]\n')
    loaded = run(A_NODE, tmp_path)
    assert "relay.node.papers" in loaded and "paho.mqtt.client" in loaded  # it was a whole node
    assert [name for name in loaded for each in NOT_IN_A_NODE if f"{name}.".startswith(f"{each}.")] == []


def test_what_was_postponed_is_loaded_when_it_is_used_after_all() -> None:
    said = run(
        "import sys\n"
        "from relay.lean import POSTPONED, postponed\n"
        "with postponed():\n"
        "    import inspect, msgspec, pathlib, urllib.parse, urllib.request\n"
        "print(len(set(POSTPONED) & set(sys.modules)))\n"
        "print(inspect.ast.literal_eval('12'), inspect.signature(len), urllib.request.pathname2url('/a'))\n"
        "print(urllib.parse.urlsplit('http://[::1]/').hostname, msgspec.json.schema(int)['type'])\n"
        "import ipaddress; print(ipaddress.ip_address('::1').is_loopback)"
    )
    assert said == ["0", "12", "(obj,", "/)", "/a", "::1", "integer", "True"]


def test_an_import_in_the_block_that_needs_the_real_one_gets_it() -> None:
    said = run(
        "import sys\n"
        "from relay.lean import postponed\n"
        "with postponed():\n"
        "    from ast import parse\n"
        "    import ast\n"
        "print(parse('1'), ast is sys.modules['ast'], ast.__file__)"
    )
    assert said[-2] == "True" and said[-1].endswith("ast.py")


def test_what_is_needed_briefly_is_gone_afterwards_and_can_be_had_again() -> None:
    said = run(
        "import sys\n"
        "from relay.lean import briefly\n"
        "import relay.logs\n"
        "with briefly('tomllib', 'tomllib._parser', 'relay.loopback', 'relay.logs'):\n"
        "    import tomllib\n"
        "    from relay import loopback\n"
        "    import relay.loopback\n"
        "print('tomllib' in sys.modules, 'tomllib._parser' in sys.modules, hasattr(relay, 'loopback'))\n"
        "print(relay.logs is sys.modules['relay.logs'])\n"
        "from relay import loopback as again\n"
        "import tomllib as anew\n"
        "print(again is loopback, anew.loads('a = 1')['a'])"
    )
    assert said == ["False", "False", "False", "True", "False", "1"]
