"""Posting journals, and what balances and lines say of them."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import pairwise
from random import Random
from threading import Barrier, Event, Thread

import pytest
from django.db import IntegrityError, connections, transaction

from capstan.ledger import queries
from capstan.ledger.actions import account_ids, post
from capstan.ledger.models import Account, Entry, Journal
from capstan.ledger.queries import balance, balances, lines, trial_balance
from capstan.ledger.rules import SIDES, Balance, Code, Draft, JournalDraft, Name, check, entry
from capstan.values import clock

JANE = Name(Code.RECEIVABLE, "customer:1")
SAM = Name(Code.RECEIVABLE, "customer:2")
SALES = Name(Code.REVENUE, "top-up")
VAT = Name(Code.VAT_OUTPUT, "15 %")
BANK = Name(Code.BANK)
FIRST = date(2026, 1, 1)
FOR_EVER = (date.min, date.max)


def day(number: int) -> date:
    return FIRST + timedelta(days=number - 1)


def draft(
    source: str, entries: Sequence[tuple[Name, Name, int]], *, on: int = 1, kind: str = "issued", actor: str = "desk"
) -> JournalDraft:  # fmt: skip
    return JournalDraft(source, kind, day(on), f"Of {source}", actor, tuple(Draft(*row) for row in entries))


def write(*drafts: JournalDraft) -> list[Journal]:
    with transaction.atomic():
        return post(drafts, now=clock.now())


SALE = draft("invoice:1", [(JANE, SALES, 10_000), (JANE, VAT, 1_500)])


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (0, ()),
        (500, (Draft(BANK, JANE, 500),)),
        (-500, (Draft(JANE, BANK, 500),)),
    ],
)
def test_an_entry_goes_the_way_of_its_sign(amount: int, expected: tuple[Draft, ...]) -> None:
    assert entry(BANK, JANE, amount) == expected


def test_every_code_stands_on_a_side() -> None:
    assert set(SIDES) == set(Code)


BAD = [
    (draft("", [(BANK, JANE, 1)]), "what for and by whom"),
    (draft("payment:1", [(BANK, JANE, 1)], kind=""), "what for and by whom"),
    (draft("payment:1", [(BANK, JANE, 1)], actor=""), "what for and by whom"),
    (draft("payment:1", []), "moves nothing"),
    (draft("payment:1", [(BANK, JANE, 0)]), "no entry"),
    (draft("payment:1", [(BANK, JANE, -1)]), "no entry"),
    (draft("payment:1", [(BANK, BANK, 1)]), "no entry"),
    (draft("payment:1", [(BANK, JANE, 1), (BANK, JANE, 0)]), "no entry"),
]


@pytest.mark.parametrize(("bad", "problem"), BAD)
def test_what_no_bookkeeper_would_take_is_refused(bad: JournalDraft, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        check(bad)


@pytest.mark.django_db
def test_one_bad_journal_and_none_is_posted() -> None:
    with pytest.raises(ValueError, match="moves nothing"):
        write(SALE, draft("payment:1", []))
    assert not Journal.objects.exists()
    assert not Account.objects.exists()


@pytest.mark.django_db
def test_a_posted_journal_is_what_its_draft_said() -> None:
    (journal,) = write(SALE)
    found = Journal.objects.get()
    assert found.pk == journal.pk
    assert (found.source, found.kind, found.occurred_on) == ("invoice:1", "issued", day(1))
    assert (found.description, found.actor) == ("Of invoice:1", "desk")
    rows = Entry.objects.order_by("pk").values_list(
        "debit__code", "debit__subject", "credit__code", "amount_minor"
    )
    assert list(rows) == [
        ("receivable", "customer:1", "revenue", 10_000),
        ("receivable", "customer:1", "vat output", 1_500),
    ]
    assert set(Account.objects.values_list("code", "side")) == {
        ("receivable", "asset"), ("revenue", "income"), ("vat output", "liability"),
    }  # fmt: skip


@pytest.mark.django_db
def test_a_source_has_one_journal_of_a_kind() -> None:
    write(SALE)
    with pytest.raises(IntegrityError, match="journal_once"):
        write(draft("invoice:2", [(SAM, SALES, 1)]), SALE)
    assert Journal.objects.count() == 1
    write(draft("invoice:1", [(SALES, JANE, 10_000)], kind="corrected"))
    assert balance(JANE) == 1_500


@pytest.mark.django_db
def test_an_account_is_opened_once() -> None:
    first = account_ids([JANE, BANK, JANE])
    second = account_ids([SAM, BANK])
    assert first[BANK] == second[BANK]
    assert account_ids([]) == {}
    assert Account.objects.count() == 3


@pytest.mark.django_db
def test_balances_until_a_day() -> None:
    write(
        SALE,
        draft("payment:1", [(BANK, JANE, 6_000)], on=10),
        draft("payment:1", [(JANE, BANK, 6_000)], on=12, kind="reversed"),
        draft("payment:2", [(BANK, JANE, 11_500)], on=31),
    )
    known = [balance(JANE, until=day(number)) for number in (0, 1, 9, 10, 11, 12, 30, 31, 90)]
    assert known == [0, 11_500, 11_500, 5_500, 5_500, 11_500, 11_500, 0, 0]
    assert balance(JANE) == 0
    assert balances([JANE, SALES, SAM], until=day(10)) == {JANE: 5_500, SALES: -10_000}
    assert balance(SAM) == 0
    assert balances([]) == {}


@pytest.mark.django_db
def test_the_trial_balance_has_customers_in_one_sum_unless_asked() -> None:
    write(SALE, draft("invoice:2", [(SAM, SALES, 200)], on=2), draft("payment:1", [(BANK, SAM, 50)], on=3))
    assert trial_balance() == [
        Balance(Code.BANK, "", 50, 0),
        Balance(Code.RECEIVABLE, "", 11_700, 50),
        Balance(Code.REVENUE, "top-up", 0, 10_200),
        Balance(Code.VAT_OUTPUT, "15 %", 0, 1_500),
    ]
    apart = {(one.code, one.subject): one.net for one in trial_balance(by_customer=True)}
    assert apart[Code.RECEIVABLE, "customer:1"] == 11_500
    assert apart[Code.RECEIVABLE, "customer:2"] == 150
    assert sum(one.net for one in trial_balance(until=day(2))) == 0
    assert trial_balance(until=day(0)) == []


def write_at_random(random: Random, journals: int) -> None:
    """Journals of some entries each, with days out of order, of some accounts."""
    names = [JANE, SAM, SALES, VAT, BANK]
    drafts = []
    for number in range(journals):
        pairs = [random.sample(names, 2) for _ in range(random.randint(1, 4))]
        rows = [(debit, credit, random.randint(1, 10**9)) for debit, credit in pairs]
        drafts.append(draft(f"source:{number}", rows, on=random.randint(1, 9)))
    write(*drafts)


@pytest.mark.django_db
@pytest.mark.parametrize("page", [1, 2, 3, 7, 5_000])
def test_lines_are_the_same_however_small_a_page_is(page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    write_at_random(Random(page), 30)
    monkeypatch.setattr(queries, "_PAGE", page)
    found = list(lines(*FOR_EVER))
    assert len(found) == Entry.objects.count()
    assert all(
        (one.occurred_on, one.journal_id) <= (other.occurred_on, other.journal_id)
        for one, other in pairwise(found)
    )
    assert sum(one.amount_minor for one in found) == sum(Entry.objects.values_list("amount_minor", flat=True))
    assert [one for one in found if day(3) <= one.occurred_on <= day(5)] == list(lines(day(3), day(5)))
    for name in (JANE, BANK):
        touching = list(lines(*FOR_EVER, of=name))
        assert touching == [one for one in found if name in (one.debit, one.credit)]
        net = sum(one.amount_minor if one.debit == name else -one.amount_minor for one in touching)
        assert net == balance(name)


@pytest.mark.django_db
def test_balances_of_a_day_are_its_lines_and_all_before() -> None:
    write_at_random(Random(7), 40)
    for number in range(11):
        nets = {
            Name(one.code, one.subject): one.net for one in trial_balance(until=day(number), by_customer=True)
        }
        assert sum(nets.values()) == 0
        for name in (JANE, SAM, SALES, VAT, BANK):
            seen = list(lines(date.min, day(number), of=name))
            net = sum(one.amount_minor if one.debit == name else -one.amount_minor for one in seen)
            assert net == nets.get(name, 0) == balance(name, until=day(number))


@pytest.mark.django_db
def test_an_account_that_nothing_was_posted_to_has_no_lines() -> None:
    assert list(lines(*FOR_EVER, of=SAM)) == []
    assert list(lines(*FOR_EVER)) == []


def in_thread(work: Callable[[], None], failures: list[BaseException]) -> Thread:
    """The work in a thread with a connection of its own; what it raises goes to the list."""

    def run() -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)
        finally:
            connections.close_all()

    thread = Thread(target=run)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fails", [False, True], ids=["and it stays", "and that comes to nothing"])
def test_an_account_that_another_is_just_opening_is_waited_for(fails: bool) -> None:
    failures: list[BaseException] = []
    opened, asked = Event(), Event()

    def other() -> None:
        opened.wait(10)
        asked.set()
        write(draft("invoice:2", [(JANE, SALES, 200)]))

    thread = in_thread(other, failures)
    with transaction.atomic():
        post([draft("invoice:1", [(JANE, SALES, 100)])], now=clock.now())
        opened.set()
        asked.wait(10)
        thread.join(0.3)
        assert thread.is_alive(), "it doesn't know yet whether the account will be"
        transaction.set_rollback(fails)
    thread.join(20)
    assert not thread.is_alive()
    assert failures == []
    assert Account.objects.count() == 2
    assert balance(JANE) == (200 if fails else 300)


@pytest.mark.django_db(transaction=True)
def test_two_that_open_the_same_accounts_the_other_way_round_do_not_block_each_other() -> None:
    rounds, failures = 25, list[BaseException]()
    start = Barrier(2)

    def opener(who: int) -> None:
        for number in range(rounds):
            names = [Name(Code.RECEIVABLE, f"customer:{number}:{one}") for one in range(6)]
            rows = [(name, SALES, 1) for name in (names if who else reversed(names))]
            start.wait(20)
            write(draft(f"source:{who}:{number}", rows))

    threads = [in_thread(partial(opener, who), failures) for who in range(2)]
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert Account.objects.count() == rounds * 6 + 1
    assert balance(SALES) == -2 * rounds * 6
