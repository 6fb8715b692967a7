"""The icons that pages may use: those in `assets/icons.txt`, of which set-up makes one sprite."""

from functools import cache
from pathlib import Path

from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

_LIST = Path(__file__).parent / "assets" / "icons.txt"


@cache
def names() -> frozenset[str]:
    return frozenset(_LIST.read_text().split())


def icon(name: str, more_classes: str = "", label: str = "") -> SafeString:
    """A drawing in the colour of the text around it; for screen readers only if it has a label.

    Raises ValueError for one that isn't in the list.
    """
    if name not in names():
        raise ValueError(
            f"there is no icon {name!r}: add it to capstan/ui/assets/icons.txt (tabler.io/icons)"
        )
    spoken = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html(
        '<svg class="cap-icon {}" {}><use href="{}#{}"></use></svg>',
        more_classes,
        spoken,
        static("vendor/icons.svg"),
        name,
    )
