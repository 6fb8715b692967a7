"""Stored cards: their names, the days on which an invoice is charged, and what the holder is told."""

from datetime import date

import pytest

from capstan.payments.rules.cards import card_name, customer_words, tries
from capstan.payments.rules.stripe_cards import Card, read_card
from capstan.values.refused import Refused

DUE = date(2026, 1, 8)


@pytest.mark.parametrize(
    ("day", "number"),
    [(7, None), (8, 0), (10, 0), (11, 1), (14, 1), (15, 2), (17, 2), (18, None), (31, None)],
)
def test_an_invoice_has_one_try_at_a_time(day: int, number: int | None) -> None:
    today = date(2026, 1, day)
    assert [one.number for one in tries(today) if one.first <= DUE <= one.last] == (
        [] if number is None else [number]
    )


@pytest.mark.parametrize(
    ("brand", "last4", "name"),
    [
        ("visa", "4242", "the Visa card ending 4242"), ("", "4242", "the card ending 4242"),
        ("", "", "the card kept on 3 Mar 2026"),
    ],
)  # fmt: skip
def test_how_a_card_is_called(brand: str, last4: str, name: str) -> None:
    assert card_name(brand, last4, "3 Mar 2026") == name


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("Declined by the bank: not sufficient funds (51)", "There is not enough money on it."),
        ("Your card has insufficient funds. (insufficient_funds)", "There is not enough money on it."),
        ("Your card was declined. (card_declined)", "Its bank declined it."),
        ("Your card has expired. (expired_card)", "It has expired."),
        ("The card's bank wants its holder to confirm the payment (requires_action)",
         "Its bank wants you to confirm it yourself."),
        ("Merchant authorisation failed", "It could not be charged."), ("", "It could not be charged."),
    ],
)  # fmt: skip
def test_what_its_holder_is_told_is_not_what_a_gateway_says(why: str, words: str) -> None:
    assert customer_words(why) == words


@pytest.mark.parametrize(
    ("card", "read"),
    [
        ('{"brand": "visa", "last4": "4242", "exp_year": 2040, "exp_month": 12}', Card("visa", "4242", date(2041, 1, 1))),
        ('{"brand": "visa", "last4": "4242", "exp_year": 2040, "exp_month": 2}', Card("visa", "4242", date(2040, 3, 1))),
        ('{"brand": 7, "last4": "<b>1", "exp_year": "2040", "exp_month": 13}', Card("", "", None)),
        ("null", Card("", "", None)),
    ],
)  # fmt: skip
def test_what_stripe_says_of_a_card(card: str, read: Card) -> None:
    assert read_card(f'{{"id": "pm_1", "card": {card}}}') == read


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"id": 7}'])
def test_no_card_at_all(body: str) -> None:
    with pytest.raises(Refused):
        read_card(body)
