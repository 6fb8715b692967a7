"""Texts become messages: filled in, shortened where that saves an SMS, never at the menu's cost."""

import pytest

from capstan.messaging.rules import templates
from capstan.messaging.rules.segments import Encoding, segments
from capstan.messaging.rules.templates import Template, Text, Variable, check, fit, languages, render
from capstan.messaging.rules.texts.catalogue import TEMPLATES
from capstan.messaging.rules.texts.phrases import Phrase, phrase
from capstan.messaging.rules.words import Medium
from capstan.values.refused import Refused

SEED = (
    "Hi {name}\nUsed {percent}% of {cap}[ on {service}] order top-up reply one of: {letters} for {sizes}"
    " respectively\n{provider}"
)
VALUES = {
    "name": "Jenny", "percent": "100", "cap": "15gb", "service": "", "letters": "A,B,C,D,E,F,G",
    "sizes": "0.5GB,1GB,2GB,3GB,5GB,9GB,18GB", "provider": "Sandpiper Net",
}  # fmt: skip


def template(body: str = "", *, shrink: tuple[str, ...] = (), secret: tuple[str, ...] = ()) -> Template:
    variables = tuple(Variable(name, "sample", "", may_be_empty=True) for name in VALUES)
    return Template("t", "", variables, {Medium.SMS: {"en": Text(body)}}, shrink=shrink, secret=secret)


def sms(body: str, shrink: tuple[str, ...] = (), **values: str) -> str:
    return render(template(shrink=shrink), Medium.SMS, Text(body), VALUES | values).text


def test_the_text_of_the_order() -> None:
    assert sms(SEED) == (
        "Hi Jenny\nUsed 100% of 15gb order top-up reply one of: A,B,C,D,E,F,G for"
        " 0.5GB,1GB,2GB,3GB,5GB,9GB,18GB respectively\nSandpiper Net"
    )


@pytest.mark.parametrize(
    ("body", "values", "text"),
    [
        ("Used[ on {service}].", {"service": ""}, "Used."),
        ("Used[ on {service}].", {"service": "fibre"}, "Used on fibre."),
        ("[{name} and {service}]x", {"service": "fibre", "name": ""}, "x"),
        ("[{name} and {service}]x", {"service": "b", "name": "a"}, "a and bx"),
        ("a [[b]] {{c}}", {}, "a [b] {c}"),
        ("{name}", {"name": "{provider} [x]"}, "{provider} [x]"),  # a value is never read as a text
        ("Hi {name} \nyou", {"name": ""}, "Hi\nyou"),
        ("{name}!", {"name": "a\r\nBcc: x"}, "a\nBcc: x!"),
        ("{name}!", {"name": " a \t b\x00"}, "a b!"),
        ("{cap}\u00a0left", {"cap": "13.6\u00a0GB"}, "13.6 GB left"),
    ],
)
def test_a_text_is_filled_in(body: str, values: dict[str, str], text: str) -> None:
    assert sms(body, (), **values) == text


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("Hi {nam}", "There is no {nam} in this message; you can use {name}, {percent}"),
        ("Hi {name", "A { stands alone"),
        ("Hi name}", "A } stands alone"),
        ("Hi {Name}", "A { stands alone"),
        ("Hi [x", "A [ has no ] after it."),
        ("Hi x]", "A ] stands alone"),
        ("Hi [a[b]]", "A [ stands alone"),
        ("  ", "empty"),
        ("a" * 1531, "The text takes 11 SMS; 10 are the most."),
    ],
)
def test_an_edited_text_that_cant_be_used_is_refused(body: str, why: str) -> None:
    with pytest.raises(Refused) as refusal:
        check(template(), Medium.SMS, Text(body))
    assert why in str(refusal.value)


def test_a_text_must_say_what_it_is_for() -> None:
    with pytest.raises(Refused, match=r"The text must contain \{letters\} or \{menu\}\."):
        check(TEMPLATES["cap.threshold"], Medium.SMS, Text("Used {percent}%."))
    with pytest.raises(Refused, match="An e-mail needs a subject"):
        check(TEMPLATES["list.code"], Medium.EMAIL, Text("{code}"))


def test_a_value_that_the_template_doesnt_know_is_our_mistake() -> None:
    with pytest.raises(ValueError, match=r"unknown values \['nme'\]"):
        sms(SEED, nme="x")
    with pytest.raises(ValueError, match=r"lacking values \['code', 'minutes'\]"):
        render(TEMPLATES["list.code"], Medium.SMS, Text("x"), {"provider": "x"})


# A text that takes 150 septets without the name.
LONG = "Hi {name}\n" + "x" * 147
TWO = "Hi {name}\n" + "x" * 300


