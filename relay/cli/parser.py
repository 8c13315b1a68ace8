"""argparse that speaks our languages, and whose errors are ours: one line of what, one of what to do."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from typing import Any, NoReturn

from relay.cli.language import pick
from relay.errors import NaoberError, Text

HELP_WIDTH = 80
_USAGE = Text("gebruik: ", "usage: ")

_DUTCH = (
    (r"the following arguments are required: (.*)", "Er ontbreekt: {}"),
    (r"unrecognized arguments: (.*)", "Onbekend: {}"),
    (r"argument (.*): expected (?:one|at least one) argument", "Achter {} ontbreekt een waarde"),
    (r"argument (.*): invalid \w+ value: (.*)", "{}: {} past niet"),
    (r"argument (.*): not allowed with argument (.*)", "{} gaat niet samen met {}"),
    (r"one of the arguments (.*) is required", "Een van deze is nodig: {}"),
)
_CHOICE = re.compile(
    r"argument (?P<name>.*?): invalid choice: '?(?P<given>.*?)'? \(choose from (?P<known>.*)\)$"
)


class UsageError(NaoberError):
    """What was typed is not a command of ours."""


class _Help(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=HELP_WIDTH)

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[Any],
        prefix: str | None = None,
    ) -> None:
        super().add_usage(usage, actions, groups, pick(_USAGE) if prefix is None else prefix)


class Parser(argparse.ArgumentParser):
    """A parser of one verb or step; `examples` are printed below its help, a line each."""

    def __init__(self, *, examples: Iterable[str | Text] = (), **options: Any) -> None:
        options["add_help"] = False
        options["allow_abbrev"] = False  # a script that uses one breaks with the next option
        options["formatter_class"] = _Help
        shown = "\n".join(f"  {each if isinstance(each, str) else pick(each)}" for each in examples)
        if shown:
            options["epilog"] = pick(Text("voorbeelden:", "examples:")) + "\n" + shown
        super().__init__(**options)
        self._positionals.title = pick(Text("wat", "what"))
        self._optionals.title = pick(Text("opties", "options"))
        self.add_argument("-h", "--help", action="help", help=pick(Text("deze uitleg", "this help")))

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's; of what a step does not know it names that step's help, not the verb's."""
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            prog = " ".join(filter(None, (self.prog, getattr(found, "step", None))))
            raise UsageError(*_explain(f"unrecognized arguments: {' '.join(unknown)}", prog))
        return found

    def parse_known_intermixed_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, which takes the first 7 letters of our usage for "usage: "."""
        self.usage = self.usage or self.format_usage().removeprefix(pick(_USAGE)).rstrip()
        return super().parse_known_intermixed_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Raises UsageError instead of ending the process."""
        raise UsageError(*_explain(message, self.prog))


def suggest(given: str, known: Iterable[str], prog: str) -> tuple[Text, Text]:
    """What to say when `given` is none of `known`."""
    from difflib import get_close_matches

    names = list(known)
    near = get_close_matches(given, names, 1, 0.5)
    listed = ", ".join(names)
    return (
        Text(f'"{given}" bestaat niet', f'There is no "{given}"'),
        Text(f"Bedoelde u {prog} {near[0]}?", f"Did you mean {prog} {near[0]}?")
        if near
        else Text(f"Kies uit: {listed}", f"One of: {listed}"),
    )


def _explain(message: str, prog: str) -> tuple[Text, Text]:
    if choice := _CHOICE.match(message):
        known = [name.strip(" '") for name in choice["known"].split(",")]
        option = choice["name"] if choice["name"].startswith("-") else ""
        return suggest(choice["given"], known, f"{prog} {option}".strip())
    do = Text(f"Kijk hoe het moet: {prog} --help", f"See how: {prog} --help")
    for pattern, dutch in _DUTCH:
        if found := re.match(pattern, message):
            return Text(dutch.format(*found.groups()), message), do
    return Text(message, message), do
