"""QR codes in a photo. A stranger's picture is read `apart`: in a process of its own, which may fail."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import warnings
from pathlib import Path

import msgspec

from relay.errors import ConfigError, Text
from relay.processes import of_ours

PICTURE_BYTES_MAX = 64 * 1024 * 1024
PIXELS_MAX = 85_000_000  # above, Pillow warns of a bomb
SIDE_PIXELS = 4000  # enough for any code; a larger JPEG is read at a fraction of its size
CODES_MAX = 64  # in one picture
TEXT_LENGTH_MAX = 8192  # a QR code holds 7089 digits at most
APART_TIMEOUT_S = 30.0
APART_CPU_S = 20
APART_BYTES_MAX = 1024 * 1024 * 1024  # of memory
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
_OF_PHONES = ("PNG", "JPEG", "WEBP")  # of a stranger no more: each reader is one more to break


def is_possible() -> bool:
    """Whether what reads pictures is installed here."""
    from importlib.util import find_spec

    return find_spec("PIL") is not None and find_spec("zxingcpp") is not None


def codes_in(data: bytes, name: str, formats: tuple[str, ...] = _FORMATS) -> list[str]:
    """The texts of all QR codes in the picture called `name`; raises ConfigError."""
    _must_be_possible()
    import zxingcpp
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            image = Image.open(io.BytesIO(data), formats=formats)
            if len(data) > PICTURE_BYTES_MAX or image.width * image.height > PIXELS_MAX:
                raise ValueError
            image.draft("L", (SIDE_PIXELS, SIDE_PIXELS))
            found = zxingcpp.read_barcodes(image.convert("L"))
    except (OSError, ValueError, SyntaxError, MemoryError, Warning, Image.DecompressionBombError):
        raise _unreadable(name) from None
    return [code.text[:TEXT_LENGTH_MAX] for code in found[:CODES_MAX]]


def apart(data: bytes, name: str) -> list[str]:
    """The same, in a process with limits of its own; blocks for at most APART_TIMEOUT_S."""
    _must_be_possible()
    if len(data) > PICTURE_BYTES_MAX:
        raise _unreadable(name)
    with contextlib.suppress(OSError, subprocess.SubprocessError, msgspec.DecodeError):
        command, environment = of_ours("relay.pictures")
        done = subprocess.run(
            command,
            env=environment,
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=APART_TIMEOUT_S,
            check=True,
        )
        return msgspec.json.decode(done.stdout, type=list[str])
    raise _unreadable(name)


def _must_be_possible() -> None:
    if not is_possible():
        raise ConfigError(
            Text("Foto's lezen is hier niet geïnstalleerd", "Reading pictures is not installed here"),
            Text(
                "pip install 'naober[photo]', of plak de tekst die een QR-app toont",
                "pip install 'naober[photo]', or paste the text that a QR app shows",
            ),
        )


def _unreadable(name: str) -> ConfigError:
    return ConfigError(
        Text(f"{name} is geen foto die te lezen is", f"{name} is no picture that can be read"),
        Text("Maak een foto als JPEG of PNG", "Take a picture as JPEG or PNG"),
    )


def _confine() -> None:
    """Of little use and the first to go; a service may have been forbidden to set limits, and has its own."""
    import resource

    for what, limit in (
        (resource.RLIMIT_CPU, APART_CPU_S),
        (resource.RLIMIT_AS, APART_BYTES_MAX),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (limit, limit))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _shut() -> None:
    """From here on no file and no socket is opened: what breaks a reader finds no key, and nobody to tell."""
    import resource

    import zxingcpp  # noqa: F401
    from PIL import Image, MpoImagePlugin, TiffImagePlugin, WebPImagePlugin  # noqa: F401 (JPEG asks for some)

    Image.preinit()
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def _main() -> None:
    _confine()
    data = sys.stdin.buffer.read(PICTURE_BYTES_MAX + 1)
    _shut()
    sys.stdout.buffer.write(msgspec.json.encode(codes_in(data, "", _OF_PHONES)))


if __name__ == "__main__":
    _main()
