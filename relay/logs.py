"""The log of a daemon, on standard error; systemd takes it to the journal from there."""

from __future__ import annotations

import logging
import os
import sys

import msgspec


class _Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": record.created,
            "level": record.levelname.lower(),
            "part": record.name.removeprefix("naober."),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def configure(level: str, *, json: bool) -> None:
    """Write the log of `naober.*` from `level` up; without a time where the journal adds its own."""
    handler = logging.StreamHandler(sys.stderr)
    if json:
        handler.setFormatter(_Json())
    else:
        stamp = "" if "JOURNAL_STREAM" in os.environ else "%(asctime)s "
        handler.setFormatter(logging.Formatter(stamp + "%(levelname)-7s %(message)s"))
    root = logging.getLogger("naober")
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    root.propagate = False
