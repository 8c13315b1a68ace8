"""Paper for a site: the A4 install sheet, the 62 mm label, the card for inside the box. As PDF, Dutch only.

No key is on any of it; the Wi-Fi's password is on the card alone.
"""

from relay.labels.card import cards_pdf
from relay.labels.facts import Box, Facts, Wifi
from relay.labels.label import labels_pdf
from relay.labels.sheet import sheets_pdf

__all__ = ["Box", "Facts", "Wifi", "cards_pdf", "labels_pdf", "sheets_pdf"]
