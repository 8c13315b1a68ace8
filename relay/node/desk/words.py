"""The words of the site's page, in both languages: short, and none that needs explaining."""

from __future__ import annotations

from datetime import datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from relay.core import words as field_words
from relay.core.fields import BY_NAME, Value
from relay.errors import Text
from relay.node.desk.facts import Band, Handling, Known, Sent, Step, VrdNotice

LANGUAGES = ("nl", "en")
ZONE = "Europe/Amsterdam"
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
HOURS_SHOWN_MAX = 48
NOTHING_HEARD_LONG_S = 4 * HOUR_S  # from then on: the paper form each hour
SUMMARY_LENGTH_MAX = 60

VIA = {
    "mqtt": Text("via internet", "via internet"),
    "radio": Text("via radio", "via radio"),
    "courier": Text("via koerier", "via courier"),
}
URGENCY = {
    1: Text("1 Nood", "1 Emergency"),
    2: Text("2 Spoed", "2 Urgent"),
    3: Text("3 Normaal", "3 Routine"),
    4: Text("4 Informatie", "4 Information"),
}
URGENCY_ICON = {1: "▲", 2: "◆", 3: "●", 4: "○"}
KIND = {
    "report": Text("Melding", "Report"),
    "request": Text("Hulpvraag", "Request for help"),
    "offer": Text("Aanbod", "Offer of help"),
    "withdrawal": Text("Intrekking", "Withdrawal"),
    "answer": Text("Antwoord", "Answer"),
    "situation": Text("Situatierapport", "Situation report"),
}
HANDLING = {
    "seen": Text("", ""),
    "handled": Text("In behandeling", "Being handled"),
    "forwarded": Text("Doorgezet", "Forwarded"),
    "resolved": Text("Afgehandeld", "Resolved"),
    "reopened": Text("Weer in behandeling", "Being handled again"),
}
BAND_ICON = {"heard": "✔", "under_way": "◔", "unconfirmed": "!", "no_storage": "✖"}


def pick(text: Text, language: str) -> str:
    """`text` in one language."""
    return text.en if language == "en" else text.nl


def span(seconds: float | None, language: str) -> str:
    """`130` as "2 minuten"; nothing for what is not known."""
    if seconds is None:
        return ""
    minutes = max(0, int(seconds)) // MINUTE_S
    hours, days = minutes // 60, minutes // (24 * 60)
    dutch = language != "en"
    if minutes < 1:
        return "minder dan een minuut" if dutch else "less than a minute"
    if hours < 1:
        word = ("minuut", "minuten") if dutch else ("minute", "minutes")
        return f"{minutes} {word[minutes > 1]}"
    if hours < HOURS_SHOWN_MAX:
        rest = minutes % 60
        if not rest:
            return f"{hours} uur" if dutch else f"{hours} h"
        return f"{hours} uur {rest:02d}" if dutch else f"{hours} h {rest:02d} min"
    return f"{days} dagen" if dutch else f"{days} days"


def ago(seconds: float | None, language: str) -> str:
    """As `span`, back from now."""
    if seconds is None:
        return ""
    if seconds < MINUTE_S:
        return "just now" if language == "en" else "zojuist"
    return f"{span(seconds, language)} {'ago' if language == 'en' else 'geleden'}"


def clock(unix_s: int | None, now_s: int | None) -> str:
    """Hours and minutes of VRD's time, with the date when that is not today's."""
    if unix_s is None:
        return ""
    when = _local(unix_s)
    today = now_s is None or _local(now_s).date() == when.date()
    return when.strftime("%H:%M" if today else "%d-%m %H:%M")


def _local(unix_s: int) -> datetime:
    """In VRD's own time zone, where the machine knows it: a fresh Raspberry Pi believes it is in London."""
    return datetime.fromtimestamp(unix_s, _zone()).astimezone(_zone())


@cache
def _zone() -> tzinfo | None:
    try:
        return ZoneInfo(ZONE)
    except ZoneInfoNotFoundError:
        return None


def via(link: str, language: str) -> str:
    """ " (via radio)", or nothing."""
    return f" ({pick(VIA[link], language)})" if link in VIA else ""


def band_text(band: Band, language: str) -> str:
    """The band on top: one of four texts."""
    dutch = language != "en"
    if band.state == "no_storage":
        return (
            "Dit apparaat kan niets bewaren · gebruik het papieren formulier (S01)"
            if dutch
            else "This device can't keep anything · use the paper form (S01)"
        )
    if band.state == "heard":
        when = ago(band.heard_age_s, language)
        said = f"VRD hoort ons · bevestigd {when}" if dutch else f"VRD hears us · confirmed {when}"
        return said + via(band.link, language)
    if band.state == "under_way":
        return _under_way(band, language)
    if band.heard_age_s is None:
        return (
            "Nog geen bevestiging van VRD · alles blijft bewaard en gaat vanzelf"
            if dutch
            else "No confirmation from VRD yet · all is kept and goes by itself"
        )
    long = span(band.heard_age_s, language)
    return (
        f"Geen bevestiging van VRD sinds {long} · alles blijft bewaard en gaat vanzelf"
        if dutch
        else f"No confirmation from VRD for {long} · all is kept and goes by itself"
    )


