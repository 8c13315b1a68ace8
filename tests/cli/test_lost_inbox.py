"""docs/operations.md, "The inbox host is lost, and there is no backup", as typed; folders are machines."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.support.command import naober

SITE = '\n[[site]]\nid = "VRD-BEI-01"\nname = "Kazerne Beilen"\nmunicipality = "GM1731"\n'


class Machines:
    """A laptop, a stick, and folders of machines."""

    def __init__(self, root: Path) -> None:
        self.root, self.stick, self.laptop = root, root / "stick", root / "laptop"
        self.stick.mkdir()
        secret = root / "wachtwoord"
        secret.touch(0o600)
        secret.write_text("paard batterij nietje klopt\n")
        self.closing = ("--dir", self.laptop, "--passphrase-file", secret)

    def typed(self, *words: str | Path, code: int = 0) -> str:
        done = naober(*words)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def authority(self, step: str, *words: str | Path) -> str:
        return self.typed("authority", step, *words, *self.closing)

    def at(self, name: str) -> tuple[str | Path, ...]:
        folder = self.root / name
        return ("--dir", folder / "etc", "--state", folder / "var", "--stick", self.stick)

    def settings(self, name: str, file: str) -> dict[str, dict[str, object]]:
        return tomllib.loads((self.root / name / "etc" / file).read_text())

    def inbox(self, name: str, broker: str) -> str:
        """Set up, admitted and enrolled; its address."""
        shown = self.typed("setup", "inbox", "--broker", broker, *self.at(name))
        self.authority("approve", self.stick, "--yes")
        self.typed("enrol", "--no-start", *self.at(name))
        found = re.search(r"adres ([0-9a-f]{4}-[0-9a-f]{4})", shown)
        assert found, shown
        return found[1]


@pytest.mark.slow
def test_a_new_inbox_takes_the_place_of_one_that_is_gone_and_nodes_believe_it_alone(tmp_path: Path) -> None:
    machines = Machines(tmp_path)
    machines.authority("init")
    with (machines.laptop / "sites.toml").open("a") as register:
        register.write(SITE)
    gone = machines.inbox("postvak", "mqtt.vrd.lan")
    machines.typed("setup", *machines.at("pi"), code=1)  # it has no radio
    machines.authority("approve", machines.stick, "--yes")
    machines.typed("enrol", "--no-start", *machines.at("pi"))
    before = machines.settings("pi", "node.toml")
    assert before["mqtt"]["host"] == "mqtt.vrd.lan"

    machines.inbox("nieuw", "mqtt2.vrd.lan")
    machines.authority("revoke", gone, "--reason", "verloren", "--stick", machines.stick)
    machines.authority("channel-rotate", "--stick", machines.stick)
    machines.typed("enrol", "--no-start", *machines.at("nieuw"))
    machines.typed("enrol", "--no-start", *machines.at("pi"))

    after = machines.settings("pi", "node.toml")
    assert after["mqtt"]["host"] == "mqtt2.vrd.lan"
    for section, name in (("node", "inbox_keys"), ("mqtt", "broker_keys")):
        old, new = before[section][name], after[section][name]
        assert len(new) == 1 and not set(old) & set(new), name  # type: ignore[arg-type, call-overload]
    assert after["node"]["network_id"] == before["node"]["network_id"]
    told = machines.typed("config", "check", machines.root / "nieuw" / "etc" / "inbox.toml")
    assert "FOUT" not in told
