"""The words of the operators' pages, in both languages. Field names and values have their own table."""

from __future__ import annotations

from relay.core import words as field_words
from relay.core.fields import Value, field_named
from relay.errors import Text, ValueRefused
from relay.inbox.alarms.labels import LABELS as RULE_LABELS
from relay.inbox.operators.handling import LABELS as HANDLING
from relay.inbox.operators.handling import State

LANGUAGES = ("nl", "en")

URGENCY = {
    1: Text("Nood", "Emergency"),
    2: Text("Spoed", "Urgent"),
    3: Text("Normaal", "Routine"),
    4: Text("Informatie", "Information"),
}
URGENCY_ICON = {1: "▲", 2: "◆", 3: "●", 4: "○"}
# shape and word of a site's state: never by colour alone
SITE_STATE = {
    "open": ("■", Text("open", "open")),
    "limited": ("◧", Text("beperkt open", "limited")),
    "full": ("▣", Text("vol", "full")),
    "closed": ("□", Text("gesloten", "closed")),
    "preparing": ("◇", Text("in opbouw", "preparing")),
    "evacuated": ("△", Text("ontruimd", "evacuated")),
    "unknown": ("▢", Text("openstelling onbekend", "opening unknown")),
    "overdue": ("◔", Text("te laat", "overdue")),
    "silent": ("✖", Text("stil", "silent")),
    "not_judged": ("?", Text("niet te bepalen", "cannot tell")),
    "no_node": ("⌧", Text("zonder knooppunt", "without a node")),
    "never": ("⚑", Text("nooit gehoord", "never heard")),
    "exercise": ("▨", Text("in oefening", "in an exercise")),
}
KIND = {
    "status": Text("stand", "status"),
    "report": Text("melding", "report"),
    "request": Text("hulpvraag", "request"),
    "offer": Text("hulpaanbod", "offer"),
    "situation": Text("situatierapport", "situation report"),
    "withdrawal": Text("intrekking", "withdrawal"),
    "answer": Text("antwoord", "answer"),
}
LINK = {
    "mqtt": Text("MQTT", "MQTT"),
    "radio": Text("radio", "radio"),
    "courier": Text("koerier", "courier"),
    "manual": Text("met de hand", "by hand"),
}
CONFIDENCE = {
    "measured": Text("gemeten", "measured"),
    "confirmed": Text("bevestigd", "confirmed"),
    "unconfirmed": Text("onbevestigd", "unconfirmed"),
}
STANDING = {
    "revoked": Text("ingetrokken sleutel: niet op vertrouwen", "revoked key: do not trust"),
    "blocked": Text("geblokkeerd: niet op vertrouwen", "blocked: do not trust"),
    "unknown": Text("onbekende sleutel", "unknown key"),
    "uncounted": Text("telt niet mee", "does not count"),
}
ROLE = {
    "wall": Text("wandscherm", "wall"),
    "reader": Text("lezer", "reader"),
    "operator": Text("operator", "operator"),
    "coordinator": Text("coördinator", "coordinator"),
    "administrator": Text("beheerder", "administrator"),
}
RULE = {
    "call": Text("melding", "report"),
    **RULE_LABELS,
}
GROUPED = {
    "silent": Text("punten tegelijk stil", "sites silent at once"),
    "mains": Text("punten zonder netspanning", "sites without mains"),
}
STEP = {
    State.SEEN: Text("Bevestigen", "Acknowledge"),
    State.HANDLED: Text("In behandeling nemen", "Take"),
    State.FORWARDED: Text("Doorzetten", "Forward"),
    State.RESOLVED: Text("Afhandelen", "Resolve"),
    State.REOPENED: Text("Heropenen", "Reopen"),
}
CHANGE = {
    "raised": Text("begonnen", "began"),
    "worse": Text("erger", "worse"),
    "cleared": Text("voorbij", "over"),
    "hovering": Text("wisselend", "hovering"),
    "escalated": Text("niet bevestigd, geëscaleerd", "not acknowledged, escalated"),
    "grouped": Text("veel tegelijk", "many at once"),
    "grown": Text("meer punten", "more sites"),
    "repeated": Text("nog niet bevestigd", "not acknowledged yet"),
    "remain": Text("blijven stil", "remain silent"),
    "acknowledged": Text("bevestigd", "acknowledged"),
    "flood": Text("drukte", "flood"),
}
PAGE = {
    "overview": Text("Overzicht", "Overview"),
    "inbox": Text("Postvak IN", "Inbox"),
    "log": Text("Logboek", "Log"),
    "notices": Text("Berichten", "Notices"),
    "of_message": Text("van bericht", "of message"),
    "withdrawn": Text("ingetrokken", "withdrawn"),
    "withdrawn_by_site": Text("Ingetrokken door het punt,", "Withdrawn by the site,"),
    "takes_back": Text("Dit trekt in:", "This takes back:"),
    "to_notice": Text("op bericht", "to notice"),
    "send_notice": Text("Bericht sturen", "Send a notice"),
    "accounts": Text("Beheer", "Administration"),
    "attention": Text("Aandacht nodig", "Needs attention"),
    "nothing": Text("Niets vraagt aandacht.", "Nothing needs attention."),
    "on_time": Text("op tijd", "on time"),
    "municipality": Text("Gemeente", "Municipality"),
    "municipalities": Text("Gemeenten", "Municipalities"),
    "sites": Text("Punten", "Sites"),
    "site": Text("Punt", "Site"),
    "open": Text("open", "open"),
    "silent": Text("stil", "silent"),
    "overdue": Text("te laat", "overdue"),
    "calls": Text("hulpvragen", "calls"),
    "help": Text("hulp", "help"),
    "visitors": Text("bezoekers", "visitors"),
    "power_out": Text("stroom weg", "no mains"),
    "own_system": Text("Eigen systeem", "Own system"),
    "real": Text("ECHT", "REAL"),
    "exercise": Text("OEFENING", "EXERCISE"),
    "live": Text("live", "live"),
    "not_live": Text("geen verbinding, beeld van", "no connection, picture of"),
    "sound_off": Text("Geluid staat uit in deze browser.", "Sound is off in this browser."),
    "sound_on": Text("Aanzetten", "Switch on"),
    "sound_test": Text("Geluid testen", "Test the sound"),
    "sound_mute": Text("Dempen 10 min", "Mute 10 min"),
    "sound_muted": Text("Deze browser is gedempt tot", "This browser is muted until"),
    "sound_unmute": Text("Geluid weer aan", "Sound on again"),
    "login": Text("Inloggen", "Log in"),
    "logout": Text("Uitloggen", "Log out"),
    "name": Text("Naam", "Name"),
    "password": Text("Wachtwoord", "Password"),
    "wrong": Text("Naam of wachtwoord klopt niet.", "Name or password is wrong."),
    "locked": Text(
        "Dit scherm is vergrendeld: een kwartier niet gebruikt. Alarmen gaan door.",
        "This screen is locked: nobody used it for a quarter of an hour. Alarms go on.",
    ),
    "unlock": Text("Ontgrendelen", "Unlock"),
    "since": Text("sinds", "since"),
    "what": Text("wat", "what"),
    "who": Text("wie", "who"),
    "urgency": Text("urgentie", "urgency"),
    "when": Text("tijd", "time"),
    "route": Text("route", "route"),
    "state": Text("toestand", "state"),
    "nobody": Text("nog niemand", "nobody yet"),
    "filter": Text("Filteren", "Filter"),
    "all": Text("alles", "all"),
    "mine": Text("van mij", "mine"),
    "search": Text("Zoeken", "Search"),
    "kind": Text("soort", "kind"),
    "show_all": Text("alles tonen", "show all"),
    "more_than": Text("meer dan", "more than"),
    "messages_found": Text("meldingen", "reports"),
    "message_found": Text("melding", "report"),
    "older": Text("Oudere", "Older"),
    "newest": Text("naar de nieuwste", "to the newest"),
    "no_messages": Text("Geen meldingen.", "No reports."),
    "value": Text("waarde", "value"),
    "now": Text("nu", "now"),
    "age": Text("leeftijd", "age"),
    "source": Text("herkomst", "source"),
    "measured": Text("gemeten", "measured"),
    "entered": Text("ingevoerd", "entered"),
    "unknown": Text("onbekend", "unknown"),
    "was": Text("was", "was"),
    "never_heard": Text("nooit gehoord", "never heard"),
    "heard": Text("gehoord", "heard"),
    "expected_every": Text("verwacht elke", "expected every"),
    "via": Text("via", "via"),
    "late": Text("onderweg", "under way"),
    "late_arrival": Text("vertraagd", "delayed"),
    "composed": Text("opgesteld", "composed"),
    "received": Text("ontvangen", "received"),
    "time_unknown": Text("onbekend", "unknown"),
    "estimated": Text("geschat", "estimated"),
    "missing": Text("berichten ontbreken", "messages are missing"),
    "alarms": Text("Alarmen", "Alarms"),
    "timeline": Text("Tijdlijn", "Timeline"),
    "notes": Text("Notities", "Notes"),
    "note": Text("Notitie", "Note"),
    "save": Text("Bewaren", "Save"),
    "assignee": Text("Toewijzen aan", "Assign to"),
    "team": Text("Team", "Team"),
    "result": Text("Resultaat", "Result"),
    "taken_first": Text("Al gedaan door", "Already done by"),
    "handling": Text("Afhandeling", "Handling"),
    "undecodable": Text("kan niet worden gelezen (nieuwere versie?)", "cannot be read (a later version?)"),
    "clone": Text("twee apparaten met één sleutel", "two devices with one key"),
    "device": Text("Apparaat", "Device"),
    "address": Text("adres", "address"),
    "not_found": Text("Dit bestaat niet (meer).", "This is not here (any more)."),
    "forbidden": Text("Dit mag deze gebruiker niet.", "This user may not do that."),
    "expired": Text(
        "Dit formulier is verlopen. Open de pagina opnieuw.", "This form is over. Open the page again."
    ),
    "read_only": Text(
        "ALLEEN LEZEN: er wordt niets bewaard en punten krijgen geen bevestiging.",
        "READ ONLY: nothing is stored and sites get no receipts.",
    ),
    "standby_set_up": Text(
        "RESERVE: dit postvak luistert mee en bevestigt niets. Behandel meldingen in het andere postvak.",
        "STANDBY: this inbox listens and receipts nothing. Handle reports in the other inbox.",
    ),
    "standby_taken_over": Text(
        "RESERVE: een ander postvak heeft het overgenomen. Dit postvak luistert mee en bevestigt niets.",
        "STANDBY: another inbox has taken over. This inbox listens and receipts nothing.",
    ),
    "flood": Text("Drukte: alleen Nood klinkt nog apart.", "Flood: only emergencies sound by themselves."),
    "new_account": Text("Gebruiker toevoegen of wijzigen", "Add or change a user"),
    "role": Text("Rol", "Role"),
    "close_account": Text("Sluiten", "Close"),
    "security": Text("Veiligheid", "Security"),
    "nothing_found": Text("Er is niets gevonden.", "Nothing was found."),
    "ending_note": Text(
        "Zoek eerst uit wat er was. Na beëindigen stopt het alarm; gebeurt het weer, dan komt het terug.",
        "Find out first what it was. Ending stops the alarm; if it happens again, it comes back.",
    ),
    "nobodys": Text("onbekend", "unknown"),
    "seen_times": Text("Aantal", "Times"),
    "seen_last": Text("laatst", "last"),
    "what_it_was": Text("Wat was het?", "What was it?"),
    "end_finding": Text("Beëindigen", "End"),
    "ended_by": Text("beëindigd door", "ended by"),
    "log_whole": Text("Het logboek is compleet.", "The log is whole."),
    "log_whole_to": Text("Het logboek is compleet tot en met regel", "The log is whole up to row"),
    "log_broken": Text("Het logboek is veranderd bij regel", "The log was changed at row"),
    "detail": Text("bijzonderheden", "details"),
    "map": Text("Kaart", "Map"),
    "map_list": Text("hetzelfde staat in de lijst ernaast", "the list beside it says the same"),
    "unplaced": Text("ligging onbekend", "place unknown"),
    "came_later": Text("kwam later binnen:", "came in later:"),
    "situation": Text("Situatierapport", "Situation report"),
    "established": Text("vastgesteld", "established"),
    "establish": Text("Vaststellen", "Establish"),
    "copy_text": Text("Kopiëren", "Copy"),
    "outlook": Text("Verwachting", "Outlook"),
    "earlier": Text("Eerdere", "Earlier"),
    "handover": Text("Dienstoverdracht", "Shift handover"),
    "handed_over": Text("Overgedragen aan", "Handed over to"),
    "handover_wrong": Text(
        "Naam of wachtwoord van wie overneemt klopt niet, of het is dezelfde persoon.",
        "Name or password of who takes over is wrong, or it is the same person.",
    ),
    "take_over": Text("Ik neem over", "I take over"),
    "hand_over": Text("Ik draag over", "I hand over"),
    "export": Text("Exporteren", "Export"),
    "last_day": Text("Laatste 24 uur", "Last 24 hours"),
    "gap": Text("gat", "gap"),
    "gaps": Text("gaten", "gaps"),
    "mute": Text("Geluid van een regel dempen", "Mute a rule"),
    "muted": Text("Zonder geluid", "Without sound"),
    "unmute": Text("weer aan", "on again"),
    "hours": Text("uren", "hours"),
    "reason": Text("reden", "reason"),
    "until": Text("tot", "until"),
    "of": Text("van", "of"),
    "account": Text("Gebruiker", "User"),
    "acknowledge": Text("Bevestigen", "Acknowledge"),
    "opening": Text("openstelling", "opening"),
    "first": Text("Al bevestigd door", "Already acknowledged by"),
    "required": Text("Vul dit eerst in.", "Fill this in first."),
    "password_hint": Text(
        "minstens 12 tekens, bijvoorbeeld vier woorden", "at least 12 characters, four words for example"
    ),
    "row": Text("nr", "no"),
    "other_language": Text("English", "Nederlands"),
    "skip": Text("Naar de inhoud", "To the content"),
    "empty": Text(
        "Nog geen knooppunten. Laat er een toe (naober authority approve) en wacht op zijn eerste bericht.",
        "No nodes yet. Admit a node (naober authority approve) and wait for its first message.",
    ),
    "nobody_exercises": Text(
        "Nog geen punt heeft iets in een oefening gemeld.", "No site has told anything in an exercise yet."
    ),
    "ok": Text("goed", "good"),
    "out": Text("weg", "gone"),
    "storage": Text("opslag", "storage"),
    "broker": Text("broker", "broker"),
    "clock": Text("klok", "clock"),
    "gateway": Text("gateway", "gateway"),
    "no_emergency": Text("Geen onbevestigde Nood.", "No unacknowledged emergency."),
    "open_it": Text("Openen", "Open"),
    "fresh": Text("nieuw, toon", "new, show"),
    "retry": Text("opnieuw over", "again in"),
    "help_page": Text("hulp", "help"),
    "hotkeys": Text("Sneltoetsen", "Keys"),
    "keys_on": Text("Sneltoetsen gebruiken", "Use these keys"),
    "close_help": Text("Terug", "Back"),
    "screen_of": Text("beeld van", "picture of"),
    "stopped": Text("BEELD STAAT STIL sinds", "PICTURE STANDS STILL since"),
}

