"""What only the pages of the sign-in show."""

from django import template

register = template.Library()

_GROUP = 4


@register.filter
def in_fours(text: str) -> str:
    """`JBSW Y3DP`: a key or code in groups of four, to be copied by hand."""
    return " ".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))
