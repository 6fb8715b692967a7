"""Small parts of pages as markup, for tags and for views that fill tables."""

from datetime import datetime

from babel import Locale, UnknownLocaleError
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString

from capstan.network.rules.line_state import LineState
from capstan.ui.icons import icon
from capstan.ui.states import CAPPED, NOT_CONNECTED, STATE_LOOKS, WAITS_WORD, Tone


def badge(word: str, tone: Tone | str, icon_name: str = "") -> SafeString:
    """A state in word, colour and shape. Raises ValueError for a tone that there isn't."""
    drawing = icon(icon_name) if icon_name else ""
    return format_html('<span class="cap-badge cap-{}">{}{}</span>', Tone(tone).value, drawing, word)


def state_badge(state: LineState | str, is_connected: bool = True, waits: bool = False) -> SafeString:
    """A line's state, in the words that everybody reads; an open one isn't online while nobody is connected. `waits`: a prepaid
    line is at its cap because its data isn't paid."""
    if waits and state in CAPPED:
        return badge(WAITS_WORD, STATE_LOOKS[LineState(state)].tone, "clock")
    is_idle = state == LineState.OPEN and not is_connected
    look = NOT_CONNECTED if is_idle else STATE_LOOKS[LineState(state)]
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


def language_name(tag: str) -> str:
    """A language by its own name, as people in the country call it: `Sesotho`, `isiZulu`; a tag that is none as it is."""
    try:
        return Locale.parse(tag, sep="-").get_display_name() or tag
    except (UnknownLocaleError, ValueError):
        return tag


def link(words: str, url: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', url, words)
