"""The tones, as the browsers have them (pages/static/live.js), made into files that any player takes."""

from __future__ import annotations

import array
import math
import wave
from pathlib import Path

from relay.inbox.alarms.state import CHIME, EMERGENCY, SYSTEM, URGENT

RATE_HZ = 22_050
TONE_S = 0.3
LOUDNESS = 0.7  # of the most that a sample can hold
FADE = 0.001  # of the loudness is left at the end of a tone
TONES: dict[str, tuple[tuple[int, float], ...]] = {  # hertz, and after how many seconds; the worst first
    EMERGENCY: ((880, 0.0), (880, 0.35)),
    SYSTEM: ((220, 0.0),),
    URGENT: ((660, 0.0),),
    CHIME: ((520, 0.0),),
}


def write(folder: Path) -> dict[str, Path]:
    """A WAV file for each tone; raises OSError."""
    files = {name: folder / f"{name}.wav" for name in TONES}
    for name, file in files.items():
        with wave.open(str(file), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(RATE_HZ)
            out.writeframes(_samples(TONES[name]).tobytes())
    return files


def _samples(tones: tuple[tuple[int, float], ...]) -> array.array[int]:
    """16 bits each, little-endian as WAV has them on every machine that we run on."""
    samples = array.array("h", bytes(2 * int(RATE_HZ * (tones[-1][1] + TONE_S))))
    for hertz, at_s in tones:
        first, count = int(at_s * RATE_HZ), int(TONE_S * RATE_HZ)
        for step in range(min(count, len(samples) - first)):
            fade = FADE ** (step / count)
            wave_ = math.sin(2 * math.pi * hertz * step / RATE_HZ)
            samples[first + step] = int(LOUDNESS * 32767 * fade * wave_)
    return samples
