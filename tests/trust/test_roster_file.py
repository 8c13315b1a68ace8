"""Papers on disk: a set, written whole, that two programs may add to at once."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from relay.errors import StorageError, WireError
from relay.trust import roster_file
from relay.trust.roster_file import Papers, decode, encode

ONE, TWO, THREE = (bytes((number,)) * 100 for number in (1, 2, 3))


def test_what_is_saved_is_read_again_and_private(tmp_path: Path):
    path = tmp_path / "state" / "roster"
    papers = Papers(path)
    assert papers.envelopes == frozenset()
    assert papers.add([TWO, ONE, TWO]) == [ONE, TWO]
    assert papers.add([ONE]) == []
    papers.save()
    assert Papers(path).envelopes == {ONE, TWO}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert decode(path.read_bytes()) == {ONE, TWO}


def test_a_set_has_one_form():
    assert encode([TWO, ONE, ONE]) == encode({ONE, TWO})
    assert decode(encode([])) == frozenset()


def written(path: Path) -> tuple[int, int]:
    """Which file stands there and when it last was touched; a reader changes only the time of reading."""
    found = path.stat()
    return found.st_ino, found.st_ctime_ns


def test_saving_what_is_there_writes_nothing(tmp_path: Path):
    path = tmp_path / "roster"
    papers = Papers(path)
    papers.add([ONE])
    papers.save()
    before = written(path)
    papers.save()
    assert written(path) == before


def test_nothing_is_lost_when_many_add_at_once(tmp_path: Path):
    path = tmp_path / "roster"
    everyone = [Papers(path) for _ in range(8)]

    def add(number: int) -> None:
        everyone[number].add([bytes((number,)) * 90])
        everyone[number].save()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    assert len(Papers(path).envelopes) == 8


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x92\xc4",
        msgspec.msgpack.encode([ONE, 5]),
        msgspec.msgpack.encode({"a": ONE}),
        msgspec.msgpack.encode([b"short"]),
        msgspec.msgpack.encode([bytes(1025)]),
        encode([ONE]) + b"\0",
        b"\x91" * 100_000,
    ],
    ids=lambda data: data[:12].hex(),
)
def test_what_is_no_roster_is_refused_and_left_as_it_is(tmp_path: Path, data: bytes):
    with pytest.raises(WireError):
        decode(data)
    path = tmp_path / "roster"
    path.write_bytes(data)
    with pytest.raises(StorageError) as refused:
        Papers(path)
    assert refused.value.code == "corrupt"
    assert path.read_bytes() == data


def test_a_file_without_end_is_not_read_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(roster_file, "PAPERS_BYTES_MAX", 300)
    path = tmp_path / "roster"
    path.write_bytes(encode([ONE, TWO, THREE]))
    with pytest.raises(StorageError):
        Papers(path)


def test_a_file_that_would_outgrow_its_limit_stays_as_it_was(tmp_path: Path):
    path = tmp_path / "roster"
    papers = Papers(path, 220)
    papers.add([ONE, TWO])
    papers.save()
    papers.add([THREE])
    with pytest.raises(StorageError) as refused:
        papers.save()
    assert refused.value.code == "full"
    assert Papers(path).envelopes == {ONE, TWO}
