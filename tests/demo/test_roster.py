"""The demo provider on paper: the same people every time, with something of everything."""

from collections import Counter

from capstan.catalog.rules import AtCap, check_terms
from capstan.demo.catalogue import TOP_UPS, packages
from capstan.demo.roster import accounts, strangers
from capstan.demo.sites import SITES, coa_port
from capstan.values.data import Units, parse_bytes

LINES = [one for account in accounts() for one in account.lines]


def test_about_two_hundred_customers_and_every_line_has_a_place() -> None:
    assert 190 <= len(accounts()) <= 220
    assert Counter(one.site for one in LINES) == {
        site.name: sum(plot.lines for plot in site.plots) for site in SITES
    }


def test_the_list_is_the_same_in_every_run() -> None:
    first = accounts()
    accounts.cache_clear()
    assert accounts() == first


def test_nobody_is_there_twice() -> None:
    people = [person for account in accounts() for person in account.people]
    for values in (
        [account.code for account in accounts()],
        [one.line.username.lower() for one in LINES],
        [one.line.mac for one in LINES],
        [person.phone for person in people],
        [one.addresses.ipv4_address for one in LINES if one.addresses.ipv4_address],
        [one.addresses.ipv6_delegated_prefix for one in LINES if one.addresses.ipv6_delegated_prefix],
    ):
        assert len(values) == len(set(values))


def test_there_is_something_of_everything() -> None:
    people = [person for account in accounts() for person in account.people]
    assert {person.language for person in people} >= {"en", "af", "zu", "xh", "st", "pt", "fr"}
    assert {one.connection_type for one in LINES} == {"wireless", "fibre", "adsl", "hotspot"}
    for trait in ("by_mac", "locked_to", "learns_device", "suspended", "top_up"):
        assert any(getattr(one, trait) for one in LINES), trait
    for field in LINES[0].addresses._fields:
        assert any(getattr(one.addresses, field) for one in LINES), field
    assert any(one.entered_password != one.line.password for one in LINES)
    assert any(one.line.chap for one in LINES)
    assert any(not one.line.chap for one in LINES)
    assert sum(len(lines) for lines in strangers().values()) == 2


def test_packages_cover_every_soft_and_hard_policy_and_can_be_sold() -> None:
    terms = [package.terms for package in packages(Units.DECIMAL)]
    assert {one.at_cap for one in terms} == {AtCap.BLOCK, AtCap.THROTTLE, AtCap.WALL, AtCap.OPEN}
    assert [check_terms(one) for one in terms] == [[] for _ in terms]
    assert any(one.free_windows for one in terms)
    assert any(one.week_limit_bytes for one in terms)
    assert any(one.day_limit_bytes for one in terms)
    assert any(one.rollover_allowance_cycles for one in terms)
    assert any(one.allowance_bytes is None for one in terms)
    assert {one.package for one in LINES} == {package.code for package in packages(Units.DECIMAL)}


def test_top_ups_are_those_of_the_menu() -> None:
    assert "".join(offer.letter for offer in TOP_UPS) == "ABCDEFG"
    sizes = [parse_bytes(offer.size) / 10**9 for offer in TOP_UPS]
    assert sizes == [0.5, 1, 2, 3, 5, 9, 18]
    prices = [offer.price_minor for offer in TOP_UPS]
    assert prices == sorted(prices)


def test_coa_ports_follow_the_accounting_port() -> None:
    assert coa_port(1813) == 3799
    ports = [coa_port(port) for port in range(1024, 65_536)]
    assert len(set(ports)) == len(ports)
    assert min(ports) >= 1024
    assert max(ports) <= 65_535
