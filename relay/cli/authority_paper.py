"""`naober authority paper`: the closed key file as a QR code on paper, for a sealed envelope."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from relay import files
from relay.cli import qr
from relay.cli.language import say
from relay.errors import Text
from relay.labels.key_copy import key_copy_pdf
from relay.trust import keys
from relay.trust.authority_laptop import Laptop


def run(args: argparse.Namespace) -> int:
    """Writes the PDF. It opens nothing without the passphrase, so none is asked."""
    laptop = Laptop(args.dir)
    own = laptop.settings.authority
    address = keys.show(keys.address_of(own.public.sign_key))
    path = args.out or Path(f"sleutel-{own.name}.pdf")
    pdf = key_copy_pdf(own.name, address, time.strftime("%d-%m-%Y"), qr.to_text(laptop.key_bytes()))
    files.replace(path, pdf, files.PRIVATE)
    say(
        Text(
            f"{path}: druk af, doe het in een verzegelde envelop in de kluis, en wis het bestand.",
            f"{path}: print it, put it into a sealed envelope in the safe, and delete the file.",
        )
    )
    say(Text("Het wachtwoord hoort in een andere envelop.", "The passphrase belongs in another envelope."))
    return 0
