"""Audit entries in words: what was done, and the details that matter to a reader."""

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.db.models import Q

from capstan.audit.models import AuditEntry
from capstan.ui.templatetags.capstan import phone

HIDDEN = Q(action="topup.add") | Q(action="bucket.grant", details__source__startswith="order:")
"""Entries about an order that a story shows as the order itself."""

_TITLES = {
    "customer.create": "Customer entered",
    "customer.add_contact": "Contact added",
    "service.create": "Line entered",
    "service.suspend": "Put on hold",
    "service.resume": "Taken off hold",
    "service.end_service": "Line ended",
    "service.open_checkout_window": "Opened for ten minutes to pay",
    "service.close_checkout_window": "Closed again after paying",
    "service.change_package": "Package change entered",
    "service.cancel_package_changes": "Planned package change taken back",
    "service.record_overage_consent": "Agreed to be charged beyond the cap",
    "service.withdraw_overage_consent": "Is not charged beyond the cap any more",
    "service.set_mac_lock": "Locked to a device",
    "service.clear_mac": "Device cleared",
    "service.learn_mac": "Device learnt",
    "service.set_line_password": "Line password changed",
    "service.see_line_password": "Line password looked at",
    "service.send_login": "Line login sent",
    "service.set_session_limit": "Session limit changed",
    "service.set_reply_extra": "Reply attributes changed",
    "service.set_addresses": "Addresses changed",
    "bucket.grant": "Data granted",
    "bucket.void": "Data taken back",
    "topup.reverse": "Top-up taken back",
    "topup.paid": "Top-up paid",
    "topup.cancel": "Order cancelled",
    "topup.authorise": "Order authorised",
    "topup.decline": "Order declined",
    "topup.looked_after": "Order looked after",
    "sms.reply": "SMS answered",
    "topups.account_rule": "Account rule changed",
    "topups.add_authoriser": "Authoriser added",
    "topups.remove_authoriser": "Authoriser removed",
    "topups.ceiling": "Spending ceiling changed",
    "topups.auto_on": "Automatic top-up agreed to",
    "topups.auto_off": "Automatic top-up stopped",
    "payment.take": "Payment booked",
    "payment.reverse": "Payment reversed",
    "payment.refund": "Money given back",
    "payment.allocate": "Payment put to invoices",
    "payment.assign": "Unknown payment found its customer",
    "card.charge.settle": "Uncertain charge cleared up",
    "payment.refund.settle": "Uncertain refund cleared up",
    "bank.assign": "Bank line found its customer",
    "billing.terms": "Billing terms changed",
    "billing.credit_note": "Credit note",
    "billing.write_off": "Debt written off",
    "billing.correct_vat": "VAT put right",
    "billing.debit_returned": "Pays first: a debit order came back",
    "billing.debit_forgiven": "Pays first no more",
    "mandate.draft": "Mandate entered",
    "mandate.send_out": "Mandate sent to be signed",
    "mandate.signed": "Mandate signed",
    "mandate.approve": "Mandate approved",
    "mandate.suspend": "Mandate suspended",
    "mandate.resume": "Mandate resumed",
    "mandate.cancel": "Mandate cancelled",
    "mandate.replace": "Mandate replaced",
    "debit.leave_out": "Left out of a batch of debit orders",
    "debit.returned": "Debit order came back",
    "debit.looked_after": "Results of debit orders looked after",
    "billing.run.leave_out": "Left out of a bill run, or taken in again",
    "notification_list.add": "Added to the notification list",
    "notification_list.confirm": "Confirmed on the notification list",
    "notification_list.ask_for_code": "A code was sent",
    "notification_list.change": "Changed on the notification list",
    "notification_list.remove": "Taken off the notification list",
    "notification_list.pause": "Notices stopped",
    "notification_list.resume": "Notices started again",
    "notification_list.tell_how_to": "Told how to top up oneself",
}


def _size(value: Any) -> str:
    return str(settings.FORMATS.size(value)) if isinstance(value, int) else ""


def _money(value: Any) -> str:
    return str(settings.FORMATS.money(value)) if isinstance(value, int) else ""


def _contact(value: Any) -> str:
    """A number as people read it; an address as it is."""
    text = str(value)
    return phone(text) if text.startswith("+") else text


def _yes(words: str) -> Callable[[Any], str]:
    return lambda value: words if value else ""


# What is shown of the details, in this order.
_DETAILS: Mapping[str, Callable[[Any], str]] = {
    "bytes": _size,
    "size_bytes": _size,
    "ceiling_bytes": _size,
    "amount_minor": _money,
    "price_minor": _money,
    "ceiling_minor": _money,
    "phone": _contact,
    "address": _contact,
    "to": lambda value: f"to {_contact(value)}" if value else "",
    "limit_minor": lambda value: f"up to {_money(value)}" if value else "",
    "mac_address": str,
    "because": str,
    "may_order": _yes("may order"),
    "needs_authorisation": _yes("top-ups need authorisation"),
    "pays_first": _yes("pays first"),
    "agreed_by": lambda value: f"agreed by {value}" if value else "",
    "method": str,
    "of": lambda value: f"of {value}" if value else "",
    "note": lambda value: value if isinstance(value, str) else "",
    "in_the_name_of": lambda value: f"in the name of {value}" if value else "",
}


def deed_words(entry: AuditEntry) -> tuple[str, str]:
    """Title and detail; an action without words of its own is told by its name."""
    title = _TITLES.get(entry.action) or entry.action.replace("_", " ").replace(".", ": ").capitalize()
    details = [shown for name, words in _DETAILS.items() if (shown := words(entry.details.get(name) or ""))]
    return title, " – ".join(filter(None, (", ".join(details), entry.reason)))
