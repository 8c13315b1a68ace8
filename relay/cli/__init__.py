"""The command `naober`: finds the verb, runs it, and turns what went wrong into two lines.

Each verb is one file here with `add_arguments(parser)` and `run(args) -> int`, imported only when it is
called: help and `status` must answer at once on a slow machine. Exit codes: 0 good, 1 "let op" (attention
needed), 2 "fout" (an error). `print` and `sys.exit` are for this package alone.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from io import TextIOWrapper
from types import FrameType, ModuleType

from relay import __version__
from relay.cli import language
from relay.cli.language import complain, pick, say
from relay.errors import NaoberError, Text
from relay.lean import postponed

with postponed():
    from pathlib import Path

GOOD, ATTENTION, ERROR = 0, 1, 2
INTERRUPTED = 130  # 128 + SIGINT, as shells do
BROKEN_PIPE = 141  # 128 + SIGPIPE

VERBS: dict[str, Text] = {
    "setup": Text("dit apparaat klaarmaken: sleutels, verzoek", "make this device ready: keys, request"),
    "authority": Text("op de laptop: toelaten, intrekken, etiketten", "the laptop: admit, revoke, labels"),
    "enrol": Text("een toelating toepassen", "apply a grant"),
    "radio": Text("de radio bekijken of instellen", "look at the radio, or set it"),
    "test": Text("bewijs dat VRD dit punt hoort, per verbinding", "proof that VRD hears us, by each link"),
    "doctor": Text("wat er mis is, en wat te doen", "what is the matter, and what to do"),
    "status": Text("hoe het met dit knooppunt gaat", "how this node is doing"),
    "sensors": Text("wat elke sensor nu meet", "what each sensor reads now"),
    "enter": Text("hoe het hier gaat: open, bezoekers, water", "how it is here: open, visitors, water"),
    "send": Text("een melding, hulpvraag of aanbod versturen", "send a report, request or offer"),
    "notices": Text("wat VRD zei, en hoe ver het met onze meldingen is", "what VRD said to this site"),
    "answer": Text("een bericht van VRD beantwoorden", "answer a notice of VRD"),
    "stick": Text("berichten meegeven en innemen met een USB-stick", "carry messages on a USB stick"),
    "exercise": Text("een oefening, met verbindingen die wegvallen", "an exercise, with links cut"),
    "support": Text("een bestand voor hulp op afstand, zonder geheimen", "a file for remote help"),
    "upgrade": Text("een nieuwe versie, zonder internet", "a new version, without internet"),
    "inbox": Text("het postvak van VRD: draaien, blokkeren, bewaren", "VRD's inbox: run, block, back up"),
    "messages": Text("wat het postvak ontving", "what the inbox received"),
    "sites": Text("de noodsteunpunten, zoals het postvak ze kent", "the sites, as the inbox knows them"),
    "demo": Text("een postvak en drie knooppunten op dit apparaat", "an inbox and three nodes here"),
    # below, the verbs that only `naober --help all` lists
    "config": Text("instellingen nakijken", "check configuration"),
    "node": Text("de dienst van een knooppunt draaien", "run a node"),
    "fake-radio": Text("Meshtastic-radio's nabootsen, zonder zender", "Meshtastic radios without hardware"),
    "page": Text("de pagina van dit punt: wifi, pincode", "the site's page: Wi-Fi, PIN"),
    "simulate": Text("een uitval narekenen: welke radio's, hoeveel hoge punten", "plan for an outage"),
}
RARE = ("config", "node", "fake-radio", "page", "simulate")
_EXAMPLES = (
    "sudo naober setup",
    "naober doctor",
    "naober test radio",
    "naober demo",
)

DAEMONS = ("node", "inbox")
EXTRAS = {
    **dict.fromkeys(("argon2", "jinja2", "starlette", "uvicorn"), "inbox"),
    **dict.fromkeys(("google", "meshtastic"), "radio"),
    **dict.fromkeys(("PIL", "zxingcpp"), "photo"),
    "fpdf": "authority",
}  # else demo


def main(argv: list[str] | None = None) -> int:
    """Runs the command line in `argv` (or that of the process); returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _never_fail_on_letters()
    debug = _take_flag(arguments, "--debug")
    language.choose(language.from_environment())
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except NaoberError as error:
        complain(error)
        return ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains at its end
        return BROKEN_PIPE
    except Exception as error:
        if debug:
            raise
        _own_fault(error)
        return ERROR


def _run(arguments: list[str]) -> int:
    asked = _take_option(arguments, "--lang")
    if asked is not None:
        if asked not in language.LANGUAGES:
            from relay.cli.parser import UsageError, suggest

            raise UsageError(*suggest(asked, language.LANGUAGES, "--lang"))
        language.choose(asked)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        say(_help(everything=arguments[1:] == ["all"]))
        return GOOD if arguments else ERROR
    if arguments[0] in ("-V", "--version"):
        say(f"naober {__version__}")
        return GOOD
    return _run_verb(arguments[0], arguments[1:])


