"""`naober authority approve`: one table, one passphrase, all signed. Source: experience, section 1."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from relay.cli.authority_ask import unlocked
from relay.cli.authority_out import write_answers, write_cards, write_paper
from relay.cli.authority_places import decided, is_given
from relay.cli.language import complain, say
from relay.config.inbox import InboxRadioSection
from relay.errors import ConfigError, NaoberError, Text
from relay.trust import papers
from relay.trust.authority_approve import Asked, Gathered, Plan, Signed, from_stick, gather
from relay.trust.authority_laptop import Laptop
from relay.trust.keys import show
from relay.trust.stick import FOLDER, Stick, find, read_file

ATTENTION = 1  # some were refused


def run(args: argparse.Namespace) -> int:
    """Reads requests, decides on places, signs, and writes what goes back to the machines."""
    laptop = Laptop(args.dir)
    with laptop.alone():
        stick, sources = _sources(args)
        laptop.must_be_newest()
        if stick is not None:
            _must_know(laptop, stick)
        gathered = gather(laptop, sources)
        for refused in gathered.refused:
            say(Text(f"Geweigerd: {refused.source}", f"Refused: {refused.source}"))
            complain(refused.error)
        if not gathered.asked:
            raise _nothing(gathered)
        return _approve(args, laptop, stick, gathered)


def _approve(args: argparse.Namespace, laptop: Laptop, stick: Stick | None, gathered: Gathered) -> int:
    if not args.again and len(gathered.asked) > 1:
        gathered = _without_replaced(laptop, gathered)
    plan = Plan(laptop, gathered.asked)
    _, secrets = unlocked(args, laptop)
    shared = laptop.shared(secrets)
    todo = [each for each in gathered.asked if args.again or not plan.is_current(each, shared.version)]
    if is_given(args):
        # of a stick that has been around, the one who is new is meant
        todo = [each for each in todo if each.before is None] or todo or gathered.asked
    done = [each for each in gathered.asked if each not in todo]
    if done:
        count = len(done)
        nothing = ("", "") if todo else (", niets nieuws te tekenen", ", nothing new")
        say(Text(f"{count} al toegelaten{nothing[0]}", f"{count} admitted already{nothing[1]}"))
    if todo and not decided(args, plan, todo):
        say(Text("Er is niets getekend.", "Nothing was signed."))
        return ATTENTION
    signed = plan.sign(secrets, time.time()) if todo else Signed(laptop.standing.version, {}, {})
    _hand_out(args, laptop, stick, gathered, signed, done)
    if any(each.request.role == "inbox" for each in todo):
        _tell_preset(shared.channel.preset)
    return ATTENTION if gathered.refused else 0


def _tell_preset(preset: str) -> None:
    """A grant brings it to nodes with the channel's key; an inbox has none, and reckons by its file."""
    if preset != InboxRadioSection().preset:
        say(
            Text(
                f'Op het postvak, na enrol: preset = "{preset}" onder [radio] in inbox.toml.',
                f'At the inbox, after enrol: preset = "{preset}" under [radio] in inbox.toml.',
            )
        )


def _without_replaced(laptop: Laptop, gathered: Gathered) -> Gathered:
    """The request of a box whose place another has got may lie on the stick for ever: it is not a new one."""
    kept = []
    for each in gathered.asked:
        if each.before is None and each.request.sign_key in laptop.standing.grants:
            shown = show(each.request.address)
            say(
                Text(
                    f"{shown} is vervangen: overgeslagen (met --again mag hij weer meedoen)",
                    f"{shown} was replaced: passed over (--again admits it again)",
                )
            )
        else:
            kept.append(each)
    return gathered._replace(asked=kept)


