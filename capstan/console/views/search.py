"""The one search box (J5): one exact hit leads straight to its page, several are listed, none says what to do next."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from capstan.console import links
from capstan.operator.explain.collect import explain
from capstan.operator.explain.facts import UnknownLine
from capstan.operator.search.find import Goal, Search, search
from capstan.operator.search.reading import looked_for
from capstan.ui.access import StaffRequest, staff_required
from capstan.values import clock
from capstan.values.refused import Refused


@require_GET
@staff_required()
def show(request: StaffRequest) -> HttpResponse:
    """The page; asked by htmx while somebody types, only its results, and nobody is led away."""
    text = request.GET.get("q", "").strip()
    now = clock.now()
    found = search(text, now=now)
    is_typing = bool(getattr(request, "htmx", False))
    if found.goal is not None and not is_typing:
        return redirect(_url(found.goal))
    context = {
        "search_text": text,
        "is_search_on_page": True,
        "found": found,
        "goal_url": _url(found.goal) if found.goal else "",
        "looked_for": looked_for(found.reading),
        "unknown": _unknown(found) if not found.results else None,
        "words": _words(found),
    }
    return render(request, f"console/search/{'results' if is_typing else 'page'}.html", context)


def _url(goal: Goal) -> str:
    return links.service(goal.service_id) if goal.service_id else links.customer(goal.account_code)


def _words(found: Search) -> str:
    number = len(found.results)
    if found.is_cut:
        return f"more than {number} customers fit: type more"
    return "customer fits" if number == 1 else "customers fit"


def _unknown(found: Search) -> UnknownLine | None:
    """What is known about a username that no line has: refused logins, and lines with a similar one."""
    if not found.reading.username:
        return None
    try:
        known = explain(found.reading.username, now=clock.now())
    except Refused:
        return None
    return known if isinstance(known, UnknownLine) else None
