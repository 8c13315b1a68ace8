"""Codes on their way into the inbox: each asked once, a grant first, what can't be read counted."""

from __future__ import annotations

import base64
from typing import Any

from relay.core import wire
from relay.core.courier_code import Code, encode
from relay.core.message import Entry, Kind
from relay.inbox.courier_codes import CODES_MAX, Taken
from tests.inbox.desk import Writer

BEILEN, ASSEN = Writer("beilen"), Writer("assen")


def code(*envelopes: bytes, written_s: int | None = None) -> str:
    return encode(Code(wire.encode_batch([Entry(each, 1) for each in envelopes]), written_s))


def asked(taken: Taken, *texts: str) -> list[dict[str, Any]]:
    return list(taken.questions(texts))


def test_each_code_is_asked_once_charged_to_who_wrote_it_with_its_time() -> None:
    taken, one = Taken(), code(BEILEN.report(1), written_s=50)
    questions = asked(taken, f"{one} {code(ASSEN.report(1))}", one.lower())
    assert [(each["source"], each["written_s"]) for each in questions] == [
        (BEILEN.hex, 50),
        (ASSEN.hex, None),
    ]
    frame = base64.b64decode(questions[0]["frame"])
    assert [each.envelope for each in wire.decode_batch(frame)] == [BEILEN.report(1)]
    assert (taken.codes, taken.broken) == (2, 0)


def test_a_code_with_a_grant_goes_first_so_that_the_others_are_known_by_it() -> None:
    grant = BEILEN.sign(Kind.GRANT, 3, b"x")
    first, last = code(BEILEN.report(1)), code(BEILEN.report(2), grant)
    frames = [base64.b64decode(each["frame"]) for each in asked(Taken(), first, last)]
    assert [len(wire.decode_batch(frame)) for frame in frames] == [2, 1]


def test_what_is_no_batch_of_envelopes_is_broken_and_too_many_are_too() -> None:
    taken = Taken()
    assert asked(taken, encode(Code(b"\xc1")), code(b"short"), code(BEILEN.report(1))[:-1]) == []
    assert (taken.codes, taken.broken, taken.whole) == (0, 3, False)
    taken = Taken()
    many = [code(BEILEN.report(number)) for number in range(1, CODES_MAX + 6)]
    assert len(asked(taken, *many)) == taken.codes == CODES_MAX and taken.broken == 5


def test_all_is_well_only_when_all_of_it_is_held() -> None:
    fine = {"new": 2, "known": 1, "apart": 0, "junk": 0, "whole": True}
    taken = Taken(codes=1)
    taken.add(fine)
    assert taken.whole and (taken.new, taken.known) == (2, 1)
    taken.add(fine | {"apart": 1})
    assert not taken.whole and taken.apart == 1
    assert not Taken().whole
