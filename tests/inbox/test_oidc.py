"""A login by VRD's identity provider: in by it, and whatever is wrong with what comes back is refused."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from joserfc.jwk import RSAKey

from relay.config.inbox import OidcSection, parse_inbox
from relay.errors import ConfigError
from relay.inbox import oidc
from relay.inbox.oidc import Provider
from relay.inbox.operators.people import Account
from tests.inbox.room import PASSWORD, Answer, Browser, OpenRoom
from tests.inbox.test_bell import answering
from tests.support import idp
from tests.support.idp import IdentityProvider

CHOSEN = "paard batterij nietje juist"


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with IdentityProvider() as provider:
        yield provider


@pytest.fixture
def room(tmp_path: Path, provider: IdentityProvider) -> Iterator[OpenRoom]:
    def made(port: int) -> Provider:
        settings = OidcSection(
            issuer=provider.issuer,
            client_id=idp.CLIENT,
            secret_file="x",
            address=f"http://127.0.0.1:{port}",
            operator=("vrd-operator",),
            coordinator=("vrd-coordinator",),
        )
        return Provider(settings, idp.SECRET)

    with OpenRoom(tmp_path, provider=made) as room:
        yield room


def sent_to(browser: Browser, path: str = "/inloggen/oidc") -> str:
    """Press the button: where the browser is sent."""
    answer = browser.get(path)
    assert answer.status == 303
    return str(answer.headers["location"])


def come_back(browser: Browser, address: str) -> Answer:
    """With what the provider said; from another site, so a strict cookie stays at home."""
    parts = urlsplit(address)
    kept = browser.cookies
    browser.cookies = {name: value for name, value in kept.items() if name == "naober-oidc"}
    answer = browser.ask("GET", f"{parts.path}?{parts.query}", headers={"Sec-Fetch-Site": "cross-site"})
    browser.cookies = kept | browser.cookies
    return answer


def by_provider(
    room: OpenRoom, provider: IdentityProvider, path: str = "/inloggen/oidc"
) -> tuple[Browser, Answer]:
    browser = room.browser()
    return browser, come_back(browser, provider.log_in(sent_to(browser, path)))


def is_in(browser: Browser) -> bool:
    return browser.get("/").status == 200


def choose(browser: Browser, password: str = CHOSEN, again: str | None = None) -> Answer:
    return browser.post(
        "/inloggen/oidc/eerste", password=password, again=password if again is None else again
    )


def test_the_first_time_a_password_is_chosen_and_both_ways_lead_in_afterwards(
    room: OpenRoom, provider: IdentityProvider
) -> None:
    browser, answer = by_provider(room, provider, "/inloggen/oidc?terug=/postvak")
    assert answer.status == 200 and "Kies een wachtwoord" in answer.text and "<b>fenna</b>" in answer.text
    assert not is_in(browser), "nobody is in before that"
    assert "niet gelijk" in choose(browser, again="iets anders dan dat").text
    assert "te kort" in choose(browser, "kort").text
    entered = choose(browser)
    assert entered.status == 200 and 'url=/postvak"' in entered.text
    assert is_in(browser) and "fenna, operator" in browser.get("/").text
    assert "SameSite=strict" in str(entered.headers["set-cookie"])
    second, answer = by_provider(room, provider)
    assert answer.status == 200 and is_in(second), "no password is asked again"
    assert room.browser().log_in("fenna", CHOSEN).status == 303
    told = [(each.who, each.what) for each in room.vrd.operators.newest_of_journal(20)]
    assert ("fenna", "account linked") in told and ("fenna", "login") in told


def test_the_role_is_what_the_provider_says_each_time_and_without_one_nobody_comes_in(
    room: OpenRoom, provider: IdentityProvider
) -> None:
    choose(by_provider(room, provider)[0])
    provider.claims["roles"] = ["vrd-operator", "vrd-coordinator", "iets anders"]
    assert "fenna, coördinator" in by_provider(room, provider)[0].get("/").text
    provider.claims["roles"] = []
    browser, answer = by_provider(room, provider)
    assert answer.status == 403 and "geen rol" in answer.text and not is_in(browser)


def test_who_bears_the_name_of_a_local_user_must_know_that_one_s_password(
    room: OpenRoom, provider: IdentityProvider
) -> None:
    provider.claims["preferred_username"] = "els"
    browser, answer = by_provider(room, provider)
    assert "Er is hier al een gebruiker met deze naam" in answer.text
    assert choose(browser).status == 401 and not is_in(browser)
    assert room.browser().log_in("els").status == 303, "its password is as it was"
    assert choose(browser, PASSWORD).status == 200 and is_in(browser)


@pytest.mark.parametrize("name", ["Els", "\uff45ls"])
def test_a_name_that_reads_as_that_of_a_local_user_is_that_one_s(
    room: OpenRoom, provider: IdentityProvider, name: str
) -> None:
    provider.claims["preferred_username"] = name
    browser, answer = by_provider(room, provider)
    assert "Er is hier al een gebruiker met deze naam" in answer.text
    assert choose(browser).status == 401
    assert choose(browser, PASSWORD).status == 200 and "els, operator" in browser.get("/").text


def test_of_two_who_choose_a_password_for_one_name_at_once_the_second_changes_nothing(
    room: OpenRoom, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = by_provider(room, provider)
    provider.claims["sub"] = "u-2"
    second, _ = by_provider(room, provider)
    assert choose(first).status == 200
    free = staticmethod(lambda name: ("free", None))  # as it was when both were asked
    monkeypatch.setattr(type(room.vrd.operators.linked), "standing", free)
    assert choose(second, "een heel ander wachtwoord").status == 401 and not is_in(second)
    monkeypatch.undo()
    assert is_in(first) and room.browser().log_in("fenna", CHOSEN).status == 303


@pytest.mark.parametrize("how", ["closed", "sealed", "closed afterwards"])
def test_a_user_that_was_closed_or_is_sealed_is_not_opened_by_the_provider(
    room: OpenRoom, provider: IdentityProvider, how: str
) -> None:
    operators = room.vrd.operators
    if how == "closed afterwards":
        choose(by_provider(room, provider)[0])
    else:
        operators.save_account(Account("fenna", "operator", sealed=how == "sealed"), PASSWORD, "test")
    if how != "sealed":
        operators.close_account("fenna", "test")
    browser, answer = by_provider(room, provider)
    assert answer.status == 403 and not is_in(browser)
    assert choose(browser).status == 403 and not is_in(browser)


NOW = int(time.time())
WRONG: dict[str, dict[str, Any]] = {
    "another audience": {"spoil": {"aud": "other"}},
    "several audiences, by another": {"spoil": {"aud": ["naober", "other"], "azp": "other"}},
    "no audience": {"spoil": {"aud": None}},
    "another issuer": {"spoil": {"iss": "https://evil.example"}},
    "expired": {"spoil": {"exp": NOW - 600}},
    "no end": {"spoil": {"exp": None}},
    "not yet": {"spoil": {"nbf": NOW + 3600}},
    "another nonce": {"spoil": {"nonce": "x"}},
    "no nonce": {"spoil": {"nonce": None}},
    "nobody": {"spoil": {"sub": None}},
    "no name": {"spoil": {"preferred_username": None}},
    "a name that can't be shown": {"spoil": {"preferred_username": "a\u202eb"}},
    "another key": {"sign_with": RSAKey.generate_key(2048, {"kid": "een"})},
    "the secret as key": {"sign_with": idp.secret_key(), "algorithm": "HS256"},
    "not signed": {"algorithm": "none"},
    "the provider refuses": {"token_status": 400},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_token_that_is_wrong_in_any_way_lets_nobody_in(
    room: OpenRoom, provider: IdentityProvider, wrong: dict[str, Any]
) -> None:
    for name, value in wrong.items():
        setattr(provider, name, value)
    browser, answer = by_provider(room, provider)
    assert answer.status == 403 and "niet geldig" in answer.text
    assert not is_in(browser) and choose(browser).status == 403
    assert room.vrd.operators.newest_of_journal(2)[-1].what == "login refused"


@pytest.mark.parametrize("roles", [7, True, None, {"vrd-operator": 1}, [["vrd-operator"]]])
def test_roles_that_are_none_give_none(room: OpenRoom, provider: IdentityProvider, roles: object) -> None:
    provider.claims["roles"] = roles
    browser, answer = by_provider(room, provider)
    assert answer.status == 403 and "geen rol" in answer.text and not is_in(browser)


def test_a_state_that_is_not_of_this_browser_is_refused_before_the_code_is_used(
    room: OpenRoom, provider: IdentityProvider
) -> None:
    mine, other = room.browser(), room.browser()
    address = provider.log_in(sent_to(mine))
    sent_to(other)
    for browser in (other, room.browser()):
        assert come_back(browser, address).status == 403
    for wrong in (
        address.replace("state=", "state=x"),
        address.partition("&state")[0],
        "/inloggen/oidc/terug",
    ):
        assert come_back(mine, wrong).status == 403
    assert provider.redeemed == 0
    assert come_back(mine, address).status == 200


def test_a_code_is_good_once(room: OpenRoom, provider: IdentityProvider) -> None:
    browser = room.browser()
    address = provider.log_in(sent_to(browser))
    assert come_back(browser, address).status == 200
    assert come_back(browser, address).status == 403, "the state is used up"
    again = sent_to(browser)
    state = again.partition("state=")[2].partition("&")[0]
    old = address.partition("state=")[0] + f"state={state}"
    assert come_back(browser, old).status == 403, "and so is the code, with a fresh state"
    assert provider.redeemed == 1


def test_a_code_of_another_try_fails_at_its_verifier(room: OpenRoom, provider: IdentityProvider) -> None:
    mine, other = room.browser(), room.browser()
    stolen = provider.log_in(sent_to(other)).partition("&state")[0]
    state = sent_to(mine).partition("state=")[2].partition("&")[0]
    assert come_back(mine, f"{stolen}&state={state}").status == 403
    assert provider.redeemed == 0


def test_the_form_of_the_first_time_is_taken_from_our_own_page_only(
    room: OpenRoom, provider: IdentityProvider
) -> None:
    browser, _ = by_provider(room, provider)
    form = {"password": CHOSEN, "again": CHOSEN}
    assert browser.post("/inloggen/oidc/eerste", {"Origin": "https://evil.example"}, **form).status == 403
    assert room.browser().post("/inloggen/oidc/eerste", **form).status == 403
    assert choose(browser).status == 200


@pytest.mark.parametrize(
    "back", ["//evil.example", "https://evil.example", "/\\evil", "/%09/evil.example", "/%0a%5Cevil.example"]
)
def test_it_leads_nowhere_but_to_pages_of_ours(room: OpenRoom, provider: IdentityProvider, back: str) -> None:
    browser, _ = by_provider(room, provider, f"/inloggen/oidc?terug={back}")
    assert 'url=/"' in choose(browser).text


def test_a_provider_that_calls_itself_otherwise_is_none(room: OpenRoom, provider: IdentityProvider) -> None:
    provider.calls_itself = "https://evil.example"
    assert room.browser().get("/inloggen/oidc").status == 503
    assert '"ok":false' in room.browser().get("/inloggen/oidc/staat").text


def test_new_keys_of_the_provider_are_taken_over(room: OpenRoom, provider: IdentityProvider) -> None:
    browser = room.browser()
    address = sent_to(browser)
    provider.key = RSAKey.generate_key(2048, {"kid": "twee"})
    assert come_back(browser, provider.log_in(address)).status == 200


def test_a_provider_that_is_gone_or_silent_holds_up_nobody(
    room: OpenRoom, provider: IdentityProvider
) -> None:
    assert 'id="oidc"' in room.browser().get("/inloggen").text
    provider.stop()
    browser, began = room.browser(), time.monotonic()
    assert browser.get("/inloggen").status == 200
    assert time.monotonic() - began < 1
    assert browser.log_in("els").status == 303 and is_in(browser)
    assert time.monotonic() - began < 10
    assert '"ok":false' in browser.get("/inloggen/oidc/staat").text
    answer = browser.get("/inloggen/oidc")
    assert answer.status == 503 and "niet bereikbaar" in answer.text and 'name="password"' in answer.text


def test_a_provider_that_says_nothing_holds_up_nobody_however_many_press_the_button(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it listens, and never answers
        issuer = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = OidcSection(issuer=issuer, client_id="x", secret_file="x", address="http://127.0.0.1:1")
        with OpenRoom(tmp_path, provider=lambda _port: Provider(settings, "x")) as room:
            pressing = [
                threading.Thread(target=room.browser().get, args=("/inloggen/oidc",)) for _ in range(60)
            ]
            for each in pressing:
                each.start()
            began = time.monotonic()
            browser = room.browser()
            assert browser.get("/inloggen").status == 200
            assert time.monotonic() - began < 1
            assert browser.log_in("els").status == 303 and is_in(browser)
            assert time.monotonic() - began < 10
            for each in pressing:
                each.join(15)
            assert browser.get("/inloggen/oidc").status == 503


def test_a_provider_that_answers_for_ever_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "ANSWER_S", 0.5)
    with answering(b"HTTP/1.1 200 OK\r\n\r\n", b" ") as port:
        issuer = f"http://127.0.0.1:{port}"
        settings = OidcSection(issuer=issuer, client_id="x", secret_file="x", address="http://127.0.0.1:1")
        began = time.monotonic()
        assert not Provider(settings, "x").look()
        assert time.monotonic() - began < 10


def test_without_a_provider_there_is_no_button_and_nothing_of_it(tmp_path: Path) -> None:
    with OpenRoom(tmp_path) as room:
        assert "oidc" not in room.browser().get("/inloggen").text
        assert room.browser().get("/inloggen/oidc").status == 404


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ('client_id = ""', "client_id"),
        ('issuer = "http://idp.example"', "issuer"),
        ('address = "http://naober.example"', "address"),
    ],
)
def test_one_that_is_half_set_up_or_in_the_clear_is_refused_by_name(wrong: str, named: str) -> None:
    right = {
        "issuer": 'issuer = "https://idp.example"',
        "client_id": 'client_id = "naober"',
        "secret_file": 'secret_file = "/x"',
        "address": 'address = "https://naober.example"',
    }
    assert parse_inbox("[oidc]\n" + "\n".join(right.values()), Path("inbox.toml")).oidc.issuer
    right[named] = wrong
    with pytest.raises(ConfigError, match=named):
        parse_inbox("[oidc]\n" + "\n".join(right.values()), Path("inbox.toml"))