KEYS = (
    ("j k", Text("volgende, vorige regel", "next, previous row")),
    ("↵", Text("regel openen", "open the row")),
    (
        "a",
        Text("bevestigen: de Nood bovenaan, anders deze regel", "acknowledge the emergency, else this row"),
    ),
    ("t x h", Text("toewijzen, doorzetten, afhandelen", "assign, forward, resolve")),
    ("c", Text("notitie", "note")),
    ("n", Text("handmatig invoeren", "enter by hand")),
    ("/", Text("zoeken", "search")),
    ("1-4", Text("postvak: alleen deze urgentie", "inbox: this urgency only")),
    ("g o, g i, g m", Text("overzicht, postvak, berichten", "overview, inbox, notices")),
    ("g e", Text("oefening", "exercise")),
    ("g k, g t, g s", Text("kaart, tijdlijn, situatierapport", "map, timeline, situation report")),
    ("g d, g l, g b", Text("dienstoverdracht, logboek, beheer", "handover, log, administration")),
    ("?", Text("deze hulp", "this help")),
)


def pick(text: Text, language: str) -> str:
    """`text` in one language."""
    return text.en if language == "en" else text.nl


def value_text(name: str, value: Value, language: str) -> str:
    """A field's value in words, with its unit."""
    return pick(field_words.shown(name, value), language)


def label(name: str, language: str) -> str:
    """A field's name for people; a number that this version does not know stays a number."""
    try:
        found = field_named(name)
    except ValueRefused:
        return name
    return found.en if language == "en" else found.nl


def handling_text(state: State, language: str) -> str:
    """How far VRD is, in words."""
    return pick(HANDLING[state], language)
