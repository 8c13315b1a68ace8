"""`naober doctor`: what is the matter with this node, in codes that can be read out over the telephone.

It changes nothing, opens no device, takes less than ten seconds, and works whether the service runs or not.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from relay.cli.language import pick, say
from relay.cli.text import fit, width
from relay.errors import NaoberError, Text

if TYPE_CHECKING:
    from relay.doctor.case import Case
    from relay.doctor.finding import Finding

EXAMPLES = ("sudo naober doctor", "naober doctor --json", "sudo naober doctor --fix")

TWO_COLUMNS_MIN = 116
_LEFT_COLUMNS = 62
_GRADES = {
    -1: Text(" -- ", " -- "),
    0: Text(" ok ", " ok "),
    1: Text("LET ", "WARN"),
    2: Text("FOUT", "FAIL"),
}
_CAN_BE_FIXED = ("D05", "D07", "D08", "D15")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which node, in which form, and whether to mend."""
    parser.add_argument("--json", action="store_true", help=pick(Text("voor programma's", "for programs")))
    mend = Text(
        "herstel wat met * is gemerkt, elk een veilige stap", "mend what is marked *, a safe step each"
    )
    parser.add_argument("--fix", action="store_true", help=pick(mend))
    parser.add_argument("--config", type=Path, metavar="FILE", help="node.toml")


def run(args: argparse.Namespace) -> int:
    """0: all that was seen is good; 1: something needs attention; 2: something is wrong."""
    from relay import config
    from relay.doctor.case import open_case
    from relay.doctor.rounds import look, summary, worst

    file = args.config or config.FOLDER / config.NODE_FILE
    settings = config.load_node(file)
    case = open_case(settings, file)
    findings = look(case)
    if args.fix and _fix(case, findings, quiet=args.json):
        findings = look(case := open_case(settings, file))
    if args.json:
        from relay.cli.inbox_page import dump

        say(dump(as_json(findings), indent=1))
    else:
        for line in lines(findings, shutil.get_terminal_size().columns):
            say(line)
        say(summary(findings))
    return worst(findings)


def as_json(findings: list[Finding]) -> dict[str, object]:
    """For programs, and for `naober support`."""
    from relay.doctor.finding import PLACES
    from relay.doctor.rounds import spoken, worst

    grades = {-1: "not_looked", 0: "ok", 1: "attention", 2: "error"}
    return {
        "grade": grades[worst(findings)],
        "spoken": spoken(findings),
        "places": [
            {
                "place": each.place,
                "name": PLACES[each.place].en,
                "grade": grades[each.grade],
                "code": each.code,
                "short": each.short._asdict(),
                "what": each.what._asdict(),
                "do": each.do._asdict(),
            }
            for each in findings
        ],
    }


def lines(findings: list[Finding], columns: int) -> Iterator[str]:
    """The table, in two columns where there is room, and then each thing that is the matter."""
    rows = [_row(each) for each in findings]
    half = (len(rows) + 1) // 2
    if columns >= TWO_COLUMNS_MIN:
        for left, right in zip(rows[:half], rows[half:], strict=True):
            yield f"{fit(left, max(_LEFT_COLUMNS, width(left)))}  {right}".rstrip()
    else:
        yield from rows
    for each in findings:
        if each.grade > 0:
            code = f" {each.code}" if each.code else ""
            yield f"{each.place}{code} {pick(each.what)}"
            yield f"     {pick(Text('Doe:', 'Do:'))} {pick(each.do)}"


def _row(finding: Finding) -> str:
    from relay.doctor.finding import PLACES

    name = pick(PLACES[finding.place])
    code = f"{finding.code} " if finding.code else ""
    mark = " *" if finding.place in _CAN_BE_FIXED else ""
    return f"{pick(_GRADES[finding.grade])} {finding.place} {name:<13} {code}{pick(finding.short)}{mark}"


def _fix(case: Case, findings: list[Finding], *, quiet: bool) -> bool:
    """Each safe step there is; whether any was taken."""
    from relay.doctor.fixes import fix

    taken = False
    for each in findings:
        if not each.fix:
            continue
        try:
            done = fix(case, each)
        except NaoberError as error:
            done = Text(f"niet hersteld: {error.what.nl}", f"not mended: {error.what.en}")
        else:
            taken = True
        if not quiet:
            say(Text(f"{each.place}: {done.nl}", f"{each.place}: {done.en}"))
    return taken
