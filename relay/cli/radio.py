"""`naober radio`: what the radio is set to against what it must be, which radios there are, setting it."""

from __future__ import annotations

import argparse
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from relay.cli.language import pick, say
from relay.errors import ConfigError, LinkError, NaoberError, Text

if TYPE_CHECKING:
    from relay.config import NodeConfig
    from relay.links.meshtastic.where import Where

EXAMPLES = (
    "naober radio",
    "naober radio --list",
    "sudo naober radio set",
    "naober radio set --host 192.168.1.7",
)
GOOD, ATTENTION, ERROR = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Look, list or set; which radio, and whose settings."""
    step = Text("zet hem zoals de toelating zegt", "set it as the grant says")
    parser.add_argument("step", nargs="?", choices=["set"], metavar="set", help=pick(step))
    listed = Text("welke radio's er op USB zijn", "which radios are on USB")
    parser.add_argument("--list", action="store_true", help=pick(listed))
    device = Text("een andere radio op USB dan in node.toml", "another radio on USB than node.toml's")
    parser.add_argument("--device", default="", metavar="PATH", help=pick(device))
    host = Text("een radio in het netwerk", "a radio in the network")
    parser.add_argument("--host", default="", metavar="HOST[:PORT]", help=pick(host))
    parser.add_argument("--config", type=Path, metavar="FILE", help="node.toml")


def run(args: argparse.Namespace) -> int:
    """0: as it must be; 1: it works, but not as it should; 2: nothing is transmitted, or no radio."""
    if args.list:
        return _list()
    file, config = _config(args.config)
    try:
        where = _where(args, config)
        if args.step == "set":
            return _set(config, file, where)
        return _look(config, where)
    except LinkError as error:
        from relay.cli.radio_choice import spoken

        raise spoken(error) from error


def _config(given: Path | None) -> tuple[Path | None, NodeConfig]:
    """node.toml; a bench may have none."""
    from relay import config

    file = given or config.FOLDER / config.NODE_FILE
    if given is None and not file.exists():
        return None, config.NodeConfig()
    node = config.load_node(file)
    with suppress(NaoberError):  # told when it is set: to look at it, node.toml will do
        from relay.node.radio_setting import by_grant

        node = by_grant(node)
    return file, node


def _where(args: argparse.Namespace, config: NodeConfig) -> Where | None:
    """The radio that was named or, when node.toml names none, found; None: node.toml's."""
    from relay.links.meshtastic.where import Where

    if args.device and args.host:
        raise ConfigError(
            Text("--device en --host gaan niet samen", "--device and --host do not go together"),
            Text("Noem er een", "Name one"),
        )
    if args.device:
        return Where(args.device)
    if args.host:
        host, _, port = args.host.rpartition(":") if ":" in args.host else (args.host, "", "4403")
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise ConfigError(
                Text(f"--host {args.host} past niet", f"--host {args.host} does not fit"),
                Text("Schrijf adres:poort", "Write address:port"),
            )
        return Where("", host, int(port))
    if config.radio.is_configured:
        return None
    from relay.cli.radio_choice import found_board

    return Where(found_board().path)


# --- what there is ---


def _list() -> int:
    from relay.cli.radio_choice import seen
    from relay.codes import fault
    from relay.links.meshtastic.boards import boards, others
    from relay.links.meshtastic.serial import holder_of

    found = boards()
    if not found:
        raise fault("R01", seen=seen(others()))
    wide = max(len(board.name) for board in found)
    for board in found:
        holder = holder_of(board.path)
        used = pick(Text(f" · in gebruik door {holder}", f" · used by {holder}")) if holder else ""
        say(f"{board.name:<{wide}}  {board.path}{used}")
    for device in others():
        say(pick(Text("geen radio: ", "no radio: ")) + f"{device.id} {device.name}".strip())
    return GOOD


def _look(config: NodeConfig, where: Where | None) -> int:
    from relay.cli import radio_table
    from relay.node.radio_setting import look, wanted_of, where_of

    facts = look(config, where)
    say(radio_table.head(facts, (where or where_of(config.radio)).name))
    for line in radio_table.rows(facts, wanted_of(config.radio)):
        say(line)
    for line in radio_table.trouble(facts):
        say(line)
    return radio_table.grade(facts)


# --- setting it ---


def _set(config: NodeConfig, file: Path | None, where: Where | None) -> int:
    from relay.cli import radio_table
    from relay.node.radio_setting import set_radio, where_of
    from relay.trust import channel

    name = (where or where_of(config.radio)).name
    outcome = set_radio(config, channel.load(config), say, where=where)
    say(radio_table.head(outcome.facts, name))
    for line in radio_table.changed(outcome):
        say(line)
    for line in radio_table.trouble(outcome.facts):
        say(line)
    _remember(config, file, where)
    return radio_table.grade(outcome.facts)


def _remember(config: NodeConfig, file: Path | None, where: Where | None) -> None:
    """A radio that was found by itself goes into node.toml, for the service to use."""
    if where is None or file is None or config.radio.is_configured:
        return
    name = f'device = "{where.device}"' if where.device else f'host = "{where.host}", port = {where.port}'
    do = Text(f"Doe: zet in node.toml onder [radio]: {name}", f"Do: write in node.toml, [radio]: {name}")
    if _write(file, where):
        do = Text(f"In {file} gezet: {name}", f"Written into {file}: {name}")
    say(do)


def _write(file: Path, where: Where) -> bool:
    from relay import files, toml, toml_text

    values: dict[tuple[str, str], toml_text.Plain] = {("radio", "device"): where.device}
    if not where.device:
        values = {("radio", "host"): where.host, ("radio", "port"): where.port}
    try:
        text = toml_text.fill(toml.read_text(file), values)
        files.replace(file, text.encode(), file.stat().st_mode & 0o777)
    except NaoberError:
        return False
    return True
