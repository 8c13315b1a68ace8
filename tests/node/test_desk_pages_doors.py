"""Who gets in by which door, what comes in at all, and that the page outlives those who mean it no good."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.config import PageSection
from relay.node.desk import pin
from relay.node.desk.access import POSTS_AT_ONCE, SESSION_S, Access
from relay.node.desk.portal import PATHS
from relay.web import patience
from relay.web.forms import FORM_BYTES_MAX
from tests.support.desk import Answer, DeskStage

LAN = "127.0.0.2"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[DeskStage]:
    with DeskStage(tmp_path) as stage:
        yield stage


class LanBrowser:
    """Somebody in the building's network: keeps the cookie, as a browser does."""

    def __init__(self, stage: DeskStage) -> None:
        self.stage, self.cookie = stage, ""

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": self.cookie, **headers}
        answer = self.stage.ask(method, path, body, sent, host=LAN)
        if cookie := answer.headers.get("set-cookie"):
            self.cookie = cookie.partition(";")[0]
        return answer

    def type(self, digits: str) -> Answer:
        return self.ask("POST", "/pin", f"pin={digits}".encode())


# --- the PIN


def test_the_wifi_side_asks_for_nothing_and_the_lan_side_for_the_pin(stage: DeskStage) -> None:
    assert stage.get("/").status == 200
    visitor = LanBrowser(stage)
    for path in ("/", "/verstuurd", "/levend", "/en/berichten/13", "/nergens"):
        answer = visitor.ask("GET", path)
        prefix = "/en" if path.startswith("/en") else ""
        assert (answer.status, answer.headers["location"]) == (303, f"{prefix}/pin"), path
        assert "Beilen" not in answer.text
    assert "pincode" in visitor.ask("GET", "/pin").text.lower()
    answer = visitor.type(pin.load_or_create(stage.pin_file))
    assert (answer.status, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and f"max-age={SESSION_S}" in cookie
    assert "Kazerne Beilen" in visitor.ask("GET", "/").text


def test_forms_of_the_lan_side_bring_a_token_of_their_session(stage: DeskStage) -> None:
    visitor = LanBrowser(stage)
    visitor.type(pin.load_or_create(stage.pin_file))
    page = visitor.ask("GET", "/").text
    token = page.partition('name="csrf" value="')[2].partition('"')[0]
    assert len(token) == 64 and 'name="csrf"' not in stage.get("/").text
    assert visitor.ask("POST", "/hetzelfde", b"form=f1").status == 403
    assert visitor.ask("POST", "/hetzelfde", b"form=f1&csrf=" + b"0" * 64).status == 403
    assert stage.desk.said == []
    assert visitor.ask("POST", "/hetzelfde", f"form=f1&csrf={token}".encode()).status == 303
    assert stage.desk.said == [("same", {})]


def test_another_pin_ends_the_sessions_of_the_old_one(stage: DeskStage) -> None:
    visitor = LanBrowser(stage)
    visitor.type(pin.load_or_create(stage.pin_file))
    assert visitor.ask("GET", "/").status == 200
    pin.renew(stage.pin_file)
    assert visitor.ask("GET", "/").status == 303


def test_a_forged_or_late_cookie_opens_nothing(tmp_path: Path) -> None:
    now = [1000.0]
    with DeskStage(tmp_path) as stage:
        stage.access._now = lambda: now[0]  # the one clock of all sessions
        visitor = LanBrowser(stage)
        visitor.type(pin.load_or_create(stage.pin_file))
        good = visitor.cookie
        ends, _, signed = good.partition("=")[2].partition(".")
        for forged in (
            f"{int(ends) + 9}.{signed}",
            f"{ends}.{'0' * 64}",
            f"{ends}.",
            "x",
            "é",
            f"{'9' * 400}.{signed}",
        ):
            visitor.cookie = f"naober-pin={forged}".encode().decode("latin-1")
            assert visitor.ask("GET", "/").status == 303, forged
        visitor.cookie = good
        assert visitor.ask("GET", "/").status == 200
        now[0] += SESSION_S + 1
        assert visitor.ask("GET", "/").status == 303


def test_wrong_pins_take_longer_each_time_and_the_right_one_works_in_the_end() -> None:
    now = [0.0]
    guard = pin.Guard(lambda: now[0])
    waits = []
    for _ in range(12):
        assert not guard.judge("a", "000000", "123456")
        waits.append(guard.wait_s("a"))
        now[0] += waits[-1]
    assert waits[:2] == [0, 0] and waits[2:8] == [2, 4, 8, 16, 32, 60] and max(waits) == pin.WAIT_MAX_S
    assert guard.wait_s("b") == 0  # others don't wait for one who guesses
    assert guard.judge("a", "123 456", "123456") and guard.wait_s("a") == 0


def test_guessing_from_many_addresses_is_slow_too_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    guard = pin.Guard(lambda: now[0])
    tried = 0
    while now[0] < 3600:
        wait = guard.wait_s(f"10.0.{tried // 256}.{tried % 256}")
        now[0] += wait
        guard.judge(f"10.0.{tried // 256}.{tried % 256}", "000000", "123456")
        tried += 1
    assert tried <= pin.TOGETHER_MAX + 3600 / pin.TOGETHER_EVERY_S + 1
    assert [each.message for each in caplog.records if "guesses the PIN" in each.message] == [
        "somebody guesses the PIN of the page, last from 10.0.0.19: 20 wrong ones"
    ]


def test_a_page_says_how_long_to_wait_after_wrong_pins(stage: DeskStage) -> None:
    visitor = LanBrowser(stage)
    for _ in range(pin.FREE_TRIES):
        answer = visitor.type("999999" if pin.load_or_create(stage.pin_file) != "999999" else "000000")
        assert answer.status == 403 and "De pincode klopt niet." in answer.text
    assert "Wacht even" in answer.text
    answer = visitor.type(pin.load(stage.pin_file))
    assert answer.status == 429 and visitor.ask("GET", "/").status == 303


def test_the_pin_is_made_once_with_six_digits_for_the_service_only(tmp_path: Path) -> None:
    path = tmp_path / pin.NAME
    made = pin.load_or_create(path)
    assert made.isdecimal() and len(made) == 6 and pin.load_or_create(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert not pin.Guard(time.monotonic).judge("a", "", "")  # an empty file opens nothing


def test_an_address_of_the_wifi_asked_over_the_lan_is_not_the_wifi(tmp_path: Path) -> None:
    access = Access(PageSection(host="10.42.0.1", lan_host="192.168.1.9"), tmp_path / "pin")

    def trusted(here: str, there: str) -> bool:
        return access.is_trusted({"type": "http", "server": (here, 80), "client": (there, 5), "headers": []})

    assert trusted("10.42.0.1", "10.42.0.77") and trusted("127.0.0.1", "127.0.0.1")
    assert not trusted("10.42.0.1", "192.168.1.50")  # Linux takes such packets in
    assert not trusted("192.168.1.9", "10.42.0.77") and not trusted("192.168.1.9", "192.168.1.50")
    assert not access.is_trusted({"type": "http", "headers": []})


# --- the sign-in window, and other names


@pytest.mark.parametrize("path", sorted(PATHS))
def test_what_phones_ask_to_see_whether_the_internet_works_leads_to_the_page(
    stage: DeskStage, path: str
) -> None:
    for host in ("connectivitycheck.gstatic.com", f"127.0.0.1:{stage.port}"):
        answer = stage.get(path, Host=host)
        assert (answer.status, answer.headers["location"]) == (302, stage.url("/"))
        assert answer.headers["cache-control"] == "no-store"


def test_any_other_host_leads_to_the_page_and_may_not_send_anything(stage: DeskStage) -> None:
    for host in (
        "evil.example",
        f"evil.example:{stage.port}",
        "127.0.0.1",
        "10.42.0.1",
        "",
        "x" * 5000,
        "\xe9",
    ):
        answer = stage.get("/verstuurd", Host=host)
        assert (answer.status, answer.headers.get("location")) in ((302, stage.url("/")), (400, None)), host
        sent = {"Host": host, "Origin": f"http://{host.encode('ascii', 'replace').decode()}"}
        assert stage.post("/hetzelfde", sent, form="f").status in (400, 403)
    assert stage.desk.said == []


def test_a_form_of_another_page_is_refused(stage: DeskStage) -> None:
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://localhost:{stage.port}"},
        {"Origin": f"http://{LAN}:{stage.port}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        assert stage.post("/hetzelfde", headers, form="f").status == 403, headers
    assert stage.desk.said == []
    assert stage.post("/hetzelfde", {"Sec-Fetch-Site": "same-origin"}, form="f").status == 303


# --- what no browser sends


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"form=" + b"x" * FORM_BYTES_MAX, "application/x-www-form-urlencoded", 413),
        (b"form=" + b"x" * 3000, "application/x-www-form-urlencoded", 413),
        (b"&".join(b"a%d=1" % at for at in range(200)), "application/x-www-form-urlencoded", 400),
        (b"form=%ff%fe", "application/x-www-form-urlencoded", 400),
        (b"form=\xff", "application/x-www-form-urlencoded", 400),
        (b'{"form": 1}', "application/json", 415),
        (b"--x\r\n\r\n", "multipart/form-data; boundary=x", 415),
        (b"form=f", "text/plain", 415),
    ],
)
def test_what_is_no_form_of_ours_changes_nothing(
    stage: DeskStage, body: bytes, kind: str, status: int
) -> None:
    answer = stage.ask("POST", "/hetzelfde", body, {"Content-Type": kind})
    assert answer.status == status and "Dat lukte niet" in answer.text
    assert stage.desk.said == []


