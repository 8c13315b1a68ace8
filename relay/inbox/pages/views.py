"""The pages: each reads the board and the operators' store, and nothing else."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from relay.core.fields import FIELDS
from relay.inbox.board import Board
from relay.inbox.operators.handling import TRANSITIONS, Handling, ReportId
from relay.inbox.operators.journal import first_broken
from relay.inbox.operators.people import ROLES
from relay.inbox.operators.reports import Report
from relay.inbox.pages import history
from relay.inbox.pages.room import Room
from relay.inbox.pages.visit import Visit

ROWS = 100
LOG_ROWS = 200
FRAGMENTS = {"overzicht": "overview_body.html", "wand": "wall_body.html", "band": "band.html"}
VIEWS = ("aandacht", "open", "mij", "alles")


class Views:
    """Everything that is only looked at."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def overview(self, request: Request, visit: Visit) -> Response:
        """What needs attention, how all sites are, and whether our own system is well."""
        first = request.query_params.get("eerst", "")
        return self._room.page("overview.html", visit, request, board=self._room.board(), first=first)

    def wall(self, request: Request, visit: Visit) -> Response:
        """The same for a screen that nobody touches."""
        return self._room.page("wall.html", visit, request, board=self._room.board())

    def fragment(self, request: Request, visit: Visit) -> Response:
        """The part of a page that changes, for pages that are open already."""
        name = FRAGMENTS.get(request.path_params["name"])
        if name is None:
            raise HTTPException(404)
        return self._room.page(name, visit, request, board=self._room.board(), first="")

    def inbox(self, request: Request, visit: Visit) -> Response:
        """Reports, newest first, with filters; statuses are folded: one line a site."""
        view = request.query_params.get("toon", "alles")
        view = view if view in VIEWS else "alles"
        words = request.query_params.get("zoek", "").casefold()[:100]
        board, operators = self._room.board(), self._room.operators
        handlings = operators.handlings()
        names = {site.key: site for site in board.sites}
        reports = operators.open_reports() if view == "aandacht" else operators.reports(limit=5 * ROWS)
        rows = [(report, handlings.get(report.id, Handling()), names.get(report.site)) for report in reports]
        rows = [row for row in rows if _fits(row[0], row[1], view, visit.name)]
        if words:
            rows = [row for row in rows if words in _searchable(row[0], row[2].name if row[2] else "")]
        return self._room.page(
            "inbox.html", visit, request, board=board, rows=rows[:ROWS], view=view, views=VIEWS, sought=words
        )

    def site(self, request: Request, visit: Visit) -> Response:
        """One site: every value with its age, its alarms, its reports, its notes."""
        board, key = self._room.board(), request.path_params["key"]
        site = board.site(key)
        if site is None:
            raise HTTPException(404)
        handlings = self._room.operators.handlings()
        reports = [
            (report, handlings.get(report.id, Handling()))
            for report in self._room.operators.reports(site=key, limit=ROWS)
        ]
        reports.sort(key=lambda row: -_composed_s(row[0]))
        order = {field.name: at for at, field in enumerate(FIELDS)}
        readings = sorted(site.facts.values.items(), key=lambda item: order.get(item[0], len(order)))
        return self._room.page(
            "site.html",
            visit,
            request,
            board=board,
            site=site,
            readings=readings,
            lines=history.lines(history.moments(self._room.history(site)), board.unix_s),
            reports=reports,
            notes=self._room.operators.notes(key),
        )

    def report(self, request: Request, visit: Visit) -> Response:
        """One report and what may be done with it."""
        identity = ReportId.parse(request.path_params["report"])
        report = self._room.operators.report(identity) if identity else None
        if report is None:
            raise HTTPException(404)
        board = self._room.board()
        handling = self._room.operators.handling(report.id)
        return self._room.page(
            "report.html",
            visit,
            request,
            board=board,
            report=report,
            site=board.site(report.site),
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
            broken=first_broken(self._room.operators.journal(limit=1_000_000)),
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
            problem=request.query_params.get("fout", ""),
        )


def _fits(report: Report, handling: Handling, view: str, name: str) -> bool:
    if view == "open":
        return handling.is_open
    if view == "mij":
        return handling.is_open and handling.assignee == name
    return True


def _searchable(report: Report, site: str) -> str:
    return " ".join([site, report.kind, *map(str, report.shown.values.values())]).casefold()


def _composed_s(report: Report) -> int:
    composed_s = report.shown.composed_s
    return report.received_s if composed_s is None else min(composed_s, report.received_s)


def last_heard(board: Board) -> str:
    """The name of the site that was heard last; empty when none was."""
    heard = [site for site in board.sites if site.heard_age_s is not None]
    return min(heard, key=lambda site: site.heard_age_s or 0.0).name if heard else ""