def _under_way(band: Band, language: str) -> str:
    dutch = language != "en"
    text = "Bericht onderweg" if dutch else "Message under way"
    if not band.waiting:
        text = "Wachten op bevestiging van VRD" if dutch else "Waiting for a confirmation from VRD"
    if band.usual_min:
        low, high = band.usual_min
        text += (
            f" · bevestiging duurt meestal {low} tot {high} minuten"
            if dutch
            else f" · a confirmation usually takes {low} to {high} minutes"
        )
    return text + via(band.link, language)


def summary(sent: Sent, language: str) -> str:
    """What a message says, in one short line."""
    values = dict(sent.values)
    text = str(values.pop("text", "")).strip()
    words = []
    amount = values.get("amount")
    if amount is not None:
        unit = values.get("amount_unit")
        words.append(f"{amount} {value_text('amount_unit', unit, language)}" if unit else str(amount))
    words += [value_text(name, values[name], language) for name in ("need", "incident") if name in values]
    said = " ".join(words)
    whole = f"{said}: {text}" if said and text else said or text or pick(KIND[sent.kind], language)
    whole = whole[:1].upper() + whole[1:]
    return whole if len(whole) <= SUMMARY_LENGTH_MAX else whole[: SUMMARY_LENGTH_MAX - 1].rstrip() + "…"


def value_text(name: str, value: Value | None, language: str) -> str:
    """A field's value in words, with its unit."""
    return "" if value is None else pick(field_words.shown(name, value), language)


def unit(name: str, language: str) -> str:
    """A field's unit for people, where it has one."""
    return pick(field_words.unit_of(BY_NAME.get(name)), language)


def label(name: str, language: str) -> str:
    """A field's name for people."""
    field = BY_NAME.get(name)
    return name if field is None else field.en if language == "en" else field.nl


def entered_text(entered: dict[str, Known], language: str) -> str:
    """ "open · 42 bezoekers · water krap": what a person entered, the most telling first."""
    first = [name for name in ("opening", "visitors") if name in entered]
    rest = [name for name in entered if name not in first and _is_worth_telling(name, entered[name].value)]
    said = []
    for name in [*first, *rest][:4]:
        value = value_text(name, entered[name].value, language)
        if name == "opening":
            said.append(value)
        elif name == "visitors":
            said.append(f"{value} {'visitors' if language == 'en' else 'bezoekers'}")
        else:
            said.append(f"{label(name, language).lower()} {value}")
    return " · ".join(said)


def _is_worth_telling(name: str, value: Value) -> bool:
    return name in BY_NAME and BY_NAME[name].kind == "level" and value not in ("ok", "works", "good")


def dots(step: int) -> str:
    """The four dots."""
    return "●" * step + "○" * (Step.READ - step)


def line(sent: Sent, language: str, now_s: int | None) -> str:
    """How far a message is, in a few words. "ontvangen" and "gelezen" only when VRD itself said so."""
    dutch = language != "en"
    if sent.undone:
        return "niet verstuurd" if dutch else "not sent"
    if sent.withdrawn:
        return "ingetrokken" if dutch else "withdrawn"
    if sent.step == Step.READ:
        state = _handling_short(sent.handling, language)
        return ("gelezen" if dutch else "read") + (f", {state}" if state else "")
    if sent.step == Step.RECEIVED:
        received = sent.received
        when = clock(received.time_s, now_s) if received else ""
        how = via(received.link, language) if received else ""
        said = ("ontvangen" if dutch else "received") + (f" {when}" if when else "") + how
        age = ago(received.age_s, language) if received and not when else ""
        return f"{said}, {age}" if age else said
    if sent.expired:
        return "verlopen" if dutch else "expired"
    age = span(sent.age_s, language)
    if sent.step == Step.UNDER_WAY:
        return (f"onderweg, {age}" if dutch else f"under way, {age}") if age else _bare(dutch)
    if sent.safe:
        said = "bewaard" if dutch else "kept"
    else:  # a power cut takes it: that is not what "bewaard" says
        said = "alleen in het geheugen" if dutch else "in memory only"
    return f"{said}, {age}" if age else said


def _bare(dutch: bool) -> str:
    return "onderweg" if dutch else "under way"


def _handling_short(handling: Handling | None, language: str) -> str:
    return pick(HANDLING.get(handling.state, Text("", "")), language).lower() if handling else ""


def handling_text(handling: Handling, language: str) -> str:
    """ "Doorgezet naar Bevolkingszorg", "Afgehandeld: tankwagen komt"."""
    state = pick(HANDLING.get(handling.state, Text("", "")), language)
    if not handling.text:
        return state
    if handling.state == "forwarded":
        return f"{state} {'to' if language == 'en' else 'naar'} {handling.text}"
    return f"{state}: {handling.text}" if state else handling.text


def answered_text(notice: VrdNotice, language: str) -> str:
    """What was answered here; nothing when nothing was."""
    dutch = language != "en"
    if notice.answer is None:
        return ""
    if notice.answer == 0:
        return "Gelezen" if dutch else "Read"
    if notice.kind == "order":
        done = notice.answer == 1
        return ("Uitgevoerd" if done else "Lukt niet") if dutch else ("Done" if done else "Can't be done")
    known = 1 <= notice.answer <= len(notice.answers)
    return notice.answers[notice.answer - 1] if known else str(notice.answer)
