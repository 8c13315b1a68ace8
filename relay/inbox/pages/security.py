"""What points to a wrong key: shown to all at the site, ended by an administrator who knows what it was."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from relay.inbox.facts import address_of
from relay.inbox.operators.ended import REASON_LENGTH_MAX, Ended
from relay.inbox.pages.room import Room
from relay.inbox.pages.visit import Visit, must_be_ours
from relay.inbox.queries import Finding
from relay.inbox.site_views import key_of
from relay.inbox.suspicion import LABELS, SECURITY
from relay.trust.keys import show
from relay.web.forms import form_of

SHOWN_MAX = 200  # on the page of administration, the newest first


class FindingView(msgspec.Struct, frozen=True):
    """One finding as pages show it."""

    address: str
    site: str  # where its node is, or was; empty: nobody admitted it
    finding: Finding
    ended: Ended | None  # None: open

    @property
    def is_open(self) -> bool:
        """Whether it keeps an alarm up."""
        return self.ended is None


def views(room: Room, *, site: str | None = None) -> list[FindingView]:
    """Those of the nodes that a site has or had, or of all: the open ones first, then the newest."""
    every = [each for each in room.findings() if each.code in SECURITY]
    if site is not None:
        every = [each for each in every if (node := room.watch.node(each.address)) and key_of(node) == site]
    ended, still = room.operators.ended.all(), set(map(_key, room.operators.ended.still_open(every)))
    found = [
        FindingView(
            show(each.address),
            node.site if (node := room.watch.node(each.address)) else "",
            each,
            None if _key(each) in still else ended.get(_key(each)),
        )
        for each in every
    ]
    return sorted(found, key=lambda view: (not view.is_open, -view.finding.last_s))[:SHOWN_MAX]


def _key(finding: Finding) -> tuple[bytes, str]:
    return finding.address, finding.code


class Security:
    """The form that ends one."""

    def __init__(self, room: Room) -> None:
        self._room = room

    async def end(self, request: Request, visit: Visit) -> Response:
        """An administrator says what it was: the alarm ends, and begins anew when it happens again."""
        form = await form_of(request)
        must_be_ours(request, form, visit.session.csrf)
        reason = form.get("reason", "")[:REASON_LENGTH_MAX]
        seen = form.get("count", "")
        address = address_of(form.get("address", ""))
        if not reason or address is None or form.get("code") not in SECURITY or not seen.isdecimal():
            raise HTTPException(400)

        def end() -> None:
            for each in self._room.findings():
                if _key(each) == (address, form["code"]):
                    # what came after the page was made is not what the administrator looked at
                    as_seen = msgspec.structs.replace(each, count=min(each.count, int(seen)))
                    self._room.operators.ended.end(as_seen, visit.name, reason)
                    return
            raise HTTPException(404)

        await run_in_threadpool(end)
        await self._room.look_now()
        return RedirectResponse("/beheer#veiligheid", 303)


def context(room: Room, site: str | None = None) -> dict[str, Any]:
    """For the page of a site, or of administration."""
    return {
        "findings": views(room, site=site),
        "finding_words": LABELS,
        "reason_length_max": REASON_LENGTH_MAX,
    }