def _hand_out(
    args: argparse.Namespace,
    laptop: Laptop,
    stick: Stick | None,
    gathered: Gathered,
    signed: Signed,
    done: list[Asked],
) -> None:
    """What was signed goes onto the stick, or onto the screen; labels go along."""
    grants = dict(signed.grants)
    for each in done:
        if each.before is not None and (envelope := laptop.envelope_of(each.before)) is not None:
            grants[each.request.address] = envelope
    if stick is not None:
        laptop.write_stick(stick, grants.items())
    nodes = [each.request.address for each in gathered.asked if each.request.role == "node"]
    paper = write_paper(laptop, nodes, signed.version, stick or laptop.folder)
    cards = write_cards(laptop, nodes, signed.version, stick) if stick is not None else ""
    count, version = len(signed.grants), signed.version
    words = "toelating" if count == 1 else "toelatingen"
    say(
        Text(f"{count} {words} getekend, roster {version}.", f"{count} granted, roster {version}.")
        if count
        else Text("Niets getekend.", "Nothing signed.")
    )
    if paper:
        where = (
            Text("de stick", "the stick")
            if stick is not None
            else Text(f"{laptop.folder}", f"{laptop.folder}")
        )
        listed = " en ".join(paper)
        say(Text(f"{listed}: op {where.nl}.", f"{', '.join(paper)}: on {where.en}."))
    if cards:
        say(
            Text(
                f"{cards}: op de stick, voor in de kast. Wis hem na het printen: er staan wachtwoorden op.",
                f"{cards}: on the stick, for inside the box. Delete it once printed: it has Wi-Fi passwords.",
            )
        )
    if stick is not None:
        say(Text("Nu: stick terug in elk apparaat.", "Next: the stick back into each machine."))
    else:
        write_answers(laptop, grants)


def _sources(args: argparse.Namespace) -> tuple[Stick | None, list[tuple[str, bytes | NaoberError]]]:
    """The stick, if any, and every request that was named or lies there."""
    named: list[Path] = list(args.source)
    if not named and not args.photo:
        found = find()
        if found is None:
            raise ConfigError(
                Text("Geen stick NAOBER gevonden", "No stick NAOBER found"),
                Text(
                    "Noem de map van de stick, een bestand, of --photo",
                    "Name the stick's folder, a file, or --photo",
                ),
            )
        named = [found]
    folders = [path for path in named if path.is_dir()]
    if len(folders) > 1:
        raise ConfigError(Text("Eén stick tegelijk", "One stick at a time"))
    stick = Stick(folders[0]) if folders else None
    found_requests = from_stick(stick) if stick is not None else []
    for path in named:
        if path not in folders:
            found_requests.append(_from_file(path))
    for path in args.photo:
        found_requests += _from_photo(path)
    return stick, found_requests


def _from_file(path: Path) -> tuple[str, bytes | NaoberError]:
    from relay.cli import qr

    try:
        data = read_file(path, qr.TEXT_CHARACTERS_MAX)
        try:
            papers.read_request(data)
        except NaoberError:
            return str(path), qr.from_text(data.decode("ascii", "replace"))
        return str(path), data
    except NaoberError as error:
        return str(path), error


def _from_photo(path: Path) -> list[tuple[str, bytes | NaoberError]]:
    from relay.cli import qr

    try:
        return [(str(path), envelope) for envelope in qr.from_photo(path)]
    except NaoberError as error:
        return [(str(path), error)]


def _must_know(laptop: Laptop, stick: Stick) -> None:
    """Raises ConfigError when the stick brings papers that this laptop has not seen."""
    new, _ = laptop.read_stick(stick)
    if new:
        raise ConfigError(
            Text(
                f"Op de stick staat een nieuwer roster ({len(new)} stukken die hier nog niet zijn)",
                f"The stick has a newer roster ({len(new)} papers that are not here yet)",
            ),
            Text(f"Eerst: naober authority sync {stick}", f"First: naober authority sync {stick}"),
        )


def _nothing(gathered: Gathered) -> NaoberError:
    if gathered.refused:
        return ConfigError(
            Text("Geen verzoek dat ingewilligd kan worden", "No request that can be granted"),
            Text("Er is niets getekend", "Nothing was signed"),
        )
    return ConfigError(
        Text("Geen verzoek gevonden", "No request found"),
        Text(
            f"Op de Pi: sudo naober setup, met de stick erin ({FOLDER}/verzoek)",
            f"On the Pi: sudo naober setup, with the stick in ({FOLDER}/verzoek)",
        ),
    )
