"""Which machine goes where: asked of a person, or said on the command line. Source: experience, E03."""

from __future__ import annotations

import argparse
from pathlib import Path

from relay.cli.authority_ask import agreed, line
from relay.cli.language import pick, say
from relay.cli.text import row
from relay.codes import fault
from relay.errors import ConfigError, NaoberError, Text
from relay.trust import keys
from relay.trust.authority import Place
from relay.trust.authority_approve import Asked, Plan, at_site
from relay.trust.sites import Site

NAME_CHARACTERS_MAX = 24
_COLUMNS = (3, 11, 16, 16, 31)
_HINT = Text(
    "      Typ (een deel van) naam of nummer, 'r NAAM' = reserve, 'g NAAM' = gateway",
    "      Type (part of) a name or number, 'r NAME' = a spare, 'g NAME' = a gateway",
)


def is_given(args: argparse.Namespace) -> bool:
    """Whether the command line says the place of one machine."""
    return bool(args.site or args.role != "node" or args.name)


def decided(args: argparse.Namespace, plan: Plan, todo: list[Asked]) -> bool:
    """Puts each machine somewhere; False when a person says that the control numbers are wrong."""
    given = is_given(args)
    if given and len([each for each in todo if each.request.role == "node"]) != 1:
        raise ConfigError(
            Text(
                "--site, --role en --name gaan over één verzoek",
                "--site, --role and --name are for one request",
            ),
            Text("Noem het bestand van dat verzoek", "Name the file of that request"),
        )
    for number, each in enumerate(todo, 1):
        request = each.request
        shown = keys.show(request.address)
        say(row((f"{number:2}", shown, request.model, request.radio, request.control), _COLUMNS))
        if request.role == "inbox":
            say(Text(f"      postvak, broker {request.broker}", f"      inbox, broker {request.broker}"))
            plan.put(each, Place("inbox"))
        else:
            settled = args.yes or (each.before is not None and not args.again)  # it has its place
            plan.put(each, _given(args, plan, each) if given or settled else _asked(plan, each))
            say(f"      {place_text(plan.places[request.address])}")
    return bool(args.yes) or agreed(Text("Kloppen de controlegetallen?", "Are the control numbers right?"))


def _given(args: argparse.Namespace, plan: Plan, asked: Asked) -> Place:
    """The place that the command line says, or the next free one; E03 for a site that has a node."""
    if args.role != "node":
        where = _site(plan, args.site) if args.site else None
        base = at_site(where) if where else Place(args.role)
        return base._replace(role=args.role, name=args.name)
    suggested = plan.suggested(asked) if not args.site else at_site(_site(plan, args.site))
    if suggested is None:
        raise _no_site(plan.laptop.folder)
    place = suggested._replace(name=args.name or suggested.name)
    others = [] if asked.before is not None and not args.site else plan.others_at(place.site_id, asked)
    if others and args.replace:
        return place._replace(replaces=others[0])
    if others and not args.second:
        raise fault("E03", site=place.site, address=keys.show(others[0]))
    return place


def _asked(plan: Plan, asked: Asked) -> Place:
    """The place that a person types; Enter takes the suggestion."""
    suggested = plan.suggested(asked)
    if suggested is None:
        say(_HINT)
    while True:
        shown = place_text(suggested) if suggested else "-"
        answer = line(Text(f"      plaats [{shown}] > ", f"      site [{shown}] > "))
        place = suggested if not answer else _typed(plan, answer)
        if place is None:
            say(_HINT)
            continue
        others = plan.others_at(place.site_id, asked) if place.role == "node" else []
        if not others or (place is suggested and asked.before is not None):
            return place
        if (settled := _settled(place, others[0])) is not None:
            return settled


def _typed(plan: Plan, answer: str) -> Place | None:
    letter, _, name = answer.partition(" ")
    if letter in ("r", "g") and len(name) <= NAME_CHARACTERS_MAX:
        return Place("spare" if letter == "r" else "gateway", name=name.strip() or "RESERVE")
    found = plan.find(answer)
    for site in found[:9] if len(found) > 1 else ():
        say(f"      {site.name} ({site.id})")
    return at_site(found[0]) if len(found) == 1 else None


def _settled(place: Place, other: bytes) -> Place | None:
    """E03: what a person wants with a site that has a node; None for another site. There is no default."""
    error = fault("E03", site=place.site, address=keys.show(other))
    say(f"      {pick(error.what)}")
    while True:
        question = "[v]ervangen, [t]weede knooppunt daar, [a]ndere plaats? "
        answer = line(
            Text(f"      {question}", "      [v] replace, [t] second node there, [a] another site? ")
        )
        if answer in ("v", "vervangen"):
            return place._replace(replaces=other)
        if answer in ("t", "tweede"):
            name = line(Text("      hoe heet dit tweede kastje? ", "      what is this second box called? "))
            return place._replace(name=name[:NAME_CHARACTERS_MAX])
        if answer in ("a", "andere"):
            return None


def place_text(place: Place) -> str:
    """A place in one line."""
    role = {"gateway": "gateway", "spare": pick(Text("reserve", "spare"))}.get(place.role, "")
    site = f"{place.site} ({place.site_id})" if place.site_id else ""
    instead = f"{pick(Text('vervangt', 'replaces'))} {keys.show(place.replaces)}" if place.replaces else ""
    return " · ".join(filter(None, (role, site, place.name, instead)))


def _no_site(folder: Path) -> NaoberError:
    return ConfigError(
        Text("Er is geen vrije plaats in sites.toml", "There is no free site in sites.toml"),
        Text(f"Zet de plaats in {folder}/sites.toml, of geef --site", f"Put it into {folder}/sites.toml"),
    )


def _site(plan: Plan, words: str) -> Site:
    found = plan.find(words)
    if len(found) != 1:
        raise ConfigError(
            Text(f"Plaats {words!r} staat niet in sites.toml", f"Site {words!r} is not in sites.toml"),
            Text("Kijk naar het nummer in sites.toml", "Look at its number in sites.toml"),
        )
    return found[0]
