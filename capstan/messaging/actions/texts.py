"""The provider's own words: each edit is a row, so what was said when can always be read."""

from datetime import datetime

from django.db import transaction

from capstan.audit.actions import record
from capstan.messaging.models import TemplateEdit
from capstan.messaging.queries.texts import template
from capstan.messaging.rules.templates import Text, check
from capstan.messaging.rules.words import Medium
from capstan.values.refused import Refused


@transaction.atomic
def edit_text(
    *,
    code: str,
    medium: Medium,
    language: str,
    brand_id: int | None,
    text: Text,
    actor: str,
    now: datetime,
) -> TemplateEdit:
    """Use these words from now on, for one brand or for all. Raises Refused for a text that can't be filled in or sent."""
    check(template(code), medium, text)
    return _write(code, medium, language, brand_id, text, actor, now)


@transaction.atomic
def use_default(
    *, code: str, medium: Medium, language: str, brand_id: int | None, actor: str, now: datetime
) -> TemplateEdit:
    """Use our words again, or for a brand those of all brands."""
    return _write(code, medium, language, brand_id, Text(""), actor, now)


@transaction.atomic
def use_variant(*, code: str, variant: str, brand_id: int | None, actor: str, now: datetime) -> int:
    """Use a ready-made variant of an SMS, in every language that has it; how many."""
    texts = template(code).variants.get(variant)
    if not texts:
        raise Refused(f"{code} has no variant {variant!r}.")
    for language, text in texts.items():
        _write(code, Medium.SMS, language, brand_id, text, actor, now)
    return len(texts)


def _write(
    code: str,
    medium: Medium,
    language: str,
    brand_id: int | None,
    text: Text,
    actor: str,
    now: datetime,
) -> TemplateEdit:
    edit = TemplateEdit.objects.create(
        code=code, medium=medium, language=language, brand_id=brand_id, title=text.title, body=text.body.strip(),
        edited_at=now, actor=actor,
    )  # fmt: skip
    details = {"medium": str(medium), "language": language, "brand": brand_id, "edit": edit.pk}
    record(
        actor=actor, action="edit_text" if edit.body else "use_default_text", subject=f"template:{code}",
        details=details, now=now,
    )  # fmt: skip
    return edit
