"""The words of a login by VRD's identity provider."""

from __future__ import annotations

from relay.errors import Text

PAGE = {
    "oidc_button": Text(
        "Inloggen met het account van de organisatie", "Log in with your organisation's account"
    ),
    "oidc_gone": Text("niet bereikbaar", "cannot be reached"),
    "oidc_away": Text(
        "De inlog van de organisatie is niet bereikbaar. Log hier in met naam en wachtwoord.",
        "The organisation's login cannot be reached. Log in here by name and password.",
    ),
    "oidc_refused": Text(
        "Deze inlog is niet geldig of verlopen. Probeer het opnieuw, of log hier in.",
        "This login is not valid, or over. Try again, or log in here.",
    ),
    "oidc_no_role": Text(
        "Dit account heeft geen rol in Naober. Vraag de beheerder.",
        "This account has no role in Naober. Ask the administrator.",
    ),
    "oidc_first": Text("Eerste keer hier", "First time here"),
    "oidc_choose": Text(
        "Kies een wachtwoord voor als de inlog van de organisatie niet bereikbaar is.",
        "Choose a password for when the organisation's login cannot be reached.",
    ),
    "oidc_link": Text(
        "Er is hier al een gebruiker met deze naam. Bent u dat? Geef het wachtwoord daarvan.",
        "There is a user of that name here. Is it you? Give the password of that one.",
    ),
    "oidc_again": Text("Nog een keer", "Once more"),
    "oidc_differ": Text("De twee zijn niet gelijk.", "The two differ."),
    "oidc_on": Text("Verder", "Go on"),
}
