"""What leaves the laptop on paper or on its screen: sheets, labels, and grants as QR codes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from relay import files
from relay.cli import qr
from relay.cli.language import complain, say
from relay.errors import StorageError, Text
from relay.labels import Box, Facts, Wifi, cards_pdf, labels_pdf, sheets_pdf
from relay.trust import keys
from relay.trust.authority_laptop import Laptop
from relay.trust.stick import GRANTS, Stick
from relay.wifi import card, point

PDFS_MAX = 100  # of cards, of one version of the roster, on one stick


def write_paper(
    laptop: Laptop, addresses: Iterable[bytes], version: int, to: Stick | Path
) -> tuple[str, ...]:
    """Labels and install sheets of these machines, as PDF; their names, none when there are no machines."""
    boxes = list(boxes_of(laptop, addresses))
    if not boxes:
        return ()
    facts = facts_of(laptop, version)
    made = {
        f"labels-{version}.pdf": labels_pdf(boxes, facts),
        f"bladen-{version}.pdf": sheets_pdf(boxes, facts),
    }
    for name, data in made.items():
        if isinstance(to, Stick):
            to.write(name, data)
        else:
            files.make_folder(to)
            files.replace(to / name, data)
    return tuple(made)


def boxes_of(laptop: Laptop, addresses: Iterable[bytes]) -> Iterable[Box]:
    """What is printed of each machine, in the order of sites."""
    grants = {grant.address: grant for grant in laptop.living().values()}
    requests = {request.address: request for request in laptop.requests().values()}
    wanted = [grants[address] for address in addresses if address in grants]
    for grant in sorted(wanted, key=lambda grant: (grant.site_id, grant.name, grant.address)):
        request = requests.get(grant.address)
        yield Box(
            title=grant.site or grant.name or grant.role.upper(),
            place=" · ".join(filter(None, (grant.site_id, grant.municipality))),
            name=grant.name if grant.site else "",
            address=keys.show(grant.address),
            control=request.control if request else "",
        )


def facts_of(laptop: Laptop, version: int) -> Facts:
    """What is the same on all sheets."""
    sheet = laptop.settings.sheet
    return Facts(version, time.strftime("%d-%m-%Y"), sheet.phone, sheet.page)


def write_cards(laptop: Laptop, addresses: Iterable[bytes], version: int, stick: Stick) -> str:
    """The cards for inside the boxes, of what came along on the stick; the name of the PDF, if there is any.

    Once it is written, the passwords it was made of are taken off the stick. A PDF that is there is kept: it
    may not have been printed. A card that can't be read is told, and holds up nothing.
    """
    found: dict[str, tuple[bytes, Wifi]] = {}
    for address in addresses:
        try:
            here = card.take(stick, address)
        except StorageError as error:
            complain(error)
            continue
        if here is not None:
            found[keys.show(address)] = address, _wifi(here)
    boxes = [(box, found[box.address]) for box in boxes_of(laptop, [each for each, _ in found.values()])]
    if not boxes:
        return ""
    names = (f"kaarten-{version}{more}.pdf" for more in ("", *(f"-{at}" for at in range(2, PDFS_MAX))))
    name = next((each for each in names if stick.size(each) is None), f"kaarten-{version}.pdf")
    stick.write(name, cards_pdf((box, wifi) for box, (_, wifi) in boxes))
    for _, (address, _) in boxes:
        card.drop(stick, address)
    return name


def _wifi(here: card.Card) -> Wifi:
    join = point.join_code(point.Point(here.name, here.password))
    return Wifi(here.name, here.password, join, point.url(point.ADDRESS, 80))


def write_answers(laptop: Laptop, grants: Mapping[bytes, bytes]) -> None:
    """Grants for machines without a stick: on this screen, and as picture and file on this laptop."""
    folder = laptop.folder / GRANTS
    files.make_folder(folder, 0o700)
    for address, envelope in grants.items():
        text, name = qr.to_text(envelope, qr.GRANT_PREFIX), keys.address_text(address)
        files.replace(folder / name, envelope)
        files.replace(folder / f"{name}.png", qr.picture(text))
        if qr.fits_terminal(text):
            say(qr.for_terminal(text))
        shown = keys.show(address)
        picture = folder / f"{name}.png"
        say(Text(f"{shown}: QR-code in {picture}", f"{shown}: QR code in {picture}"))
        say(text)
    if grants:
        say(
            Text(
                "Nu: scan de code met een telefoon op de wifi van de Pi; of daar: naober enrol --text TEKST",
                "Next: scan it with a phone on the Pi's Wi-Fi, or on the Pi: naober enrol --text TEXT",
            )
        )
