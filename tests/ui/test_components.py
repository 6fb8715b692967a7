"""Tags, filters, forms and the console's frame."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template import Context, RequestContext, Template
from django.test import Client, RequestFactory
from django.urls import include, path

from capstan.network.rules.line_state import STATE_WORDS, LineState
from capstan.ui import icons, navigation
from capstan.ui.parts import badge, link
from capstan.ui.states import STATE_LOOKS, Tone
from capstan.ui.tables import Column, Empty, Place, Row, Table
from tools import assets

AT = datetime(2026, 12, 1, 12, 2, 7, tzinfo=UTC)
NBSP = "\N{NO-BREAK SPACE}"


def rendered(template: str, request: HttpRequest | None = None, **context: object) -> str:
    loaded = Template("{% load capstan %}" + template)
    return loaded.render(RequestContext(request, context) if request else Context(context)).strip()


@pytest.mark.parametrize(
    ("template", "value", "expected"),
    [
        ("{{ value|size }}", 13_600_000_000, f"13.6{NBSP}GB"),
        ("{{ value|money }}", 3500, f"R{NBSP}35.00"),
        ("{{ value|moment }}", AT, f"1{NBSP}Dec{NBSP}2026 14:02</time>"),
        ("{{ value|clock }}", AT, ">14:02:07</time>"),
        ("{{ value|date_of }}", AT, f">1{NBSP}Dec{NBSP}2026</time>"),
        ("{{ value|date_of }}", AT, 'datetime="2026-12-01T12:02:07+00:00"'),
        ("{{ value|phone }}", "+27215550123", "021 555 0123"),
        ("{{ value|phone }}", "+493012345678", "+49 30 12345678"),
        ("{{ value|initials }}", "Thandi van der Merwe", "TM"),
        ("{{ value|initials }}", "thandi", "T"),
        ("{{ value|initials }}", "", ""),
    ],
)
def test_filters(template: str, value: object, expected: str) -> None:
    assert expected in rendered(template, value=value)


@pytest.mark.parametrize("state", list(LineState))
def test_a_state_is_said_by_word_colour_and_shape(state: LineState) -> None:
    shown = rendered("{% state_badge state %}", state=state.value)
    look = STATE_LOOKS[state]
    assert STATE_WORDS[state] in shown
    assert f"cap-{look.tone}" in shown
    assert f"#{look.icon}" in shown


def test_states_that_are_easily_mistaken_differ_in_shape() -> None:
    shapes = [look.icon for look in STATE_LOOKS.values()]
    assert len(set(shapes)) == len(shapes)


def test_what_people_typed_is_never_markup() -> None:
    bad = "<script>alert(1)</script>"
    table = Table(bad, (Column(bad, Place.LEAD),), (Row((bad,), "javascript:alert(1)"),), Empty(bad, bad))
    for shown in (
        badge(bad, Tone.GOOD),
        link(bad, "/x"),
        rendered("{% answer bad bad note=bad %}", bad=bad),
        rendered("{% table table %}", table=table),
        rendered("{% empty_state bad bad bad bad %}", bad=bad),
        rendered("{% facts pairs %}", pairs=[(bad, bad)]),
        rendered("{% copy_button bad bad %}", bad=bad),
        rendered("{% live bad bad %}x{% endlive %}", bad=bad),
    ):
        assert "<script" not in shown
        assert "&lt;script" in shown


def test_an_unknown_icon_or_tone_is_an_error_that_says_where_to_add_it() -> None:
    with pytest.raises(ValueError, match=r"icons\.txt"):
        icons.icon("no-such-icon")
    with pytest.raises(ValueError, match="loud"):
        badge("Word", "loud")


def test_every_icon_of_the_list_is_in_the_sprite() -> None:
    sprite = (assets.VENDOR / "icons.svg").read_text()
    assert [name for name in icons.names() if f'id="{name}"' not in sprite] == []


def test_an_icon_is_silent_unless_it_stands_alone() -> None:
    assert 'aria-hidden="true"' in rendered('{% icon "phone" %}')
    alone = rendered('{% icon "phone" label="Telephone" %}')
    assert 'role="img" aria-label="Telephone"' in alone
    assert "aria-hidden" not in alone


def test_an_answer_is_the_heading_with_its_figure_first() -> None:
    shown = rendered('{% answer "left until 1 Dec" "1.4 GB" note="Home 15 GB" tone="bad" %}')
    assert shown.startswith(
        '<h1 class="cap-answer cap-answer-bad"><span class="cap-answer-figure">1.4 GB</span>'
    )
    assert '<p class="cap-answer-note">Home 15 GB</p>' in shown
    assert rendered('{% answer "left" "1 GB" level=2 %}').startswith("<h2")


def test_a_list_has_a_caption_and_leads_on() -> None:
    columns = (Column("Top-up", Place.LEAD), Column("Price", Place.AMOUNT, is_number=True))
    table = Table("Top-ups", columns, (Row(("2 GB", "R35.00"), "/orders/1"),), Empty("None", "Why"))
    shown = rendered("{% table table %}", table=table)
    assert "<caption" in shown
    assert '<a class="cap-stretched" href="/orders/1">2 GB</a>' in shown
    assert '<td role="cell" class="cap-amount cap-number">R35.00</td>' in shown


def test_an_empty_list_says_why_and_what_to_do() -> None:
    empty = Empty("No top-ups yet", "What is added shows here.", "Add top-up", "/add")
    shown = rendered("{% table table %}", table=Table("Top-ups", (), (), empty))
    assert "What is added shows here." in shown
    assert '<a class="btn" href="/add">Add top-up</a>' in shown
    assert "<table" not in shown


def test_a_row_with_too_few_cells_is_an_error() -> None:
    table = Table("x", (Column("A"), Column("B")), (Row(("only one",)),), Empty("", ""))
    with pytest.raises(ValueError, match="zip"):
        _ = table.lines


def test_paging_keeps_the_other_parameters() -> None:
    request = RequestFactory().get("/x", {"q": "thandi", "page": "2"})
    shown = rendered("{% pagination page %}", page=Paginator(range(30), 10).page(2), request=request)
    assert 'href="?q=thandi&amp;page=1"' in shown
    assert 'href="?q=thandi&amp;page=3"' in shown
    assert "Page 2 of 3" in shown
    assert rendered("{% pagination page %}", page=Paginator(range(3), 10).page(1), request=request) == ""


def test_a_live_part_ends_when_it_is_told_to() -> None:
    going = rendered('{% live "/x" "part" seconds=2 %}hello{% endlive %}')
    assert 'data-cap-live="/x" data-cap-seconds="2"' in going
    ended = rendered('{% live "/x" "part" ended=True %}hello{% endlive %}')
    assert "data-cap-live" not in ended
    assert 'id="part"' in ended


@pytest.mark.parametrize("state", ["done", "now", "todo", "failed"])
def test_a_step_is_said_in_words_too(state: str) -> None:
    progress = SimpleNamespace(
        steps=[("Ordered", AT, state)], headline="Adding", hint="Wait", is_final=False, seconds=None
    )
    shown = rendered("{% topup_steps progress %}", progress=progress)
    words = {"done": ", done", "now": ", under way", "todo": ", to come", "failed": ", failed"}
    assert words[state] in shown
    assert "14:02:07" in shown
    assert ("aria-current" in shown) == (state == "now")


# --- forms -----------------------------------------------------------------------------------------------


class Form(forms.Form):
    amount = forms.DecimalField(help_text="VAT included")
    count = forms.IntegerField(required=False)
    email = forms.EmailField()
    code = forms.IntegerField(widget=forms.TextInput(attrs={"class": "narrow", "inputmode": "tel"}))
    kind = forms.ChoiceField(choices=[("a", "A")])
    offer = forms.ChoiceField(choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)
    agreed = forms.BooleanField()


def field(name: str, data: dict[str, str] | None = None) -> str:
    return str(Form(data)[name].as_field_group())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("amount", 'inputmode="decimal"'),
        ("count", 'inputmode="numeric"'),
        ("email", 'inputmode="email"'),
        ("code", 'class="form-control narrow" inputmode="tel"'),
        ("count", '<span class="cap-optional">optional</span>'),
        ("amount", 'aria-describedby="id_amount_helptext"'),
        ("amount", '<label class="form-label" for="id_amount">Amount</label>'),
        ("kind", 'class="form-select"'),
        ("offer", '<legend class="form-label">Offer</legend>'),
        ("offer", '<label class="cap-choice" for="id_offer_1">'),
        ("agreed", '<label class="form-check"><input type="checkbox"'),
    ],
)
def test_a_field_has_its_label_help_class_and_keyboard(name: str, expected: str) -> None:
    assert expected in field(name)


def test_a_wrong_field_says_so_where_it_is() -> None:
    shown = field("amount", {"amount": "much"})
    assert 'class="form-control is-invalid"' in shown
    assert 'aria-invalid="true" aria-describedby="id_amount_helptext id_amount_error"' in shown
    assert 'id="id_amount_error"' in shown
    assert "Enter a number." in shown


def test_a_wrong_form_says_it_on_top() -> None:
    form = Form({"agreed": "on"})
    form.add_error(None, "These two don't belong together.")
    shown = str(form)
    assert shown.index('role="alert"') < shown.index("id_amount")
    assert "These two don&#x27;t belong together." in shown


# --- the console's frame ---------------------------------------------------------------------------------


def _page(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()


class Urls:
    """An address book in which two of the console's jobs exist, one below the other."""

    app = (
        [
            path("customers/", _page, name="customers"),
            path("customers/waiting/", _page, name="waiting_orders"),
        ],
        "console",
    )
    urlpatterns = [path("staff/", include(app))]


