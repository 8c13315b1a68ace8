"""`naober authority sign-bundle`."""

from __future__ import annotations

import argparse

from relay.cli.authority_ask import unlocked
from relay.cli.language import say
from relay.errors import Text
from relay.trust.authority_laptop import Laptop
from relay.trust.release import release_of, sign_release
from relay.upgrade import bundle


def run(args: argparse.Namespace) -> int:
    """Signs a bundle, so that the machines of this network take it. Raises BundleError for a damaged one."""
    found = bundle.read(args.file)
    bundle.check_all(found)
    version = found.manifest.version
    say(f"Naober {version}")
    for package in found.manifest.packages:
        say(f"  {package.release:<10}{package.arch:<7}{package.size / 1e6:6.1f} MB  {package.version}")
    laptop = Laptop(args.dir)
    _, secrets = unlocked(args, laptop)
    release = release_of(version, found.manifest_bytes)
    bundle.add_signature(args.file, sign_release(release, secrets.signer, laptop.network_id))
    say(
        Text(
            f"Getekend. Nu: op elk apparaat  sudo naober upgrade {args.file.name}, of zet hem op de stick",
            f"Signed. Next: on each machine  sudo naober upgrade {args.file.name}, or put it on the stick",
        )
    )
    return 0
