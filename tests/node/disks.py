"""Real small disks: mounted for one test, filled up, broken, made whole again. Needs root and mount."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534


class Disk:
    """A small file system of its own at `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def mount(self) -> None:
        raise NotImplementedError

    def unmount(self) -> None:
        _run("umount", "--lazy", self.folder)  # a process may still have files open on it

    def fill(self) -> None:
        """Until not a byte more fits."""
        with (self.folder / "ballast").open("ab", buffering=0) as ballast:
            for size in (65536, 4096, 512, 1):
                try:
                    while True:
                        ballast.write(bytes(size))
                except OSError:
                    continue

    def free(self) -> None:
        (self.folder / "ballast").unlink()


class MemoryDisk(Disk):
    """A tmpfs of one megabyte."""

    def mount(self) -> None:
        _run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", self.folder)


class CardDisk(Disk):
    """An ext4 in a file, as on a card."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.image = folder.with_suffix(".img")
        with self.image.open("wb") as file:
            file.truncate(8 * 1024 * 1024)
        _run("mkfs.ext4", "-q", self.image)

    def mount(self) -> None:
        _run("mount", "-o", "loop", self.image, self.folder)

    def give_up(self) -> None:
        """What the kernel does with a card whose errors it has seen: read-only, at once and for good."""
        _run("mount", "-o", "remount,abort", self.folder)

    def after_power_cut(self, into: Path) -> None:
        """The files that would be there if the power went now: what was not synced is gone."""
        cut = CardDisk.__new__(CardDisk)
        cut.folder, cut.image = into.with_suffix(".cut"), into.with_suffix(".cut.img")
        cut.folder.mkdir()
        shutil.copy(self.image, cut.image)
        cut.mount()
        try:
            shutil.copytree(cut.folder, into, ignore=shutil.ignore_patterns("lost+found", "*.sock"))
        finally:
            cut.unmount()

    def repair(self) -> None:
        """Take it out, check it, put it back."""
        self.unmount()
        done = subprocess.run(["e2fsck", "-p", "-f", self.image], capture_output=True)
        assert done.returncode in (0, 1), done.stdout
        self.mount()


@contextmanager
def mounted(disk: Disk) -> Iterator[Disk]:
    """`disk` for the length of the block; skips the test where mounting is not allowed."""
    try:
        disk.mount()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"mounting is not allowed here: {error}")
    try:
        yield disk
    finally:
        disk.unmount()


@contextmanager
def as_nobody() -> Iterator[None]:
    """The rights of a user without any; root may write everywhere."""
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)
    else:
        yield


def _run(*command: str | Path) -> None:
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
