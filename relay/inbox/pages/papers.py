"""Pages that are read out, handed over or taken along: report, handover, timeline, map and exports."""

from __future__ import annotations

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from relay.inbox.alarms.rules import RULES
from relay.inbox.board import NEVER, SILENT, Board
from relay.inbox.operators import documents
from relay.inbox.operators.handling import Handling, ReportId
from relay.inbox.pages import exports, handed_on, lanes, situation
from relay.inbox.pages.geography import Outline, draw
from relay.inbox.pages.room import Room
from relay.inbox.pages.visit import Visit, must_be_ours
from relay.web.forms import form_of

NEXT_REPORT_S = 2 * 3600
EXPORTED_MAX = 20_000
TIMELINE_MAX = 300
OUTLOOK_LENGTH_MAX = 500


class Papers:
    """These pages and their forms."""

    def __init__(self, room: Room, outline: Outline) -> None:
        self._room, self._outline = room, outline

    def map(self, request: Request, visit: Visit) -> Response:
        """Where the sites are, and the same as a list."""
        board = self._room.board(visit.lane)
        drawing = draw(self._outline, board.sites)
        return self._room.page("map.html", visit, request, board=board, drawing=drawing)

    def timeline(self, request: Request, visit: Visit) -> Response:
        """What happened, by the time when it was composed; late arrivals stand where they belong."""
        board, operators = self._room.board(visit.lane), self._room.operators
        names = {site.key: site.name for site in self._room.board().sites}
        rows = [
            (min(report.shown.composed_s or report.received_s, report.received_s), "report", report, None)
            for report in self._room.reports(visit.lane, limit=TIMELINE_MAX)
        ]
        told = [
            (at_s, "change", None, change)
            for exercise in lanes.flags(visit.lane)
            for at_s, change in operators.alarms.newest(TIMELINE_MAX, exercise=exercise)
        ]
        found = sorted([*rows, *told], key=lambda row: -row[0])[:TIMELINE_MAX]
        return self._room.page(
            "timeline.html", visit, request, board=board, rows=found, names=names, rules=RULES
        )

    # --- the situation report ---

    def report(self, request: Request, visit: Visit) -> Response:
        """The report as it would be now, and those that were established."""
        board, kind = self._room.board(visit.lane), _kind(documents.REPORT, visit)
        number = request.query_params.get("nr", "")
        frozen = self._frozen(kind, number) if number else None
        newest = self._room.operators.documents.newest(kind)
        text = frozen.text if frozen else self._text(board, visit, "", newest)
        return self._room.page(
            "situation.html",
            visit,
            request,
            board=board,
            text=text,
            frozen=frozen,
            earlier=self._room.operators.documents.list(kind, 20),
        )

    async def freeze_report(self, request: Request, visit: Visit) -> Response:
        """Establish the next number."""
        form = await form_of(request)
        must_be_ours(request, form, visit.session.csrf)
        outlook = form.get("outlook", "")[:OUTLOOK_LENGTH_MAX].replace("\n", " ")
        document = await run_in_threadpool(self._freeze, visit, outlook)
        return RedirectResponse(f"/rapport?nr={document.number}", 303)

    def _freeze(self, visit: Visit, outlook: str) -> documents.Document:
        board, kind = self._room.board(visit.lane), _kind(documents.REPORT, visit)
        before = self._room.operators.documents.newest(kind)
        return self._room.operators.documents.freeze(
            kind,
            visit.name,
            lambda number: self._text(board, visit, outlook, before, number),
            situation.figures(board),
        )

    def _text(
        self,
        board: Board,
        visit: Visit,
        outlook: str,
        before: documents.Document | None,
        number: int | None = None,
    ) -> str:
        before = before or _NOTHING
        next_s = board.unix_s + NEXT_REPORT_S
        banner = situation.EXERCISE if board.exercise else self._room.options.banner
        return situation.write(
            board, number or before.number + 1, visit.name, before.figures, outlook, next_s, banner
        )

    def _frozen(self, kind: str, number: str) -> documents.Document | None:
        if not (number.isascii() and number.isdecimal() and len(number) < 10):
            return None
        return self._room.operators.documents.get(kind, int(number))

    # --- the handover of a shift ---

    def handover(self, request: Request, visit: Visit) -> Response:
        """What the next shift must know."""
        board = self._room.board(visit.lane)
        return self._room.page(
            "handover.html",
            visit,
            request,
            board=board,
            silent=[site for site in board.sites if site.state in (SILENT, NEVER)],
            earlier=self._room.operators.documents.list(_kind(documents.HANDOVER, visit), 20),
            taken=request.query_params.get("over", ""),
            problem="fout" in request.query_params,
            rest=handed_on.rest(board, self._room.operators.alarms.mutes(), visit.language),
        )

    async def hand_over(self, request: Request, visit: Visit) -> Response:
        """Given by who is logged in, taken by a second person with their own password, on this screen."""
        form = await form_of(request)
        must_be_ours(request, form, visit.session.csrf)
        taker = form.get("taker", "")
        if taker == visit.name or not await self._room.check_password(taker, form.get("password", "")):
            return RedirectResponse("/overdracht?fout=1", 303)
        await run_in_threadpool(self._hand_over, visit, taker, form.get("text", ""))
        return RedirectResponse(f"/overdracht?over={quote(taker)}", 303)

    def _hand_over(self, visit: Visit, taker: str, remark: str) -> None:
        board, kind = self._room.board(visit.lane), _kind(documents.HANDOVER, visit)
        operators = self._room.operators
        text = handed_on.text(board, operators.alarms.mutes(), visit.name, taker, remark)
        operators.documents.freeze(kind, visit.name, lambda _: text, situation.figures(board))
        operators.hand_over(visit.name, taker, exercise=board.exercise)

    # --- exports ---

    def export(self, request: Request, visit: Visit) -> Response:
        """One file; the name says what."""
        wanted, board = request.path_params["name"], self._room.board(visit.lane)
        self._room.operators.log(visit.name, "export", f"{visit.lane} {wanted}"[:100])
        answer = self._export(wanted, board)
        if board.exercise:  # a file keeps its lane in its name, wherever it goes
            answer.headers["Content-Disposition"] = f'attachment; filename="OEFENING-{wanted}"'
        return answer

    def _export(self, name: str, board: Board) -> Response:
        if name == "punten.csv":
            return _file(name, exports.sites_csv(board), "text/csv; charset=utf-8")
        if name == "punten.geojson":
            return _file(name, exports.sites_geojson(board), "application/geo+json")
        if name == "punten.json":
            return _file(
                name, exports.json_of([exports.site_facts(each, board.exercise) for each in board.sites])
            )
        if name in ("berichten.csv", "berichten.json"):
            rows = self._rows(board)
            if name == "berichten.csv":
                return _file(name, exports.reports_csv(rows), "text/csv; charset=utf-8")
            return _file(name, exports.json_of([exports.report_facts(row) for row in rows]))
        if name == "logboek.csv":
            return _file(name, exports.journal_csv(self._room.operators.journal(limit=EXPORTED_MAX)))
        raise HTTPException(404)

    def _rows(self, board: Board) -> list[exports.Row]:
        reports = self._room.operators.reports(exercise=board.exercise, limit=EXPORTED_MAX)
        handlings = self._room.operators.handlings(reports)
        sites = {site.key: site for site in board.sites}
        return [(report, handlings.get(report.id, Handling()), sites.get(report.site)) for report in reports]

    def cap(self, request: Request, visit: Visit) -> Response:
        """One urgent report for systems that take alerts."""
        identity = ReportId.parse(request.path_params["report"])
        report = self._room.operators.report(identity) if identity else None
        if report is None or report.urgency > 2 or report.is_refused:
            raise HTTPException(404)
        row = (report, self._room.operators.handling(report.id), self._room.site(report))
        return _file(f"naober-{report.id}.xml", exports.cap(row, "naober"), "application/cap+xml")


_NOTHING = documents.Document(documents.REPORT, 0, 0, "", "", {})


def _kind(kind: str, visit: Visit) -> str:
    """Of the documents of a lane: each has its own numbers."""
    return f"{kind} exercise" if lanes.is_exercise(visit.lane) else kind


def _file(name: str, content: str | bytes, kind: str = "application/json") -> Response:
    return Response(
        content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
