"""Which words are used: the provider's own where there are some, else ours."""

from collections.abc import Mapping
from typing import NamedTuple

import structlog
from django.db.models import Q

from capstan.messaging.models import TemplateEdit
from capstan.messaging.rules import templates
from capstan.messaging.rules.templates import Rendered, Template, Text
from capstan.messaging.rules.texts.catalogue import TEMPLATES
from capstan.messaging.rules.words import Medium
from capstan.values.refused import Refused

log = structlog.get_logger()


class TextInForce(NamedTuple):
    """`edit` is the row that it is from; None for our own. `language` is what was found, perhaps English."""

    text: Text
    language: str
    edit: TemplateEdit | None


def template(code: str) -> Template:
    """Raises KeyError for a code that doesn't exist."""
    return TEMPLATES[code]


def text_in_force(code: str, medium: Medium, *, language: str, brand_id: int) -> TextInForce:
    """The brand's own text in this language, else all brands' own, else ours; then the same in English.

    An edit that our program can't fill in any more, after an update, is passed over and logged.
    """
    one = TEMPLATES[code]
    for tag in templates.languages(language):
        for owner in (brand_id, None):
            edit = _last(code, medium, tag, owner)
            if edit is not None and edit.body:
                text = Text(edit.body, edit.title)
                if _works(one, medium, text, edit.pk):
                    return TextInForce(text, tag, edit)
        if tag in one.texts[medium]:
            return TextInForce(one.texts[medium][tag], tag, None)
    raise AssertionError("every template has an English text")


def render(
    code: str, medium: Medium, *, language: str, brand_id: int, values: Mapping[str, str]
) -> tuple[Rendered, str]:
    """The filled-in text in force, and its language. Raises ValueError for values that don't fit the template."""
    found = text_in_force(code, medium, language=language, brand_id=brand_id)
    return templates.render(TEMPLATES[code], medium, found.text, values), found.language


def preview(code: str, medium: Medium, text: Text, values: Mapping[str, str] | None = None) -> Rendered:
    """How a text would look with sample values, or some of one's own. Raises Refused for a text that can't be used."""
    one = TEMPLATES[code]
    templates.check(one, medium, text)
    return templates.render(one, medium, text, {**one.samples, **(values or {})})


def edits_of(code: str, medium: Medium) -> list[TemplateEdit]:
    """Every edit there was, the newest first."""
    return list(TemplateEdit.objects.filter(code=code, medium=medium).order_by("-edited_at", "-pk"))


def edited() -> set[tuple[str, str, str, int | None]]:
    """Code, medium, language and brand of every text that is the provider's own at present."""
    newest = TemplateEdit.objects.order_by(
        "code", "medium", "language", "brand_id", "-edited_at", "-pk"
    ).distinct("code", "medium", "language", "brand_id")
    return {(edit.code, edit.medium, edit.language, edit.brand_id) for edit in newest if edit.body}


def _last(code: str, medium: Medium, language: str, brand_id: int | None) -> TemplateEdit | None:
    owner = Q(brand_id__isnull=True) if brand_id is None else Q(brand_id=brand_id)
    found = TemplateEdit.objects.filter(owner, code=code, medium=medium, language=language)
    return found.order_by("-edited_at", "-pk").first()


def _works(one: Template, medium: Medium, text: Text, edit_id: int) -> bool:
    try:
        templates.check(one, medium, text)
    except Refused as refusal:
        log.warning(
            "an edited text can't be used any more", template=one.code, edit=edit_id, why=str(refusal)
        )
        return False
    return True
