"""Entering the demo provider into a database, once and again. Its past has tests of its own: here it has none."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest
from django.conf import settings
from django.db import transaction
from pytest_django.plugin import DjangoDbBlocker

from capstan.caps.models import Bucket, BucketTally, Cap
from capstan.catalog.models import Brand
from capstan.catalog.queries import offers_on_sale
from capstan.customers.models import Contact, Customer
from capstan.demo.provider import enter_provider
from capstan.demo.roster import accounts, secret_of
from capstan.demo.sites import SITES, coa_port
from capstan.metering.models import Nas, Peer
from capstan.network.vendors.registry import profile
from capstan.services.actions.status import resume
from capstan.services.models import AccessDue, PackageChange, Service
from capstan.services.rules import LoginBy, MacLock, ServiceStatus
from capstan.values import clock

pytestmark = pytest.mark.django_db

# Those with something special about them: entering all two hundred would only take longer.
ACCOUNTS = tuple(
    account
    for account in accounts()
    if account.is_company
    or any(one.suspended or one.top_up or one.learns_device or one.locked_to for one in account.lines)
)


@pytest.fixture(scope="module")
def lines(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[int]:
    """The provider, entered once for all tests here; what each changes is rolled back to this."""
    with (
        django_db_blocker.unblock(),
        transaction.atomic(),
        patch("capstan.demo.provider.accounts", lambda: ACCOUNTS),
    ):
        yield enter_provider(now=clock.now(), days=0)
        transaction.set_rollback(True)


def test_everything_is_entered(lines: int) -> None:
    assert lines == Service.objects.count() == sum(len(account.lines) for account in ACCOUNTS)
    assert Customer.objects.count() == len(ACCOUNTS)
    assert Contact.objects.count() == sum(len(account.people) for account in ACCOUNTS)
    assert [offer.letter for offer in offers_on_sale(at=clock.now())] == list("ABCDEFG")
    assert Cap.objects.count() == lines
    assert Bucket.objects.filter(kind="allowance").exists()


def test_routers_are_as_they_answer(lines: int) -> None:
    for site in SITES:
        nas = Nas.objects.get(identifier=site.name)
        assert (nas.peer.network, nas.peer.secret) == (site.address, secret_of(site.name))
        assert profile(nas.vendor_profile).name == site.profile
        assert nas.coa_port == coa_port(settings.OPTIONS.radius_acct_port)
        assert nas.observe_only == site.observe_only
    assert Nas.objects.filter(observe_only=True).count() == 1


def test_lines_of_every_kind(lines: int) -> None:
    assert Service.objects.filter(login_by=LoginBy.MAC, mac_lock=MacLock.LOCKED).count() == 8
    assert Service.objects.filter(mac_lock=MacLock.LEARN).exists()
    assert Service.objects.filter(status=ServiceStatus.SUSPENDED).count() == 3
    assert Service.objects.exclude(ipv4_address=None).exists()
    assert Service.objects.exclude(ipv6_delegated_prefix="").exists()


def test_a_second_time_enters_nothing_and_leaves_what_people_changed(lines: int) -> None:
    suspended = Service.objects.filter(status=ServiceStatus.SUSPENDED).earliest("id")
    resume(service_id=suspended.pk, reason="paid", actor="tester", now=clock.now())
    Brand.objects.update(support_phone="+27600009999")
    Nas.objects.filter(observe_only=True).update(observe_only=False)
    before = (Bucket.objects.count(), Peer.objects.count(), Contact.objects.count())
    assert enter_provider(now=clock.now(), days=0) == 0
    assert (Bucket.objects.count(), Peer.objects.count(), Contact.objects.count()) == before
    assert Service.objects.get(pk=suspended.pk).status == ServiceStatus.ACTIVE
    assert Brand.objects.get().support_phone == "+27600009999"
    assert not Nas.objects.filter(observe_only=True).exists()


def test_a_start_that_was_cut_off_is_completed(lines: int) -> None:
    gone = Service.objects.filter(login_by=LoginBy.MAC)
    BucketTally.objects.filter(bucket__service__in=gone).delete()
    for model in (Bucket, Cap, PackageChange, AccessDue):
        model.objects.filter(service__in=gone).delete()
    gone.delete()
    assert enter_provider(now=clock.now(), days=0) == 8
    assert Service.objects.count() == lines


def test_another_port_is_told_to_the_routers(lines: int) -> None:
    Nas.objects.filter(observe_only=True).update(observe_only=False)
    Nas.objects.update(coa_port=9)
    enter_provider(now=clock.now(), days=0)
    assert set(Nas.objects.values_list("coa_port", flat=True)) == {
        coa_port(settings.OPTIONS.radius_acct_port)
    }
    assert not Nas.objects.filter(observe_only=True).exists()
