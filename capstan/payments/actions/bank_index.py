"""What lines of a bank are matched by: codes and invoice numbers, learnt words, open amounts."""

from collections.abc import Sequence
from datetime import date

from capstan.billing.models import Invoice
from capstan.billing.rules.words import InvoiceKind
from capstan.customers.models import Customer
from capstan.payments.models import MatchRule
from capstan.payments.rules.statements.learn import PlaceRule, Rule
from capstan.payments.rules.statements.lines import BankLine
from capstan.payments.rules.statements.match import Candidate, Index, Match, index_of, match


def index_for(lines: Sequence[BankLine]) -> Index:
    """What is known at present of what these lines may be."""
    people = Customer.objects.values_list("id", "account_code", "name")
    customers = {pk: Candidate(pk, code, name) for pk, code, name in people.iterator()}
    amounts = {line.amount_minor for line in lines if line.amount_minor > 0}
    by_amount: dict[int, list[Candidate]] = {}
    by_number: dict[str, Candidate] = {}
    open_ones = Invoice.objects.filter(kind=InvoiceKind.INVOICE, open_minor__gt=0)
    for customer_id, number, open_minor in open_ones.values_list("customer_id", "number", "open_minor"):
        by_number[number] = customers[customer_id]
        if open_minor in amounts:
            by_amount.setdefault(open_minor, []).append(customers[customer_id])
    learnt = list(MatchRule.objects.filter(ended_at=None).order_by("-id"))
    rules = [Rule(tuple(row.words), row.customer_id) for row in learnt if row.customer_id is not None]
    places = [PlaceRule(tuple(row.words), row.account) for row in learnt if row.account]
    return index_of(customers.values(), by_number, rules, by_amount, places=places)


def whose(text: str) -> Match:
    """Whose a pasted bank line is, as far as its words tell: account code, invoice number, learnt words."""
    line = BankLine(0, date(2000, 1, 1), 1, text)
    return match(line, index_for([line]))
