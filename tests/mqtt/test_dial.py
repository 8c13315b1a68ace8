"""What dialling must not cost: for a host name Python loads tables that a node has no memory for."""

from __future__ import annotations

import subprocess
import sys

from relay.cli.ports import free_port
from relay.mqtt.dial import in_bytes
from tests.support.command import REPOSITORY, clean_environment

DIAL = """
import asyncio, ssl, sys
from relay.errors import LinkError
from relay.mqtt.dial import dial
try:
    asyncio.run(dial("localhost", {port}, ssl.create_default_context(), 5.0))
except LinkError as error:
    print(error.code, "stringprep" in sys.modules, "unicodedata" in sys.modules)
"""


def test_a_plain_host_name_is_looked_up_without_the_tables_of_all_scripts() -> None:
    done = subprocess.run(
        [sys.executable, "-c", DIAL.format(port=free_port())],
        capture_output=True,
        text=True,
        env=clean_environment(),
        cwd=REPOSITORY,
        timeout=30,
    )
    assert done.stdout.split() == ["refused", "False", "False"], done.stderr


def test_a_name_with_other_letters_is_written_as_dns_wants_it() -> None:
    assert in_bytes("mqtt.vrd.lan") == b"mqtt.vrd.lan"
    assert in_bytes("café.nl") == b"xn--caf-dma.nl"
