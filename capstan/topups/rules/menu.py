"""The menu in a message: which letter stands for which size, and how it is written."""

from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from itertools import count
from string import ascii_uppercase
from typing import NamedTuple

from capstan.values.formats import Formats


class Line(NamedTuple):
    letter: str
    size_bytes: int
    price_minor: int


def letters_for(own: Sequence[str], taken: Collection[str]) -> list[str]:
    """Letters for a menu on a number whose other lines' open menus have `taken`.

    Its own from the catalogue if they are free, else the first free run: H to N after A to G. After Z come AA, BB, …
    """
    if not set(own) & set(taken):
        return list(own)
    run: list[str] = []
    for letter in _alphabet():
        if len(run) == len(own):
            break
        run = [] if letter in taken else [*run, letter]
    return run


def _alphabet() -> Iterator[str]:
    return (letter * times for times in count(1) for letter in ascii_uppercase)


def menu_words(lines: Sequence[Line], formats: Formats) -> dict[str, str]:
    """The values `letters` (`A,B`), `sizes` (`0.5GB,1GB`) and `menu` (`A 0.5GB R9,B 1GB R15`) of a message's template."""
    sizes = [menu_size(line.size_bytes, formats) for line in lines]
    priced = [
        f"{line.letter} {size} {formats.short_money(line.price_minor)}"
        for line, size in zip(lines, sizes, strict=True)
    ]
    return {
        "letters": ",".join(line.letter for line in lines),
        "sizes": ",".join(sizes),
        "menu": ",".join(priced),
    }


def menu_size(size_bytes: int, formats: Formats) -> str:
    """As an SMS prints it; tenths of a GB stay GB beside whole ones: `0.5GB`, but `250MB`."""
    tenths = Decimal(size_bytes) * 10 / Decimal(int(formats.units) ** 3)
    if tenths in range(1, 10):
        return f"{tenths / 10:.1f}GB"
    return formats.short_size(size_bytes)
