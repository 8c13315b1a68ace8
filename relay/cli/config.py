"""`naober config check`: a configuration and all that it points to, looked over."""

from __future__ import annotations

import argparse
from pathlib import Path

from relay.cli.language import pick, say
from relay.errors import NaoberError, Text

EXAMPLES = ("naober config check", "naober config check /etc/naober/inbox.toml")

_WHERE = Text("standaard wat er in /etc/naober staat", "what is in /etc/naober if not given")
_GRADES = (Text(" ok  ", " ok  "), Text("LET  ", "WARN "), Text("FOUT ", "ERROR"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`check` is all there is now."""
    steps = parser.add_subparsers(dest="step", required=True, metavar="check")
    text = pick(
        Text("kijk instellingen na, met alles waar ze naar wijzen", "check a file and what it points to")
    )
    check = steps.add_parser("check", help=text, description=text)
    check.add_argument("file", nargs="?", type=Path, metavar="FILE", help=pick(_WHERE))


def run(args: argparse.Namespace) -> int:
    """One line per finding, and what to do below it; the worst one is the exit code."""
    from relay.trust.inspection import inspect, worst

    findings = [finding for file in _files(args.file) for finding in inspect(file)]
    for finding in findings:
        line = f"{pick(_GRADES[finding.grade])} {pick(finding.what)}"
        if do := pick(finding.do):
            line += f" · {pick(Text('Doe:', 'Do:'))} {do}"
        say(line)
    return worst(findings)


def _files(given: Path | None) -> list[Path]:
    from relay.config import FOLDER, INBOX_FILE, NODE_FILE

    if given is not None:
        return [given]
    found = [FOLDER / name for name in (NODE_FILE, INBOX_FILE) if (FOLDER / name).exists()]
    if not found:
        raise NaoberError(
            Text(f"Geen instellingen in {FOLDER}", f"No configuration in {FOLDER}"),
            Text(
                "Maak ze met naober setup, of noem een bestand", "Make it with naober setup, or name a file"
            ),
        )
    return found
