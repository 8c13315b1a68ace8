"""The laptop's folder: roster, version, requests, register of sites, and the closed key file.

    authority.key   see authority_file      roster    the papers        verzoek/     requests, as they came
    authority.toml  see authority_settings  version   newest one seen   toelating/   grants shown as QR codes
    sites.toml      VRD's register          ca.pem    for whoever needs to look at a certificate

What is signed is in the roster here, synced, before it goes to a stick. The version is kept beside the
roster, so that a roster put back from a copy is noticed: whoever has seen a newer one signs nothing from it.
"""

from __future__ import annotations

import fcntl
import os
import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from relay import files
from relay.core import wire
from relay.core.message import Kind
from relay.errors import ConfigError, KeyFileError, NaoberError, StorageError, Text, TrustError, WireError
from relay.trust import authority_file, authority_settings, keeping, keys, papers, sites
from relay.trust.authority import Network, network_with
from relay.trust.authority_file import Secrets, Shared
from relay.trust.judging import Judge
from relay.trust.papers import Grant, Request
from relay.trust.roster_file import PAPERS_BYTES_MAX, Papers, decode, encode
from relay.trust.stick import ADDRESS_NAME, GRANTS, REQUESTS, ROSTER, Stick, read_file

FOLDER_NAME = "naober-authority"
KEY_FILE, VERSION_FILE, CA_FILE = "authority.key", "version", "ca.pem"
REQUESTS_MAX = 10_000
AHEAD_MAX = 10 * 366 * 24 * 60  # of a version (it counts minutes): ten years before the clock and the roster
_LOCK = ".lock"


