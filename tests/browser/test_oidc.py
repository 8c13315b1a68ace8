"""In by the organisation's login, with a real browser that keeps strict cookies at home on the way back."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from relay.config.inbox import OidcSection
from relay.inbox.oidc import Provider
from tests.inbox.room import OpenRoom
from tests.support import idp
from tests.support.idp import IdentityProvider

PASSWORD = "paard batterij nietje juist"


def test_the_button_leads_in_the_first_time_and_the_next(chromium: Browser, tmp_path: Path) -> None:
    # by another name of this machine, which to a browser is another site
    with IdentityProvider("localhost") as provider:

        def made(port: int) -> Provider:
            return Provider(
                OidcSection(
                    issuer=provider.issuer,
                    client_id=idp.CLIENT,
                    secret_file="x",
                    address=f"http://127.0.0.1:{port}",
                    operator=("vrd-operator",),
                ),
                idp.SECRET,
            )

        with OpenRoom(tmp_path, provider=made) as room:
            for first in (True, False):
                context = chromium.new_context()
                page = context.new_page()
                page.goto(f"http://127.0.0.1:{room.port}/inloggen?terug=/logboek")
                page.click("#oidc")
                if first:
                    page.fill("#password", PASSWORD)
                    page.fill("#again", PASSWORD)
                    page.click("main button")
                page.wait_for_url("**/logboek")
                assert "fenna, operator" in page.inner_text(".me")
                context.close()
