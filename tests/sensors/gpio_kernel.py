"""GPIO contacts on a real kernel, not part of `make test`:  pytest tests/sensors/gpio_kernel.py

No Debian kernel has gpio-sim, and a machine for tests has no GPIO. So Debian's own kernel source is built as
a program (User Mode Linux) with gpio-sim, once, in three minutes; it starts in a second, on the files of this
machine.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
KEPT = Path.home() / ".cache" / "naober" / "linux-gpio"
SOURCE = Path("/usr/src/linux-source-6.1.tar.xz")  # Debian: linux-source-6.1, with gcc, make, flex, bison, bc
_ON = """
64BIT BINFMT_ELF BINFMT_SCRIPT HOSTFS PROC_FS SYSFS TMPFS SHMEM DEVTMPFS UNIX NET PRINTK TTY STDERR_CONSOLE
FD_CHAN NULL_CHAN FUTEX EPOLL EVENTFD TIMERFD SIGNALFD POSIX_TIMERS MULTIUSER FILE_LOCKING MAGIC_SYSRQ
CONFIGFS_FS GPIOLIB GPIO_CDEV GPIO_SIM
"""
SWITCHED_ON = _ON.split()
SWITCHED_OFF = ("PTP_1588_CLOCK", "ETHERNET", "INET")
INIT = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t configfs none /sys/kernel/config
mount -t tmpfs tmpfs /tmp
cd {repository}
PYTHONDONTWRITEBYTECODE=1 {python} -m tests.sensors.gpio_scenes
echo o > /proc/sysrq-trigger
sleep 60
"""


def kernel(folder: Path) -> Path:
    """The kernel as a program; built when it is not there yet."""
    if not KEPT.exists():
        assert SOURCE.exists(), "apt install linux-source-6.1 gcc make flex bison bc"
        subprocess.run(["tar", "-xJf", SOURCE, "-C", folder], check=True)
        (source,) = folder.glob("linux-source-*")
        make = ["make", "-s", "ARCH=um", "-C", source]
        subprocess.run([*make, "tinyconfig"], check=True)
        switches = [word for name in SWITCHED_ON for word in ("-e", name)]
        switches += [word for name in SWITCHED_OFF for word in ("-d", name)]
        subprocess.run([source / "scripts/config", "--file", source / ".config", *switches], check=True)
        subprocess.run([*make, "olddefconfig"], check=True)
        subprocess.run([*make, "-j2", "linux"], check=True)
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / "linux", KEPT)
    return KEPT


@pytest.mark.timeout(1800)
def test_contacts_on_a_simulated_chip_of_a_real_kernel(tmp_path: Path) -> None:
    program = kernel(tmp_path)
    init = tmp_path / "init"
    init.write_text(INIT.format(repository=REPOSITORY, python=sys.executable))
    init.chmod(0o755)
    command = [program, "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "rw", "mem=256M"]
    done = subprocess.run(
        [*command, f"init={init}", "con=null", "con0=fd:0,fd:1"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        text=True,
    )
    said = [line for line in done.stdout.splitlines() if "channel" not in line]
    print("\n".join(said[-40:]))
    assert "GOOD" in said, "see above"
