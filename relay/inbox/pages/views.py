"""The pages: each reads the board and the operators' store, and nothing else."""

from __future__ import annotations

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from relay.core.fields import BY_NAME, FIELDS
from relay.inbox.operators.handling import TRANSITIONS, Handling, ReportId
from relay.inbox.operators.journal import Checker
from relay.inbox.operators.manual import looks_same
from relay.inbox.operators.people import ROLES
from relay.inbox.operators.reports import Report
from relay.inbox.operators.withdrawn import about_of
from relay.inbox.pages import history, inbox_list, lanes, security
from relay.inbox.pages.room import Room
from relay.inbox.pages.visit import Visit

ROWS = 100
LOG_ROWS = 200
# What a node measures of the site itself; all else that it measures is about the machine, for a technician.
OF_THE_SITE = ("power", "mains_lost_min", "battery_pct", "runtime_min", "door", "broker")
FRAGMENTS = {
    "overzicht": "overview_body.html",
    "wand": "wall_body.html",
    "band": "band.html",
    "nood": "nood_lanes.html",
    "postvak": "inbox_body.html",
}
OF_EVERYBODY = ("overzicht", "wand", "band", "nood")  # the same for all who have one role and language
ON_A_LOCKED_SCREEN = ("band", "nood")  # what shows no text of anybody there


class Views:
    """Everything that is only looked at."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._checker = Checker()

    def overview(self, request: Request, visit: Visit) -> Response:
        """What needs attention, how all sites are, and whether our own system is well."""
        first = request.query_params.get("eerst", "")
        return self._room.page(
            "overview.html", visit, request, board=self._room.board(visit.lane), first=first
        )

    def wall(self, request: Request, visit: Visit) -> Response:
        """The same for a screen that nobody touches."""
        return self._room.page("wall.html", visit, request, board=self._room.board(visit.lane))

    def fragment(self, request: Request, visit: Visit) -> Response:
        """The part of a page that changes, for pages that are open already."""
        part, _, lane = request.path_params["name"].partition("-")
        name = FRAGMENTS.get(part)
        if name is None or (lane or lanes.REAL) not in lanes.LANES:
            raise HTTPException(404)
        # the lane is in the name: a page that is open keeps its own, whatever another tab has chosen
        visit = msgspec.structs.replace(visit, lane=lane or lanes.REAL)
        if visit.locked and part not in ON_A_LOCKED_SCREEN:
            raise HTTPException(403)  # the page asks for itself again, and gets the locked one
        if "hand" in request.query_params:
            self._room.operators.touch(visit.token, visit.session)
        if part in OF_EVERYBODY:
            return self._room.fragment(name, visit, request)
        return HTMLResponse(inbox_list.body(self._room, request, visit))

    def inbox(self, request: Request, visit: Visit) -> Response:
        """Reports, newest first, with filters; statuses are folded: one line a site."""
        return self._room.page(
            "inbox.html",
            visit,
            request,
            board=self._room.board(visit.lane),
            **inbox_list.contents(self._room, request, visit),
        )

    def site(self, request: Request, visit: Visit) -> Response:
        """One site: every value with its age, its alarms, its reports, its notes."""
        board, key = self._room.board(visit.lane), request.path_params["key"]
        site = board.site(key) or self._room.board().site(key)
        if site is None:
            raise HTTPException(404)
        told = self._room.reports(visit.lane, site=key, limit=ROWS)
        handlings = self._room.operators.handlings(told)
        reports = [(report, handlings.get(report.id, Handling())) for report in told]
        reports.sort(key=lambda row: -_composed_s(row[0]))
        order = {field.name: at for at, field in enumerate(FIELDS)}
        readings = sorted(site.facts.values.items(), key=lambda item: order.get(item[0], len(order)))
        return self._room.page(
            "site.html",
            visit,
            request,
            board=board,
            site=site,
            readings=[each for each in readings if not _is_technical(each[0])],
            technical=[each for each in readings if _is_technical(each[0])],
            lines=history.lines(
                history.moments(self._room.history(site), lanes.flags(visit.lane)), board.unix_s
            ),
            reports=reports,
            notes=self._room.operators.notes(key),
            **security.context(self._room, key),
        )

    def report(self, request: Request, visit: Visit) -> Response:
        """One report and what may be done with it."""
        identity = ReportId.parse(request.path_params["report"])
        report = self._room.operators.report(identity) if identity else None
        if report is None:
            raise HTTPException(404)
        handling, manual = self._room.operators.handling(report.id), self._room.operators.manual
        merged_into = manual.merged_into(report.id)
        others = () if merged_into else self._room.reports_near(report)
        about = about_of(report)
        return self._room.page(
            "report.html",
            visit,
            request,
            board=self._room.board(visit.lane),
            report=report,
            site=self._room.site(report),
            about=self._room.operators.report(about) if about else None,
            origin=manual.origin(report.id),
            merged=manual.merged(report.id),
            merged_into=merged_into,
            same=[each for each in others if looks_same(report, each)],
            handling=handling,
            steps=[state for state in TRANSITIONS if state in TRANSITIONS[handling.state]],
            notes=self._room.operators.notes(str(report.id)),
            taken_first="eerst" in request.query_params,
            missing=request.query_params.get("mist", ""),
        )

    def log(self, request: Request, visit: Visit) -> Response:
        """Who did what, newest first, and whether the log is whole."""
        return self._room.page(
            "log.html",
            visit,
            request,
            board=self._room.board(),
            entries=self._room.operators.newest_of_journal(LOG_ROWS),
            checked=self._checker.check(self._room.operators.journal),
        )

    def accounts(self, request: Request, visit: Visit) -> Response:
        """Who may log in."""
        return self._room.page(
            "accounts.html",
            visit,
            request,
            board=self._room.board(),
            accounts=self._room.operators.accounts(),
            roles=ROLES,
            **security.context(self._room),
            problem=request.query_params.get("fout", ""),
        )


def _composed_s(report: Report) -> int:
    composed_s = report.shown.composed_s
    return report.received_s if composed_s is None else min(composed_s, report.received_s)


def _is_technical(name: str) -> bool:
    return name in BY_NAME and BY_NAME[name].by == "node" and name not in OF_THE_SITE
