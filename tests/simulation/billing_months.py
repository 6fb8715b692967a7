"""Lives months of a provider's money, in the product and in the naive books side by side, a day at a time."""

import re
from contextlib import suppress
from datetime import date, timedelta
from random import Random

from capstan.billing.actions import correct, discounts
from capstan.billing.actions.by_hand import charge_by_hand
from capstan.billing.actions.run import leave_out
from capstan.billing.models import Invoice, InvoiceLine
from capstan.billing.rules.words import ChargeKind, InvoiceKind
from capstan.catalog.actions import set_package_price, set_tax_rate, withdraw_tax_rate
from capstan.payments.actions import bank_lines
from capstan.payments.models import BankLine
from capstan.payments.rules.words import BankLineState
from capstan.services.actions.contract import cancel_package_changes, change_package
from capstan.services.actions.status import end_service
from capstan.topups.actions.take_back import reverse as take_top_up_back
from capstan.topups.actions.waiting import mark_paid
from capstan.topups.models import Order
from capstan.topups.rules.words import OrderState
from capstan.values.refused import Refused
from tests.simulation.billing_life import (
    BEGINS,
    BRANDS,
    HOLIDAYS,
    LATER_RATE,
    OFFERS,
    PACKAGES,
    RATE,
    TIMINGS,
    TOP_UPS,
    CustomerLife,
)
from tests.simulation.billing_world import BillingWorld, in_zone
from tests.simulation.naive.books import Account, Books, Line, Off, Sale, is_billing_day, vat_in

DAY = timedelta(days=1)
JOURNAL = 80


class Mismatch(AssertionError):
    """The product and the books differ."""