@pytest.mark.parametrize(
    ("body", "name", "cut"),
    [
        (LONG, "Jenny", "Jenny"),
        (LONG, "Jennifer!", "Jennifer!"),  # exactly 160
        (LONG, "Jennifer!!", "Jennifer!"),
        (LONG, "Jenny Sibanda", "Jenny"),  # whole words are kept
        (LONG, "Jo Ann Smith", "Jo Ann"),
        (LONG, "Bartholomew", "Bartholom"),
        ("Hi {name}\n" + "x" * 156, "Jenny", ""),
        (TWO, "Anna", "An"),  # 306 is the end of the second
        (LONG + "x" * 3, "Zoë", "Zoë"),
        (LONG + "x" * 50, "Jenny " * 10, ("Jenny " * 10).strip()),  # the second SMS is paid for anyway
        (LONG, "Олена", ""),  # would more than double the price, and has no form in the alphabet
        ("Used ж " + LONG, "Олена", "Олена"),
    ],
)
def test_a_name_is_cut_rather_than_paying_for_another_sms(body: str, name: str, cut: str) -> None:
    fitted = fit(body, VALUES | {"name": " ".join(name.split())}, shrink=("name",))
    assert fitted["name"] == cut
    without = segments(sms(body, name="")).count
    assert segments(sms(body, ("name",), name=name)).count == without


def test_the_menu_is_never_cut() -> None:
    text = sms(SEED, ("name",), name="Nomathemba " * 9, service="Wireless, Long St")
    assert text.startswith(
        "Hi Nomathemba\nUsed 100% of 15gb on Wireless, Long St order top-up reply one of: A,B,C"
    )
    assert VALUES["sizes"] in text
    assert segments(text).count == 1


@pytest.mark.parametrize(
    ("name", "written"),
    [("Renê", "Rene"), ("José", "José"), ("Zoë", "Zoe"), ("Łucja", "Lucja"), ("Олена", "Олена")],
)
def test_names_are_written_in_the_gsm_alphabet_where_that_keeps_the_whole_sms_in_it(
    name: str, written: str
) -> None:
    assert sms("Hi {name}", name=name) == f"Hi {written}"
    assert sms("Hê {name}", name=name) == f"Hê {name}", "the text itself costs UCS-2 anyway"


def test_a_secret_value_is_masked_where_it_is_kept() -> None:
    one = template(secret=("cap",))
    rendered = render(one, Medium.SMS, Text("code {cap} from {provider}"), VALUES | {"cap": "4821"})
    assert rendered.text == "code 4821 from Sandpiper Net"
    assert rendered.masked == "code ****** from Sandpiper Net"


def test_an_emails_subject_is_one_line() -> None:
    one = Template("t", "", (Variable("name", "x", "", True),), {Medium.EMAIL: {"en": Text("b", "t")}})
    made = render(one, Medium.EMAIL, Text("Hi {name}", "For {name}"), {"name": "a\nBcc: x@example.net"})
    assert made.title == "For a Bcc: x@example.net"
    assert made.segments is None


@pytest.mark.parametrize(
    ("tag", "tags"),
    [("en", ("en",)), ("af", ("af", "en")), ("af-ZA", ("af-ZA", "af", "en")), ("fr", ("fr", "en"))],
)
def test_languages_to_look_under(tag: str, tags: tuple[str, ...]) -> None:
    assert languages(tag) == tags


OURS = [
    (one.code, medium, language, text)
    for one in TEMPLATES.values()
    for medium, texts in one.texts.items()
    for language, text in texts.items()
] + [
    (one.code, Medium.SMS, language, text)
    for one in TEMPLATES.values()
    for texts in one.variants.values()
    for language, text in texts.items()
]


@pytest.mark.parametrize(("code", "medium", "language", "text"), OURS)
def test_our_own_texts_are_sound_and_short(code: str, medium: Medium, language: str, text: Text) -> None:
    one = TEMPLATES[code]
    check(one, medium, text)
    made = render(one, medium, text, one.samples)
    assert "  " not in made.text
    if made.segments is not None:
        assert made.segments.encoding == Encoding.GSM7
        assert made.segments.count == 1
    bare = {v.name: "" if v.may_be_empty else v.sample for v in one.variables}
    short = render(one, medium, text, bare).text
    assert not set(short) & set("[]{}")
    assert " ." not in short
    assert "  " not in short


def test_every_template_speaks_both_languages() -> None:
    for one in TEMPLATES.values():
        for medium, texts in one.texts.items():
            assert set(texts) == {"en", "af"}, (one.code, medium)


def test_the_templates_that_others_count_on() -> None:
    assert set(TEMPLATES) >= {
        "cap.threshold", "cap.threshold.notice", "topup.added", "topup.not_back", "topup.taken", "topup.refused",
        "topup.ambiguous", "topup.menu", "topup.waiting", "balance", "help", "stopped", "started", "not_understood",
        "not_allowed", "list.code", "list.added", "list.removed", "list.how_to", "authorise.ask", "authorise.done",
        "authorise.declined", "website.ordered", "website.link", "line.login",
    }  # fmt: skip


@pytest.mark.parametrize("which", Phrase)
def test_phrases_speak_both_languages_in_the_gsm_alphabet(which: Phrase) -> None:
    assert phrase(which, "af-ZA") != phrase(which, "en") == phrase(which, "zu")
    assert segments(phrase(which, "af")).encoding == Encoding.GSM7


def test_the_mask_is_no_hint() -> None:
    one = template(secret=("cap",))
    lengths = {
        len(render(one, Medium.SMS, Text("{cap}"), VALUES | {"cap": "x" * size}).masked)
        for size in (1, 4, 40)
    }
    assert lengths == {len(templates._MASK)}
