"""What each kind of notice is called: at the site's page, on VRD's pages and in a terminal."""

from __future__ import annotations

from relay.errors import Text

NOTICE_KIND = {
    "order": Text("Opdracht", "Order"),
    "information": Text("Informatie voor bezoekers", "Information for visitors"),
    "question": Text("Vraag", "Question"),
    "time": Text("Tijd", "Time"),
    "exercise": Text("Begin van een oefening", "An exercise begins"),
    "exercise_over": Text("Einde van de oefening", "The exercise is over"),
}
