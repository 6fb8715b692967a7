"""Capstan's components and filters: `{% load capstan %}`. `capstan/ui/README.md` shows each."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import phonenumbers
from django import template
from django.conf import settings
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from capstan.network.rules.line_state import LineState
from capstan.ui import icons, navigation
from capstan.ui.states import STATE_LOOKS, Tone

register = template.Library()


# --- figures and times -----------------------------------------------------------------------------------


@register.filter
def size(size_bytes: int) -> str:
    """`13.6 GB`."""
    return str(settings.FORMATS.size(size_bytes))


@register.filter
def money(amount_minor: int) -> str:
    """`R35.00`."""
    return str(settings.FORMATS.money(amount_minor))


@register.filter
def moment(at: datetime) -> SafeString:
    """`1 Dec 2026 14:02`, in the provider's zone."""
    return _time(at, settings.FORMATS.moment(at))


@register.filter
def clock(at: datetime) -> SafeString:
    """`14:02:07`."""
    return _time(at, settings.FORMATS.clock(at))


@register.filter
def date_of(at: datetime) -> SafeString:
    """`1 Dec 2026`."""
    return _time(at, settings.FORMATS.date(at))


def _time(at: datetime, words: str) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', at.isoformat(timespec="seconds"), words)


@register.filter
def phone(number: str) -> str:
    """An E.164 number as people read it: `021 555 0123` at home, `+49 30 1234567` elsewhere."""
    parsed = phonenumbers.parse(number, settings.OPTIONS.country)
    home = phonenumbers.country_code_for_region(settings.OPTIONS.country) == parsed.country_code
    form = phonenumbers.PhoneNumberFormat
    return phonenumbers.format_number(parsed, form.NATIONAL if home else form.INTERNATIONAL)


@register.filter
def initials(name: str) -> str:
    """`TN` for Thandi Nkosi."""
    words = name.split()
    return "".join(word[0] for word in [*words[:1], *words[1:][-1:]]).upper()


# --- small parts -----------------------------------------------------------------------------------------


@register.simple_tag
def icon(name: str, label: str = "", **more: str) -> SafeString:
    """`{% icon "phone" %}`; with a label only where no word stands beside it. `class=` adds classes."""
    return icons.icon(name, more.get("class", ""), label)


@register.simple_tag
def badge(word: str, tone: str = "quiet", icon: str = "") -> SafeString:
    """A state in word, colour and shape: `{% badge "Waiting" "slow" "clock" %}`. Tones: see states.Tone."""
    drawing = icons.icon(icon) if icon else SafeString("")
    return format_html('<span class="cap-badge cap-{}">{}{}</span>', Tone(tone).value, drawing, word)


@register.simple_tag
def state_badge(state: str) -> SafeString:
    """A line's state, in the words that everybody reads."""
    look = STATE_LOOKS[LineState(state)]
    return badge(look.word, look.tone, look.icon)


@register.simple_tag(takes_context=True)
def console_links(context: Context) -> navigation.Links:
    """The console's frame; `nav_counts` in the context says by address name how much waits there."""
    counts: Mapping[str, int] = context.get("nav_counts") or {}
    request: Any = context.get("request")
    return navigation.console_links(request, counts)