def test_other_methods_paths_and_encodings_are_answered_and_nothing_more(stage: DeskStage) -> None:
    for method in ("PUT", "DELETE", "TRACE", "OPTIONS", "PATCH", "CONNECT"):
        assert stage.ask(method, "/").status == 405, method
    odd = "/static/../words.py /static/%2e%2e/words.py /static/ /static/x.py /%00 /%ff /en /en/"
    for path in (*odd.split(), "/" + "a" * 2000, "/berichten/%D9%A1", "/?gedaan=%ff"):
        assert stage.get(path).status in (200, 404), path
    assert stage.ask("HEAD", "/").status == 200
    assert stage.post("/verstuurd").status == 405


def test_every_answer_bears_the_headers_that_keep_others_out(stage: DeskStage) -> None:
    for path in ("/", "/nergens", "/pin", "/static/desk.css", "/levend", "/generate_204", "/favicon.ico"):
        headers = stage.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'"), path
        assert headers["x-content-type-options"] == "nosniff" and "server" not in headers
        assert headers["cache-control"] == ("max-age=3600" if "static" in path else "no-store")


def test_too_many_forms_of_one_device_wait_and_pages_go_on(stage: DeskStage) -> None:
    codes = [stage.post("/hetzelfde", form=f"f{at}").status for at in range(POSTS_AT_ONCE + 5)]
    assert codes[:POSTS_AT_ONCE] == [303] * POSTS_AT_ONCE and codes[-1] == 429
    page = stage.post("/hetzelfde", form="g")
    assert "Wacht een minuut." in page.text and stage.get("/").status == 200


