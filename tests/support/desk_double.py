"""A DeskWork without a node: the same verbs, what is said stays in memory.

Tests of pages use it where a node would only cost time. What a receipt is worth is shown with a real one.
"""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from relay.core import fields
from relay.node.courier_qr import CourierCode
from relay.node.desk.facts import Band, Exercise, Home, Known, MessageKind, Outcome, Sent, Step, VrdNotice

SITE = "Kazerne Beilen"
NOW_S = 1_795_523_520  # 24-11-2026 13:32 in Drenthe
HOLD_S = 10


class Desk:
    """What is asked of it, it remembers; tests set the rest."""

    def __init__(self) -> None:
        self.band = Band(state="heard", heard_age_s=240, link="radio")
        self.exercise: Exercise | None = None
        self.messages: list[Sent] = []  # newest first
        self.values: dict[str, Known] = {}
        self.heard: list[VrdNotice] = []
        self.shown: int | None = None
        self.codes: tuple[CourierCode, ...] = ()
        self.emergency: Sent | None = None
        self.radio_trouble, self.revoked = "", False
        self.forms: dict[str, Outcome] = {}
        self.drafts: dict[tuple[str, str], dict[str, str]] = {}
        self.said: list[tuple[str, Any]] = []  # each verb that changed something
        self.trouble: Exception | None = None  # raised by every verb that keeps something

    # --- what pages ask

    async def home(self, device: str) -> Home:
        unread = [notice for notice in self.heard if not notice.seen and not notice.replaced_by]
        ages = [known.age_s for known in self.values.values() if known.entered]
        return Home(
            site=SITE,
            address="3f9a-21c4",
            time_s=NOW_S,
            band=self.band,
            exercise=self.exercise,
            unread=len(unread),
            newest_unread=unread[0] if unread else None,
            entered={name: known for name, known in self.values.items() if known.entered},
            entered_age_s=min(ages) if ages else None,
            sent=tuple(self.messages[:4]),
            sent_total=len(self.messages),
            emergency=self.emergency,
            drafts=tuple(name for whose, name in self.drafts if whose == device),
            radio_trouble=self.radio_trouble,
            revoked=self.revoked,
        )

    async def sent(self, limit: int = 100) -> tuple[Sent, ...]:
        return tuple(self.messages[:limit])

    async def one(self, id: str) -> Sent | None:
        return next((each for each in self.messages if each.id == id), None)

    async def known(self) -> dict[str, Known]:
        return dict(self.values)

    async def notices(self) -> tuple[VrdNotice, ...]:
        return tuple(self.heard)

    async def public(self) -> VrdNotice | None:
        return next((each for each in self.heard if each.number == self.shown), None)

    async def courier_codes(self) -> tuple[CourierCode, ...]:
        if self.trouble:
            raise self.trouble
        return self.codes

    async def draft(self, device: str, name: str) -> dict[str, str]:
        return dict(self.drafts.get((device, name), {}))

    def new_form(self) -> str:
        return secrets.token_urlsafe(16)

    # --- what pages do

    async def enter(
        self,
        form: str,
        typed: dict[str, str],
        was: dict[str, str] | None = None,
        *,
        same: bool = False,
        device: str = "",
        ago_min: int = 0,
    ) -> Outcome:
        if self.trouble:
            raise self.trouble
        if form in self.forms:
            return msgspec.structs.replace(self.forms[form], repeated=True)
        values = {name: fields.parse(name, word) for name, word in typed.items() if word != "?"}
        self.said.append(
            ("same" if same else "enter", dict(typed) | ({"ago_min": ago_min} if ago_min else {}))
        )
        elsewhere = {
            name: self.values[name]
            for name in typed
            if was and name in self.values and was.get(name) not in (None, str(self.values[name].value))
        }
        for name in typed:
            self.values.pop(name, None)
        for name, value in values.items():
            self.values[name] = Known(value=value, age_s=60 * ago_min, entered=True)
        if same:
            self.values = {
                name: msgspec.structs.replace(known, age_s=0) if known.entered else known
                for name, known in self.values.items()
            }
        outcome = Outcome(sent=None, elsewhere=elsewhere)
        self.forms[form] = outcome
        return outcome

    async def submit(
        self,
        form: str,
        kind: MessageKind,
        values: dict[str, str],
        urgency: int,
        *,
        real: bool = False,
        exercise: bool = False,
        device: str = "",
        hold: bool = True,
        ago_min: int = 0,
    ) -> Outcome:
        if self.trouble:
            raise self.trouble
        if form in self.forms:
            return msgspec.structs.replace(self.forms[form], repeated=True)
        said = {name: fields.parse(name, word) for name, word in values.items()}
        self.said.append(
            (kind, {**values, "urgency": urgency, "real": real, "exercise": exercise, "ago_min": ago_min})
        )
        sent = Sent(
            id=form,
            kind=kind,
            values=said,
            urgency=urgency,
            exercise=(self.exercise is not None and not real) or exercise,
            step=Step.KEPT if urgency > 1 else Step.UNDER_WAY,
            age_s=60 * ago_min,
            hold_s=HOLD_S if hold and urgency > 1 else 0,
        )
        self.messages.insert(0, sent)
        self.forms[form] = Outcome(sent=sent)
        return self.forms[form]

    async def undo(self, id: str, device: str = "") -> Sent | None:
        sent = await self.one(id)
        if sent and sent.hold_s:
            self.said.append(("undo", id))
            self.change(id, undone=True, hold_s=0)
        return await self.one(id)

    async def withdraw(self, form: str, id: str, reason: str = "", device: str = "") -> Outcome:
        if self.trouble:
            raise self.trouble
        if form in self.forms:
            return msgspec.structs.replace(self.forms[form], repeated=True)
        self.said.append(("withdraw", (id, reason)))
        self.change(id, withdrawn=True, withdrawn_age_s=0)
        self.forms[form] = Outcome(sent=await self.one(id))
        return self.forms[form]

    async def keep_draft(self, device: str, name: str, values: dict[str, str]) -> None:
        self.drafts[device, name] = dict(values)

    async def drop_draft(self, device: str, name: str) -> None:
        self.drafts.pop((device, name), None)

    async def looked(self, number: int) -> None:
        self.said.append(("looked", number))
        self._change_notice(number, seen=True)

    async def answer(self, form: str, number: int, answer: int) -> Outcome:
        if self.trouble:
            raise self.trouble
        if form in self.forms:
            return msgspec.structs.replace(self.forms[form], repeated=True)
        self.said.append(("answer", (number, answer)))
        self._change_notice(number, seen=True, answer=answer)
        self.forms[form] = Outcome(sent=None)
        return self.forms[form]

    async def show_public(self, number: int | None) -> None:
        self.said.append(("public", number))
        self.shown = number

    # --- what tests do

    def change(self, id: str, **values: Any) -> None:
        """Let something happen to a message."""
        self.messages = [
            msgspec.structs.replace(each, **values) if each.id == id else each for each in self.messages
        ]

    def _change_notice(self, number: int, **values: Any) -> None:
        self.heard = [
            msgspec.structs.replace(each, **values) if each.number == number else each for each in self.heard
        ]
