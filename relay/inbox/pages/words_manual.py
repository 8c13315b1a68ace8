"""Words of the lanes, of what is entered by hand, and of what is printed."""

from __future__ import annotations

from relay.errors import Text

LANE = {
    "echt": Text("Echt", "Real"),
    "oefening": Text("Oefening", "Exercise"),
    "beide": Text("Beide", "Both"),
}
VIA = {
    "telephone": Text("telefoon", "telephone"),
    "portofoon": Text("portofoon/C2000", "portofoon/C2000"),
    "dares": Text("DARES", "DARES"),
    "courier": Text("koerier", "courier"),
    "other": Text("anders", "otherwise"),
}
PAGE = {
    "lane": Text("Baan", "Lane"),
    "lane_both": Text("ECHT + OEFENING", "REAL + EXERCISE"),
    "not_an_exercise": Text("GEEN OEFENING", "NOT AN EXERCISE"),
    "exercise_note": Text(
        "Wat in deze baan staat is niet echt. Een echte Nood breekt in.",
        "What stands in this lane is not real. A real emergency breaks in.",
    ),
    "both_note": Text(
        "Wat van de oefening is draagt dit woord. De tellingen bovenaan zijn echt.",
        "What is of the exercise bears this word. The counts on top are real.",
    ),
    "drill": Text("Oefening", "Exercise"),
    "drill_known": Text("punten weten het", "sites know of it"),
    "exercising": Text("punten in oefening", "sites in an exercise"),
    "real_lane": Text("Echte baan", "The real lane"),
    "manual": Text("Handmatig invoeren", "Enter by hand"),
    "choose": Text("kies", "choose"),
    "told_at": Text("Ontvangen om (uu:mm)", "Received at (hh:mm)"),
    "told_via": Text("Via", "By"),
    "paste": Text("Plakken of typen zoals voorgelezen", "Paste, or type as it is read out"),
    "paste_hint": Text(
        "nummer of naam van het formulier, bijvoorbeeld: 10=open 12=40 86=krap",
        "number or name of the form, for example: 10=open 12=40 86=low",
    ),
    "understand": Text("Overnemen in het formulier", "Take over into the form"),
    "understood": Text("Begrepen", "Understood"),
    "not_understood": Text(
        "Niet begrepen, overgenomen in de tekst", "Not understood, taken over into the text"
    ),
    "nothing_understood": Text("Niets begrepen.", "Nothing understood."),
    "kept": Text("Bewaard", "Kept"),
    "confidence": Text("Betrouwbaarheid", "Confidence"),
    "is_exercise": Text("Dit is een oefening", "This is an exercise"),
    "site_values": Text("Waarden", "Values"),
    "report_or_request": Text("Melding of hulpvraag", "Report or request"),
    "entered_by": Text("Ingevoerd door", "Entered by"),
    "as_told": Text("Zoals ontvangen", "As it was received"),
    "entered_via": Text("ingevoerd via", "entered by"),
    "spoken": Text("punt gesproken", "site spoken to"),
    "node_heard": Text("knooppunt", "node"),
    "same": Text("Zelfde melding?", "The same report?"),
    "merge": Text("Samenvoegen", "Merge"),
    "merged_with": Text("Samengevoegd met", "Merged with"),
    "shown_as": Text("Staat in de lijsten als", "Stands in the lists as"),
    "part": Text("Losmaken", "Take apart"),
    "form_title": Text("Meldformulier noodsteunpunt", "Report form of an emergency support point"),
    "form_how": Text(
        "Lees voor: nummer, dan antwoord. Sla over wat u niet weet. Schrijf geen namen van bezoekers op.",
        "Read out: number, then answer. Leave out what you don't know. Write no names of visitors.",
    ),
    "form_site": Text("Naam van het punt", "Name of the site"),
    "form_function": Text("Functie van wie meldt", "Function of who reports"),
    "form_date": Text("Datum en tijd", "Date and time"),
    "form_taken": Text("Opgenomen bij VRD door", "Taken down at VRD by"),
    "form_text": Text("Tekst", "Text"),
    "form_ring": Text("omcirkel", "ring one"),
    "picture": Text("Stand van de noodsteunpunten", "Picture of the emergency support points"),
    "cannot_tell": Text("niet te bepalen", "cannot tell"),
    "print": Text("Afdrukken", "Print"),
    "blank_form": Text("Leeg formulier", "Blank form"),
    "on_paper": Text("Stand op papier", "Picture on paper"),
    "courier_code": Text("Code of foto van een koerier", "Code or photo of a courier"),
    "courier_how": Text(
        "Een bezoeker brengt foto's van de codes op het scherm van een punt, of de tekst die een QR-app "
        'toont. De berichten staan daarna in de lijsten met "via koerier".',
        "A visitor brings photos of the codes on a site's screen, or the text that a QR app shows. "
        'The messages then stand in the lists with "via courier".',
    ),
    "courier_text": Text("Tekst van de codes", "Text of the codes"),
    "courier_text_hint": Text(
        "plak alles: van NAOBER1/ tot en met de laatste /, ook van meer codes en met tekst eromheen",
        "paste everything: from NAOBER1/ to the last /, of several codes too, and with words around it",
    ),
    "courier_photos": Text("Foto's", "Photos"),
    "courier_photos_hint": Text(
        "hoogstens 8 tegelijk, samen 32 MB; meer codes op een foto mag",
        "8 at once at most, 32 MB together; several codes in one photo is fine",
    ),
    "courier_read": Text("Inlezen", "Read in"),
    "courier_codes": Text("Codes gelezen", "Codes read"),
    "courier_new": Text("nieuw", "new"),
    "courier_known": Text("al bekend", "known already"),
    "courier_apart": Text(
        "apart gezet: van punten die VRD niet kent, of die geblokkeerd of ingetrokken zijn",
        "set apart: of sites that VRD does not know, or that are blocked or revoked",
    ),
    "courier_junk": Text("berichten die niet kloppen", "messages that are not sound"),
    "courier_broken": Text("Codes niet heel overgekomen", "Codes that did not come whole"),
    "courier_broken_do": Text(
        "Neem de hele tekst over, of vraag een nieuwe foto.",
        "Take over all of the text, or ask for a new photo.",
    ),
    "courier_none": Text(
        "Geen code gevonden. Is de hele tekst geplakt? Is de foto recht, scherp en dichtbij?",
        "No code found. Is all of the text pasted? Is the photo straight, sharp and close?",
    ),
    "courier_no_photos": Text(
        "Foto's lezen is hier niet geïnstalleerd: plak de tekst die een QR-app toont.",
        "Reading photos is not installed here: paste the text that a QR app shows.",
    ),
}
PAGE |= {f"via_{name}": text for name, text in VIA.items()}
