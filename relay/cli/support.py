"""`naober support`: one file for remote help. No key, password or message is in it."""

from __future__ import annotations

import argparse
import io
import os
import tarfile
import time
from pathlib import Path

from relay.cli.language import pick, say
from relay.errors import NaoberError, Text

EXAMPLES = ("sudo naober support", "sudo naober support /media/NAOBER")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to put it."""
    where = Text("map (standaard hier)", "folder (here, if not given)")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), metavar="DIR", help=pick(where))
    parser.add_argument("--config", type=Path, metavar="FILE", help="node.toml")


def run(args: argparse.Namespace) -> int:
    """0 when the file is there. A part that could not be made says so inside."""
    from relay import config, files
    from relay.cli.support_parts import made, parts
    from relay.node import control

    file = args.config or config.FOLDER / config.NODE_FILE
    settings = config.load_node(file)
    try:
        status = control.ask(settings.node.state, {"verb": "status"}, timeout_s=5.0)
    except NaoberError:
        status = None
    stamp = time.strftime("%Y%m%d-%H%M%S")
    address = f"{status['address']}-" if status else ""
    name = f"naober-support-{address}{stamp}"
    data = _packed(name, {each: made(part) for each, part in parts(settings, file, status).items()})
    path = args.folder / f"{name}.tar.gz"
    files.replace(path, data, files.PRIVATE)
    _give_to_who_asked(path)
    size = f"{len(data) / 1000:.0f} kB"
    say(
        Text(
            f"{path} ({size}): er staan geen sleutels en geen berichten in",
            f"{path} ({size}): no keys, no messages",
        )
    )
    say(
        Text(
            "Doe: stuur dit bestand naar beheer, of neem het mee op een stick",
            "Do: send it to the maintainers",
        )
    )
    return 0


def _packed(name: str, members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for each, data in members.items():
            member = tarfile.TarInfo(f"{name}/{each}")
            member.size, member.mode, member.mtime = len(data), 0o600, int(time.time())
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def _give_to_who_asked(path: Path) -> None:
    """With sudo the file is for who typed it, who has to send it."""
    uid, gid = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if os.geteuid() == 0 and uid.isdecimal() and gid.isdecimal():
        os.chown(path, int(uid), int(gid), follow_symlinks=False)