def test_forms_are_counted_per_device_and_come_back_with_time(tmp_path: Path) -> None:
    now = [0.0]
    access = Access(PageSection(host="10.42.0.1"), tmp_path / "pin", lambda: now[0])
    while access.may_post("a"):
        pass
    assert access.may_post("b")
    now[0] += 60
    assert sum(access.may_post("a") for _ in range(100)) == POSTS_AT_ONCE
    for at in range(5000):
        access.may_post(f"d{at}")
    assert len(access._posts) <= 1000


@pytest.mark.slow
def test_ten_thousand_requests_leave_the_page_alive_and_nothing_lost(stage: DeskStage) -> None:
    served = {}

    def flood(at: int) -> None:
        with socket.create_connection(("127.0.0.1", stage.port), timeout=60) as link:
            served[at] = sum(
                _answers(link, [_raw(stage, at, nth, one) for one in range(50)]) for nth in range(50)
            )

    threads = [threading.Thread(target=flood, args=(at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    waits = []
    while any(thread.is_alive() for thread in threads):
        began = time.monotonic()
        assert stage.get("/").status == 200
        waits.append(time.monotonic() - began)
        time.sleep(0.2)
    assert sum(served.values()) == 10_000
    assert waits and max(waits) < 10
    taken = len(stage.desk.said)
    assert POSTS_AT_ONCE <= taken < 1000  # of a thousand forms as many as one device may send in that time
    stage.access._posts.clear()
    assert stage.post("/hetzelfde", form="last").status == 303 and len(stage.desk.said) == taken + 1


def _raw(stage: DeskStage, at: int, nth: int, one: int) -> bytes:
    """One request; each tenth is a form."""
    host = f"Host: 127.0.0.1:{stage.port}\r\n"
    if one % 10:
        path = ("/", "/verstuurd/m3", "/levend", "/generate_204", "/levend")[one % 5]
        return f"GET {path} HTTP/1.1\r\n{host}\r\n".encode()
    body = f"form=n{at}x{nth}x{one}"
    kind = "Content-Type: application/x-www-form-urlencoded\r\n"
    return f"POST /hetzelfde HTTP/1.1\r\n{host}{kind}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def _answers(link: socket.socket, requests: list[bytes]) -> int:
    """How many answers come to as many requests at once."""
    link.sendall(b"".join(requests))
    heads, rest = 0, b""
    while heads < len(requests):
        piece = link.recv(65_536)
        if not piece:
            break
        heads += (rest + piece).count(b"HTTP/1.1 ")
        rest = piece[-8:]
    return heads


def test_who_asks_slowly_is_let_go_of_and_keeps_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "REQUEST_S", 0.5)
    with DeskStage(tmp_path) as stage:
        slow = [socket.create_connection(("127.0.0.1", stage.port), timeout=20) for _ in range(20)]
        for link in slow:
            link.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert stage.get("/").status == 200
        for link in slow:
            with link, contextlib.suppress(ConnectionResetError):
                assert link.recv(100) == b""
