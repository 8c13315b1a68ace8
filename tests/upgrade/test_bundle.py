"""An upgrade bundle: what is in it comes out, and nothing is believed that VRD's authority did not sign."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from relay.errors import TrustError, WireError
from relay.trust import keys, papers, release
from relay.upgrade import bundle
from relay.upgrade.bundle import BundleError, Manifest, Package

AUTHORITY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = (keys.public_bytes(AUTHORITY),)
NETWORK = papers.network_id_of(KEYS[0])
CONTENTS = {"bookworm": b"twelve" * 1000, "trixie": b"thirteen" * 900}


def package(file: Path, which: str) -> Package:
    data = file.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return Package(file.name, which, "arm64", f"1.2.0+{which}", len(data), digest)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A bundle without signature."""
    debs = []
    for which, data in CONTENTS.items():
        file = tmp_path / f"naober_1.2.0+{which}_arm64.deb"
        file.write_bytes(data)
        debs.append((package(file, which), file))
    path = tmp_path / "naober-1.2.0.bundle"
    bundle.write(path, "1.2.0", debs, "Wat er nieuw is")
    return path


def sign(path: Path, private: Ed25519PrivateKey = AUTHORITY, network: bytes = NETWORK) -> Path:
    found = bundle.read(path)
    what = release.release_of(found.manifest.version, found.manifest_bytes)
    bundle.add_signature(path, release.sign_release(what, private, network))
    return path


def judge(path: Path) -> None:
    """All that is looked at before anything changes."""
    found = bundle.read(path)
    bundle.must_be_signed(found, KEYS, NETWORK)
    bundle.check_all(found)


def test_what_was_put_in_comes_out(made: Path, tmp_path: Path) -> None:
    found = bundle.read(sign(made))
    judge(made)
    assert (found.manifest.version, found.manifest.notes) == ("1.2.0", "Wat er nieuw is")
    for which, data in CONTENTS.items():
        target = tmp_path / which
        bundle.take_out(found, found.package(which, "arm64"), target)
        assert target.read_bytes() == data


def test_a_machine_of_another_kind_is_told_that_nothing_is_for_it(made: Path) -> None:
    with pytest.raises(BundleError, match="nothing for bookworm armhf"):
        bundle.read(made).package("bookworm", "armhf")


def test_signing_again_replaces_the_signature(made: Path) -> None:
    once = sign(made).read_bytes()
    assert sign(made).read_bytes() == once


def test_without_a_signature_of_this_network_s_authority_it_is_refused(made: Path) -> None:
    with pytest.raises(BundleError, match="not signed"):
        judge(made)
    with pytest.raises(BundleError, match="not signed by VRD"):
        judge(sign(made, Ed25519PrivateKey.generate()))
    with pytest.raises(BundleError, match="not signed by VRD"):
        judge(sign(made, network=bytes(8)))
    judge(sign(made))


def test_a_signature_of_another_bundle_does_not_do(made: Path, tmp_path: Path) -> None:
    signature = bundle.read(sign(made)).signature
    other = tmp_path / "other.bundle"
    file = tmp_path / "naober_1.3.0+bookworm_arm64.deb"
    file.write_bytes(b"evil")
    bundle.write(other, "1.2.0", [(package(file, "bookworm"), file)])
    bundle.add_signature(other, signature)
    with pytest.raises(BundleError, match="of another bundle"):
        judge(other)


def test_no_byte_of_a_signed_bundle_can_change_and_none_can_go(made: Path, tmp_path: Path) -> None:
    good = sign(made).read_bytes()
    bad = tmp_path / "bad.bundle"
    for at in [*range(0, 700, 7), *range(700, len(good) - 140, 501), *range(len(good) - 140, len(good), 3)]:
        bad.write_bytes(good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :])
        with pytest.raises(BundleError):
            judge(bad)
        bad.write_bytes(good[:at])
        with pytest.raises(BundleError):
            judge(bad)
    bad.write_bytes(good + b"x")
    with pytest.raises(BundleError):
        judge(bad)


@pytest.mark.parametrize("length", [0, bundle.MANIFEST_BYTES_MAX + 1, 2**32 - 1])
def test_no_length_beyond_its_limit_is_followed(length: int, tmp_path: Path) -> None:
    path = tmp_path / "long.bundle"
    path.write_bytes(bundle.MAGIC + length.to_bytes(4, "big") + b"{}" * 10)
    with pytest.raises(BundleError):
        bundle.read(path)


@pytest.mark.parametrize(
    "change",
    [
        {"file": "../../etc/naober_1_x.deb"},
        {"file": "naober_1/../x.deb"},
        {"size": -1},
        {"size": bundle.PACKAGE_BYTES_MAX + 1},
        {"size": True},
        {"sha256": "00"},
        {"release": "book worm"},
        {"version": "--force-all"},
    ],
)
def test_a_manifest_with_what_no_package_has_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    file = tmp_path / "naober_1_arm64.deb"
    file.write_bytes(b"x")
    good = msgspec.to_builtins(Manifest("1", (package(file, "bookworm"),)))
    for packages, wrong in (([good["packages"][0]], False), ([{**good["packages"][0], **change}], True)):
        manifest = msgspec.json.encode({**good, "packages": packages})
        path = tmp_path / "x.bundle"
        path.write_bytes(bundle.MAGIC + len(manifest).to_bytes(4, "big") + manifest + b"x")
        if wrong:
            with pytest.raises(BundleError):
                bundle.read(path)
        else:
            bundle.read(path)


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name in ("fifo", "missing", ""):
        with pytest.raises(BundleError) as caught:
            bundle.read(tmp_path / name)
        assert "Niets is gewijzigd" in caught.value.do.nl


# --- the signature by itself


def test_a_release_is_exactly_these_bytes() -> None:
    signed = release.sign_release(release.release_of("1.2.0", b"manifest"), AUTHORITY, NETWORK)
    assert signed.hex() == VECTOR
    assert release.read_release(signed, KEYS, NETWORK) == release.release_of("1.2.0", b"manifest")


def test_a_release_cut_off_or_by_another_is_none() -> None:
    signed = bytes.fromhex(VECTOR)
    for length in range(len(signed)):
        with pytest.raises((WireError, TrustError)):
            release.read_release(signed[:length], KEYS, NETWORK)
    with pytest.raises(TrustError):
        release.read_release(signed, (keys.public_bytes(Ed25519PrivateKey.generate()),), NETWORK)
    change = papers.Change(1, papers.Revoke(bytes(4), bytes(16)))
    with pytest.raises(WireError):
        release.read_release(papers.sign_change(change, AUTHORITY, NETWORK), KEYS, NETWORK)


VECTOR = (
    "3056475aa78000000000000092a5312e322e30c42005b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030d"
    "efe32c657fc445032a394a83caeebbb9f65bad697cadd0e07a487bbb46c1b4cb0ba0dac3d39c24c253639f3980acb723"
    "fb215983d428e67f2fc034bc51175bf6e2ab02b60d"
)
