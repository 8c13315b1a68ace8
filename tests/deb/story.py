"""The package in a real Debian: installed, upgraded, cut short, turned back, removed, purged. Takes root."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from relay import config
from relay.node import control
from tests.deb import sources
from tests.deb.root import Root, new_root
from tests.deb.services import (
    add_services,
    commands_in,
    cut_power,
    power_on,
    services_end,
    set_up_node,
    upgrade_log,
    wait_for_end,
)
from tests.support.process import until
from tests.support.stack import Stack

HOUR_S = 3600
FIRST_PROVEN_S = 30


class Machine:
    """A node in a root folder, its network on this machine, and a bundle for it."""

    def __init__(self, root: Root, stack: Stack, folder: Path, release: str) -> None:
        self.root, self.stack, self.folder = root, stack, folder
        self.release, self.debian = release, {"bookworm": "deb12", "trixie": "deb13"}[release]
        self.state = root / str(config.STATE)

    def code(self) -> str:
        """Of its MQTT link; "" while it does not run."""
        try:
            return str(control.ask(self.state, {"verb": "status"})["links"]["mqtt"]["code"])
        except control.NotRunning:
            return ""

    def is_up(self) -> None:
        """Waits until VRD answers it."""
        until(lambda: self.code() == "up", FIRST_PROVEN_S, f"the link is up; log: {self.log()}")

    def send(self, text: str) -> None:
        """A report from the shell of this machine."""
        assert "Bewaard" in self.root.run("naober", "send", "report", "--text", text)

    def vrd_has(self, text: str) -> bool:
        """Whether a report with this text arrived."""
        return text in self.stack.inbox.reports()

    def log(self) -> str:
        return (self.root / "/var/log/node.log").read_text()[-2000:]

    def sums(self) -> dict[str, str]:
        """What its keys and settings are."""
        folders = (self.root / str(config.FOLDER), self.state)
        files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
        kept = [file for file in files if file.suffix in (".key", ".toml", ".pem") or file.name == "grant"]
        return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in kept}

    def bundle(self, version: str, date_s: int) -> str:
        """A signed bundle on it; its name there."""
        tree = sources.source(self.folder, version)
        deb = sources.build(tree, self.folder, self.release, date_s=date_s)
        path = sources.make_bundle(self.folder / f"naober-{version}.bundle", version, deb)
        return self.root.copy(sources.sign(path, self.stack.trust), "/root")


@contextmanager
def new_machine(release: str, folder: Path) -> Iterator[Machine]:
    """A machine with version 1.1.0 of the package for `release`, and a network around it."""
    with new_root(release) as root, Stack(folder / "network") as stack, services_end(root):
        add_services(root)
        first = sources.build(sources.source(folder, "1.1.0"), folder, release)
        said = root.run("dpkg", "-i", root.copy(first, "/root"))
        assert "rror" not in said and "arning" not in said
        stack.broker.start()
        stack.inbox.start()
        yield Machine(root, stack, folder, release)


def told(machine: Machine) -> None:
    """All of it, in order."""
    nothing_runs_before_it_is_set_up(machine)
    set_up_node(machine.root, machine.stack.trust, "Kazerne Beilen")
    machine.root.put("/etc/naober/sites.toml", "# ours\n")
    machine.root.run("systemctl", "start", "naober-node")
    machine.is_up()
    bundle = machine.bundle("1.2.0", sources.FIRST_S + HOUR_S)
    what_vrd_did_not_sign_changes_nothing(machine, bundle)
    an_emergency_goes_first(machine, bundle)
    an_upgrade_that_proves_itself_stays(machine, bundle)
    power_cuts_leave_the_old_or_the_new_version(machine)
    an_upgrade_that_cannot_prove_a_link_is_turned_back(machine)
    settings_and_keys_survive_removal_and_keys_a_purge(machine)


def nothing_runs_before_it_is_set_up(machine: Machine) -> None:
    root = machine.root
    assert root.version() == f"1.1.0+{machine.debian}"
    assert root.run("naober", "--version") == "naober 1.1.0\n"
    assert not (root / "/run/node.pid").exists()
    assert root.run("getent", "passwd", "naober").endswith("/usr/sbin/nologin\n")
    for path, owner in (("/var/lib/naober", "naober"), ("/var/cache/naober", "root")):
        assert root.run("stat", "-c", "%U %a", path) == f"{owner} 700\n"
    # the daemons need not write where they came from: all is compiled, and nothing there is theirs
    assert root.run("find", "/usr/lib/naober", "-not", "-user", "root") == ""
    assert root.run("find", "/usr/lib/naober/site/relay", "-name", "*.pyc").count("\n") > 100


def what_vrd_did_not_sign_changes_nothing(machine: Machine, bundle: str) -> None:
    root = machine.root
    good = (root / bundle).read_bytes()
    signature_at = len(good) - 60
    for name, bad in (
        ("unsigned", good[: len(good) - _signature_bytes(good)]),
        ("signature", good[:signature_at] + bytes((good[signature_at] ^ 1,)) + good[signature_at + 1 :]),
        ("package", good[: len(good) // 2] + bytes((good[len(good) // 2] ^ 1,)) + good[len(good) // 2 + 1 :]),
        ("cut", good[: len(good) // 3]),
        ("nothing", b"x" * 100),
    ):
        file = root.put(f"/root/{name}.bundle", bad)
        said = root.run("naober", "upgrade", f"/root/{name}.bundle", code=2)
        assert "Doe: Niets is gewijzigd" in said, (name, said)
        assert (
            root.version() == f"1.1.0+{machine.debian}"
            and not (root / "/var/lib/naober-upgrade/plan.json").exists()
        )
        file.unlink()


def _signature_bytes(data: bytes) -> int:
    from relay.upgrade import bundle

    length = int.from_bytes(data[len(bundle.MAGIC) :][: bundle.LENGTH_BYTES], "big")
    start = len(bundle.MAGIC) + bundle.LENGTH_BYTES
    manifest = json.loads(data[start : start + length])
    return len(data) - start - length - sum(package["size"] for package in manifest["packages"])


def an_emergency_goes_first(machine: Machine, bundle: str) -> None:
    machine.stack.inbox.kill()
    machine.root.run("naober", "send", "report", "--text", "arts nodig", "--urgency", "1")
    said = machine.root.run("naober", "upgrade", bundle, code=2)
    assert "Nood onderweg" in said
    assert machine.root.version() == f"1.1.0+{machine.debian}"
    machine.stack.inbox.start()
    until(lambda: "arts nodig" in machine.stack.inbox.reports(), 60, "the emergency arrives")
    until(lambda: control.ask(machine.state, {"verb": "emergencies"})["open"] == 0, 60, "its receipt")


def an_upgrade_that_proves_itself_stays(machine: Machine, bundle: str) -> None:
    before = machine.sums()
    machine.send("van 1.1")
    said = machine.root.run("naober", "upgrade", bundle)
    assert "Naober 1.2.0 is in gebruik; bewezen: MQTT" in said, upgrade_log(machine.root)
    assert machine.root.version() == f"1.2.0+{machine.debian}"
    status = control.ask(machine.state, {"verb": "status"})
    assert status["version"] == "1.2.0", "the service was restarted"
    assert machine.sums() == before
    kept = [file.name for file in (machine.root / "/var/cache/naober").iterdir()]
    assert sorted(kept) == [f"naober_{version}+{machine.debian}_amd64.deb" for version in ("1.1.0", "1.2.0")]
    assert "staat er al" in machine.root.run("naober", "upgrade", bundle, code=2)
    assert "is in gebruik" in machine.root.run("naober", "upgrade", "--status")


def power_cuts_leave_the_old_or_the_new_version(machine: Machine) -> None:
    """Between 1.2 and 1.1, there and back; 1.1 goes on with the outbox that 1.2 has migrated."""
    root = machine.root
    machine.bundle("1.1.0", sources.FIRST_S)
    points = {"1.1.0": partial(_unpacks, root), "1.2.0": partial(_configures, root)}
    for version, point in points.items():
        machine.is_up()
        machine.send(f"voor {version}")
        _cut_while(machine, version, point)
        assert root.version() == "", "it was cut in the middle"
        power_on(root)
        end = wait_for_end(root)
        assert end == f"Naober {version} is in gebruik; bewezen: MQTT", upgrade_log(root)
        assert root.version() == f"{version}+{machine.debian}"
        assert root.run("dpkg", "--audit") == ""
        machine.is_up()
        until(partial(machine.vrd_has, f"voor {version}"), 60, "nothing is lost")


def _cut_while(machine: Machine, version: str, point: Callable[[], bool]) -> None:
    upgrade = ("naober", "upgrade", "--older", f"/root/naober-{version}.bundle")
    watching = machine.root.start(*upgrade)
    until(point, 90, f"{version} gets that far\n{upgrade_log(machine.root)}")
    cut_power(machine.root)
    watching.communicate()


def _unpacks(root: Root) -> bool:
    """Whether dpkg has some of the new files, and not yet given them their names."""
    return any((root / "/usr/lib/naober/site/relay").glob("*.dpkg-new"))


def _configures(root: Root) -> bool:
    """Whether the package's own script is at work."""
    return any("compileall" in command for command in commands_in(root))


