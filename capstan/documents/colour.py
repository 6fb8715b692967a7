"""The brand's accent: checked when it is set, and made dark enough to be read when it is printed as text."""

import re

from capstan.values.refused import Refused

_READABLE = 4.5  # WCAG 2.2 AA: the least contrast of small text
_PALE = 0.07


def check_accent(text: str) -> str:
    """`#rrggbb` in lower case, of `#rgb` or `#rrggbb`. Refused: anything else."""
    found = re.fullmatch(r"#?([0-9a-f]{3}|[0-9a-f]{6})", text.strip().lower())
    if not found:
        raise Refused(
            f"{text.strip()[:20]!r} is no colour we can use. Please write it as #rrggbb, such as #1f4e79."
        )
    digits = found[1]
    return "#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits))


def readable(accent: str) -> str:
    """The accent itself, or the nearest darker shade that can be read on white. In and out: `#rrggbb`."""
    red, green, blue = _parts(accent)
    for step in range(100, -1, -2):
        shade = (red * step // 100, green * step // 100, blue * step // 100)
        if contrast_with_white(_hex(shade)) >= _READABLE:
            return _hex(shade)
    return "#000000"


def pale(accent: str) -> str:
    """A hint of the accent, to lay behind dark text."""
    red, green, blue = (round(255 - (255 - part) * _PALE) for part in _parts(accent))
    return _hex((red, green, blue))


def contrast_with_white(colour: str) -> float:
    """As WCAG measures it: 1 for white, 21 for black."""
    red, green, blue = (_linear(part / 255) for part in _parts(colour))
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _hex(parts: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*parts)
