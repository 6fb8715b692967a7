"""What the product's money says against what the naive books say, and the product against its own invariants (I5)."""

from collections import Counter, defaultdict
from datetime import date

from django.db.models import Sum

from capstan.billing.models import BillingTerms, Charge, Credit, Invoice, InvoiceLine, Series
from capstan.billing.queries.owed import debt_by_age
from capstan.billing.rules.words import ChargeKind, InvoiceKind
from capstan.ledger.queries import trial_balance
from capstan.ledger.rules import Balance, Code
from tests.simulation.billing_months import BillingMonths, Mismatch


def compare(months: BillingMonths) -> None:
    """Raises Mismatch for the first thing that differs."""
    _charges(months)
    _sales(months)
    _open(months)
    _ledger(months)
    _numbers(months)
    _holds(months)
    days = {
        row.customer.account_code: row.next_bill_on for row in BillingTerms.objects.select_related("customer")
    }
    months.same("next billing days", days, months.next_bill)


def _charges(months: BillingMonths) -> None:
    """By line and period: what was charged, and what discounts took off. Nobody twice, nobody left out."""
    found: dict[str, Counter[tuple[str, date]]] = defaultdict(Counter)
    rows = Charge.objects.filter(kind__in=(ChargeKind.SUBSCRIPTION, ChargeKind.DISCOUNT))
    for row in rows.values_list(
        "kind", "service_id", "customer__account_code", "covers_first", "amount_minor"
    ):
        kind, service_id, code, first, amount = row
        assert service_id is not None
        assert first is not None
        period, _ = months.books.period_with(first, months.books.accounts[code].billing_day)
        found[kind][months.world.names[service_id], period] += amount
    for kind, books in (
        (ChargeKind.SUBSCRIPTION, months.books.charged),
        (ChargeKind.DISCOUNT, {key: -amount for key, amount in months.books.taken_off.items()}),
    ):
        for key in sorted({*found[kind], *books}):
            name, period = key
            months.same(f"{kind} of {name} from {period}", found[kind][key], books.get(key, 0))


def _sales(months: BillingMonths) -> None:
    """Each sale once, at its price, on an invoice as soon as it should be."""
    rows = Charge.objects.filter(kind__in=(ChargeKind.TOP_UP, ChargeKind.FEE, ChargeKind.ONE_OFF))
    known = {row[0]: row[1:] for row in rows.values_list("reference", "amount_minor", "line_id")}
    months.same("what was sold", sorted(known), sorted(months.sold))
    for reference, (amount, line_id) in known.items():
        sale = months.sold[reference]
        months.same(f"amount of {reference}", amount, sale.amount)
        months.same(f"{reference} is on an invoice", line_id is not None, sale.taken)


def _open(months: BillingMonths) -> None:
    """What is open of each invoice, what is left of each customer's credit, and the debt by age."""
    rows = Invoice.objects.filter(kind=InvoiceKind.INVOICE).select_related("customer")
    found = {(row.customer.account_code, row.brand_id, row.number): row.open_minor for row in rows}
    for (code, _, number), amount in found.items():
        months.same(f"open of {number} of {code}", amount, months.books.accounts[code].invoices[number].open)
    months.same(
        "number of invoices", len(found), sum(len(one.invoices) for one in months.books.accounts.values())
    )
    lefts = dict(
        Credit.objects.values_list("customer__account_code").annotate(total=Sum("left_minor")).order_by()
    )
    for code in months.lives:
        months.same(f"credit of {code}", lefts.get(code, 0), months.books.left_of(code))
    months.same("debt by age", list(debt_by_age(months.today)), months.books.bands(months.today))


def _ledger(months: BillingMonths) -> None:
    totals = trial_balance(by_customer=True)
    months.same("debits", sum(one.debits for one in totals), sum(one.credits for one in totals))
    net = {(one.code, one.subject): one.net for one in totals}
    for code, customer in months.world.customers.items():
        subject = f"customer:{customer.pk}"
        months.same(
            f"receivable of {code}", net.get((Code.RECEIVABLE, subject), 0), months.books.open_of(code)
        )
        months.same(
            f"account credit of {code}", -net.get((Code.CREDIT, subject), 0), months.books.left_of(code)
        )
    for name, amount in months.books.totals.items():
        months.same(name, _sum(totals, Code(name)), amount)
    months.same("ledger by documents", _booked(totals), _documented())


def _sum(totals: list[Balance], code: Code) -> int:
    return sum(one.net for one in totals if one.code == code)


def _booked(totals: list[Balance]) -> dict[tuple[str, str], int]:
    codes = (Code.REVENUE, Code.DISCOUNT, Code.VAT_OUTPUT)
    return {(str(one.code), one.subject): -one.net for one in totals if one.code in codes and one.net}


def _documented() -> dict[tuple[str, str], int]:
    """Revenue by kind and VAT by rate, added up from all lines of all documents."""
    found: Counter[tuple[str, str]] = Counter()
    rows = InvoiceLine.objects.exclude(invoice__kind=InvoiceKind.PROFORMA)
    for kind, of, amount, vat, rate in rows.values_list(
        "invoice__kind", "kind", "amount_minor", "vat_minor", "rate_bp"
    ):
        sign = -1 if kind == InvoiceKind.CREDIT_NOTE else 1
        account = ("discount", "") if of == ChargeKind.DISCOUNT else ("revenue", of)
        found[account] += sign * (amount - vat)
        found["vat output", f"{rate / 100:g} %"] += sign * vat
    return {key: amount for key, amount in found.items() if amount}


def _numbers(months: BillingMonths) -> None:
    """Of every series without a gap."""
    given: dict[tuple[int, str], list[str]] = defaultdict(list)
    for brand_id, kind, number in Invoice.objects.values_list("brand_id", "kind", "number"):
        given[brand_id, kind].append(number)
    for (brand_id, kind), numbers in given.items():
        row = Series.objects.get(brand_id=brand_id, kind=kind)
        expected = [f"{row.prefix}{running:0{row.width}d}" for running in range(1, row.next_number)]
        months.same(f"numbers of {kind}", sorted(numbers), expected)


def _holds(months: BillingMonths) -> None:
    """Whose debt is old enough has all lines on hold, and nobody else."""
    for code, account in months.books.accounts.items():
        lines = {
            name for name, line in months.books.lines.items() if line.customer == code and not line.ended
        }
        months.same(
            f"lines of {code} on hold", months.world.on_hold(code), lines if account.suspended else set()
        )
        if account.suspended and not account.warned:
            raise Mismatch(f"{code} is on hold without a warning")
