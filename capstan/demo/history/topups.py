"""The past's top-ups: who buys, when and what, and how it is entered. `buy` is the one place where that happens."""

from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from capstan.caps.rules.words import CapState
from capstan.catalog.rules import Terms, cycle_at
from capstan.customers.models import Contact
from capstan.demo.catalogue import TOP_UPS
from capstan.demo.history.line import PastLine, Standing
from capstan.demo.roster import AGENT, Subscription
from capstan.services.models import Service
from capstan.topups.actions.order import Wanted, place
from capstan.topups.queries.sale import sale
from capstan.topups.rules.words import Channel

_AT_MOST = 3  # in a cycle
_NOT_WORTH_IT = timedelta(hours=40)  # so near to the next cycle
_BEFORE_THE_CAP = 0.35  # of those who are told that little is left
_BY_PHONE = 0.4  # the others use the website
_REPLY_SECONDS = (90, 240, 600, 1500, 5400)


def decides(line: PastLine, standing: Standing, *, now: datetime) -> datetime | None:
    """When the user of a line that is capped or nearly so buys more; None if he waits for now."""
    if not line.plan.is_buyer or line.bought_in(standing.cycle_start) >= _AT_MOST:
        return None
    if standing.cycle_end - now < _NOT_WORTH_IT < standing.cycle_end - standing.cycle_start:
        return None
    chance = Random(f"buys {line.one.line.seed} {now:%Y%m%d%H}")
    if standing.state == CapState.OPEN and chance.random() > _BEFORE_THE_CAP:
        return None
    return now + timedelta(seconds=chance.choice(_REPLY_SECONDS) + chance.randrange(240))


def bought_ahead(one: Subscription, terms: Terms, *, zone: ZoneInfo, now: datetime) -> datetime | None:
    """When somebody of whom the roster says so has bought a top-up in his running cycle, long before its end."""
    if not one.top_up:
        return None
    began = cycle_at(terms, activated_at=now - timedelta(days=one.days_old), zone=zone, instant=now).start
    return began + 0.6 * (now - began)


def takes(line: PastLine, standing: Standing, *, now: datetime) -> str:
    """The letter of what he takes: little in a short cycle, more in a month; some always the same."""
    if line.one.top_up:
        return next(offer.letter for offer in TOP_UPS if offer.size == line.one.top_up)
    days = (standing.cycle_end - standing.cycle_start).days
    letters = "A" if days < 2 else "AB" if days < 10 else "BCCDE"
    return Random(f"takes {line.one.line.seed} {now:%Y%m%d%H}").choice(letters)


def buy(line: PastLine, standing: Standing, *, now: datetime) -> None:
    """The top-up that this line's user bought at this moment of the past: on the website, or an agent did it for him."""
    line.note_bought(standing.cycle_start)
    letter = takes(line, standing, now=now)
    on_sale = sale(line.service_id, now=now)
    quote = next((one for one in on_sale.quotes if one.letter == letter), None)
    if quote is None or on_sale.hindrance is not None:
        return
    calls = Random(f"calls {line.one.line.seed} {now:%Y%m%d%H}").random() < _BY_PHONE
    username = line.one.line.username.lower()
    key = f"demo:{username}:{now:%Y%m%dT%H%M%S}"
    place(
        Wanted(
            quote, Channel.AGENT, key, _name_of(line.service_id), f"staff:{AGENT[0]}", AGENT[1], verified_how="ID number"
        )
        if calls
        else Wanted(quote, Channel.WEBSITE, key, username, "website", "website"),
        now=now,
    )  # fmt: skip


def _name_of(service_id: int) -> str:
    """Who rings up about a line: the first of its customer's people."""
    customer_id = Service.objects.values_list("customer_id", flat=True).get(pk=service_id)
    return str(
        Contact.objects.filter(customer_id=customer_id).order_by("pk").values_list("name", flat=True)[0]
    )
