"""Notices that stand in the place of older ones: which, and to whom the older one is told no more.

A replacement is for all whom the older one was for, so that nobody is left with what no longer holds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from relay.core.notices import EXERCISE
from relay.errors import Text, ValueRefused

# Left out of what a site is to be told: an older notice for which a newer one is under way to the same site.
STILL_HOLDS = (
    "NOT EXISTS (SELECT 1 FROM replacement AS p JOIN delivery AS pd ON pd.notice = p.notice"
    " WHERE p.replaces = n.id AND pd.site = d.site)"
)
REPLACES = "(SELECT replaces FROM replacement WHERE notice = n.id)"
REPLACED_BY = "(SELECT notice FROM replacement WHERE replaces = n.id)"


Ask = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]  # a query and its values; gives rows


def check(ask: Ask, replaces: int, sites: Iterable[str] | None, *, exercise: bool) -> None:
    """Raises ValueRefused where no notice to `sites` (None: to all) can stand for the notice `replaces`.

    What is of an exercise never takes the place of what is real, nor the other way.
    """
    found = ask("SELECT kind FROM notice WHERE id = ? AND exercise = ?", (replaces, exercise))
    if not found or found[0][0] == EXERCISE:
        raise ValueRefused(
            Text(
                f"Er is geen bericht {replaces} om te vervangen", f"There is no notice {replaces} to replace"
            ),
            Text("Kies een ander bericht", "Choose another notice"),
        )
    for (newer,) in ask("SELECT notice FROM replacement WHERE replaces = ?", (replaces,)):
        raise ValueRefused(
            Text(f"Bericht {replaces} is al vervangen door {newer}", f"{newer} replaces {replaces} already"),
            Text(f"Vervang bericht {newer}", f"Replace notice {newer}"),
        )
    meant = {site for (site,) in ask("SELECT site FROM delivery WHERE notice = ?", (replaces,))}
    if sites is not None and meant - set(sites):
        raise ValueRefused(
            Text(
                f"Bericht {replaces} ging ook naar andere punten",
                f"Notice {replaces} went to other sites too",
            ),
            Text("Kies als Aan dezelfde punten, of meer", "Send it to the same sites, or to more"),
        )


def note(
    db: sqlite3.Connection, notice: int, replaces: int, sites: Iterable[str] | None, *, exercise: bool
) -> None:
    """Within the write that made `notice`. Raises ValueRefused, see `check`."""
    check(lambda query, values: db.execute(query, values).fetchall(), replaces, sites, exercise=exercise)
    db.execute("INSERT INTO replacement (notice, replaces) VALUES (?, ?)", (notice, replaces))
