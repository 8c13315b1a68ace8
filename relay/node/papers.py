"""What authorities said, as this node keeps it: its own grant, and the changes of the roster that it heard.

The files stand beside the keys: `grant` (one envelope) and `roster` (changes only). What is taken is in force
at once, and on disk before the next paper; a disk that refuses costs the file, not the change: it is written
again with the next, and said again by the inbox after a restart.

Source: design, "Trust" (pinned authorities; a node shows its grant itself).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from relay import files
from relay.core import wire
from relay.core.message import Address, Kind
from relay.errors import NaoberError, StorageError, TrustError, WireError
from relay.trust import papers, roster_file
from relay.trust.judging import Judge, Judged
from relay.trust.keys import address_of

GRANT_NAME = "grant"

log = logging.getLogger("naober.node")


class NodePapers:
    """Implements core.papers.Papers. Used on the station's thread."""

    def __init__(
        self,
        state: Path,
        public_key: bytes,
        network: bytes,
        authority_keys: tuple[bytes, ...],
        inbox_keys: tuple[bytes, ...],
    ) -> None:
        """Reads the files in `state`; one that is missing or damaged is as good as none.

        `authority_keys` are those that this node was enrolled by, `inbox_keys` those that count until a
        paper says otherwise.
        """
        self._public_key, self._network, self._inbox_keys = public_key, network, inbox_keys
        self._grant_file = state / GRANT_NAME
        self._judge = Judge(authority_keys, network)
        self._changes = _read_changes(state / roster_file.NAME)
        self.grant = b""
        self.version = 0
        self.inboxes: Mapping[Address, wire.PublicKey] = {}
        self.dismissed: str | None = None
        self._judged: Judged
        self._follow()
        self._take_up_grant()

    def refuses(self, address: Address) -> bool:
        """See core.papers.Papers. By the address alone: a node knows no keys of its neighbours."""
        return address in self._judged.reasons

    def take(self, envelope: bytes) -> bool:
        """See core.papers.Papers."""
        kind = wire.parse_header(envelope).kind
        if kind not in (Kind.GRANT, Kind.ROSTER_CHANGE):
            raise WireError("a request is for an authority")
        if envelope == self.grant or envelope in self._changes.envelopes:
            return False
        return self._take_grant(envelope) if kind == Kind.GRANT else self._take_change(envelope)

    # --- changes ---

    def _take_change(self, envelope: bytes) -> bool:
        try:
            change = papers.read_change(envelope, self._judged.authority_keys, self._network)
        except TrustError as error:
            raise WireError(error.what.en) from None
        if self._is_old_news(change):
            return False
        if self._has_room(kept := self._changes.envelopes | {envelope}):
            self._changes.add([envelope])
        else:
            self._changes.keep_only(self._fitting(kept, envelope))
        self._follow()
        self._save()
        return True

    def _has_room(self, envelopes: frozenset[bytes]) -> bool:
        """Whether a node keeps so many; the file of an inbox on the same machine has a limit of its own."""
        theirs = any(wire.parse_header(each).kind == Kind.GRANT for each in envelopes)
        return theirs or len(roster_file.encode(envelopes)) <= roster_file.CHANGES_BYTES_MAX

    def _fitting(self, envelopes: frozenset[bytes], envelope: bytes) -> frozenset[bytes]:
        """Those that fit: what counts no more goes, then the oldest revocations of others.

        Raises WireError when `envelope` would be among what goes: a replay must not write the file anew.
        """
        judged = self._judge.judge([self.grant, *envelopes])
        own, kept = papers.key_hash(self._public_key), frozenset(judged.changes)
        for each in judged.changes[::-1]:
            if self._has_room(kept):
                break
            what = self._read(each).what
            if isinstance(what, papers.Revoke) and what.key_hash != own:
                kept -= {each}
        if envelope not in kept or not self._has_room(kept):
            raise WireError("more changes than a node keeps")
        return kept

    def _is_old_news(self, change: papers.Change) -> bool:
        """Whether a newer paper has said as much: a replay must not fill the file."""
        if isinstance(change.what, papers.Revoke):
            return change.what.key_hash in self._judged.revoked
        said = [self._read(each) for each in self._judged.changes]
        newest = max((each.version for each in said if type(each.what) is type(change.what)), default=0)
        granted = self._grant_version() if isinstance(change.what, papers.InboxKeys) else 0
        return change.version <= max(newest, granted)

    def _read(self, envelope: bytes) -> papers.Change:
        return papers.read_change(envelope, tuple(self._judge.believed), self._network)

    def _save(self) -> None:
        try:
            self._changes.save()
        except StorageError as error:
            log.error("the change of the roster is in force, but not on disk: %s", error)

    # --- our own grant ---

    def _take_up_grant(self) -> None:
        try:
            envelope = self._grant_file.read_bytes()[: papers.GRANT_BYTES_MAX + 1]
            self._read_own(envelope)
        except FileNotFoundError:
            return
        except (OSError, NaoberError) as error:
            log.error("the grant of this node can't be used: %s", error)
            return
        self.grant = envelope
        self._follow()

    def _take_grant(self, envelope: bytes) -> bool:
        try:
            grant = self._read_own(envelope)
        except TrustError as error:
            raise WireError(error.what.en) from None
        if grant.version <= self._grant_version():
            return False
        self.grant = envelope
        self._follow()
        try:
            files.replace(self._grant_file, envelope, files.PRIVATE)
        except StorageError as error:
            log.error("the newer grant is in force, but not on disk: %s", error)
        else:
            log.warning("a newer grant came; to apply all of it: naober enrol --file %s", self._grant_file)
        return True

    def _read_own(self, envelope: bytes) -> papers.Grant:
        """Raises WireError, also for another machine's; TrustError."""
        grant = papers.read_grant(envelope, self._judged.authority_keys, self._network)
        if grant.sign_key != self._public_key:
            raise WireError("a grant for another node")
        return grant

    def _grant_version(self) -> int:
        return wire.parse_header(self.grant).number if self.grant in self._judged.counting else 0

    # --- what it all means ---

    def _follow(self) -> None:
        shown = [self.grant] if self.grant else []
        self._judged = self._judge.judge([*shown, *self._changes.envelopes])
        pinned = tuple(each for each in self._inbox_keys if not self._judged.is_revoked(each))
        keys = self._judged.inbox_keys or pinned
        self.inboxes = {address_of(raw): Ed25519PublicKey.from_public_bytes(raw) for raw in keys}
        self.version = max(self.version, self._judged.version)
        revoked = self._judged.revocation(self._public_key)
        self.dismissed = None if revoked is None else revoked.reason


def _read_changes(path: Path) -> roster_file.Papers:
    """What is on disk. A damaged file is set aside: the inbox says all changes again."""
    try:
        return roster_file.Papers(path, roster_file.CHANGES_BYTES_MAX)
    except StorageError as error:
        log.error("the roster is read anew from the inbox: %s", error)
        try:
            path.replace(path.with_suffix(".broken"))
        except OSError:
            path = path.with_suffix(".new")
        return roster_file.Papers(path, roster_file.CHANGES_BYTES_MAX)
