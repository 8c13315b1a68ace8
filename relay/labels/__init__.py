"""Paper for a site: the A4 install sheet and the 62 mm label, as PDF. Dutch only, no secret on it."""

from relay.labels.facts import Box, Facts
from relay.labels.label import labels_pdf
from relay.labels.sheet import sheets_pdf

__all__ = ["Box", "Facts", "labels_pdf", "sheets_pdf"]
