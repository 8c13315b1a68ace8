"""What a phone makes of a screen: tilted, turned, out of focus, and packed by JPEG."""

from __future__ import annotations

import io

from PIL import Image, ImageFilter

SCREEN = (800, 480)  # of a box; the smallest that shows a code
WALL, GLASS = 90, 235  # greys of what stands around


def on_screen(*pictures: bytes, size: tuple[int, int] = SCREEN) -> Image.Image:
    """PNG files beside one another on a screen, pixel by pixel."""
    screen, left = Image.new("L", size, GLASS), 0
    for picture in pictures:
        image = Image.open(io.BytesIO(picture)).convert("L")
        assert left + image.width <= size[0] and image.height <= size[1]
        screen.paste(image, (left, (size[1] - image.height) // 2))
        left += image.width
    return screen


def photographed(
    screen: Image.Image,
    *,
    width: int = 1600,  # what a messenger leaves of a photo
    turned: float = 5,  # degrees
    tilted: float = 0.03,  # the far edge is shorter by this part
    blur: float = 1.2,  # pixels
    quality: int = 70,
) -> bytes:
    """A JPEG of `screen`, which takes up three quarters of it."""
    height = width * 3 // 4
    large = screen.resize((width * 3 // 4, screen.height * (width * 3 // 4) // screen.width))
    photo = Image.new("L", (width, height), WALL)
    photo.paste(large, ((width - large.width) // 2, (height - large.height) // 2))
    x, y = width * tilted, height * tilted
    corners = (x, y, 0, height, width, height - y, width - x, 0)
    photo = photo.transform((width, height), Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)
    photo = photo.rotate(turned, Image.Resampling.BICUBIC, fillcolor=WALL)
    photo = photo.filter(ImageFilter.GaussianBlur(blur))
    out = io.BytesIO()
    photo.convert("RGB").save(out, "JPEG", quality=quality)
    return out.getvalue()
