"""What the demo provider needs to sell: gateways, notification lists, who authorises, and two people at the desk.

The gateways are loopback: an SMS is on the demo handset as soon as it is sent. What is there already is left as it is.
"""

from datetime import datetime

from django.db import transaction

from capstan.catalog.actions import set_data_price
from capstan.catalog.models import Brand
from capstan.customers.models import Contact, Customer
from capstan.demo import catalogue
from capstan.demo.roster import AGENT, accounts, secret_of
from capstan.identity.actions.staff import create_login
from capstan.identity.models import Login
from capstan.identity.rules import Role
from capstan.messaging.models import Gateway
from capstan.messaging.rules.words import GatewayKind, Medium
from capstan.services.models import Service
from capstan.topups.actions.agreements import add_authoriser, set_account_rule
from capstan.topups.models import AccountRule, Authoriser, ListEntry
from capstan.topups.rules.words import EntryState

ACTOR = "demo"
PER_GB_MINOR = 4_500
SMS_COST_MINOR = 22
HANDSET_NUMBER = "+27600009000"
"""What the demo's SMS are sent from and answered to."""

STAFF = (
    (*AGENT, Role.AGENT),
    ("farai", "Farai Moyo", Role.ACCOUNTS),
    ("maria", "Maria Jacobs", Role.MANAGER),
)


def staff_password(username: str) -> str:
    """The password of a demo login: it guards nothing but the demo."""
    return f"{username}-{secret_of(username)[:6]}"


def enter_sales(*, now: datetime) -> None:
    """Enter whatever isn't there yet."""
    with transaction.atomic():
        _enter_gateways(now)
        _enter_price(now)
        _enter_staff(now)
        _enter_companies(now)
        _enter_lists(now)


def _enter_gateways(now: datetime) -> None:
    for name, medium, sender in (
        ("handset", Medium.SMS, HANDSET_NUMBER),
        ("mailbox", Medium.EMAIL, "hello@sandpiper.example"),
    ):
        Gateway.objects.get_or_create(
            name=name,
            defaults={
                "kind": GatewayKind.LOOPBACK,
                "medium": medium,
                "sender": sender,
                "two_way": medium == Medium.SMS,
                "secrets": "{}",
                "cost_minor": SMS_COST_MINOR if medium == Medium.SMS else 0,
                "created_at": now,
            },
        )


def _enter_price(now: datetime) -> None:
    brand = Brand.objects.get(name=catalogue.BRAND)
    if not brand.data_prices.exists():
        set_data_price(brand_id=brand.pk, per_gb_minor=PER_GB_MINOR, valid_from=now, actor=ACTOR, now=now)


def _enter_staff(now: datetime) -> None:
    for username, name, role in STAFF:
        if not Login.objects.filter(username=username).exists():
            create_login(
                username=username,
                name=name,
                role=role,
                password=staff_password(username),
                actor=ACTOR,
                now=now,
            )


def _enter_companies(now: datetime) -> None:
    """Every second company wants its top-ups authorised: by its director any amount, by its manager up to a limit."""
    companies = [account.code for account in accounts() if account.is_company]
    for customer in Customer.objects.filter(account_code__in=companies[::2]).order_by("account_code"):
        if AccountRule.objects.filter(pk=customer.pk).exists():
            continue
        set_account_rule(
            customer_id=customer.pk, needs_authorisation=True, pays_first=False, actor=ACTOR, now=now
        )
        for contact in customer.contacts.filter(role__in=("director", "manager")).exclude(phone=""):
            if Authoriser.objects.filter(customer=customer, phone=contact.phone).exists():
                continue
            add_authoriser(
                customer_id=customer.pk,
                name=contact.name,
                role=contact.role,
                phone=contact.phone,
                limit_minor=None if contact.role == "director" else 10_000,
                actor=ACTOR,
                now=now,
            )


def _enter_lists(now: datetime) -> None:
    """Each line's list: its owner's number may order, his mailbox is told. They were told long ago that they are on it."""
    listed = set(ListEntry.objects.values_list("service_id", "address"))
    people: dict[int, list[Contact]] = {}
    for contact in Contact.objects.order_by("pk"):
        people.setdefault(contact.customer_id, []).append(contact)
    entries = []
    for service in Service.objects.order_by("pk"):
        for contact in people.get(service.customer_id, [])[:2]:
            for medium, address in ((Medium.SMS, contact.phone), (Medium.EMAIL, contact.email)):
                if address and (service.pk, address) not in listed:
                    listed.add((service.pk, address))
                    entries.append(_entry(service.pk, contact, medium, address, now))
    ListEntry.objects.bulk_create(entries)


def _entry(service_id: int, contact: Contact, medium: Medium, address: str, now: datetime) -> ListEntry:
    return ListEntry(
        service_id=service_id,
        medium=medium,
        address=address,
        name=contact.name.split()[0],
        language=contact.language if contact.language in ("en", "af") else "en",
        from_percent=90 if medium == Medium.SMS else 50,
        may_order=medium == Medium.SMS,
        state=EntryState.CONFIRMED,
        added_at=now,
        added_by=ACTOR,
        confirmed_at=now,
        confirmed_by=ACTOR,
        heard_at=now,
    )
