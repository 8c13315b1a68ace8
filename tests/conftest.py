"""What holds for every test."""

from __future__ import annotations

import signal

# CI may start us in the background, with SIGINT ignored; commands under test would inherit that, and
# Ctrl-C is part of what is tested
signal.signal(signal.SIGINT, signal.default_int_handler)