class Laptop:
    """One authority's folder. Raises ConfigError when there is none, StorageError for a broken roster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.papers = Papers(folder / ROSTER)
        self.reload()

    def reload(self) -> None:
        """Reads authority.toml again, and makes up its mind anew."""
        self.settings = authority_settings.load(self.folder)
        self.network_id = bytes.fromhex(self.settings.authority.network_id)
        self._judge = Judge(self.pinned, self.network_id)
        self.judge()

    def judge(self) -> None:
        """Makes up its mind again about what the papers say."""
        self.standing = self._judge.judge(self.papers.envelopes)
        self.seen = max(self._version_on_disk(), self.standing.version)

    @property
    def pinned(self) -> tuple[bytes, ...]:
        """The authorities that this laptop believes, the network's founder first."""
        pair = [self.settings.authority.public.sign_key]
        if self.settings.other:
            pair.append(self.settings.other.public.sign_key)
        return tuple(sorted(pair, key=lambda key: papers.network_id_of(key) != self.network_id))

    @property
    def is_newest(self) -> bool:
        """Whether this roster is no older than any that was seen here."""
        return self.standing.version >= self._version_on_disk()

    def must_be_newest(self) -> None:
        """Raises TrustError when this roster is older than one that was seen here."""
        here, before = self.standing.version, self._version_on_disk()
        if not self.is_newest:
            raise TrustError(
                Text(
                    f"Roster {here} is ouder dan {before}, dat hier al was",
                    f"Roster {here} is older than {before}, seen here before",
                ),
                Text(
                    "Eerst: naober authority sync met een stick van de andere laptop of van het postvak",
                    "First: naober authority sync with a stick of the other laptop or the inbox",
                ),
            )

    def next_version(self, now_unix_s: float) -> int:
        """The version of what is signed now: higher than any before, by the clock when it is right."""
        return max(self.seen + 1, int(now_unix_s - wire.EPOCH_2025_UNIX_S) // 60)

    # --- what is known

    def is_revoked(self, key: bytes) -> bool:
        """Whether this key will never count again."""
        return self.standing.revocation(key) is not None

    def living(self) -> dict[bytes, Grant]:
        """By key: the newest grants of machines that are neither revoked nor replaced."""
        grants = [grant for key, grant in self.standing.grants.items() if not self.is_revoked(key)]
        replaced = {(grant.replaces, grant.site_id): grant.version for grant in grants if grant.replaces}
        return {
            grant.sign_key: grant
            for grant in grants
            if replaced.get((grant.address, grant.site_id), 0) <= grant.version
        }

    def network(self, more: Sequence[Request] = (), *, only_known: bool = False) -> Network:
        """Whom a new grant names: the inboxes in force, and those that `more` asks for.

        Raises TrustError for one whose request is not here; with `only_known` that is left out.
        """
        also, requests = self.settings.broker, self.requests()
        for request in more:
            requests[request.sign_key] = request
        named = dict.fromkeys((*self.standing.inbox_keys, *(each.sign_key for each in more)))
        missing = [key for key in named if key not in requests]
        if only_known:
            named = dict.fromkeys(key for key in named if key in requests) or self._living_inboxes(requests)
        elif missing:
            shown = keys.show(keys.address_of(missing[0]))
            raise TrustError(
                Text(
                    f"Het verzoek van postvak {shown} staat niet op deze laptop",
                    f"The request of inbox {shown} is not on this laptop",
                ),
                Text(
                    "Eerst: naober authority sync met een stick van de andere laptop",
                    "First: naober authority sync with a stick of the other laptop",
                ),
            )
        inboxes = [requests[key] for key in named]
        pins = map(bytes.fromhex, also.pins)
        return network_with(self.network_id, self.standing.authority_keys, inboxes, also.addresses, pins)

    def _living_inboxes(self, requests: Iterable[bytes]) -> dict[bytes, None]:
        grants = self.living()
        return dict.fromkeys(key for key in requests if key in grants and grants[key].role == "inbox")

    def sites(self) -> tuple[sites.Site, ...]:
        """VRD's register; raises ConfigError."""
        return sites.load(self.folder / sites.FILE_NAME)

    def requests(self) -> dict[bytes, Request]:
        """By signing key: the requests that were granted, here or at the other laptop."""
        return {request.sign_key: request for request, _ in self.request_files()}

    def request_files(self) -> list[tuple[Request, bytes]]:
        """The same, each with its envelope; a broken one is passed over."""
        found = []
        for file in sorted((self.folder / REQUESTS).glob("*"))[:REQUESTS_MAX]:
            if ADDRESS_NAME.fullmatch(file.name):
                try:
                    data = read_file(file, papers.REQUEST_BYTES_MAX)
                    found.append((papers.read_request(data), data))
                except NaoberError:
                    continue
        return found

    def envelope_of(self, grant: Grant) -> bytes | None:
        """A grant of the roster, as it was signed."""
        for envelope in self.papers.envelopes:
            header = wire.parse_header(envelope)
            may_be = header.kind == Kind.GRANT and header.number == grant.version
            if may_be and papers.read_grant(envelope, self.pinned, self.network_id) == grant:
                return envelope
        return None

    # --- the key

    def key_bytes(self) -> bytes:
        """The closed key file; raises KeyFileError when it is missing or open to others."""
        return keys.read_private(self.folder / KEY_FILE)

    def unlock(self, passphrase: str) -> Secrets:
        """The secrets; raises KeyFileError, also when the file is not of this folder's authority."""
        secrets = authority_file.unlock(self.key_bytes(), passphrase, str(self.folder / KEY_FILE))
        if secrets.public != self.settings.authority.public or secrets.network_id != self.network_id:
            raise KeyFileError(
                Text(
                    f"{KEY_FILE} en {authority_settings.FILE_NAME} horen niet bij elkaar",
                    f"{KEY_FILE} and {authority_settings.FILE_NAME} do not belong together",
                ),
                Text("Zet de hele map terug van een kopie", "Restore the whole folder from a copy"),
            )
        return secrets

    def shared(self, secrets: Secrets) -> Shared:
        """What both laptops hold; raises TrustError on a second one that was not answered yet."""
        if secrets.shared is None:
            raise TrustError(
                Text(
                    "Deze laptop heeft de gedeelde sleutels nog niet",
                    "This laptop has not got the shared keys yet",
                ),
                Text(
                    "Stick naar de andere laptop: naober authority sync; daarna hier hetzelfde",
                    "Take the stick to the other laptop: naober authority sync; then the same here",
                ),
            )
        return secrets.shared

    def save_key(self, secrets: Secrets, passphrase: str) -> None:
        """Closes the secrets again, at the cost that they had."""
        header = authority_file.read_header(self.key_bytes(), KEY_FILE)
        data = authority_file.lock(secrets, header.name, passphrase, cost_log2=header.cost_log2)
        files.replace(self.folder / KEY_FILE, data, files.PRIVATE)
        self.write_ca(secrets)

    def write_ca(self, secrets: Secrets) -> None:
        """The certificate of our small authority, for who wants to look at others with it."""
        if secrets.shared is not None:
            pem = ssl.DER_cert_to_PEM_cert(secrets.shared.ca)
            files.replace(self.folder / CA_FILE, pem.encode())

    # --- keeping

    def keep(self, envelopes: Iterable[bytes], requests: Iterable[tuple[Request, bytes]] = ()) -> None:
        """Takes verified papers, and the requests they answer, onto this disk; synced on return."""
        for request, envelope in requests:
            files.make_folder(self.folder / REQUESTS, 0o700)
            path = self.folder / REQUESTS / keys.address_text(request.address)
            files.replace(path, envelope, files.PRIVATE)
        self.papers.add(envelopes)
        keeping.save(self.papers, self.pinned, self.network_id)
        self.judge()
        files.replace(self.folder / VERSION_FILE, f"{self.seen}\n".encode(), files.PRIVATE)

    def write_stick(self, stick: Stick, grants: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """The roster, and (address, grant) pairs, onto a stick; raises StorageError."""
        for address, envelope in grants:
            stick.write(f"{GRANTS}/{keys.address_text(address)}", envelope)
        stick.write(ROSTER, encode(self.papers.envelopes))

    def read_stick(self, stick: Stick) -> tuple[list[bytes], int]:
        """The papers of our authorities on a stick that are new here, and how many others it has.

        Raises StorageError; `corrupt` for what is no roster at all.
        """
        try:
            data = stick.read(ROSTER, PAPERS_BYTES_MAX)
        except StorageError as error:
            if error.code == "missing":
                return [], 0
            raise
        try:
            new = decode(data) - self.papers.envelopes
        except WireError:
            raise StorageError(
                Text(f"Het roster op {stick} is beschadigd", f"The roster on {stick} is damaged"),
                Text(
                    "Er is niets gewijzigd. Haal naober/roster van de stick en herhaal dit",
                    "Nothing has changed. Take naober/roster off the stick and repeat this",
                ),
                code="corrupt",
            ) from None
        genuine = [envelope for envelope in new if self.is_genuine(envelope)]
        return genuine, len(new) - len(genuine)

    def is_genuine(self, envelope: bytes) -> bool:
        """Whether one of our authorities signed it, under a number that can be.

        A thief's paper with the highest number there is would leave none for the other authority to drop him.
        """
        now = int(time.time() - wire.EPOCH_2025_UNIX_S) // 60
        try:
            papers.signer_of(envelope, self.pinned, self.network_id)
            return wire.parse_header(envelope).number <= max(self.seen, now) + AHEAD_MAX
        except NaoberError:
            return False

    def _version_on_disk(self) -> int:
        try:
            text = (self.folder / VERSION_FILE).read_bytes()[:16].strip()
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise files.storage_error(error, self.folder / VERSION_FILE) from error
        if not text.isdigit():
            raise ConfigError(
                Text(f"{VERSION_FILE} is beschadigd", f"{VERSION_FILE} is damaged"),
                Text("Zet de hele map terug van een kopie", "Restore the whole folder from a copy"),
            )
        return int(text)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps a second `naober authority` out of this folder; raises ConfigError when one is in it."""
        fd = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, files.PRIVATE)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise ConfigError(
                Text("Er loopt al een naober authority in deze map", "Another naober authority works here"),
                Text("Wacht tot die klaar is", "Wait until it is done"),
            ) from None
        finally:
            os.close(fd)
