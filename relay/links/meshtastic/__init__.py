"""The radio link over a Meshtastic radio: USB serial or TCP, by the firmware's client API.

    options = MeshtasticOptions(device="/dev/serial/by-id/...", airtime_ms=...)
    link = MeshtasticLink(options, random.random)
    await link.run(heard, changed)

Only `proto` loads the `meshtastic` package, when the link runs. Codes of LinkError: errors.py.
Beside the link: `boards` (what is on USB), `setting` (bringing a radio to what it must be set to), `where`.
"""

from relay.links.meshtastic.connection import Timing
from relay.links.meshtastic.link import MeshtasticLink, MeshtasticOptions
from relay.links.meshtastic.settings import Wanted, fingerprint

__all__ = ["MeshtasticLink", "MeshtasticOptions", "Timing", "Wanted", "fingerprint"]
