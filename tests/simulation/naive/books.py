"""What customers owe, worked out the slow way: day by day, from plain dicts. Nothing here knows how the product does it.

It is told what happened – lines, prices, discounts, sales, money – and says what each line cost in each period, what VAT a price
holds, what is open of each invoice, and whose lines are on hold. Documents it is told of as they are issued: how charges
are spread over invoices and credit notes is the product's business, what they come to is checked.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

DAY = timedelta(days=1)
LEAST = 5_000  # less than that overdue isn't chased
WARNED_AFTER, SUSPENDED_AFTER, WARN_DAYS = 8, 12, 2
PAYS_FIRST_AFTER = 30
BY_HAND_WITHIN = 7


@dataclass
class Off:
    """A discount: either the percentage, in hundredths, or the amount a period."""

    first: date
    end: date | None
    percent_bp: int | None
    amount: int | None


@dataclass
class Sale:
    """Something sold once. `taken`: an invoice has asked for it."""

    kind: str
    amount: int
    day: date
    taken: bool = False
    returns: "Sale | None" = None  # what it gives back

    @property
    def returns_taken(self) -> bool:
        """Whether it gives back what is on an invoice: then a credit note doesn't wait for the billing day."""
        return self.returns is not None and self.returns.taken


@dataclass
class Owed:
    """An invoice."""

    total: int
    open: int
    issued: date
    due: date
    order: int


@dataclass
class Money:
    """A payment, a credit note, what was written off; `paid` by the invoice's number. What is kept waits for one thing."""

    name: str
    amount: int
    left: int
    day: date
    order: int
    kept: bool = False
    paid: dict[str, int] = field(default_factory=dict)


@dataclass
class Line:
    customer: str
    since: date
    packages: list[tuple[date, str]]  # the later of two on one day holds
    ended: date | None = None
    discounts: list[Off] = field(default_factory=list)

    def package_on(self, day: date) -> str | None:
        if day < self.since or (self.ended is not None and day >= self.ended):
            return None
        return [name for starts, name in self.packages if starts <= day][-1]


@dataclass
class Account:
    billing_day: int
    arrears: bool
    due_days: int
    billed_from: date
    billed_to: date  # what the last bill reached
    knows_vat: bool = True
    sales: list[Sale] = field(default_factory=list)
    invoices: dict[str, Owed] = field(default_factory=dict)  # by number
    credits: list[Money] = field(default_factory=list)
    episode: bool = False
    warned: date | None = None
    suspended: bool = False
    promised_until: date | None = None