class BillingMonths:
    """One run from one seed."""

    def __init__(self, seed: int, *, months: int, customers: int = 14) -> None:
        self.rng = Random(seed)
        self.seed = seed
        self.today = BEGINS
        self.ends = BEGINS + timedelta(days=round(30.5 * months))
        self.world = BillingWorld(in_zone(BEGINS, 0), BRANDS)
        self.books = Books()
        self.books.holidays = HOLIDAYS
        self.books.rates = [(date(2018, 4, 1), RATE)]
        self.books.prices = {
            f"{brand.name} {name}": [(BEGINS, price)] for brand in BRANDS for name, price in PACKAGES.items()
        }
        self.lives: dict[str, CustomerLife] = {}
        self.next_bill: dict[str, date] = {}
        self.left_out: set[str] = set()
        self.by_hand: list[
            tuple[str, int, int, date]
        ] = []  # EFT that no bank line has shown: payment, amount, day
        self.owner: dict[int, str] = {}  # of each payment
        self.into: dict[int, str] = {}
        self.waiting: dict[int, str] = {}  # orders to be paid first
        self.sold: dict[str, Sale] = {}  # by the charge's reference
        self.statement: list[tuple[date, str, int, str]] = []
        self.last_statement: list[tuple[date, str, int]] = []
        self.heard, self.minutes, self.deeds, self.checks = 0, 0, 0, 0
        self.lines_told: set[int] = set()
        self.journal: list[str] = []
        self.to_come = customers
        self.vat_days = sorted(self.rng.sample(range(20, max(80, (self.ends - BEGINS).days - 25)), 3))

    # A day

    def live(self) -> None:
        from tests.simulation.billing_compare import compare

        while self.today < self.ends:
            self._clock(8)
            self._arrivals()
            self.world.preview()
            self._chase(9)
            self._clock(10)
            self._issue_runs()
            for _ in range(self.rng.randrange(5)):
                self._deed()
            self._bank()
            self._vat()
            self._clock(16)
            self._money_steps()
            self._chase(17)
            self.checks += 1
            compare(self)
            self.today += DAY

    def _clock(self, hour: int) -> None:
        self.minutes = 0
        self.world.now = in_zone(self.today, hour)

    def _next_minute(self) -> None:
        self.minutes += 1
        self.world.now = in_zone(self.today, 10 + self.minutes // 60, self.minutes % 60)

    def tell(self, what: str) -> None:
        self.journal.append(f"{self.today} {what}")

    def story(self, problem: str) -> list[str]:
        """What came before: of the customer that the problem names, with his lines; else the last of everything."""
        named = re.search(r"EX\d+|line\d+", problem)
        if named is None:
            return self.journal[-JOURNAL:]
        name = named.group()
        code = self.books.lines[name].customer if name.startswith("line") else name
        words = {code, *(key for key, line in self.books.lines.items() if line.customer == code)}
        return [line for line in self.journal if words & set(re.findall(r"\w+", line))]

    def _arrivals(self) -> None:
        """All come in the first two months, on whatever day it is."""
        while self.to_come and (len(self.lives) < 6 or self.rng.random() < 0.15):
            self.to_come -= 1
            number = len(self.lives)
            brand = BRANDS[number % len(BRANDS)]
            life = CustomerLife(
                f"EX{number:03}", brand.name, self.rng.choice(TIMINGS), TOP_UPS[(number // 3) % len(TOP_UPS)]
            )
            self.lives[life.code] = life
            day = self.today.day if brand.by_anniversary else brand.billing_day
            self.world.become_customer(life)
            self.books.accounts[life.code] = Account(
                day, life.timing == "arrears", brand.due_days, self.today, self.today, bool(brand.vat_number)
            )
            self.next_bill[life.code] = _billing_day_from(self.today, day)
            self.tell(f"{life}, bills on {day}")
            for _ in range(self.rng.choice([1, 1, 2])):
                self._start(life.code)

    def _start(self, code: str) -> None:
        life, name = self.lives[code], f"line{len(self.books.lines)}"
        package = self.rng.choice(list(PACKAGES))
        self.world.start_line(code, name, package, life.brand)
        self.books.lines[name] = Line(code, self.today, [(self.today, f"{life.brand} {package}")])
        self.tell(f"{name} of {code} starts on {package}")

    def _issue_runs(self) -> None:
        """The clerk issues on the day, or is a day or two late."""
        for run in self.world.previewed():
            if self.rng.random() < 0.25 and self.today < run.billing_day + 2 * DAY:
                continue
            due = [
                code for code, day in self.next_bill.items()
                if day <= run.billing_day and self.world.brands[self.lives[code].brand] == run.brand_id
            ]  # fmt: skip
            out = set()
            if len(due) > 1 and self.rng.random() < 0.2:
                code = self.rng.choice(due)
                customer_id = self.world.customers[code].pk
                leave_out(run_id=run.pk, customer_id=customer_id, left_out=True, **self.world.who)
                out.add(code)
            self.world.issue(run)
            self.tell(f"run of {run.billing_day} for {sorted(set(due) - out)}, without {sorted(out)}")
            for code in due:
                if code not in out:
                    self.books.bill(code, run.billing_day)
                    self.next_bill[code] = _billing_day_from(
                        run.billing_day + DAY, self.books.accounts[code].billing_day
                    )
            self.hear()

    def _chase(self, hour: int) -> None:
        self._clock(hour)
        self.world.chase()
        for code in self.books.accounts:
            self.books.chase(code, self.today)

    def _money_steps(self) -> None:
        """Credit notes of what was returned, and orders that waited too long."""
        self.world.money_steps()
        for sale in self.sold.values():
            if sale.amount < 0 and not sale.taken and sale.returns_taken:
                sale.taken = True
        self.hear()
        for pk in list(self.waiting):
            if Order.objects.get(pk=pk).state == OrderState.EXPIRED:
                if (self.world.now - Order.objects.get(pk=pk).created_at) < timedelta(hours=48):
                    raise Mismatch(f"order {pk} expired too early")
                del self.waiting[pk]

    # What is heard of: documents, as they are issued

    def hear(self, *, one_by_one: bool = False) -> None:
        """Tell the books of new documents, after a look at each line's VAT."""
        touched = set()
        for document in self.world.documents(self.heard):
            self.heard = document.pk
            code = document.customer.account_code
            self._look_at(document, code)
            if document.kind == InvoiceKind.INVOICE:
                self.books.issued(
                    code, document.number, document.total_minor, document.issued_on, document.due_on
                )
            else:
                assert document.credits is not None
                self.books.credited(
                    code, document.number, document.credits.number, document.total_minor, document.issued_on
                )
            self.tell(f"{document.number} for {code}: {document.total_minor}, due {document.due_on}")
            touched.add(code)
            if one_by_one:
                self.books.spend(code)
        for code in touched:
            self.books.spend(code)

    def _look_at(self, document: Invoice, code: str) -> None:
        lines = self.world.lines_of(document)
        for line in lines:
            self._look_at_line(document, line, code)
        self.same(
            f"total of {document.number}", document.total_minor, sum(line.amount_minor for line in lines)
        )
        self.same(f"VAT of {document.number}", document.vat_minor, sum(line.vat_minor for line in lines))
        if document.run_id is not None and document.kind == InvoiceKind.INVOICE:
            due = document.issued_on + timedelta(days=self.books.accounts[code].due_days)
            self.same(f"due date of {document.number}", document.due_on, due)

    def _look_at_line(self, document: Invoice, line: InvoiceLine, code: str) -> None:
        what = f"“{line.text}” of {document.number}, supplied {line.supplied_from}"
        corrected = self.world.corrected_by(line)
        if document.kind == InvoiceKind.INVOICE:
            self.same(f"rate of {what}", line.rate_bp, self.books.rate_on(line.supplied_from, code))
            self.same(f"VAT of {what}", line.vat_minor, vat_in(line.amount_minor, line.rate_bp))
        else:
            assert corrected is not None
            self.same(f"rate of {what}", line.rate_bp, corrected.rate_bp)
            if abs(line.vat_minor - vat_in(line.amount_minor, line.rate_bp)) > 1:
                raise Mismatch(f"VAT of {what} is {line.vat_minor}")

    def same(self, what: str, product: object, books: object) -> None:
        if product != books:
            raise Mismatch(f"{what}: the product says {product}, the books {books}")

    # What happens

    def _deed(self) -> None:
        self._next_minute()
        self.deeds += 1
        deeds = {
            self.sell: 5, self.pay: 8, self.change: 2, self.cancel_change: 1, self.end: 1, self.start: 1, self.discount: 1,
            self.end_discount: 1, self.fee: 2, self.credit_fee: 2, self.write_off: 1, self.bounce: 2, self.refund: 2,
            self.price: 1, self.pay_first: 4, self.return_top_up: 2, self.promise: 1,
        }  # fmt: skip
        deed = self.rng.choices(list(deeds), list(deeds.values()))[0]
        deed()

    def _code(self) -> str:
        return self.rng.choice(list(self.lives))

    def _line(self) -> str | None:
        names = [name for name, line in self.books.lines.items() if line.ended is None]
        return self.rng.choice(names) if names else None

    def start(self) -> None:
        if len(self.books.lines) < 30:
            self._start(self._code())

    def end(self) -> None:
        name = self._line()
        if name and len(self.books.lines) > 8:
            end_service(service_id=self.world.lines[name].pk, reason="moved away", **self.world.who)
            self.books.lines[name].ended = self.today
            self.tell(f"{name} ends")

    def change(self) -> None:
        name = self._line()
        if name is None:
            return
        line = self.books.lines[name]
        brand = self.lives[line.customer].brand
        package, ahead = self.rng.choice(list(PACKAGES)), self.rng.choice([0, 0, 1, 9, 25])
        with suppress(Refused):  # it has that package then
            change_package(
                service_id=self.world.lines[name].pk, package_id=self.world.packages[brand, package],
                starts_at=self.world.now + ahead * DAY, **self.world.who,
            )  # fmt: skip
            line.packages = sorted(
                [*line.packages, (self.today + ahead * DAY, f"{brand} {package}")], key=lambda one: one[0]
            )
            self.tell(f"{name} of {line.customer} has {package} from {self.today + ahead * DAY}")

    def cancel_change(self) -> None:
        name = self._line()
        if name is None:
            return
        with suppress(Refused):
            cancel_package_changes(service_id=self.world.lines[name].pk, **self.world.who)
            line = self.books.lines[name]
            line.packages = [one for one in line.packages if one[0] <= self.today]
            self.tell(f"{name} changes nothing")

    def price(self) -> None:
        """A new price from tomorrow on."""
        brand, package = self.rng.choice(BRANDS).name, self.rng.choice(list(PACKAGES))
        amount = self.rng.randrange(20_000, 110_000)
        rows = self.books.prices[f"{brand} {package}"]
        if rows[-1][0] <= self.today:
            set_package_price(
                package_id=self.world.packages[brand, package], price_minor=amount, valid_from=in_zone(self.today + DAY, 0),
                **self.world.who,
            )  # fmt: skip
            rows.append((self.today + DAY, amount))
            self.tell(f"{package} of {brand} costs {amount} from tomorrow")

    def discount(self) -> None:
        name = self._line()
        if name is None:
            return
        percent = self.rng.choice([None, 333, 1_000])
        first = self.today + timedelta(days=self.rng.choice([-20, 0, 20]))
        off = Off(
            first, self.rng.choice([None, first + timedelta(days=50)]), percent, None if percent else 2_501
        )
        discounts.add(
            service_id=self.world.lines[name].pk, text=f"Discount {self.deeds}", percent_bp=percent, amount_minor=off.amount,
            first=first, end=off.end, **self.world.who,
        )  # fmt: skip
        self.books.lines[name].discounts.append(off)
        self.tell(f"{name}: {off}")

    def end_discount(self) -> None:
        from capstan.billing.models import Discount

        row = Discount.objects.filter(end=None).order_by("pk").first()
        if row is None:
            return
        end = max(row.first, self.today)
        discounts.end_on(discount_id=row.pk, end=end, **self.world.who)
        name = self.world.names[row.service_id]
        offs = [one for one in self.books.lines[name].discounts if one.end is None]
        offs[0].end = end
        self.tell(f"{name}: a discount ends on {end}")

    def fee(self) -> None:
        code = self._code()
        amount, key = self.rng.choice([1, 4_999, self.rng.randrange(1, 60_000)]), f"fee{self.deeds}"
        charge_by_hand(
            customer_id=self.world.customers[code].pk, service_id=None, kind=ChargeKind.FEE, text="Call-out",
            amount_minor=amount, tax_group_id=None, reason="he asked", key=key, **self.world.who,
        )  # fmt: skip
        self._sold(code, f"by-hand:{key}", "fee", amount)

    def _sold(self, code: str, reference: str, kind: str, amount: int, *, taken: bool = False) -> None:
        sale = Sale(kind, amount, self.today, taken)
        self.sold[reference] = sale
        self.books.accounts[code].sales.append(sale)
        self.tell(f"{code} buys {kind} for {amount}, {reference}")

    def credit_fee(self) -> None:
        """A part of a fee that was invoiced, or all of it."""
        rows = InvoiceLine.objects.filter(kind=ChargeKind.FEE, invoice__kind=InvoiceKind.INVOICE)
        line = rows.select_related("invoice").order_by("-pk")[: 1 + self.rng.randrange(4)].first()
        if line is None:
            return
        amount = self.rng.choice([line.amount_minor, line.amount_minor // 2, line.amount_minor // 3])
        with suppress(Refused):  # it is credited already, or comes to nothing
            correct.credit_note(
                invoice_id=line.invoice_id, amounts={line.pk: amount}, reason="goodwill", **self.world.who
            )
            self.hear()

    def write_off(self) -> None:
        invoice = Invoice.objects.filter(open_minor__gt=0).order_by("due_on", "pk").first()
        if invoice is None or (self.today - invoice.due_on).days < 40:
            return
        correct.write_off(invoice_id=invoice.pk, reason="he emigrated", **self.world.who)
        code = invoice.customer.account_code
        self.books.written_off(code, invoice.number, self.today)
        self.tell(f"{invoice.number} of {code} is written off")

    def promise(self) -> None:
        code = self._code()
        until = self.today + timedelta(days=self.rng.choice([0, 3, 10]))
        with suppress(Refused):  # nothing is owed
            self.world.promise(code, until)
            self.books.accounts[code].promised_until = until
            self.tell(f"{code} promises to pay by {until}")

    # Top-ups

    def sell(self) -> None:
        name = self._line()
        if name is None:
            return
        code = self.books.lines[name].customer
        life, price = self.lives[code], self.rng.choice(OFFERS)[1]
        order = self.world.order(name, price, life.brand, f"key{self.deeds}")
        first = life.top_ups == "proforma first" or self.books.pays_first(code, self.today)
        expected = "awaiting payment" if first else "granted"
        if self.world.on_hold(code):
            expected = "refused"
        state = {OrderState.GRANTED: "granted", OrderState.AWAITING_PAYMENT: "awaiting payment"}.get(
            OrderState(order.state), "refused" if order.state == OrderState.REFUSED else order.state
        )
        self.same(f"order {order.pk} of {name}", state, expected)
        if state == "awaiting payment":
            self.waiting[order.pk] = code
            self.tell(f"{code} is to pay {price} for order {order.pk} first")
        elif state == "granted":
            own = life.top_ups == "own invoice"
            self._sold(code, f"order:{order.pk}", "top-up", price, taken=own)
            self.hear()

    def pay_first(self) -> None:
        """Somebody pays for what he ordered; now and then for an order that has just lapsed."""
        if not self.waiting:
            return
        pk = self.rng.choice(list(self.waiting))
        code, order = self.waiting[pk], Order.objects.get(pk=pk)
        if self.rng.random() < 0.2:
            payment = self.world.pay(code, order.price_minor, self.today, kept_for=f"order:{pk + 100_000}")
            self._money(code, payment.pk, order.price_minor, "bank", kept=True)
            self.world.money_steps()
            self.books.free(code, f"payment {payment.pk}")
            self.hear()
            return
        with suppress(Refused):  # its line is on hold or has ended
            mark_paid(order_id=pk, reference="seen at the bank", **self.world.who)
            del self.waiting[pk]
            order.refresh_from_db()
            self.same(f"order {pk}", order.state, "granted")
            payment = self.world.newest_payment(code)
            self._money(code, payment.pk, order.price_minor, "bank", kept=True)
            self.by_hand.append((code, payment.pk, order.price_minor, self.today))
            self._sold(code, f"order:{pk}", "top-up", order.price_minor, taken=True)
            self._hear_paid(code, payment.pk)

    def _hear_paid(self, code: str, payment_id: int) -> None:
        """What was kept for it pays its invoice, before any other money does."""
        (document,) = self.world.documents(self.heard)
        self._look_at(document, code)
        self.heard = document.pk
        self.books.issued(code, document.number, document.total_minor, document.issued_on, document.due_on)
        self.tell(f"{document.number} for {code}: {document.total_minor}, paid first")
        self.books.pay_one(code, f"payment {payment_id}", document.number)

    def return_top_up(self) -> None:
        rows = Order.objects.filter(state=OrderState.GRANTED).order_by("-pk")[:5]
        if not rows:
            return
        order = self.rng.choice(list(rows))
        take_top_up_back(order_id=order.pk, in_full=True, reason="wrong line", **self.world.who)
        first = self.sold[f"order:{order.pk}"]
        code = order.service.customer.account_code
        back = Sale("top-up", -first.amount, first.day, returns=first)
        self.sold[f"order:{order.pk}:reversed"] = back
        self.books.accounts[code].sales.append(back)
        self.tell(f"order {order.pk} of {code} is taken back")

    # Money

    def _money(
        self,
        code: str,
        payment_id: int,
        amount: int,
        into: str,
        *,
        kept: bool = False,
        day: date | None = None,
    ) -> None:
        self.owner[payment_id], self.into[payment_id] = code, into
        self.books.received(code, f"payment {payment_id}", amount, day or self.today, into, kept=kept)
        self.tell(f"{code} pays {amount} into {into}, payment {payment_id}")

    def pay(self) -> None:
        """What is open, a part of it, or too much: over the counter, by an EFT that somebody books, or seen by the bank only."""
        code = self._code()
        owed = self.books.open_of(code)
        amount = self.rng.choice([owed, owed, owed // 2, owed + 5_000, self.rng.randrange(1, 30_000)])
        if amount <= 0 or self.rng.random() < 0.25:  # some are always late
            return
        how = self.rng.choice(["cash", "by hand", "bank", "bank", "unknown"])
        if how in ("bank", "unknown"):
            text = f"PAYMENT {code} {self.deeds}" if how == "bank" else f"MRS SAMPLE {self.deeds} HOUSE"
            self.statement.append((self.today, text, amount, code))
            return
        day = self.today - self.rng.choice([0, 0, 2]) * DAY
        payment = self.world.pay(code, amount, day, in_cash=how == "cash")
        self._money(code, payment.pk, amount, "cash" if how == "cash" else "bank", day=day)
        if how == "by hand":
            self.by_hand.append((code, payment.pk, amount, day))
            if self.rng.random() < 0.5:
                self.statement.append((day, f"EFT {code} {self.deeds}", amount, code))

    def _bank(self) -> None:
        """The day's statement, with the last one's lines in it again. Whose a line without a code is, somebody finds out."""
        self._clock(14)
        if not self.statement or self.rng.random() < 0.3:
            return
        lines, self.statement = self.statement, []
        new = [(day, text, amount) for day, text, amount, _ in lines]
        self.world.read_statement(
            [*self.last_statement, *new, (self.today, f"SERVICE FEE {self.deeds}", -1_200)]
        )
        self.books.bank_fee(1_200)
        self.last_statement = new
        rows = {row.text: row for row in BankLine.objects.filter(text__in=[line[1] for line in lines])}
        for day, text, amount, code in lines:
            row = rows[text]
            if text.startswith("MRS"):
                self.same(f"bank line {text}", row.state, BankLineState.UNMATCHED)
                payment = bank_lines.assign(
                    line_id=row.pk,
                    customer_id=self.world.customers[code].pk,
                    remember=False,
                    **self.world.who,
                )
                self._money(code, payment.pk, amount, "bank", day=day)
                continue
            known = [
                one
                for one in self.by_hand
                if one[0] == code and one[2] == amount and abs((one[3] - day).days) <= 7
            ]
            assert row.payment_id is not None
            if known:
                first = min(known, key=lambda one: one[1])
                self.same(f"payment of {text}", row.payment_id, first[1])
                self.by_hand.remove(first)
            else:
                self._money(code, row.payment_id, amount, "bank", day=day)

    def bounce(self) -> None:
        """A payment comes back: an unpaid debit order, a chargeback."""
        recent = [pk for pk in list(self.owner)[-12:] if not self._credit(pk).kept]
        if not recent:
            return
        pk = self.rng.choice(recent)
        with suppress(Refused):  # it was, or a part of it was refunded
            self.world.take_back(pk, "insufficient funds")
            code = self.owner[pk]
            self.by_hand = [one for one in self.by_hand if one[1] != pk]
            self.books.gone(code, f"payment {pk}", self._credit(pk).amount, self.into[pk])
            self.tell(f"payment {pk} of {code} comes back")

    def _credit(self, payment_id: int):  # type: ignore[no-untyped-def]
        return self.books.credit_named(self.owner[payment_id], f"payment {payment_id}")

    def refund(self) -> None:
        left = [pk for pk in self.owner if self._credit(pk).left and not self._credit(pk).kept]
        if not left:
            return
        pk = self.rng.choice(left)
        amount = self.rng.choice([self._credit(pk).left, max(1, self._credit(pk).left // 2)])
        self.world.refund(pk, amount)
        self.books.gone(self.owner[pk], f"payment {pk}", amount, "bank")
        self.tell(f"{amount} of payment {pk} is refunded to {self.owner[pk]}")

    # VAT

    def _vat(self) -> None:
        """The rate was raised ten days ago and nobody had entered it; it is to fall again; and then it doesn't."""
        since = (self.today - BEGINS).days
        self._clock(15)
        if since == self.vat_days[0]:
            self._rate(self.today - 10 * DAY, LATER_RATE)
            self._put_right(self.today - 10 * DAY)
        elif since == self.vat_days[1]:
            self._rate(max(self.today + 5 * DAY, self.books.rates[-1][0] + DAY), RATE)
        elif since == self.vat_days[2]:
            row = self.world.group.rates.order_by("-valid_from").first()
            assert row is not None
            withdraw_tax_rate(rate_id=row.pk, **self.world.who)
            begins, _ = self.books.rates.pop()
            self.tell(f"VAT stays as it is from {begins} on")
            self._put_right(begins)

    def _rate(self, day: date, rate_bp: int) -> None:
        set_tax_rate(group_id=self.world.group.pk, rate_bp=rate_bp, valid_from=day, **self.world.who)
        self.books.rates.append((day, rate_bp))
        self.tell(f"VAT is {rate_bp} from {day} on")

    def _put_right(self, since: date) -> None:
        before = {code: self.books.open_of(code) - self.books.left_of(code) for code in self.lives}
        self.world.put_right(since)
        self.hear(one_by_one=True)
        after = {code: self.books.open_of(code) - self.books.left_of(code) for code in self.lives}
        self.same("what everybody owes after VAT was put right", after, before)
        self.same("invoices that are still wrong", self.world.put_right(since), [])


def _billing_day_from(day: date, billing_day: int) -> date:
    while not is_billing_day(day, billing_day):
        day += DAY
    return day
