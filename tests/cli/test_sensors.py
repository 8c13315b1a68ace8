"""`naober sensors` as a technician sees it: a real UPS daemon, a program, and what fails."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from relay.doctor import machine
from relay.doctor.finding import ATTENTION
from tests.sensors.ups import Upsd
from tests.support.command import naober
from tests.support.process import until

FILE = """
[node]
state = "{folder}"
[sensors]
nut = "site@127.0.0.1:{port}"
power = false
host = false
[sensors.network]
active = false
[[sensors.command]]
name = "generator"
command = ["/bin/sh", "{folder}/program"]
"""


@pytest.mark.parametrize("good", [True, False])
def test_each_sensor_says_what_it_reads_or_why_not(tmp_path: Path, good: bool) -> None:
    program = tmp_path / "program"
    program.write_text('echo \'{"generator": "running"}\'' if good else "echo kapot >&2; exit 1")
    with Upsd(tmp_path) as upsd:
        file = tmp_path / "node.toml"
        file.write_text(FILE.format(folder=tmp_path, port=upsd.port))
        upsd.tell("OB", "57", "1234")
        done = until(
            lambda: (found := naober("sensors", "--config", file)) and "57" in found.stdout and found, 20
        )
        assert done.returncode == (0 if good else 1)
        assert "Stroomvoorziening accu" in done.stdout and "Accu 57 %" in done.stdout
        assert ("Aggregaat draait" in done.stdout) is good
        assert ("kapot" in done.stdout) is not good
        judged = "Stroomvoorziening aggregaat" if good else "Stroomvoorziening accu"
        assert f"{judged} (volgens nut site)" in done.stdout.splitlines()[-1]
        # the building's own measurement says the opposite, and is nearer to the meter
        program.write_text('echo \'{"power": "mains"}\'')
        done = naober("sensors", "--config", file)
        assert done.stdout.splitlines()[-1].endswith(
            "Stroomvoorziening net (volgens generator); nut site zegt het tegendeel"
        )
        assert done.returncode == 1, "somebody should look"
        upsd.stop()
        gone = naober("sensors", "--config", file)
        assert (
            gone.returncode == 1
            and "antwoordt niet" in gone.stdout
            and "Traceback" not in gone.stdout + gone.stderr
        )


def test_the_doctor_says_who_contradicts_about_the_mains() -> None:
    good = {"name": "nut site", "state": "ok", "reason": {"nl": "", "en": ""}}
    verdict = {"power": "mains", "by": ["gpio meter"], "against": ["nut site"]}
    facts = {"sensors": [good], "mains": verdict}
    found = machine.sensors(SimpleNamespace(facts=facts))  # type: ignore[arg-type]
    assert found.grade == ATTENTION and found.short.en == "nut site: contradicts about the mains"
    facts["mains"] = verdict | {"against": []}
    assert machine.sensors(SimpleNamespace(facts=facts)).grade != ATTENTION  # type: ignore[arg-type]
    del facts["mains"]  # a service that was not restarted after an upgrade
    assert machine.sensors(SimpleNamespace(facts=facts)).grade != ATTENTION  # type: ignore[arg-type]
