"""The package on Debian 12, from its installation to its purge; `make deb-test` does the other targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deb.story import new_machine, told


@pytest.mark.slow
@pytest.mark.timeout(600)  # the first time it makes the Debian that it needs
def test_a_machine_from_its_first_package_to_its_last(tmp_path: Path) -> None:
    with new_machine("bookworm", tmp_path) as machine:
        told(machine)
