"""What `naober stick` says: a line for each thing that a person must know, and when the stick may go."""

from __future__ import annotations

from collections.abc import Mapping

from relay.cli.language import pick, say
from relay.errors import Text
from relay.node.courier_handling import Told

WHY = {
    "strange": Text("niet van ons", "not ours"),
    "broken": Text("beschadigd of half geschreven", "damaged or half-written"),
    "unsafe": Text("geen gewoon bestand", "not a regular file"),
    "too_large": Text("te groot", "too large"),
    "large": Text("te veel op deze stick", "too much on this stick"),
    "failed": Text("niet te lezen", "unreadable"),
}


def tell(told: Told, *, read: bool, wrote: bool) -> int:
    """Print what was done; the exit code."""
    if read:
        _tell_read(told)
    if wrote:
        tell_written(told)
    passed_over = tell_skipped(told.skipped, told.junk)
    if told.full:
        say(
            Text(
                f"{told.full} berichten voor anderen passen hier niet; ze blijven op de stick",
                f"{told.full} messages for others do not fit here; they stay on the stick",
            )
        )
    _tell_memory(told.memory_only)
    say(Text("De stick mag eruit", "The stick may go"))
    return int(passed_over or bool(told.full) or told.memory_only is not None)


def _tell_read(told: Told) -> None:
    if told.reports or told.statuses:
        say(
            Text(
                f"VRD heeft {counted(told.reports, 'melding', 'meldingen')} en "
                f"{counted(told.statuses, 'status', 'statussen')} van dit punt ontvangen (koerier)",
                f"VRD has received {counted(told.reports, 'report', 'reports')} and "
                f"{counted(told.statuses, 'status', 'statuses')} of this site (courier)",
            )
        )
    if told.papers:
        say(Text(f"{told.papers} nieuw van het roster", f"{told.papers} new of the roster"))
    say(
        Text(
            f"Gelezen: {counted(told.taken, 'bericht', 'berichten')} van anderen meegenomen, "
            f"{told.known} al bekend",
            f"Read: {counted(told.taken, 'message', 'messages')} of others taken along, {told.known} known",
        )
    )


def tell_written(told: Told) -> None:
    """What is on the stick now."""
    if told.receipts:
        nodes = told.receipts
        say(
            Text(
                f"Bevestigingen van VRD voor {counted(nodes, 'ander punt', 'andere punten')} gaan mee",
                f"Receipts of VRD for {counted(nodes, 'other site', 'other sites')} go along",
            )
        )
    if not told.written:
        say(Text("Niets te schrijven: VRD heeft alles", "Nothing to write: VRD has everything"))
        return
    say(
        Text(
            f"Geschreven: {counted(told.written, 'bericht', 'berichten')} voor VRD, "
            f"in {counted(told.files, 'bestand', 'bestanden')}",
            f"Written: {counted(told.written, 'message', 'messages')} for VRD, "
            f"in {counted(told.files, 'file', 'files')}",
        )
    )


def tell_skipped(skipped: Mapping[str, int], junk: int) -> bool:
    """One line of what was passed over; whether there was any."""
    told = [f"{count} {pick(WHY.get(why, WHY['failed']))}" for why, count in skipped.items() if count]
    if junk:
        told.append(pick(Text(f"{junk} berichten die niet kloppen", f"{junk} messages that are not sound")))
    if told:
        say(pick(Text("Overgeslagen: ", "Passed over: ")) + ", ".join(told))
    return bool(told)


def _tell_memory(storage: Text | None) -> None:
    if storage:
        what = Text(
            f"S01 nieuwe berichten alleen in geheugen: {storage.nl}",
            f"S01 new messages in memory only: {storage.en}",
        )
        say(what)
        say(
            Text(
                "Doe: breng deze stick nu naar VRD; daarna een reservekaart",
                "Do: take this stick to VRD now; then a spare card",
            )
        )


def tell_rescue(told: Told, *, running: bool) -> int:
    """After `naober stick rescue`."""
    if not running:
        say(
            Text(
                "Het knooppunt draait niet: alleen wat op de kaart staat",
                "The node does not run: only what is on the card",
            )
        )
    say(
        Text(
            f"Gered: {counted(told.written, 'bericht', 'berichten')}, "
            f"waarvan {told.rescued} van de kaart zelf gelezen",
            f"Rescued: {counted(told.written, 'message', 'messages')}, {told.rescued} of them off the card",
        )
    )
    _tell_memory(told.memory_only)
    if told.written:
        say(
            Text(
                "Doe: breng de stick naar VRD (naober inbox import); bewaar de kaart",
                "Do: take the stick to VRD (naober inbox import); keep the card",
            )
        )
    say(Text("De stick mag eruit", "The stick may go"))
    return 0 if told.written else 1


def counted(number: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{number} {one if number == 1 else many}"
