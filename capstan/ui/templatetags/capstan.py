"""Capstan's components and filters: `{% load capstan %}`. `capstan/ui/README.md` shows each."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import count
from typing import Any

import phonenumbers
from django import template
from django.conf import settings
from django.template import Context
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from capstan.ui import icons, navigation, parts
from capstan.ui.charts import Chart
from capstan.ui.meter import Meter
from capstan.ui.states import Tone
from capstan.ui.tables import Empty, Table

register = template.Library()

_LONG_PART = 20
_drawings = count(1)  # ids in drawings differ within a page


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
    return parts.moment(at)


@register.filter
def clock(at: datetime) -> SafeString:
    """`14:02:07`."""
    return parts.clock(at)


@register.filter
def date_of(at: datetime) -> SafeString:
    """`1 Dec 2026`."""
    return parts.date_of(at)


@register.filter
def phone(number: str) -> str:
    """An E.164 number as people read it: `021 555 0123` at home, `+49 30 1234567` elsewhere."""
    parsed = phonenumbers.parse(number, settings.OPTIONS.country)
    home = phonenumbers.country_code_for_region(settings.OPTIONS.country) == parsed.country_code
    form = phonenumbers.PhoneNumberFormat
    return phonenumbers.format_number(parsed, form.NATIONAL if home else form.INTERNATIONAL)


@register.filter
def breakable(text: str) -> SafeString:
    """A username or address that may go on in the next line before the @, and after the dots of a long part."""
    parts_of = text.replace("@", "\0@").split("\0")
    pieces = [
        piece
        for part in parts_of
        for piece in (part.replace(".", ".\0").split("\0") if len(part) > _LONG_PART else [part])
    ]
    return format_html_join(SafeString("<wbr>"), "{}", ((piece,) for piece in pieces))


@register.filter
def language(tag: str) -> str:
    """A language by its own name: `Sesotho` for `st`."""
    return parts.language_name(tag)


@register.filter
def initials(name: str) -> str:
    """`TN` for Thandi Nkosi."""
    words = name.split()
    return "".join(word[0] for word in [*words[:1], *words[1:][-1:]]).upper()


@register.filter
def span(seconds: int) -> str:
    """A session's time: `1:02:03`."""
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


# --- small parts -----------------------------------------------------------------------------------------


@register.simple_tag
def icon(name: str, label: str = "", **more: str) -> SafeString:
    """`{% icon "phone" %}`; with a label only where no word stands beside it. `class=` adds classes."""
    return icons.icon(name, more.get("class", ""), label)


@register.simple_tag
def badge(word: str, tone: str = "quiet", icon: str = "") -> SafeString:
    """A state in word, colour and shape: `{% badge "Waiting" "slow" "clock" %}`. Tones: see states.Tone."""
    return parts.badge(word, tone, icon)


@register.simple_tag
def state_badge(state: str, is_connected: bool = True, waits: bool = False) -> SafeString:
    """A line's state, in the words that everybody reads; say whether somebody is connected, and whether its data waits for
    payment, where that is known."""
    return parts.state_badge(state, is_connected, waits)


@register.inclusion_tag("ui/copy_button.html")
def copy_button(text: str, label: str = "Copy") -> dict[str, object]:
    """Puts the text on the clipboard. Shows only where scripts run."""
    return {"text": text, "label": label}


# --- parts of pages --------------------------------------------------------------------------------------


@register.inclusion_tag("ui/answer.html")
def answer(words: str, figure: str = "", note: str = "", tone: str = "", level: int = 1) -> dict[str, object]:
    """A page's one answer, its figure first: `{% answer "left until 1 Dec 2026" "1.4 GB" %}`. It is the page's heading."""
    return {
        "words": words,
        "figure": figure,
        "note": note,
        "tone": Tone(tone).value if tone else "",
        "tag": f"h{int(level)}",
    }


@register.inclusion_tag("ui/table.html")
def table(table: Table) -> dict[str, object]:
    """A list: see tables.Table."""
    return {"table": table}


@register.inclusion_tag("ui/empty.html")
def empty_state(title: str, why: str, button: str = "", url: str = "") -> dict[str, object]:
    """Where a list would be: why there is none, and the next step."""
    return {"empty": Empty(title, why, button, url)}


@register.inclusion_tag("ui/facts.html")
def facts(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    """A description list of (term, fact)."""
    return {"pairs": pairs}


@register.inclusion_tag("ui/meter.html")
def cap_meter(meter: Meter, compact: bool = False) -> dict[str, object]:
    """The cap meter: see meter.meter_of. Compact, it is the figure and the bar."""
    return {"meter": meter, "is_compact": compact, "hatch": f"cap-hatch-{next(_drawings)}"}


@register.inclusion_tag("ui/bars.html")
def bars(chart: Chart) -> dict[str, object]:
    """Bars over time: see charts.bars. The page has `ui/charts.css`, and a table with the figures beside it."""
    return {"chart": chart}


@register.inclusion_tag("ui/steps.html")
def topup_steps(progress: object) -> dict[str, object]:
    """A top-up in progress: `steps` of (word, at or None, done/now/todo/failed), `headline`, `hint`, `is_final`, `seconds`."""
    return {"progress": progress}


@register.inclusion_tag("ui/pagination.html", takes_context=True)
def pagination(context: Context, page: object) -> dict[str, object]:
    """Back and further, for a page of django.core.paginator; other parameters of the address stay."""
    return {"page": page, "request": context.get("request")}


@register.simple_block_tag
def live(
    content: str, url: str, name: str, seconds: int = 5, ended: bool = False, version: str = ""
) -> SafeString:
    """A part of a page that renews itself: `{% live url "meter" seconds=5 %}…{% endlive %}`.

    The template of the part holds the tag; the page includes it, and the view at `url` renders it alone. When it renders
    with `ended=True` it is the last time. When it comes with another `version`, what has `data-cap-follows="meter"` and
    an id of its own is drawn anew from the page.
    """
    follow = format_html(' data-cap-version="{}"', version) if version else ""
    if ended:
        return format_html('<div id="{}" class="cap-live"{}>{}</div>', name, follow, content)
    return format_html(
        '<div id="{}" class="cap-live" data-cap-live="{}" data-cap-seconds="{}"{}>{}'
        '<p class="cap-as-of" data-cap-as-of hidden></p></div>',
        name, url, int(seconds), follow, content,
    )  # fmt: skip


@register.simple_tag(takes_context=True)
def console_links(context: Context) -> navigation.Links:
    """The console's frame; `nav_counts` in the context says by address name how much waits there."""
    counts: Mapping[str, int] = context.get("nav_counts") or {}
    request: Any = context.get("request")
    return navigation.console_links(request, counts)