def an_upgrade_that_cannot_prove_a_link_is_turned_back(machine: Machine) -> None:
    """The inbox goes away while it installs; instead of half an hour the link is given some seconds.

    The package to go back to is not at hand: it is made again from what is installed.
    """
    root = machine.root
    machine.is_up()
    (root / f"/var/cache/naober/naober_1.2.0+{machine.debian}_amd64.deb").unlink()
    plan = root / "/var/lib/naober-upgrade/plan.json"
    _cut_while(machine, "1.1.0", lambda: plan.exists() and json.loads(plan.read_text())["step"] == "install")
    machine.stack.inbox.kill()
    plan.write_text(json.dumps({**json.loads(plan.read_text()), "prove_s": 1, "pause_s": 1, "test_s": 8}))
    power_on(root)
    assert wait_for_end(root) == "Teruggezet naar 1.2.0: MQTT niet bewezen", upgrade_log(root)
    assert root.version() == f"1.2.0+{machine.debian}"
    assert "MQTT niet bewezen" in root.run("naober", "upgrade", "--status", code=1)
    root.run("dpkg", "-V", "naober")
    shipped = next(machine.folder.glob("naober_1.2.0*.deb"))
    root.run("dpkg", "-i", root.copy(shipped, "/root"))  # asks nothing of the settings that were changed
    assert (root / "/etc/naober/sites.toml").read_text() == "# ours\n"
    machine.stack.inbox.start()
    machine.is_up()


def settings_and_keys_survive_removal_and_keys_a_purge(machine: Machine) -> None:
    root, before = machine.root, machine.sums()
    sites = root / "/etc/naober/sites.toml"
    messages = (machine.state / "outbox.db").stat().st_size
    root.run("dpkg", "-r", "naober")
    assert not (root / "/run/node.pid").exists(), "it was stopped"
    assert not (root / "/usr/lib/naober").exists() and not (root / "/usr/bin/naober").exists()
    assert {**before, str(sites): ""} == {**machine.sums(), str(sites): ""}
    assert sites.read_text() == "# ours\n"
    wifi = ("system-connections/naober.nmconnection", "dnsmasq-shared.d/naober.conf")
    for name in (*(f"/etc/NetworkManager/{each}" for each in wifi), "/etc/modprobe.d/naober-wifi.conf"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    root.run("dpkg", "-P", "naober")  # asks nothing: there is no one to answer
    assert not (root / "/etc/naober").exists() and not (root / "/var/cache/naober").exists()
    assert (machine.state / "node.key").exists() and (machine.state / "outbox.db").stat().st_size >= messages
    left = root.run("find", "/etc", "/usr", "/var/cache", "-name", "*naober*", "-not", "-path", "*/sources*")
    assert left == ""
