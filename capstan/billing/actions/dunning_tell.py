"""What customers are told of their invoices and debts: by e-mail, and by SMS where access is at stake."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta

from django.conf import settings
from django.db import connection, transaction

from capstan.audit.actions import record
from capstan.billing.actions.pay_links import account_link, invoice_link
from capstan.billing.models import DunningPolicy, Invoice
from capstan.catalog.models import Brand
from capstan.customers.models import Contact, Customer
from capstan.messaging.actions.send import Draft, send, write_failed
from capstan.messaging.models import Message
from capstan.messaging.queries import texts
from capstan.messaging.rules.words import Lane, Medium, MessageState
from capstan.values.refused import Refused

OPENS, CLOSES = 8, 18
"""Nobody is written to, or put on hold, before or after these hours of the provider's day."""
_FIRST_ASKED = ("accounts", "owner")
_ANNOUNCED_FOR = timedelta(days=3)


def tell(
    customer: Customer,
    template: str,
    values: Mapping[str, str],
    *,
    cause: str,
    by_sms: bool = False,
    to_all: bool = False,
    may_wait: bool = True,
    now: datetime,
) -> int:
    """Queue it for the customer's contacts within the caller's transaction; returns how many messages will leave.

    Whoever sees to the accounts or owns the line is told, else everybody, or everybody in any case `to_all`. What `may_wait`
    leaves in office hours. An address that can't be written to shows as a message that failed. `amount`, … are the template's;
    reference, bank, support and the link to what is open come from here.
    """
    contacts = list(Contact.objects.filter(customer=customer).order_by("pk"))
    known = {variable.name for variable in texts.template(template).variables}
    given = {**_common(customer, customer.brand, now), **values}
    queued, had = 0, set[tuple[Medium, str]]()
    for medium in (Medium.EMAIL, Medium.SMS) if by_sms else (Medium.EMAIL,):
        for contact in _reached_by(contacts, medium, to_all=to_all):
            address = _address(contact, medium)
            if (medium, address) in had:
                continue
            had.add((medium, address))
            filled = {name: value for name, value in {**given, "name": contact.name}.items() if name in known}
            draft = _draft(customer, template, filled, medium, contact, cause)
            queued += _queue(draft._replace(not_before=_opening(now) if may_wait else None), now)
    return queued


def _queue(draft: Draft, now: datetime) -> bool:
    try:
        send(draft, now=now)
    except ValueError as problem:
        write_failed(draft, str(problem), now=now)
        return False
    return True


def _draft(
    customer: Customer, template: str, values: Mapping[str, str], medium: Medium, contact: Contact, cause: str
) -> Draft:
    brand = customer.brand
    return Draft(
        medium=medium, recipient=_address(contact, medium), template=template, values=values,
        language=contact.language, brand_id=brand.pk, sender=brand.sms_sender, brand_name=brand.name,
        subject=f"customer:{customer.pk}", cause=cause, lane=Lane.BILLING,
    )  # fmt: skip


def _common(customer: Customer, brand: Brand, now: datetime) -> dict[str, str]:
    return {
        "account": customer.account_code, "bank": brand.bank_details, "support": brand.support_phone,
        "link": account_link(customer.pk, now=now),
    }  # fmt: skip


def _address(contact: Contact, medium: Medium) -> str:
    return contact.email if medium == Medium.EMAIL else contact.phone


def _reached_by(contacts: Sequence[Contact], medium: Medium, *, to_all: bool) -> list[Contact]:
    able = [contact for contact in contacts if _address(contact, medium)]
    if to_all:
        return able
    return [contact for contact in able if contact.role.strip().lower() in _FIRST_ASKED] or able


def is_open(now: datetime) -> bool:
    """Whether it is an hour at which people are written to, or their lines put on hold."""
    return OPENS <= settings.FORMATS.local(now).hour < CLOSES


def opening(of: date) -> datetime:
    """When these hours begin on a day."""
    return datetime.combine(of, time(OPENS), settings.FORMATS.zone)


def _opening(now: datetime) -> datetime | None:
    """When it may leave; None: at once."""
    if is_open(now):
        return None
    local = settings.FORMATS.local(now)
    return opening(local.date() + timedelta(days=local.hour >= OPENS))


def failed(customer_id: int, code: str, warned_on: date) -> bool:
    """Whether all messages of that day's warning visibly failed: nobody was warned."""
    cause = cause_of(customer_id, code, warned_on)
    states = set(Message.objects.filter(cause__in=(cause, f"{cause}:again")).values_list("state", flat=True))
    return states == {MessageState.FAILED}


def cause_of(customer_id: int, code: str, today: date) -> str:
    """Why a step's messages are sent, once."""
    return f"dunning:{customer_id}:{code}:{today}"


def money(amount_minor: int) -> str:
    return settings.FORMATS.money(amount_minor)


def day(of: date) -> str:
    return settings.FORMATS.day(of)


_CLAIM = """
    INSERT INTO billing_invoicenotice (invoice_id, at)
    SELECT i.id, %(now)s FROM billing_invoice i JOIN billing_dunningpolicy p ON p.brand_id = i.brand_id
    WHERE i.kind = 'invoice' AND i.issued_on >= %(since)s AND i.issued_at >= p.since
        AND NOT EXISTS (SELECT FROM billing_invoicenotice n WHERE n.invoice_id = i.id)
    ORDER BY i.id LIMIT %(limit)s ON CONFLICT DO NOTHING RETURNING invoice_id
"""


@transaction.atomic
def notify_issued(*, now: datetime, limit: int) -> int:
    """Announce the next invoices that nobody was told of; returns how many. One that is older than three days, or than its
    brand's policy, is never announced."""
    if not DunningPolicy.objects.exists():
        return 0
    since = settings.FORMATS.local(now - _ANNOUNCED_FOR).date()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": now, "since": since, "limit": limit})
        claimed = [invoice_id for (invoice_id,) in cursor.fetchall()]
    invoices = Invoice.objects.filter(pk__in=claimed, total_minor__gt=0).select_related("customer__brand")
    for invoice in invoices.order_by("pk"):
        _announce(invoice, now)
    return len(claimed)


@transaction.atomic
def send_again(*, invoice_id: int, actor: str, now: datetime) -> int:
    """Send what is open on an invoice, with its link, once more; returns how many messages leave. Raises Refused when nothing is
    open, and when nobody can be reached."""
    invoice = Invoice.objects.select_related("customer__brand").get(pk=invoice_id)
    if not invoice.open_minor:
        raise Refused("Nothing is open on this invoice any more.")
    told = _announce(invoice, now, cause=f"invoice:{invoice.pk}:again:{now:%Y%m%d%H%M%S%f}")
    if not told:
        raise Refused("The customer has no e-mail address that works: copy the link, or add an address.")
    subject = f"customer:{invoice.customer_id}"
    details = {"invoice": invoice.number}
    record(actor=actor, action="billing.invoice.send", subject=subject, now=now, details=details)
    return told


def _announce(invoice: Invoice, now: datetime, *, cause: str = "") -> int:
    """What credit has paid already isn't asked for."""
    is_paid = not invoice.open_minor
    values = {
        "number": invoice.number, "due": day(invoice.due_on),
        "amount": money(invoice.total_minor if is_paid else invoice.open_minor),
    }  # fmt: skip
    if not is_paid:
        values["link"] = invoice_link(invoice.pk, now=now)
    template = "invoice.issued_paid" if is_paid else "invoice.issued"
    return tell(invoice.customer, template, values, cause=cause or f"invoice:{invoice.pk}:issued", now=now)
