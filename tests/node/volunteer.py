"""Somebody with a browser that knows no scripts: reads a page, follows links, fills in forms, counts taps."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import NamedTuple, Protocol
from urllib.parse import urldefrag, urljoin, urlsplit

from tests.support.desk import Answer, DeskStage

VOID = ("input", "meta", "link", "br", "meter", "path")


class Site(Protocol):
    """Where a page is served: by a DeskStage, or by a node."""

    def get(self, path: str) -> Answer:
        """Ask for a page."""

    def post(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> Answer:
        """Send a form."""


class Button(NamedTuple):
    """One way to send a form."""

    text: str
    action: str
    given: dict[str, str]  # what it sends beside the fields


class Page(HTMLParser):
    """What is on a page: words, links, the fields of its forms with their values, buttons."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: dict[str, str] = {}
        self.forms: dict[str, dict[str, str]] = {}  # by action
        self.buttons: list[tuple[str, Button]] = []  # with the form's action
        self.words: list[str] = []
        self.checked: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._form = self._area = self._select = self._link = ""
        self._button: tuple[str, dict[str, str | None]] | None = None
        self._said = ""
        self.feed(text)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def fields(self) -> dict[str, str]:
        """Of the form that is filled in."""
        return self.forms[self._ids["vorm"]]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        name, value = has.get("name") or "", has.get("value") or ""
        if tag == "form":
            self._form = has["action"] or ""
            self.forms.setdefault(self._form, {})
            self._ids[has.get("id") or ""] = self._form
        elif tag == "input" and (has.get("type") not in ("radio", "checkbox") or "checked" in has):
            self.forms[self._form][name] = value
        elif tag == "textarea":
            self._area, self._said = name, ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            if "selected" in has or self._select not in self.forms[self._form]:
                self.forms[self._form][self._select] = value
        elif tag == "a":
            self._link, self._said = has.get("href") or "", ""
        elif tag == "button":
            self._button, self._said = (self._form, has), ""

    def handle_endtag(self, tag: str) -> None:
        said = " ".join(self._said.split())
        if tag == "form":
            self._form = ""
        elif tag == "textarea":
            self.forms[self._form][self._area], self._area = self._said.removeprefix("\n"), ""
        elif tag == "select":
            self._select = ""
        elif tag == "a" and self._link:
            self.links.setdefault(said, self._link)
            self._link = ""
        elif tag == "button" and self._button:
            form, has = self._button
            form = self._ids[has["form"]] if has.get("form") else form
            given = {has["name"] or "": has.get("value") or ""} if has.get("name") else {}
            self.buttons.append(
                (form, Button(has.get("aria-label") or said, has.get("formaction") or form, given))
            )
            self._button = None

    def handle_data(self, data: str) -> None:
        self._said += data if self._area else f"{data} "
        self.words.append(data)


class Volunteer:
    """One person at the site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.taps = 0
        self.path = "/"
        self.answer: Answer | None = None
        self.page = Page("")

    def open(self, path: str) -> Page:
        """Look at a page, wherever it leads."""
        return self._arrive(self._site.get(path), path)

    def tap(self, text: str) -> Page:
        """Follow the first link whose words begin so."""
        self.taps += 1
        found = next((href for said, href in self.page.links.items() if said.startswith(text)), None)
        assert found is not None, (text, list(self.page.links))
        return self.open(urldefrag(urljoin(self.path, found))[0])

    def press(self, button: str, /, **typed: str) -> Page:
        """Press the first button whose words begin so, with its form filled in as `typed`."""
        self.taps += 1
        path, fields = self.form(button, **typed)
        return self._arrive(self._site.post(path, **fields), path)

    def form(self, words: str, /, **typed: str) -> tuple[str, dict[str, str]]:
        """What that button would post, and where."""
        exact = [each for each in self.page.buttons if each[1].text == words]
        for form, button in exact or self.page.buttons:
            if button.text.startswith(words):
                return button.action, self.page.forms[form] | typed | button.given
        raise AssertionError((words, [button.text for _, button in self.page.buttons]))

    def to_check(self, text: str = "", urgency: str = "● 3 Normaal") -> Page:
        """Ask for water, up to the last look."""
        self.open("/hulp")
        self.press("Water")
        self.press("200 liter", text=text)
        self.press(urgency)
        assert self.path == "/hulp/controle", self.page.text
        return self.page

    def type(self, name: str, value: str) -> None:
        """A tap on a field, and keys."""
        self.taps += 1
        self.page.fields[name] = value

    def _arrive(self, answer: Answer, path: str) -> Page:
        while answer.status == 303:
            path = answer.headers["location"] or ""
            answer = self._site.get(urldefrag(path)[0])
        self.answer, self.path, self.page = answer, urlsplit(path).path, Page(answer.text)
        return self.page


def as_new(stage: DeskStage) -> DeskStage:
    """The desk of a site where nothing was said yet; everybody's patience begins anew."""
    stage.desk.__init__()  # type: ignore[misc]
    stage.access._posts.clear()
    return stage
