"""The texts of messages: edited with a preview, with ready-made variants, and back to the default (J2)."""

from typing import Any

import pytest
from django.test import Client

from capstan.audit.models import AuditEntry
from capstan.catalog.models import Brand
from capstan.messaging.models import Gateway, TemplateEdit
from capstan.messaging.queries.texts import text_in_force
from capstan.messaging.rules.texts.catalogue import TEMPLATES
from capstan.messaging.rules.words import Medium
from tests.console.desk import sends, text_of, words
from tests.topups.shop import Shop

LIST = "/staff/messages/templates/"
MENU = f"{LIST}cap.threshold/sms/"
OURS = "Hello {name}, {percent}% is used. {letters} for {sizes}"


def in_force(language: str = "en", brand_id: int = 0) -> str:
    return text_in_force("cap.threshold", Medium.SMS, language=language, brand_id=brand_id).text.body


def test_every_text_has_its_page(shop: Shop, manager: Client) -> None:
    assert "All texts are the defaults" in words(manager.get(LIST))
    for code, one in TEMPLATES.items():
        for medium in one.media:
            assert manager.get(f"{LIST}{code}/{medium}/").status_code == 200, (code, medium)


def test_the_words_are_kept_and_the_history_says_who(shop: Shop, manager: Client) -> None:
    said = words(sends(manager, MENU, {"do": "keep", "body": OURS}))
    assert in_force() == OURS
    assert "Kept. The next message has these words; what was sent stays as it was." in said
    assert "Your own words" in said
    assert "10 Mar 2026 10:00 Naledi Nkosi English Hello {name}" in said
    assert "1 of the texts are your own" in words(manager.get(LIST))
    assert AuditEntry.objects.get(action="edit_text").actor == "staff:naledi"
    assert in_force("af").startswith("Hallo")


def test_an_agent_reads_them_and_may_not_change_them(shop: Shop, agent: Client) -> None:
    page = agent.get(MENU)
    assert "A manager can change them." in words(page)
    assert "<textarea" not in text_of(page)
    assert agent.post(MENU, {"do": "keep", "body": OURS}).status_code == 403
    assert not TemplateEdit.objects.exists()


REFUSED = [
    ("", "The text is empty."),
    ("{percent}%", "The text must contain {letters} or {menu}."),
    ("{percent} {letters} {nonsense}", "There is no {nonsense} in this message"),
    ("{percent} {letters} [", "A [ has no ] after it."),
    (f"{{percent}} {{letters}} {'x' * 1600}", "SMS; 10 are the most."),
]


@pytest.mark.parametrize(("body", "said"), REFUSED)
def test_a_text_that_cant_be_sent_is_refused_and_stays(
    shop: Shop, manager: Client, body: str, said: str
) -> None:
    answer = manager.post(MENU, {"do": "keep", "body": body})
    assert said in words(answer)
    assert body in text_of(answer).replace("&#x27;", "'")
    assert not TemplateEdit.objects.exists()


PREVIEWS = [
    ("{percent} {letters}", ["100 A,B,C,D,E,F,G", "1 SMS, 17 of 160 letters, GSM-7", "R 0.22 each time"]),
    (
        "ê {percent} {letters}",
        ["leaves the GSM alphabet because of “ê”", "Written as “e” it stays inside.", "of 70 letters"],
    ),
    ("😀 {percent} {letters}", ["because of “😀”: an SMS then holds 70 letters instead of 160."]),
    (f"{'long ' * 40}{{percent}} {{letters}}", ["It takes 2 SMS, and each is paid for.", "R 0.44 each time"]),
    ("{percent}", ["The text must contain {letters} or {menu}."]),
]


@pytest.mark.parametrize(("body", "said"), PREVIEWS)
def test_the_preview_says_what_it_takes_and_what_to_mind(
    shop: Shop, manager: Client, body: str, said: list[str]
) -> None:
    Gateway.objects.update(cost_minor=22)
    part = manager.post(f"{MENU}preview/", {"body": body})
    for expected in said:
        assert expected in words(part), expected
    assert "<html" not in text_of(part)
    assert not TemplateEdit.objects.exists()


def test_without_scripts_a_button_shows_the_preview_and_keeps_nothing(shop: Shop, manager: Client) -> None:
    answer = manager.post(MENU, {"do": "preview", "body": OURS})
    assert "Hello Jenny, 100% is used. A,B,C,D,E,F,G for 0.5GB" in words(answer)
    assert not TemplateEdit.objects.exists()


def test_a_ready_made_variant_is_used_in_every_language_and_the_default_comes_back(
    shop: Shop, manager: Client
) -> None:
    said = words(sends(manager, MENU, {"do": "variant:with prices", "body": ""}))
    assert "The variant is in use in 2 languages." in said
    assert "{menu} (incl VAT)" in in_force()
    assert "BTW" in in_force("af")
    assert "has no variant" in words(manager.post(MENU, {"do": "variant:nonsense", "body": "x"}))
    assert "The default is back." in words(sends(manager, MENU, {"do": "default", "body": ""}))
    assert "{menu}" not in in_force()
    assert "{menu}" in in_force("af")


def test_an_e_mail_has_a_subject(shop: Shop, manager: Client) -> None:
    mail = f"{LIST}cap.threshold.notice/email/"
    page = manager.get(mail)
    assert 'name="title"' in text_of(page)
    assert "An e-mail needs a subject." in words(
        manager.post(mail, {"do": "keep", "title": "", "body": "{percent}"})
    )
    sends(manager, mail, {"do": "keep", "title": "{percent}% used", "body": "Hello {name}, {percent}"})
    assert TemplateEdit.objects.get().title == "{percent}% used"


def test_each_brand_may_have_its_own_words(shop: Shop, manager: Client) -> None:
    other = Brand.objects.create(name="Second Net")
    assert "Second Net" in words(manager.get(MENU))
    sends(manager, f"{MENU}?brand={other.pk}", {"do": "keep", "body": OURS})
    assert (in_force(brand_id=other.pk) == OURS, in_force() == OURS) == (True, False)


def test_each_language_has_its_own_words(shop: Shop, manager: Client) -> None:
    sends(manager, f"{MENU}?language=af", {"do": "keep", "body": OURS})
    assert (in_force("af") == OURS, in_force("en") == OURS) == (True, False)


NOT_THERE = [
    "nonsense/sms/",
    "cap.threshold/pigeon/",
    "cap.threshold/email/",
    "cap.threshold/sms/?language=xx",
]


@pytest.mark.parametrize("address", NOT_THERE)
def test_texts_that_are_not_there(shop: Shop, manager: Client, address: str) -> None:
    answer: Any = manager.get(f"{LIST}{address}")
    assert answer.status_code == 404
