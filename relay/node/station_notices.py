"""The part of a station that keeps what VRD said."""

from __future__ import annotations

from relay.core import payloads
from relay.core.message import Message
from relay.errors import WireError
from relay.node.notice_rows import NoticeRows
from relay.node.outbox import SqliteOutbox


class StationNotices:
    """Verbs of Station."""

    _outbox: SqliteOutbox

    @property
    def notices(self) -> NoticeRows:
        """Where they are kept now: in memory while the disk fails."""
        return self._outbox.notices

    def report_text(self, epoch: int, number: int) -> str:
        """The words of a report of ours; empty when it has none, or is here no more."""
        envelope = self._outbox.notices.report(epoch, number)
        try:
            said = payloads.decode(envelope) if envelope else None
        except WireError:
            return ""
        values = said.values if isinstance(said, Message) else {}
        return str(values.get("text") or values.get("need") or values.get("incident") or "")
