"""What goes wrong between us and a radio, each as one LinkError that a technician can act on.

Codes that start with R are spoken codes, the same in every place where a person meets them.

    not_installed   the radio's part of this software is missing
    R01             there is no such device
    R02, R03        the radio is set otherwise than it must be (settings.py)
    R04             another program uses the same radio
    R05             the radio lets nobody set it: locked, or managed from elsewhere
    R06             the radio's firmware is too old to be set
    R07             the radio did not keep what it was set to
    no_access       the device may not be opened by this user
    refused, unreachable, lost     as for any connection
    silent          the radio does not answer
    restarted       the radio says that it has just started
    withheld        nothing is transmitted: see the difference that the facts name
    too_large       more bytes than one packet holds
    duty_cycle      the radio may not transmit for some time
    queue_full      the radio's queue is full; it may transmit the packet all the same
    radio_refused   the radio gave another reason
    busy            the packet before is still in the radio's queue
    not_connected   there is no radio to hand it to
"""

from __future__ import annotations

from relay.errors import LinkError, Text

WAIT = Text("Niets te doen: er wordt opnieuw verbonden", "Nothing to do: it connects again")
LATER = Text("Niets te doen: het wordt later opnieuw geprobeerd", "Nothing to do: it is tried again later")
USE_ONE = Text(
    "Stop het andere programma (vaak: sudo systemctl disable --now meshtasticd)",
    "Stop the other program (often: sudo systemctl disable --now meshtasticd)",
)


def no_device(device: str) -> LinkError:
    return LinkError(
        Text(f"Geen radio op {device}", f"No radio at {device}"),
        Text(
            "Gebruik een datakabel (laadkabels hebben geen data) en druk 1x RST op de radio",
            "Use a data cable (charging cables have no data) and press RST on the radio once",
        ),
        code="R01",
    )


def no_access(device: str, why: str) -> LinkError:
    return LinkError(
        Text(f"{device} kan niet worden geopend: {why}", f"{device} can't be opened: {why}"),
        Text("Zet de gebruiker van Naober in de groep dialout", "Put Naober's user in the group dialout"),
        code="no_access",
    )


def in_use(name: str, by: str = "") -> LinkError:
    """`by` names the other program where it is known, as in `meshtasticd (pid 911)`."""
    return LinkError(
        Text(
            f"Radio {name} is ook in gebruik door {by or 'een ander programma'}; twee gooien elkaar eruit",
            f"Radio {name} is also used by {by or 'another program'}; two throw each other out",
        ),
        USE_ONE,
        code="R04",
    )


def locked(name: str) -> LinkError:
    return LinkError(
        Text(
            f"Radio {name} is vergrendeld of wordt elders beheerd: instellen kan niet",
            f"Radio {name} is locked or managed from elsewhere: it can't be set",
        ),
        Text(
            "Zet in de Meshtastic-app 'managed mode' uit of ontgrendel hem; anders: fabrieksinstellingen",
            "Switch off managed mode in the Meshtastic app or unlock it; if you can't: factory reset",
        ),
        code="R05",
    )


def old_firmware(version: str, least: str) -> LinkError:
    return LinkError(
        Text(
            f"Firmware {version} van de radio is te oud, moet {least} of nieuwer zijn",
            f"The radio's firmware {version} is too old, must be {least} or newer",
        ),
        Text(
            "Zet nieuwe firmware op de radio (flasher.meshtastic.org), dan naober radio set",
            "Put new firmware on the radio (flasher.meshtastic.org), then naober radio set",
        ),
        code="R06",
    )


def not_kept(names: str, says: str = "") -> LinkError:
    """`says`: what the radio itself had to tell."""
    told = f" ({says})" if says else ""
    return LinkError(
        Text(f"De radio houdt dit niet vast: {names}{told}", f"The radio does not keep this: {names}{told}"),
        Text(
            "Druk op RST en herhaal naober radio set; blijft het zo: nieuwe firmware of een andere radio",
            "Press RST and repeat naober radio set; if it stays: new firmware, or another radio",
        ),
        code="R07",
    )


def refused(name: str) -> LinkError:
    return LinkError(
        Text(f"Geen radio op {name}: verbinding geweigerd", f"No radio at {name}: refused"),
        Text("Controleer adres en poort (meestal 4403)", "Check address and port (4403 as a rule)"),
        code="refused",
    )


def unreachable(name: str) -> LinkError:
    return LinkError(
        Text(f"Radio {name} is niet bereikbaar", f"Radio {name} cannot be reached"),
        Text(
            "Controleer netwerk, adres en voeding van de radio",
            "Check network, address and the radio's power",
        ),
        code="unreachable",
    )


def lost(name: str) -> LinkError:
    return LinkError(
        Text(f"Radio {name}: verbinding verbroken", f"Radio {name}: connection lost"), WAIT, code="lost"
    )


def silent(name: str) -> LinkError:
    """It is there, and does not answer: it restarts, hangs, or is no Meshtastic radio."""
    return LinkError(
        Text(f"Radio {name} antwoordt niet; mogelijk start hij opnieuw", f"Radio {name} does not answer"),
        Text("Duurt het langer dan een minuut: druk op RST", "After more than a minute: press RST"),
        code="silent",
    )


def restarted(name: str) -> LinkError:
    return LinkError(
        Text(f"Radio {name} is opnieuw gestart", f"Radio {name} has restarted"), WAIT, code="restarted"
    )


def too_large(size_bytes: int, most_bytes: int) -> LinkError:
    return LinkError(
        Text(
            f"{size_bytes} bytes passen niet in een radiopakket van {most_bytes}",
            f"{size_bytes} bytes do not fit a radio packet of {most_bytes}",
        ),
        Text("Maak de tekst korter; via internet kan hij wel", "Shorten the text, or wait for the internet"),
        code="too_large",
    )


def duty_cycle(minutes: int) -> LinkError:
    return LinkError(
        Text(
            f"Zendtijd op (10 % per uur): de radio zendt weer over {minutes} min",
            f"Airtime used up (10 % an hour): the radio transmits again in {minutes} min",
        ),
        Text("Niets te doen: alles blijft bewaard", "Nothing to do: everything is kept"),
        code="duty_cycle",
    )


def queue_full() -> LinkError:
    return LinkError(
        Text("Wachtrij van de radio is vol", "The radio's queue is full"), LATER, code="queue_full"
    )


def radio_refused(reason: int) -> LinkError:
    return LinkError(
        Text(
            f"De radio weigert het pakket (reden {reason})", f"The radio refuses the packet (reason {reason})"
        ),
        LATER,
        code="radio_refused",
    )


def busy() -> LinkError:
    return LinkError(
        Text("De radio heeft nog een pakket te zenden", "The radio still has a packet to send"),
        LATER,
        code="busy",
    )


def not_connected(name: str) -> LinkError:
    return LinkError(
        Text(f"Geen verbinding met radio {name}", f"Not connected to radio {name}"),
        WAIT,
        code="not_connected",
    )
