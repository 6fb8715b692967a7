"""Small parts of pages as markup, for tags and for views that fill tables."""

from datetime import datetime

from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString

from capstan.network.rules.line_state import LineState
from capstan.ui.icons import icon
from capstan.ui.states import STATE_LOOKS, Tone


def badge(word: str, tone: Tone | str, icon_name: str = "") -> SafeString:
    """A state in word, colour and shape. Raises ValueError for a tone that there isn't."""
    drawing = icon(icon_name) if icon_name else ""
    return format_html('<span class="cap-badge cap-{}">{}{}</span>', Tone(tone).value, drawing, word)


def state_badge(state: LineState | str) -> SafeString:
    """A line's state, in the words that everybody reads."""
    look = STATE_LOOKS[LineState(state)]
    return badge(look.word, look.tone, look.icon)


def moment(at: datetime) -> SafeString:
    """`1 Dec 2026 14:02`, in the provider's zone; a narrow column may break it between the two."""
    return _time(at, f"{settings.FORMATS.date(at)} {settings.FORMATS.time(at)}")


def clock(at: datetime) -> SafeString:
    """`14:02:07`."""
    return _time(at, settings.FORMATS.clock(at))


def date_of(at: datetime) -> SafeString:
    """`1 Dec 2026`."""
    return _time(at, settings.FORMATS.date(at))


def _time(at: datetime, words: str) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', at.isoformat(timespec="seconds"), words)


def link(words: str, url: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', url, words)
