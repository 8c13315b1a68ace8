"""The words of the forms, in both languages: short, and none that needs explaining."""

from __future__ import annotations

from collections.abc import Mapping

from relay.core.fields import BY_NAME, Field
from relay.core.words import shown
from relay.errors import Text
from relay.node.desk.words import pick

PAGE = {
    # every form
    "next": Text("Verder", "Next"),
    "back": Text("Terug", "Back"),
    "stop": Text("Stoppen", "Stop"),
    "change": Text("Aanpassen", "Change"),
    "unknown": Text("Weet ik niet", "I don't know"),
    "wrong": Text("Let op", "Note"),
    "where_were_you": Text("Verder waar je was?", "Go on where you were?"),
    "go_on": Text("Verder", "Go on"),
    "begin_anew": Text("Weggooien", "Throw away"),
    "trouble": Text("Dit lukte niet", "This did not work"),
    "all_kept": Text("Wat je typte staat er nog.", "What you typed is still here."),
    # text
    "text": Text("Wil je er iets bij zeggen?", "Anything to add?"),
    "text_line": Text("Tekst", "Text"),
    "text_optional": Text("Mag leeg blijven.", "May stay empty."),
    "no_personal_data": Text(
        "Geen persoonsgegevens: geen namen, adressen of medische gegevens van personen.",
        "No personal data: no names, addresses or medical details of people.",
    ),
    "left": Text("nog {n} tekens", "{n} characters left"),
    "over": Text("{n} te veel", "{n} too many"),
    "limit": Text("Hoogstens 120 tekens. Kort is sneller.", "At most 120 characters. Short is faster."),
    "short": Text("kort = sneller", "short = faster"),
    # help
    "help": Text("Hulp vragen", "Ask for help"),
    "offer": Text("Hulp aanbieden", "Offer help"),
    "what_help": Text("Wat is er nodig?", "What is needed?"),
    "what_offer": Text("Wat kun je aanbieden?", "What can you offer?"),
    "how_much": Text("Hoeveel?", "How much?"),
    "amount": Text("Aantal", "Amount"),
    "amount_hint": Text("Weet je het niet? Laat het leeg.", "Don't know? Leave it empty."),
    "unit": Text("Liter, stuks of personen?", "Litres, pieces or people?"),
    # report
    "report": Text("Iets melden", "Report something"),
    "what_report": Text("Wat is er aan de hand?", "What is the matter?"),
    "what_happens": Text("Wat zie je, en waar?", "What do you see, and where?"),
    "say_what": Text("Schrijf kort op wat er is.", "Write shortly what is the matter."),
    # urgency
    "how_urgent": Text("Hoe dringend?", "How urgent?"),
    "urgency": Text("Dringend", "Urgency"),
    "choose": Text("Kies er een.", "Choose one."),
    # the last look
    "check": Text("Controleren", "Check"),
    "is_right": Text("Klopt dit?", "Is this right?"),
    "send": Text("Versturen naar VRD", "Send to VRD"),
    "send_anyway": Text("Toch versturen", "Send all the same"),
    "send_real": Text("Dit is ECHT: versturen naar VRD", "This is REAL: send to VRD"),
    "emergency": Text("Ja, verstuur NOOD", "Yes, send EMERGENCY"),
    "emergency_exercise": Text("Ja, verstuur NOOD – OEFENING", "Yes, send EMERGENCY – EXERCISE"),
    "emergency_real": Text("Ja, verstuur NOOD – dit is ECHT", "Yes, send EMERGENCY – this is REAL"),
    "call_112": Text("Bel 112 als dat kan.", "Call 112 if you can."),
    "not_112": Text("Dit bericht vervangt 112 niet.", "This message does not replace 112."),
    "which": Text(
        "Er is een oefening. Zeg of dit oefening is of echt.",
        "There is an exercise. Say whether this is exercise or real.",
    ),
    "remove": Text("Weghalen", "Remove"),
    # how is it here
    "here": Text("Hoe gaat het hier?", "How are things here?"),
    "all_same": Text("Alles nog hetzelfde", "All still the same"),
    "save": Text("Bewaren", "Save"),
    "saved": Text("Bewaard. Het gaat mee naar VRD.", "Saved. It goes to VRD."),
    "saved_in_memory": Text(
        "Nog niet op de kaart bewaard. Laat dit apparaat aan.", "Not on the card yet. Leave this device on."
    ),
    "saved_before": Text(
        "Dit formulier was al bewaard. Kijk het na en bewaar het nog een keer.",
        "This form was saved before. Check it and save it once more.",
    ),
    "nothing_changed": Text("Je hebt niets gewijzigd.", "You changed nothing."),
    "not_filled_in": Text("nog niet ingevuld", "not filled in yet"),
    "measured": Text("gemeten", "measured"),
    "measured_here": Text("Dit meet het apparaat zelf", "This device measures this itself"),
    "elsewhere": Text("Net gewijzigd op een ander toestel", "Just changed on another device"),
    "was_there": Text("Daar stond", "It said"),
    "yours_counts": Text("Wat jij invulde telt.", "What you filled in counts."),
    "casualties": Text("Slachtoffers", "Casualties"),
    "casualties_hint": Text(
        "T1 is levensgevaar, T2 is ernstig, T3 is licht gewond. Dit gaat niet via radio.",
        "T1 is danger to life, T2 is serious, T3 is slightly injured. This does not go by radio.",
    ),
    "newer": Text(
        "Hier is al iets bekend dat nieuwer is. Dat blijft staan",
        "Something newer is known here already. That stays",
    ),
    "yes": Text("Ja, dit klopt", "Yes, this is right"),
    # paper
    "form_title": Text("Meldformulier noodsteunpunt", "Report form of an emergency support point"),
    "form_how": Text(
        "Kruis aan of vul in. Sla over wat je niet weet. Schrijf geen namen op.",
        "Tick or fill in. Leave out what you don't know. Write no names.",
    ),
    "form_site": Text("Naam van het punt", "Name of the site"),
    "form_time": Text("Tijd", "Time"),
    "form_date": Text("Datum", "Date"),
    "form_function": Text("Functie (geen naam)", "Role (no name)"),
    "form_report": Text("Hulp vragen of iets melden", "Ask for help or report something"),
    "form_aloud": Text(
        "Voorlezen door telefoon of portofoon: eerst het nummer, dan het antwoord.",
        "Read out by telephone or radio: first the number, then the answer.",
    ),
    "form_sample": Text(
        "„veld 10: open. Veld 12: veertig. Veld 86: krap.”",
        '"field 10: open. Field 12: forty. Field 86: low."',
    ),
    "not_112_paper": Text("Dit formulier vervangt 112 niet.", "This form does not replace 112."),
    "form_print": Text("Afdrukken", "Print"),
    "form_enter": Text("Papier invoeren", "Enter from paper"),
    "form_text": Text("In het kort: wat is er, en waar?", "In short: what is the matter, and where?"),
    "paper": Text("Papier invoeren", "Enter from paper"),
    "paper_how": Text(
        "Neem over wat op het formulier staat. Laat leeg wat er niet op staat.",
        "Copy what is on the form. Leave empty what is not on it.",
    ),
    "written": Text("Hoe lang geleden is het geschreven?", "How long ago was it written?"),
    "written_ago": Text("Geschreven", "Written"),
    "hours": Text("uur", "hours"),
    "minutes": Text("minuten", "minutes"),
    "ago": Text("geleden", "ago"),
    "paste": Text("Of typ het zoals het wordt voorgelezen", "Or type it as it is read out"),
    "paste_hint": Text("Bijvoorbeeld: 10=open 12=40 86=krap", "For example: 10=open 12=40 86=low"),
    "taken_over": Text("Kijk het hieronder na.", "Check it below."),
    "take_over": Text("Overnemen", "Take over"),
    "understood": Text("Begrepen", "Understood"),
    "not_understood": Text("Niet begrepen. Kijk dit na", "Not understood. Look at this"),
    "fill_in_one": Text("Vul ten minste één ding in.", "Fill in one thing at least."),
    "ago_max": Text("Vul hoogstens 48 uur in.", "Fill in 48 hours at most."),
}

