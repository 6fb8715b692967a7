"""The provider's own words: by brand and language, each edit kept, a wrong one refused."""

from datetime import timedelta

import pytest

from capstan.audit.models import AuditEntry
from capstan.messaging.actions.texts import edit_text, use_default, use_variant
from capstan.messaging.models import TemplateEdit
from capstan.messaging.queries.texts import edited, edits_of, preview, text_in_force
from capstan.messaging.rules.templates import Text
from capstan.messaging.rules.words import Medium
from capstan.values.refused import Refused
from tests.messaging.conftest import NOW

pytestmark = pytest.mark.django_db

CODE = "stopped"


def edit(body: str, *, language: str = "en", brand: int | None = None, minutes: int = 0) -> TemplateEdit:
    return edit_text(
        code=CODE, medium=Medium.SMS, language=language, brand_id=brand, text=Text(body), actor="staff:thandi",
        now=NOW + timedelta(minutes=minutes),
    )  # fmt: skip


def words(language: str = "en", brand: int = 1) -> str:
    return text_in_force(CODE, Medium.SMS, language=language, brand_id=brand).text.body


def test_from_the_nearest_words_to_the_farthest() -> None:
    ours = words()
    edit("all brands")
    assert [words(), words(brand=2)] == ["all brands", "all brands"]
    edit("brand 2", brand=2)
    assert [words(), words(brand=2)] == ["all brands", "brand 2"]
    assert words("af").startswith("Jy kry geen"), "ours in Afrikaans before theirs in English"
    edit("alle handelsmerke", language="af")
    assert [words("af"), words("af-ZA", brand=2), words("zu")] == ["alle handelsmerke"] * 2 + ["all brands"]
    edit("Suid-Afrika", language="af-ZA")
    assert [words("af-ZA"), words("af-NA")] == ["Suid-Afrika", "alle handelsmerke"]
    use_default(
        code=CODE, medium=Medium.SMS, language="en", brand_id=None, actor="staff:t", now=NOW + timedelta(1)
    )
    assert [words(), words(brand=2)] == [ours, "brand 2"]


def test_edits_are_kept_with_who_and_when() -> None:
    edit("first")
    edit("second", minutes=1)
    assert words() == "second"
    assert [(one.body, one.actor, one.edited_at) for one in edits_of(CODE, Medium.SMS)] == [
        ("second", "staff:thandi", NOW + timedelta(minutes=1)), ("first", "staff:thandi", NOW),
    ]  # fmt: skip
    assert AuditEntry.objects.filter(action="edit_text", subject="template:stopped").count() == 2
    assert edited() == {(CODE, "sms", "en", None)}


def test_a_text_that_cant_be_filled_in_is_refused() -> None:
    with pytest.raises(Refused, match=r"There is no \{nobody\} in this message"):
        edit("Dear {nobody}")
    assert not TemplateEdit.objects.exists()


def test_an_edit_that_no_longer_fits_its_template_is_passed_over() -> None:
    TemplateEdit.objects.create(
        code=CODE, medium="sms", language="en", body="Hi {gone}", edited_at=NOW, actor="staff:t"
    )
    assert words().startswith("You'll get no more notices")


def test_the_variant_with_prices_in_both_languages() -> None:
    assert use_variant(
        code="cap.threshold", variant="with prices", brand_id=1, actor="staff:t", now=NOW
    ) == 2  # fmt: skip
    for language in ("en", "af"):
        found = text_in_force("cap.threshold", Medium.SMS, language=language, brand_id=1)
        assert "{menu}" in found.text.body
    assert "{menu}" not in text_in_force("cap.threshold", Medium.SMS, language="en", brand_id=2).text.body
    with pytest.raises(Refused, match="no variant 'cheap'"):
        use_variant(code="cap.threshold", variant="cheap", brand_id=1, actor="staff:t", now=NOW)


def test_a_preview_counts_what_would_be_sent() -> None:
    seen = preview("cap.threshold", Medium.SMS, Text("{percent}% {letters} ê"), {"percent": "90"})
    assert seen.text == "90% A,B,C,D,E,F,G ê"
    assert seen.segments is not None
    assert (seen.segments.encoding, seen.segments.count) == ("ucs2", 1)
    with pytest.raises(Refused):
        preview("cap.threshold", Medium.SMS, Text("nothing"))
