"""VAT, packages' prices, payment gateways and debit orders of a provider file."""

from capstan.catalog import actions
from capstan.catalog.models import Package, PackagePrice, TaxGroup, TaxRate
from capstan.operator.load.catalogue import Circumstances, brand_id
from capstan.operator.load.entries import (
    DebitOrdersEntry,
    PackageEntry,
    PaymentGatewayEntry,
    TaxGroupEntry,
)
from capstan.payments.actions.debit_orders.policy import set_debit_policy
from capstan.payments.actions.gateways.enter import enter_gateway
from capstan.values.money import parse_money
from capstan.values.refused import Refused


def enter_tax_group(entry: TaxGroupEntry, at: Circumstances) -> list[str]:
    """A new group, or a new rate from the day of the entry if that is later than the last one's."""
    rate_bp = int(entry.rate * 100)
    group = TaxGroup.objects.filter(code=entry.code).first()
    if group is None:
        actions.create_tax_group(
            code=entry.code, name=entry.name, rate_bp=rate_bp, valid_from=entry.valid_from, is_default=entry.is_default,
            actor=at.actor, now=at.now,
        )  # fmt: skip
        return ["new"]
    if TaxRate.objects.filter(group=group, valid_from=entry.valid_from, rate_bp=rate_bp).exists():
        return []
    actions.set_tax_rate(
        group_id=group.pk, rate_bp=rate_bp, valid_from=entry.valid_from, actor=at.actor, now=at.now
    )
    return [f"{entry.rate} % from {entry.valid_from}"]


def enter_price(entry: PackageEntry, at: Circumstances) -> list[str]:
    """What a package costs, its tax group, and whether its top-ups are paid first; returns what changed."""
    package = Package.objects.get(code=entry.code)
    changed = []
    if entry.price is not None:
        price = parse_money(entry.price, at.currency)
        last = PackagePrice.objects.filter(package=package).order_by("-valid_from").first()
        if last is None or last.price_minor != price:
            begins = at.instant(entry.valid_from) or at.now
            begins = begins if last is None or begins > at.now else at.now
            actions.set_package_price(
                package_id=package.pk, price_minor=price, valid_from=begins, actor=at.actor, now=at.now
            )
            changed.append(f"price from {begins:%Y-%m-%d %H:%M} UTC")
    group = _group(entry.tax_group) if entry.tax_group else package.tax_group_id
    changed += actions.change_package_sale(
        package_id=package.pk, tax_group_id=group, pays_first=entry.pays_first, actor=at.actor, now=at.now
    )
    return changed


def _group(code: str) -> int:
    found = TaxGroup.objects.filter(code=code).values_list("pk", flat=True).first()
    if found is None:
        raise Refused(f"There is no tax group {code!r}.")
    return found


def enter_payment_gateway(entry: PaymentGatewayEntry, at: Circumstances) -> list[str]:
    """The gateway as the file says. Raises Refused for what can't work."""
    return enter_gateway(**entry.model_dump(), actor=at.actor, now=at.now)[1]


def enter_debit_orders(entry: DebitOrdersEntry, at: Circumstances) -> list[str]:
    """How the brand collects, as the file says. Raises Refused."""
    return set_debit_policy(
        brand_id=brand_id(entry.brand), fee_minor=parse_money(entry.fee, at.currency), actor=at.actor, now=at.now,
        **entry.model_dump(exclude={"brand", "fee"}),
    )  # fmt: skip
