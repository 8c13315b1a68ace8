"""`naober authority init`."""

from __future__ import annotations

import argparse
from typing import get_args

from relay import files, toml, toml_text
from relay.cli.authority_ask import agreed, new_passphrase, passphrase_for
from relay.cli.language import say
from relay.config import PresetName
from relay.errors import ConfigError, Text, TrustError
from relay.trust import authority, authority_init, authority_settings, keys
from relay.trust.authority_file import FILE_BYTES_MAX
from relay.trust.authority_laptop import Laptop
from relay.trust.authority_share import FOLDER, Introduction, introduction_bytes
from relay.trust.seal import Channel
from relay.trust.stick import Stick, read_file


def run(args: argparse.Namespace) -> int:
    """Founds a network, joins one, or restores an authority from its copy."""
    authority_init.must_be_free(args.dir)
    if args.restore is not None:
        laptop = _restored(args)
    elif args.other is not None:
        laptop = _joined(args)
    else:
        channel = _channel(args.preset)
        laptop = authority_init.found(args.dir, args.name, new_passphrase(args), channel=channel)
    if args.phone:
        path = args.dir / authority_settings.FILE_NAME
        filled = toml_text.fill(toml.read_text(path), {("sheet", "phone"): args.phone})
        files.replace(path, filled.encode())
    _tell(args, laptop)
    return 0


def _channel(preset: str) -> Channel:
    if preset not in get_args(PresetName):
        known = ", ".join(get_args(PresetName))
        raise ConfigError(
            Text(f"Onbekende radio-instelling: {preset}", f"Unknown preset: {preset}"),
            Text(f"Kies uit: {known}", f"One of: {known}"),
        )
    fresh = authority.new_channel()
    return Channel(fresh.name, fresh.key, preset)  # type: ignore[arg-type]


def _joined(args: argparse.Namespace) -> Laptop:
    other = authority_init.find_introduction(args.other)
    if not args.yes and not ask_other(other):
        raise TrustError(
            Text("Er is niets gemaakt", "Nothing was made"),
            Text(
                "Haal de stick opnieuw op bij de eerste laptop", "Fetch the stick again from the first laptop"
            ),
        )
    laptop = authority_init.join(args.dir, args.name, new_passphrase(args), other)
    if args.other.is_dir():
        own = introduction_bytes(authority_init.own_introduction(laptop))
        Stick(args.other).write(f"{FOLDER}/{args.name}", own)
    return laptop


def ask_other(other: Introduction) -> bool:
    """Whether the screen of the other laptop shows the same number."""
    say(f" {other.name}  {keys.show(keys.address_of(other.sign_key))}  {other.control}")
    question = f"Toont de laptop van {other.name} hetzelfde controlegetal?"
    return agreed(Text(question, f"Does the laptop of {other.name} show the same control number?"))


def _restored(args: argparse.Namespace) -> Laptop:
    if args.restore.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"):
        from relay.cli import qr

        data = qr.from_photo(args.restore)[0]
    else:
        data = read_file(args.restore, FILE_BYTES_MAX)
    prompt = Text("wachtwoord van de kopie: ", "passphrase of the copy: ")
    return passphrase_for(args, prompt, lambda typed: authority_init.restore(args.dir, data, typed))[1]


def _tell(args: argparse.Namespace, laptop: Laptop) -> None:
    own, who = laptop.settings.authority, authority_init.own_introduction(laptop)
    address = keys.show(keys.address_of(own.public.sign_key))
    say(
        Text(
            f"Gezag {own.name} gemaakt in {laptop.folder} · adres {address}",
            f"Authority {own.name} made in {laptop.folder} · address {address}",
        )
    )
    say(Text(f"Controlegetal  {who.control}", f"Control number {who.control}"))
    if args.restore is not None:
        say(
            Text(
                "Nu: haal het roster: naober authority sync, met een stick van de andere laptop",
                "Next: fetch the roster: naober authority sync, with a stick of the other laptop",
            )
        )
        return
    if args.other is not None:
        say(
            Text(
                "Nu: stick naar de eerste laptop: naober authority sync STICK; daarna hier hetzelfde",
                "Next: the stick to the first laptop: naober authority sync STICK; then the same here",
            )
        )
        return
    say(
        Text(
            f"Nu: 1 naober authority paper (envelop, kluis)  2 plaatsen in {laptop.folder}/sites.toml"
            "  3 het postvak: naober setup inbox",
            f"Next: 1 naober authority paper (envelope, safe)  2 sites in {laptop.folder}/sites.toml"
            "  3 the inbox: naober setup inbox",
        )
    )
