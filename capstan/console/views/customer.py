"""A customer's desk: who he is and how to know him, his lines, what is agreed, and everything that happened."""

from datetime import datetime
from itertools import groupby

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db.models import Case, When
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from capstan.billing.queries.owed import owed
from capstan.console import links, timeline
from capstan.console.account_deeds import DEEDS, perform
from capstan.console.customer_shown import LineCard, line_cards, questions
from capstan.console.forms.account import AuthoriserForm, NoteForm, RuleForm
from capstan.console.timeline import KIND_WORDS, Kind
from capstan.customers.models import Customer
from capstan.customers.queries import by_account_code
from capstan.customers.rules import CustomerKind
from capstan.identity.rules import Permission
from capstan.network.rules.line_state import LineState
from capstan.operator.words import count
from capstan.services.models import Service
from capstan.services.rules import ServiceStatus
from capstan.topups.queries.orders import of_customer
from capstan.topups.queries.rules_of import account_rule, authorisers
from capstan.ui.access import StaffRequest, forbidden, staff_required
from capstan.values import clock

_LINES_A_PAGE = 6
_STORY_LINES = 50
"""Lines whose story is told together; who has more chooses one."""


@require_GET
@staff_required()
def show(request: StaffRequest, account_code: str) -> HttpResponse:
    customer = by_account_code(account_code)
    if customer is None:
        raise Http404(f"There is no customer with the account code {account_code}.")
    return _page(request, customer, clock.now())


@require_GET
@staff_required()
def story(request: StaffRequest, account_code: str) -> HttpResponse:
    """What happened, alone: htmx asks for it when a filter is chosen, and for what is older."""
    customer = by_account_code(account_code)
    if customer is None:
        raise Http404(f"There is no customer with the account code {account_code}.")
    return render(request, "console/customer/story.html", _story(request, customer, clock.now()))


@require_POST
@staff_required()
def act(request: StaffRequest, customer_id: int, deed: str) -> HttpResponse:
    """Do it, or show the page again with what was typed and why it can't be done."""
    customer, todo, now = Customer.objects.filter(pk=customer_id).first(), DEEDS.get(deed), clock.now()
    if customer is None:
        raise Http404(f"There is no customer {customer_id}.")
    if todo is None:
        raise Http404(f"Nothing called {deed} can be done to an account.")
    if todo.permission is not None and not request.actor.may(todo.permission):
        return forbidden(
            request, f"Your sign-in doesn't let you {todo.permission.value}. A manager can do it for you."
        )
    form = todo.form(request.POST, auto_id=f"{deed}-%s")
    done = perform(deed, customer, form, request.actor, now=now)
    if done is None:
        return _page(request, customer, now, deed, form)
    messages.success(request, done)
    return redirect(links.customer(customer.account_code))


def _page(
    request: StaffRequest, customer: Customer, now: datetime, deed: str = "", form: forms.Form | None = None
) -> HttpResponse:
    account, people = account_rule(customer.pk), authorisers(customer.pk)
    contacts = list(customer.contacts.order_by("pk"))
    lines = _lines(request, customer)
    cards = line_cards(list(lines), now=now)
    orders = of_customer(customer.pk)
    may_edit = request.actor.may(Permission.EDIT_LIMITS)
    context = {
        "customer": customer,
        "kind": CustomerKind(customer.kind).value,
        "contacts": contacts,
        "lines": lines,
        "cards": cards,
        "words": _words(cards, lines.paginator.count),
        "questions": questions(customer, cards, orders, people, account),
        "account": account,
        "authorisers": people,
        "may_edit": may_edit,
        "note_form": _form("note", NoteForm, deed, form),
        "rule_form": _form("rule", RuleForm, deed, form, account._asdict()) if may_edit else None,
        "authoriser_form": _form("add-authoriser", AuthoriserForm, deed, form) if may_edit else None,
        "open_deed": deed,
        "owed": owed(customer.pk, today=settings.FORMATS.local(now).date()),
        "crumbs": [("Customers", reverse("console:customers")), (customer.name, None)],
        **_story(request, customer, now),
    }
    return render(request, "console/customer/page.html", context)


def _form(
    name: str,
    kind: type[forms.Form],
    sent: str,
    form: forms.Form | None,
    initial: dict[str, object] | None = None,
) -> forms.Form:
    """The form of a deed; the one that was sent keeps what was typed."""
    return form if form is not None and sent == name else kind(initial=initial, auto_id=f"{name}-%s")


def _lines(request: StaffRequest, customer: Customer) -> "Page[Service]":
    """The customer's lines, those that have ended last."""
    found = Service.objects.filter(customer=customer).select_related("connection_type")
    ended = Case(When(status=ServiceStatus.ENDED, then=1), default=0)
    ordered = found.defer("line_password", "nt_hash").order_by(ended, "pk")
    return Paginator(ordered, _LINES_A_PAGE).get_page(request.GET.get("lines"))


def _words(cards: list[LineCard], number: int) -> str:
    """`2 lines: 1 online, 1 data used up`; of more than are shown only the number."""
    if number == 0:
        return "no line yet"
    if number > len(cards):
        return count(number, "line")
    good = sum(card.state == LineState.OPEN for card in cards)
    trouble = number - good
    words = "all as they should be" if not trouble else f"{trouble} held back"
    return f"{count(number, 'line')}, {words}"


def _story(request: StaffRequest, customer: Customer, now: datetime) -> dict[str, object]:
    """A page of what happened, and the filters."""
    chosen = request.GET.get("kind", "")
    kind = Kind(chosen) if chosen in set(Kind) else None
    lines = dict(
        Service.objects.filter(customer=customer)
        .order_by("pk")
        .values_list("pk", "username")[: _STORY_LINES + 1]
    )
    line = request.GET.get("line", "")
    only = int(line) if line.isdigit() and len(line) < 19 else 0
    if only:
        named = Service.objects.filter(customer=customer, pk=only).values_list("pk", "username")
        told = dict(named)
    else:
        told = dict(list(lines.items())[:_STORY_LINES])
    place = timeline.place_of(request.GET.get("from", ""), now=now)
    page = timeline.page_of(timeline.whose(customer.pk, told), kind, place)
    here = reverse("console:customer", args=[customer.account_code])
    part = reverse("console:story", args=[customer.account_code])

    def where(base: str, **asked: str) -> str:
        given = {name: value for name, value in asked.items() if value}
        return f"{base}?{urlencode(given)}#story" if given else f"{base}#story"

    kept = {"line": line if only else ""}
    filters = [("Everything", "", kind is None), *((KIND_WORDS[one], one.value, one == kind) for one in Kind)]
    further = str(page.further) if page.further else ""
    return {
        "days": _by_day(page.entries),
        "has_lines": len(lines) > 1,
        "filters": [
            (label, where(here, kind=value, **kept), where(part, kind=value, **kept), is_here)
            for label, value, is_here in filters
        ],
        "further_url": where(here, kind=chosen if kind else "", **kept, **{"from": further})
        if further
        else "",
        "is_older": bool(place.at < now),
        "newest_url": where(here, kind=chosen if kind else "", **kept),
        "is_part_of_lines": not only and len(lines) > _STORY_LINES,
        "story_lines": _STORY_LINES,
    }


def _by_day(entries: tuple[timeline.Entry, ...]) -> list[tuple[str, list[timeline.Entry]]]:
    """Under the day on which each happened."""
    formats = settings.FORMATS
    return [(day, list(alike)) for day, alike in groupby(entries, key=lambda entry: formats.date(entry.at))]
