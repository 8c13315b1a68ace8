"""The file `naober-X.bundle`: packages for each release of Debian, notes, and the authority's signature.

    "NAOBER BUNDLE 1\\n" · [4] length of the manifest · manifest (JSON) · packages, in its order · signature

The signature is an envelope of kind RELEASE over the hash of the manifest, which has the hash of each
package. It stands last and may be absent: the maker of a bundle has no key. Nothing is believed before the
signature was verified, and no length is followed that is not within a limit.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, NamedTuple

import msgspec

from relay import files
from relay.core import wire
from relay.errors import NaoberError, Text, TrustError, WireError
from relay.trust.release import read_release, release_of

MAGIC = b"NAOBER BUNDLE 1\n"
LENGTH_BYTES = 4
MANIFEST_BYTES_MAX = 64 * 1024
NOTES_LENGTH_MAX = 16 * 1024
PACKAGE_BYTES_MAX = 256 * 1024 * 1024
PACKAGES_MAX = 16
CHUNK_BYTES = 1024 * 1024

_AGAIN = Text(
    "Niets is gewijzigd. Kopieer het bestand opnieuw, of vraag VRD om een nieuw",
    "Nothing has changed. Copy the file again, or ask VRD for a new one",
)


class BundleError(NaoberError):
    """The file is no bundle, is damaged, or is not signed by VRD."""


class Package(msgspec.Struct, frozen=True):
    """One .deb of a bundle."""

    file: Annotated[str, msgspec.Meta(pattern=r"^naober_[A-Za-z0-9.+~_-]{1,80}\.deb$")]
    release: Annotated[str, msgspec.Meta(pattern=r"^[a-z]{1,20}$")]
    arch: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]{1,20}$")]
    version: Annotated[str, msgspec.Meta(pattern=r"^[0-9][A-Za-z0-9.+~-]{0,40}$")]  # dpkg's
    size: Annotated[int, msgspec.Meta(ge=1, le=PACKAGE_BYTES_MAX)]
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


class Manifest(msgspec.Struct, frozen=True):
    """What a bundle holds."""

    version: Annotated[str, msgspec.Meta(pattern=r"^[0-9][A-Za-z0-9.+~-]{0,39}$")]  # Naober's
    packages: Annotated[tuple[Package, ...], msgspec.Meta(min_length=1, max_length=PACKAGES_MAX)]
    notes: Annotated[str, msgspec.Meta(max_length=NOTES_LENGTH_MAX)] = ""


class Bundle(NamedTuple):
    """A bundle whose frame is sound. Only `must_be_signed` and `take_out` make its contents believable."""

    path: Path
    manifest: Manifest
    manifest_bytes: bytes
    packages_at: int
    signature: bytes

    def package(self, release: str, arch: str) -> Package:
        """The one for a machine; raises BundleError when there is none."""
        for package in self.manifest.packages:
            if (package.release, package.arch) == (release, arch):
                return package
        raise BundleError(
            Text(
                f"In {self.path.name} zit niets voor {release} {arch}",
                f"{self.path.name} has nothing for {release} {arch}",
            ),
            Text("Vraag VRD om een bundel voor dit apparaat", "Ask VRD for a bundle for this machine"),
        )


def write(path: Path, version: str, packages: Sequence[tuple[Package, Path]], notes: str = "") -> None:
    """Makes an unsigned bundle of these files; raises BundleError when it would not be read."""
    manifest = Manifest(version, tuple(package for package, _ in packages), notes)
    encoded = msgspec.json.encode(manifest)
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as out:
        out.write(MAGIC + len(encoded).to_bytes(LENGTH_BYTES, "big") + encoded)
        for _, file in packages:
            with file.open("rb") as source:
                shutil.copyfileobj(source, out, CHUNK_BYTES)
    part.rename(path)
    read(path)


def add_signature(path: Path, envelope: bytes) -> None:
    """Puts the signature behind a bundle, instead of one that is there; whole or not at all."""
    bundle = read(path)
    part = path.with_name(f".{path.name}.part")
    shutil.copyfile(path, part)
    with part.open("r+b") as out:
        out.seek(_end_of_packages(bundle.manifest, bundle.packages_at))
        out.truncate()
        out.write(envelope)
        out.flush()
    part.rename(path)
    files.sync_folder(path.parent)


def read(path: Path) -> Bundle:
    """The frame of the bundle at `path`; raises BundleError. No signature and no package is looked at."""
    with _opened(path) as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise _damaged(path, "geen bundel van Naober", "not a bundle of Naober")
        length = int.from_bytes(file.read(LENGTH_BYTES), "big")
        if not 0 < length <= MANIFEST_BYTES_MAX:
            raise _damaged(path, "inhoudsopgave te lang", "its manifest is too long")
        encoded = file.read(length)
        packages_at = file.tell()
        try:
            manifest = msgspec.json.decode(encoded, type=Manifest)
        except (ValueError, RecursionError):
            raise _damaged(path, "inhoudsopgave onleesbaar", "its manifest is unreadable") from None
        end = _end_of_packages(manifest, packages_at)
        size = file.seek(0, 2)
        if not end <= size <= end + wire.ENVELOPE_BYTES_MAX:
            raise _damaged(path, f"{size} bytes in plaats van {end}", f"{size} bytes instead of {end}")
        file.seek(end)
        return Bundle(path, manifest, encoded, packages_at, file.read(wire.ENVELOPE_BYTES_MAX))


def must_be_signed(bundle: Bundle, authority_keys: Sequence[bytes], network_id: bytes) -> None:
    """Raises BundleError unless one of these authorities of this network lets this very bundle in."""
    if not bundle.signature:
        raise _unsigned("De bundel is niet getekend", "The bundle is not signed")
    try:
        release = read_release(bundle.signature, authority_keys, network_id)
    except (WireError, TrustError):
        raise _unsigned("De bundel is niet getekend door VRD", "The bundle is not signed by VRD") from None
    if release != release_of(bundle.manifest.version, bundle.manifest_bytes):
        raise _unsigned("De handtekening hoort bij een andere bundel", "The signature is of another bundle")


def check_all(bundle: Bundle) -> None:
    """Raises BundleError unless every package in it is as its manifest says."""
    with _opened(bundle.path) as file:
        file.seek(bundle.packages_at)
        for package in bundle.manifest.packages:
            _copy(file, package, None, bundle.path)


def take_out(bundle: Bundle, package: Package, target: Path) -> None:
    """Writes one package to `target`, synced; raises BundleError, and leaves nothing, when it differs."""
    before = bundle.manifest.packages[: bundle.manifest.packages.index(package)]
    part = target.with_name(f".{target.name}.part")
    try:
        with _opened(bundle.path) as file, part.open("wb") as out:
            file.seek(bundle.packages_at + sum(each.size for each in before))
            _copy(file, package, out, bundle.path)
            out.flush()
            os.fsync(out.fileno())
        part.rename(target)
        files.sync_folder(target.parent)
    except OSError as error:
        raise files.storage_error(error, target) from error
    finally:
        part.unlink(missing_ok=True)


def _copy(file: BinaryIO, package: Package, out: BinaryIO | None, path: Path) -> None:
    digest, left = hashlib.sha256(), package.size
    while left and (chunk := file.read(min(left, CHUNK_BYTES))):
        digest.update(chunk)
        left -= len(chunk)
        if out is not None:
            out.write(chunk)
    if left or digest.hexdigest() != package.sha256:
        raise _damaged(path, f"{package.file} klopt niet", f"{package.file} is not as it should be")


def _end_of_packages(manifest: Manifest, at: int) -> int:
    return at + sum(package.size for package in manifest.packages)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        if not path.is_file():
            raise _damaged(path, "geen gewoon bestand", "not a regular file")
        with path.open("rb") as file:
            yield file
    except OSError as error:
        reason = error.strerror or str(error)
        raise _damaged(path, reason, reason) from error


def _damaged(path: Path, nl: str, en: str) -> BundleError:
    return BundleError(
        Text(f"Bundel {path.name} is niet bruikbaar: {nl}", f"Bundle {path.name} can't be used: {en}"), _AGAIN
    )


def _unsigned(nl: str, en: str) -> BundleError:
    do = Text(
        "Niets is gewijzigd. Op de laptop van VRD: naober authority sign-bundle BESTAND",
        "Nothing has changed. On VRD's laptop: naober authority sign-bundle FILE",
    )
    return BundleError(Text(nl, en), do)
