"""Customers and services of a provider file.

A service that exists is brought to the file's password, package (from now on), device, session limit, addresses and
extra attributes. Its status is nobody's business here: a file that is loaded twice must not end anybody's suspension.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from capstan.billing.actions import terms, timing
from capstan.caps.actions.cap import open_cap, roll
from capstan.catalog.models import Package
from capstan.customers import actions as customers
from capstan.customers.models import Customer
from capstan.customers.queries import by_account_code
from capstan.network.radius.dictionary import DictionaryError, to_avp
from capstan.operator.load.catalogue import Circumstances, brand_id
from capstan.operator.load.entries import CustomerEntry, ServiceEntry
from capstan.services.actions import contract, device, line, start
from capstan.services.models import ConnectionType, Service
from capstan.services.queries import by_username, package_in_force
from capstan.services.rules import Addresses, LoginBy, MacLock, Standing, normalise_addresses, normalise_mac
from capstan.values.refused import Refused

Row = TypeVar("Row")


def enter_customer(entry: CustomerEntry, at: Circumstances) -> list[str]:
    """A new customer with its contacts; of one that exists, the contacts that it doesn't have yet, by name."""
    customer = by_account_code(entry.account_code)
    is_new = customer is None
    if customer is None:
        customer = customers.create_customer(
            account_code=entry.account_code,
            name=entry.name,
            brand_id=brand_id(entry.brand),
            kind=entry.kind,
            actor=at.actor,
            now=at.now,
        )
    had = set(customer.contacts.values_list("name", flat=True))
    missing = [contact for contact in entry.contacts if contact.name.strip() not in had]
    for contact in missing:
        customers.add_contact(customer_id=customer.pk, **contact.model_dump(), actor=at.actor, now=at.now)
    papers = ("physical_address", "postal_address", "company_number", "vat_number")
    wanted = {name: getattr(entry, name) for name in papers}
    said = {name: getattr(customer, name) if value is None else value for name, value in wanted.items()}
    changed = customers.change_papers(customer_id=customer.pk, **said, actor=at.actor, now=at.now)
    if entry.billed and terms.set_timing(
        customer_id=customer.pk, timing=entry.billed, actor=at.actor, now=at.now
    ):
        changed = [*changed, f"billed {entry.billed}"]
    return ["new"] if is_new else [*(f"contact {contact.name}" for contact in missing), *changed]


def enter_service(entry: ServiceEntry, at: Circumstances) -> list[str]:
    """Raises Refused for what it points to and doesn't exist, and for what the services app refuses."""
    package = _find(Package.objects.filter(code=entry.package).first(), "package", entry.package)
    service = by_username(entry.username)
    if service is not None:
        return _bring_to(service, entry, package.pk, at)
    customer: Customer = _find(by_account_code(entry.customer), "customer", entry.customer)
    wire = ConnectionType.objects.filter(code=entry.connection_type).first()
    service = start.create_service(
        customer_id=customer.pk,
        connection_type_id=_find(wire, "connection type", entry.connection_type).pk,
        package_id=package.pk,
        username=entry.username,
        line_password=entry.password,
        login_by=entry.login_by,
        standing=timing.standing_of_new(customer.pk),
        mac_address=entry.mac_address,
        activated_at=at.instant(entry.activated_at),
        actor=at.actor,
        now=at.now,
    )
    _bring_to(service, entry, package.pk, at)
    if service.standing == Standing.PREPAID:
        own = terms.lock(customer.pk, now=at.now)
        since = own.prepaid_from or own.next_bill_on
        timing.hold_line(service.pk, customer.pk, since, actor=at.actor, now=at.now)
    open_cap(service.pk, now=at.now)
    return ["new"]


def _bring_to(service: Service, entry: ServiceEntry, package_id: int, at: Circumstances) -> list[str]:
    """Set what differs; returns what it was."""
    by: dict[str, Any] = {"service_id": service.pk, "actor": at.actor, "now": at.now}
    changed: list[str] = []

    def set_(what: str, differs: bool, action: Callable[..., object], **values: object) -> None:
        if differs:
            action(**by, **values)
            changed.append(what)

    password = entry.password
    set_("password", service.line_password != password, line.set_line_password, line_password=password)
    limit = entry.session_limit
    set_("session limit", service.session_limit != limit, line.set_session_limit, session_limit=limit)
    wanted = normalise_addresses(Addresses(**{name: getattr(entry, name) for name in Addresses._fields}))
    has = Addresses(**{name: getattr(service, name) for name in Addresses._fields})
    has = has._replace(ipv4_routes=tuple(has.ipv4_routes))
    set_("addresses", has != wanted, line.set_addresses, addresses=wanted)
    extra = _checked(entry)
    set_("extra attributes", service.reply_extra != extra, line.set_reply_extra, reply_extra=extra)
    if entry.mac_address:
        mac = normalise_mac(entry.mac_address)
        set_("device", service.mac_address != mac, device.set_mac_lock, mac_address=mac)
    elif service.login_by == LoginBy.PASSWORD:
        lock_is_on = service.mac_lock != MacLock.OFF
        set_("device lock", lock_is_on != entry.learn_mac, device.clear_mac, learn=entry.learn_mac)
    if package_in_force(service.pk, at.now) != package_id:
        contract.change_package(package_id=package_id, **by)
        roll(service.pk, now=at.now)
        changed.append("package")
    return changed


def _checked(entry: ServiceEntry) -> list[list[str]]:
    for name, value in entry.reply_extra:
        try:
            to_avp(name, value)
        except DictionaryError as error:
            raise Refused(str(error)) from error
    return [list(pair) for pair in entry.reply_extra]


def _find(row: Row | None, kind: str, name: str) -> Row:
    if row is None:
        raise Refused(f"There is no {kind} {name!r}.")
    return row
