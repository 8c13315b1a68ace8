"""What operators do: every change is a form of their own session, and leaves a row in the log."""

from __future__ import annotations

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from relay.errors import LedgerError, ValueRefused
from relay.inbox.alarms.rules import RULES
from relay.inbox.operators.handling import NAME_LENGTH_MAX, RESULT_LENGTH_MAX, ReportId, State
from relay.inbox.operators.people import ROLES, Account
from relay.inbox.operators.store import TakenFirst
from relay.inbox.pages import lanes
from relay.inbox.pages.room import Room
from relay.inbox.pages.visit import Visit, must_be_ours
from relay.web.forms import form_of

MUTABLE = tuple(rule.name for rule in RULES)  # calls and our own faults are not among them
MUTE_HOURS = ("0", "1", "2", "4", "8")


class Actions:
    """The forms."""

    def __init__(self, room: Room) -> None:
        self._room = room

    async def _form(self, request: Request, visit: Visit) -> dict[str, str]:
        form = await form_of(request)
        must_be_ours(request, form, visit.session.csrf)
        await run_in_threadpool(self._room.operators.touch, visit.token, visit.session)
        return form

    async def step(self, request: Request, visit: Visit) -> Response:
        """The next step with a report: seen, taken, forwarded, resolved, reopened."""
        report, form = _report(request), await self._form(request, visit)
        try:
            state, version = State(form.get("step", "")), int(form.get("version", ""))
        except ValueError:
            raise HTTPException(400) from None
        result = form.get("result", "")[:RESULT_LENGTH_MAX]
        if (state is State.RESOLVED and not result) or (state is State.FORWARDED and not form.get("team")):
            return _to(f"/melding/{report}?mist={state}")
        try:
            await run_in_threadpool(
                lambda: self._room.operators.move(
                    report,
                    state,
                    visit.name,
                    version=version,
                    assignee=(form.get("assignee") or (visit.name if state is State.HANDLED else ""))[
                        :NAME_LENGTH_MAX
                    ],
                    team=form.get("team", "")[:NAME_LENGTH_MAX],
                    result=result,
                )
            )
        except (TakenFirst, LedgerError):
            return _to(f"/melding/{report}?eerst=1")
        self._room.post.step_taken(report.address)
        await self._room.look_now()
        return _to("/" if form.get("back") == "overview" else f"/melding/{report}")

    async def note_report(self, request: Request, visit: Visit) -> Response:
        """A note at a report."""
        report, form = _report(request), await self._form(request, visit)
        await self._note(str(report), form, visit)
        return _to(f"/melding/{report}")

    async def note_site(self, request: Request, visit: Visit) -> Response:
        """A note at a site."""
        key, form = request.path_params["key"], await self._form(request, visit)
        if self._room.board().site(key) is None:
            raise HTTPException(404)
        await self._note(key, form, visit)
        return _to(f"/punt/{quote(key)}")

    async def _note(self, subject: str, form: dict[str, str], visit: Visit) -> None:
        if text := form.get("text", ""):
            await run_in_threadpool(self._room.operators.add_note, subject, visit.name, text)

    async def acknowledge(self, request: Request, visit: Visit) -> Response:
        """An alarm has been seen: its sound stops everywhere."""
        form = await self._form(request, visit)
        rule, subject = form.get("rule", ""), form.get("subject", "")
        exercise = form.get("baan") == lanes.EXERCISE
        first = await run_in_threadpool(
            lambda: self._room.watch.acknowledge(rule, subject, visit.name, exercise=exercise)
        )
        await run_in_threadpool(self._room.operators.log, visit.name, "alarm seen", f"{rule} {subject}")
        await self._room.look_now()
        return _to(f"/?eerst={quote(first)}" if first and first != visit.name else "/")

    async def mute(self, request: Request, visit: Visit) -> Response:
        """No sound of a rule: with a reason, and never for longer than a shift. Own faults always sound."""
        form = await self._form(request, visit)
        rule, reason, hours = form.get("rule", ""), form.get("reason", ""), form.get("hours", "")
        if rule not in MUTABLE or not reason or hours not in MUTE_HOURS:
            raise HTTPException(400)
        until_s = self._room.operators.now_s() + int(hours) * 3600
        await run_in_threadpool(
            self._room.operators.alarms.mute, rule, visit.name, reason[:RESULT_LENGTH_MAX], until_s
        )
        return _to("/tijdlijn")

    async def save_account(self, request: Request, visit: Visit) -> Response:
        """A new account, or another role and password for one."""
        form = await self._form(request, visit)
        name, role = form.get("name", ""), form.get("role", "")
        if role not in ROLES:
            raise HTTPException(400)
        account, password = Account(name, role), form.get("password", "")
        try:
            await run_in_threadpool(self._room.operators.save_account, account, password, visit.name)
        except ValueRefused as error:
            return _to(f"/beheer?fout={quote(error.do.en if visit.language == 'en' else error.do.nl)}")
        return _to("/beheer")

    async def close_account(self, request: Request, visit: Visit) -> Response:
        """An account can't log in any more; nobody closes the one they use."""
        form = await self._form(request, visit)
        if form.get("name") == visit.name:
            raise HTTPException(400)
        await run_in_threadpool(self._room.operators.close_account, form.get("name", ""), visit.name)
        return _to("/beheer")


def _report(request: Request) -> ReportId:
    report = ReportId.parse(request.path_params["report"])
    if report is None:
        raise HTTPException(404)
    return report


def _to(path: str) -> Response:
    return RedirectResponse(path, 303)
