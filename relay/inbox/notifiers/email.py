"""By e-mail, over SMTP with STARTTLS or TLS."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage

from relay.config import NotifySection
from relay.inbox.alarms.state import Change
from relay.inbox.notifiers.base import NotTold, line
from relay.loopback import is_loopback

TIMEOUT_S = 20.0
SMTPS_PORT = 465


class Email:
    """One message for all changes of a moment."""

    name = "email"

    def __init__(self, settings: NotifySection, password: str) -> None:
        self._settings, self._password = settings, password

    async def tell(self, changes: Sequence[Change]) -> None:
        """Hand it to the mail server; raises NotTold."""
        try:
            await asyncio.to_thread(self._send, message(self._settings, changes))
        except (OSError, smtplib.SMTPException) as error:
            raise NotTold(str(error)) from error

    def _send(self, mail: EmailMessage) -> None:
        settings, context = self._settings, ssl.create_default_context()
        if settings.smtp_port == SMTPS_PORT:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.smtp_host, settings.smtp_port, timeout=TIMEOUT_S, context=context
            )
        else:
            server = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT_S)
        with server:
            if settings.smtp_port != SMTPS_PORT and not is_loopback(settings.smtp_host):
                server.starttls(context=context)
            if settings.smtp_user:
                server.login(settings.smtp_user, self._password)
            server.send_message(mail)


def message(settings: NotifySection, changes: Sequence[Change]) -> EmailMessage:
    """The mail as it is sent."""
    mail = EmailMessage()
    first = min(changes, key=lambda change: change.level)
    more = f" (+{len(changes) - 1})" if len(changes) > 1 else ""
    mail["Subject"] = " ".join(f"Naober: {line(first)}{more}".split())[:180]
    mail["From"], mail["To"] = settings.email_from, ", ".join(settings.email_to)
    mail.set_content("\n".join(line(change) for change in changes) + "\n")
    return mail