def _run_verb(name: str, arguments: list[str]) -> int:
    if name in DAEMONS:
        signal.signal(signal.SIGTERM, _stopped_early)  # loading takes seconds on a slow card
    if name in DAEMONS and (file := _only_config(arguments)) is not None:
        try:
            return int(_verb(name).start(file))
        except ModuleNotFoundError as error:
            raise _missing_package(error) from error
    from relay.cli.parser import Parser, UsageError, suggest

    if name not in VERBS:
        raise UsageError(*suggest(name, VERBS, "naober"))
    verb = _verb(name)
    parser = Parser(
        prog=f"naober {name}", description=pick(VERBS[name]), examples=getattr(verb, "EXAMPLES", ())
    )
    verb.add_arguments(parser)
    try:
        mixed = getattr(verb, "MIXED", False)
        code: int = verb.run((parser.parse_intermixed_args if mixed else parser.parse_args)(arguments))
        return code
    except SystemExit as end:  # argparse has printed help
        return int(end.code or GOOD)
    except ModuleNotFoundError as error:
        raise _missing_package(error) from error


def _stopped_early(number: int, frame: FrameType | None) -> None:
    """SIGTERM until the daemon's own handler is there: it holds nothing yet, so this is a good end."""
    os._exit(GOOD)


def _only_config(arguments: list[str]) -> Path | None:
    """FILE, when `--config FILE` is all there is: a daemon need not carry argparse along all its life."""
    return Path(arguments[1]) if len(arguments) == 2 and arguments[0] == "--config" else None


def _verb(name: str) -> ModuleType:
    module = f"relay.cli.{name.replace('-', '_')}"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name == module:
            from relay.cli.parser import UsageError

            raise UsageError(
                Text(f"naober {name} zit niet in deze versie", f"naober {name} is not in this version"),
                Text("Kijk met naober --help", "See naober --help"),
            ) from None
        raise _missing_package(error) from error


def _missing_package(error: ModuleNotFoundError) -> NaoberError:
    package = (error.name or "").partition(".")[0]
    if not package or package == "relay":
        raise error
    return NaoberError(
        Text(f"Python-pakket {package} is hier niet geïnstalleerd", f"Python package {package} is missing"),
        f"pip install 'naober[{EXTRAS.get(package, 'demo')}]'",
    )


def _help(*, everything: bool = False) -> str:
    """All that a person types fits 24 lines; `everything` adds the rare verbs, options and examples."""
    shown = {name: text for name, text in VERBS.items() if everything or name not in RARE}
    lines = [pick(Text("gebruik: naober WERKWOORD [opties]", "usage: naober VERB [options]")), ""]
    lines += [f"  {name:<12}{pick(text)}" for name, text in shown.items()]
    if not everything:
        more = Text(
            "uitleg: naober WERKWOORD --help · alles: naober --help all · English: --lang en",
            "explained: naober VERB --help · all: naober --help all · Nederlands: --lang nl",
        )
        return "\n".join([*lines, "", pick(more)])
    lines += [
        "",
        f"  --lang nl|en  {pick(Text('taal (ook: NAOBER_LANG)', 'language (also: NAOBER_LANG)'))}",
        f"  --debug       {pick(Text('bij een onverwachte fout: alle bijzonderheden', 'details of a bug'))}",
        f"  --version     {pick(Text('de versie', 'the version'))}",
        "",
        pick(Text("voorbeelden:", "examples:")),
    ]
    return "\n".join([*lines, *(f"  {example}" for example in _EXAMPLES)])


def _own_fault(error: Exception) -> None:
    from relay.cli.fault import keep

    kept = keep(error)
    what = f"{type(error).__name__}: {error}"
    again = Text("Herhaal dit met --debug", "Repeat this with --debug")
    do = again if kept is None else Text(f"Stuur {kept} naar beheer", f"Send {kept} to the maintainers")
    complain(NaoberError(Text(f"Fout in naober zelf: {what}", f"A fault of naober itself: {what}"), do))


def _never_fail_on_letters() -> None:
    """A terminal that has no "·" or "ë" shows "?" there; it is no reason to stop."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _take_flag(arguments: list[str], flag: str) -> bool:
    if flag not in arguments:
        return False
    arguments.remove(flag)
    return True


def _take_option(arguments: list[str], option: str) -> str | None:
    for at, argument in enumerate(arguments):
        if argument.startswith(f"{option}="):
            del arguments[at]
            return argument.partition("=")[2]
        if argument == option:
            value = arguments[at + 1] if at + 1 < len(arguments) else ""
            del arguments[at : at + 2]
            return value
    return None
