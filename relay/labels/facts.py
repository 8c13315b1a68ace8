"""What is printed."""

from __future__ import annotations

from typing import NamedTuple


class Box(NamedTuple):
    """One machine, as its sheet and label name it."""

    title: str  # the site's name; for a spare its own
    place: str  # number and municipality of the site; may be empty
    name: str  # which box of the site; may be empty
    address: str  # 3f9a-21c4
    control: str  # 5x5 digits


class Wifi(NamedTuple):
    """How one joins the Wi-Fi of one box: for its card only."""

    name: str
    password: str
    join: str  # what the QR code says
    page: str  # where the page is


class Facts(NamedTuple):
    """What is the same on all of them."""

    version: int  # of the roster
    date: str  # 24-11-2026
    phone: str = ""  # of VRD; empty: a line to write it on
    page: str = ""  # address of the site's own page; empty: it has none
