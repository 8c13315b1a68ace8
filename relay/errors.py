"""Every error that Naober raises on purpose, and whose fault it is.

    NaoberError          anything below; `what` and `do` can be shown to a person as they are
    ├── ConfigError      a file that a technician wrote, or left out
    ├── ValueRefused     a value that a person or sensor gave does not fit its field
    ├── KeyFileError     a key file is missing, broken or readable by others
    ├── TrustError       a paper that is not by an authority we know, not for us, or revoked
    ├── StorageError     this machine's disk: full, read-only or broken
    ├── LinkError        a link cannot carry anything now; the other side or what lies between
    ├── WireError        bytes from outside that are not what they claim to be: count and drop
    └── LedgerError      our own mistake: a transition that the ledger does not know

Raise or return; whoever logs does so once, at the edge.
"""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """One sentence for a person's eyes, in both languages of the screens."""

    nl: str
    en: str


class NaoberError(Exception):
    """What is the matter, and what to do about it."""

    def __init__(self, what: Text | str, do: Text | str = "") -> None:
        self.what = what if isinstance(what, Text) else Text(what, what)
        self.do = do if isinstance(do, Text) else Text(do, do)
        super().__init__(self.what.en + (f" ({self.do.en})" if self.do.en else ""))


class ConfigError(NaoberError):
    """A configuration file does not say what it must."""


class ValueRefused(NaoberError):
    """A value is not one that its field can hold."""


class KeyFileError(NaoberError):
    """A key is missing, unreadable, or open to other users of this machine."""


class TrustError(NaoberError):
    """A paper is whole, but nothing may be done because of it: another's, unknown, older or revoked."""


class StorageError(NaoberError):
    """The disk did not do what was asked; `code` tells the cases apart (full, read-only, corrupt, failed)."""

    def __init__(self, what: Text | str, do: Text | str = "", *, code: str = "failed") -> None:
        super().__init__(what, do)
        self.code = code


class LinkError(NaoberError):
    """A link is down or refuses; `code` is stable and goes to logs and `naober status`."""

    def __init__(self, what: Text | str, do: Text | str = "", *, code: str = "failed") -> None:
        super().__init__(what, do)
        self.code = code


class WireError(NaoberError):
    """Bytes that no peer of ours would send."""


class LedgerError(NaoberError):
    """A message was asked to do something that its state does not allow."""