class Books:
    """All accounts of one provider."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.lines: dict[str, Line] = {}
        self.prices: dict[str, list[tuple[date, int]]] = {}
        self.rates: list[tuple[date, int]] = []
        self.charged: dict[tuple[str, date], int] = {}  # by line and first day of the period
        self.taken_off: dict[tuple[str, date], int] = {}
        self.totals: dict[str, int] = {"bank": 0, "cash": 0, "write-off": 0, "unmatched": 0, "fees": 0}
        self.holidays: set[date] = set()
        self.sequence = 0

    def bank_fee(self, amount: int) -> None:
        self.totals["bank"] -= amount
        self.totals["fees"] += amount

    # What a period costs

    def rate_on(self, day: date, customer: str) -> int:
        if not self.accounts[customer].knows_vat:
            return 0
        return [rate for begins, rate in self.rates if begins <= day][-1]

    def period_with(self, day: date, billing_day: int) -> tuple[date, date]:
        """First day and end of the period that the day lies in: walked to from the day in both directions."""
        first, end = day, day + DAY
        while not is_billing_day(first, billing_day):
            first -= DAY
        while not is_billing_day(end, billing_day):
            end += DAY
        return first, end

    def cost(self, name: str, first: date, end: date) -> int:
        """What a line costs in a period: of each stretch with one package its share by days, rounded half-even at both ends."""
        line = self.lines[name]
        account = self.accounts[line.customer]
        whole, total = (end - first).days, 0
        begun: date | None = None
        for number in range(whole + 1):
            day = first + number * DAY
            package = line.package_on(day) if account.billed_from <= day < end else None
            before = line.package_on(day - DAY) if begun is not None else None
            if begun is not None and package != before:
                assert before is not None
                price = self.price_on(before, begun)
                total += round(Fraction(price * (day - first).days, whole))
                total -= round(Fraction(price * (begun - first).days, whole))
                begun = None
            if begun is None and package is not None:
                begun = day
        return total

    def price_on(self, package: str, day: date) -> int:
        return ([0] + [price for begins, price in self.prices[package] if begins <= day])[-1]

    def off(self, name: str, first: date, whole: int) -> int:
        """What discounts take off a period, each by itself and never more than there is."""
        found = 0
        for one in self.lines[name].discounts:
            if one.first <= first and (one.end is None or first < one.end):
                if one.percent_bp is not None:
                    found += round(Fraction(whole * one.percent_bp, 10_000))
                else:
                    found += min(one.amount or 0, whole)
        return found

    def bill(self, customer: str, day: date) -> None:
        """The billing day of a customer: all his periods up to there, as they are known by now, are what was charged."""
        account = self.accounts[customer]
        first, end = self.period_with(day, account.billing_day)
        account.billed_to = first if account.arrears else end
        begins, ends = self.period_with(account.billed_from, account.billing_day)
        while begins < account.billed_to:
            for name, line in self.lines.items():
                if line.customer == customer:
                    cost = self.cost(name, begins, ends)
                    self.charged[name, begins] = cost
                    self.taken_off[name, begins] = self.off(name, begins, cost)
            begins, ends = self.period_with(ends, account.billing_day)
        for sale in account.sales:
            if sale.day <= day:
                sale.taken = True

    # Money

    def issued(self, customer: str, number: str, total: int, issued: date, due: date) -> None:
        self.sequence += 1
        self.accounts[customer].invoices[number] = Owed(total, total, issued, due, self.sequence)

    def credited(self, customer: str, number: str, of: str, total: int, day: date) -> None:
        """A credit note: it pays what it corrects first."""
        credit = self._credit(customer, f"note {number}", total, day)
        self._pay(credit, of, self.accounts[customer])

    def received(
        self, customer: str, name: str, amount: int, day: date, into: str, *, kept: bool = False
    ) -> None:
        self._credit(customer, name, amount, day).kept = kept
        self.totals[into] += amount
        self.spend(customer)

    def _credit(self, customer: str, name: str, amount: int, day: date) -> Money:
        self.sequence += 1
        credit = Money(name, amount, amount, day, self.sequence)
        self.accounts[customer].credits.append(credit)
        return credit

    def credit_named(self, customer: str, name: str) -> Money:
        (found,) = [one for one in self.accounts[customer].credits if one.name == name]
        return found

    def pay_one(self, customer: str, name: str, number: str) -> None:
        """What was kept for it pays this invoice, and the rest is free."""
        credit = self.credit_named(customer, name)
        self._pay(credit, number, self.accounts[customer])
        self.free(customer, name)

    def free(self, customer: str, name: str) -> None:
        self.credit_named(customer, name).kept = False
        self.spend(customer)

    def spend(self, customer: str) -> None:
        """The oldest money pays what was due first."""
        account = self.accounts[customer]
        numbers = sorted(account.invoices, key=lambda n: (account.invoices[n].due, account.invoices[n].order))
        for credit in sorted(account.credits, key=lambda one: (one.day, one.order)):
            if not credit.kept:
                for number in numbers:
                    self._pay(credit, number, account)

    @staticmethod
    def _pay(credit: Money, number: str, account: Account) -> None:
        invoice = account.invoices[number]
        amount = min(credit.left, invoice.open)
        credit.left -= amount
        invoice.open -= amount
        credit.paid[number] = credit.paid.get(number, 0) + amount

    def gone(self, customer: str, name: str, amount: int, out_of: str) -> None:
        """Money is gone again: what is left of it first, then what paid the newest invoice."""
        account, credit = self.accounts[customer], self.credit_named(customer, name)
        missing = max(0, amount - credit.left)
        for number in sorted(credit.paid, key=lambda n: -account.invoices[n].order):
            part = min(missing, credit.paid[number])
            credit.paid[number] -= part
            credit.left += part
            account.invoices[number].open += part
            missing -= part
        assert not missing
        credit.left -= amount
        credit.amount -= amount
        self.totals[out_of] -= amount
        self.spend(customer)

    def written_off(self, customer: str, number: str, day: date) -> None:
        account = self.accounts[customer]
        amount = account.invoices[number].open
        self._pay(self._credit(customer, f"write-off {number} {self.sequence}", amount, day), number, account)
        self.totals["write-off"] += amount

    def open_of(self, customer: str) -> int:
        return sum(one.open for one in self.accounts[customer].invoices.values())

    def left_of(self, customer: str) -> int:
        return sum(one.left for one in self.accounts[customer].credits)

    def bands(self, today: date) -> list[int]:
        """What is open by age: under 30 days, 60, 90, 120, older."""
        found = [0] * 5
        for account in self.accounts.values():
            for one in account.invoices.values():
                found[min(4, max(0, (today - one.issued).days // 30))] += one.open
        return found

    # Chasing

    def overdue(self, customer: str, today: date) -> tuple[int, date | None]:
        late = [one for one in self.accounts[customer].invoices.values() if one.open and one.due < today]
        return sum(one.open for one in late), min((one.due for one in late), default=None)

    def chase(self, customer: str, today: date) -> None:
        """A look at the debt: warned of it on the eighth day, on hold from the twelfth, where that is a workday."""
        account = self.accounts[customer]
        amount, oldest = self.overdue(customer, today)
        held = account.promised_until is not None and today <= account.promised_until
        if oldest is None or amount < LEAST:
            if account.episode:  # a promise that was given before anything was late still stands
                account.promised_until = None
            account.episode, account.warned, account.suspended = False, None, False
            return
        account.episode = True
        if held:
            account.suspended = False
            return
        late = (today - oldest).days
        if account.warned is None:
            if late >= WARNED_AFTER:
                account.warned = today
        elif late >= SUSPENDED_AFTER and today >= account.warned + WARN_DAYS * DAY and self.is_workday(today):
            account.suspended = True

    def is_workday(self, day: date) -> bool:
        return day.isoweekday() < 6 and day not in self.holidays

    def pays_first(self, customer: str, today: date) -> bool:
        _, oldest = self.overdue(customer, today)
        return oldest is not None and (today - oldest).days > PAYS_FIRST_AFTER


def is_billing_day(day: date, billing_day: int) -> bool:
    """The day of the month, or the last one of a month that is too short for it."""
    return day.day == billing_day or (day.day < billing_day and (day + DAY).day == 1)


def vat_in(amount: int, rate_bp: int) -> int:
    """Rounded half-even, as Python rounds fractions."""
    return round(Fraction(amount * rate_bp, 10_000 + rate_bp))
