"""Writing to a terminal: colour where it is one, plain ASCII where it can't show more."""

import os
import sys

# What a terminal without UTF-8 gets instead. Anything else it lacks becomes a question mark.
_ASCII = str.maketrans(
    {
        "\N{NO-BREAK SPACE}": " ",
        "\N{EN DASH}": "-",
        "\N{HORIZONTAL ELLIPSIS}": "...",
        "\N{RIGHTWARDS ARROW}": "->",
        "\N{MIDDLE DOT}": "-",
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{FULL BLOCK}": "#",
        "\N{LIGHT SHADE}": ".",
        "\N{MEDIUM SHADE}": "/",
        "\N{BLACK CIRCLE}": "(o)",
        "\N{CIRCLE WITH LEFT HALF BLACK}": "(~)",
        "\N{BLACK UP-POINTING TRIANGLE}": "(^)",
        "\N{BLACK SQUARE}": "[X]",
        "\N{BLACK DIAMOND}": "<!>",
        "\N{WHITE CIRCLE}": "( )",
        "\N{HEAVY EXCLAMATION MARK SYMBOL}": "!",
    }
)
_COLOURS = {"green": 32, "amber": 33, "orange": 91, "red": 31, "violet": 35, "grey": 90, "bold": 1}


def say(text: str) -> None:
    """Print to stdout, in ASCII if its encoding can't show the text."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = plain(text).encode(encoding, "replace").decode(encoding)
    print(text)


def plain(text: str) -> str:
    """The text with our signs and typography written in ASCII."""
    return text.translate(_ASCII)


def painted(text: str, colour: str) -> str:
    """The text in this colour if people read it on a terminal that shows colours (see no-color.org)."""
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb":
        return text
    return f"\033[{_COLOURS[colour]}m{text}\033[0m"