@pytest.mark.parametrize(
    ("at", "current"),
    [
        ("/staff/customers/17/", "Customers"),
        ("/staff/customers/waiting/3", "Waiting orders"),
        ("/elsewhere", ""),
    ],
)
def test_only_jobs_that_exist_are_shown_and_the_nearest_is_marked(
    settings: object, at: str, current: str
) -> None:
    settings.ROOT_URLCONF = Urls  # type: ignore[attr-defined]
    links = navigation.console_links(RequestFactory().get(at), {"console:waiting_orders": 3})
    assert [(entry.label, entry.waiting) for entry in links.jobs] == [("Customers", 0), ("Waiting orders", 3)]
    assert "".join(entry.label for entry in links.jobs if entry.is_current) == current
    assert links.search == ""


# --- errors and the theme --------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_missing_page_says_what_to_do(client: Client) -> None:
    answer = client.get("/there/is/no/such/page")
    assert answer.status_code == 404
    assert "begin at the start page" in answer.content.decode()


def test_a_broken_page_says_what_was_kept_without_asking_the_database() -> None:
    """pytest-django refuses the database to a test that doesn't ask for it."""
    from capstan.ui import errors

    answer = errors.broken(RequestFactory().get("/"))
    assert answer.status_code == 500
    assert "What you had confirmed before is kept" in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(("view", "status"), [("bad_request", 400), ("forbidden", 403)])
def test_other_errors_have_words_too(view: str, status: int) -> None:
    from capstan.ui import errors

    answer = getattr(errors, view)(RequestFactory().get("/"), exception=Exception())
    assert answer.status_code == status
    assert "<h1>" in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("cookie", "shown"), [("dark", "dark"), ("light", "light"), ('"><script>', ""), ("", "")]
)
def test_the_chosen_theme_is_kept_in_a_cookie(client: Client, cookie: str, shown: str) -> None:
    client.cookies["theme"] = cookie
    page = client.get("/there/is/no/such/page").content.decode()
    assert (f'data-bs-theme="{shown}"' in page) == bool(shown)
    assert "data-bs-theme" in page or not shown
    assert "<script>" not in page