URGENCY = {
    "1": Text("1 Nood – levensgevaar", "1 Emergency – danger to life"),
    "2": Text("2 Spoed – binnen 2 uur", "2 Urgent – within 2 hours"),
    "3": Text("3 Normaal – vandaag", "3 Routine – today"),
}

GROUP = {
    "openstelling": Text("Openstelling", "Opening"),
    "mensen": Text("Mensen", "People"),
    "voorraad": Text("Voorraad", "Supplies"),
    "stroom": Text("Stroom", "Power"),
    "verbindingen": Text("Verbindingen", "Connections"),
}

HINT = {
    "overnight": Text("Hoeveel mensen slapen hier?", "How many people sleep here?"),
    "less_self_reliant": Text("Mensen die extra hulp nodig hebben", "People who need extra help"),
    "staff": Text("Hoeveel mensen werken hier?", "How many people work here?"),
    "inflow": Text("Komen er meer of minder mensen bij?", "Are more or fewer people coming in?"),
    "access": Text("Kan men hier komen over de weg?", "Can one get here by road?"),
    "c2000": Text("Portofoon of noodtelefoon", "Portable radio or emergency phone"),
    "fuel_h": Text("Voor hoeveel uur is er brandstof?", "For how many hours is there fuel?"),
    "charging": Text("Plekken om telefoons op te laden", "Places to charge phones"),
    "sanitation": Text("Toiletten en wasplekken", "Toilets and places to wash"),
}

LOOKS = {
    "phone": Text("Dit lijkt op een telefoonnummer", "This looks like a telephone number"),
    "bsn": Text("Dit lijkt op een burgerservicenummer", "This looks like a citizen service number"),
    "mail": Text("Dit lijkt op een mailadres", "This looks like a mail address"),
    "address": Text("Dit lijkt op een adres", "This looks like an address"),
}

ICON = {  # paths of 24 by 24, drawn as lines
    "openstelling": "M6 21V3h12v18M3 21h18M14 12v1",
    "mensen": "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3 20c0-4 3-6 6-6s6 2 6 6M16 5a3 3 0 0 1 0 6"
    "M18 14c2 1 3 3 3 6",
    "voorraad": "M3 8l9-5 9 5v9l-9 5-9-5zM3 8l9 5 9-5M12 13v9",
    "stroom": "M13 2L5 14h6l-1 8 8-12h-6z",
    "verbindingen": "M8 9h8v12H8zM14 9V2M10 13h4M10 17h4",
    "water": "M12 3C8 9 6 12 6 15a6 6 0 0 0 12 0c0-3-2-6-6-12z",
    "food": "M7 3v7M5 3v4a2 2 0 0 0 4 0V3M7 10v11M16 3c-2 2-2 6 0 8v10",
    "fuel": "M6 8h9l3 3v10H6zM8 8V4h5v4M9 12l5 6M14 12l-5 6",
    "generator": "M13 2L5 14h6l-1 8 8-12h-6z",
    "medical": "M9 4h6v5h5v6h-5v5H9v-5H4V9h5z",
    "staff": "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3 20c0-4 3-6 6-6s6 2 6 6M16 5a3 3 0 0 1 0 6"
    "M18 14c2 1 3 3 3 6",
    "transport": "M2 6h12v10H2zM14 9h4l4 4v3h-8zM6 20a2 2 0 1 0 0-4 2 2 0 0 0 0 4z"
    "M18 20a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
    "security": "M12 3l8 3v6c0 5-4 8-8 9-4-1-8-4-8-9V6z",
    "sanitation": "M7 3h4v8H7zM5 11h13c0 4-2 6-5 6v4H8v-5",
    "communication": "M8 9h8v12H8zM14 9V2M10 13h4M10 17h4",
    "fire": "M12 2c1 4 5 6 5 11a5 5 0 0 1-10 0c0-2 1-3 2-4 0 2 1 3 2 3 0-4-1-6 1-10z",
    "unrest": "M12 3L2 20h20zM12 10v5M12 17v1",
    "building_damage": "M3 11l9-8 9 8M5 10v11h14V10M12 8l-2 4 4 2-2 4",
    "blocked_road": "M3 8h18v5H3zM6 13v8M18 13v8M8 8l-2 5M13 8l-2 5M18 8l-2 5",
    "missing_person": "M10 10a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM3 21c0-5 3-7 7-7"
    "M16 15a2.5 2.5 0 1 1 3 2.5V19M19 21v1",
    "hazardous_substance": "M9 3h6M10 3v6L4 19a1.5 1.5 0 0 0 1 2h14a1.5 1.5 0 0 0 1-2L14 9V3M7 15h10",
    "other": "M4 20l1-5L16 4l4 4L9 19z",
}  # fmt: skip


def words_of(language: str) -> dict[str, str]:
    """`PAGE` in one language."""
    return {name: pick(text, language) for name, text in PAGE.items()}


def choice(field: Field, value: str, language: str) -> str:
    """A value as it stands on a button."""
    said = pick(shown(field.name, value), language)
    return said[:1].upper() + said[1:]


def said(key: str, values: Mapping[str, str], language: str) -> str:
    """What a field of a message says, on the last look before it is sent; a dash for nothing."""
    if key not in values:
        return "–"
    if key == "text":
        return values[key]
    if key == "amount" and "amount_unit" in values:
        return f"{values[key]} {pick(shown('amount_unit', values['amount_unit']), language)}"
    return choice(BY_NAME[key], values[key], language)
