"""The bill run and its papers: what a customer costs at a thousand and at ten thousand, and PDFs a second.

`python -m bench.bill_run [--small N] [--large N]`, on a PostgreSQL of its own with fsync on. The target: as much a customer
whatever their number.
"""

import argparse
import os
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import django

from bench import environment
from capstan.config.embedded.server import throwaway

_AT_ONCE = 50
_PDFS = 300
_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
_numbers = count(1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.bill_run", description=__doc__)
    parser.add_argument("--small", type=int, default=1_000)
    parser.add_argument("--large", type=int, default=10_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="capstan-bench-") as folder, throwaway(durable=True) as server:
        os.environ.update(environment.of_product(server.url(), Path(folder)))
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        for number, day in ((given.small, date(2026, 2, 1)), (given.large, date(2026, 3, 1))):
            preview, issue = _run(number, day)
            print(f"{number:>7} customers: preview {preview * 1000:.2f} ms, issue {issue * 1000:.2f} ms each")
        print(f"PDFs: {_pdfs():.0f} a second, in one process")


def _run(number: int, day: date) -> tuple[float, float]:
    """Seconds that each of so many new customers takes to be previewed and issued; earlier ones are paused."""
    from capstan.billing.actions import run as runs
    from capstan.billing.rules.words import RunState

    brand_id = _settle(number, day)
    now = datetime(day.year, day.month, day.day, 8, tzinfo=UTC)
    run = runs.start(brand_id=brand_id, billing_day=day, actor="bench", now=now)
    previewed = _worked(now)
    runs.release(run_id=run.pk, actor="bench", now=now + timedelta(minutes=1))
    issued = _worked(now)
    run.refresh_from_db()
    assert run.state == RunState.ISSUED
    assert run.items.count() == number
    return previewed / number, issued / number


def _worked(now: datetime) -> float:
    from capstan.billing.actions import run as runs

    began = time.monotonic()
    while runs.work(now=now, limit=_AT_ONCE):
        continue
    return time.monotonic() - began


def _settle(number: int, day: date) -> int:
    """So many customers, each with a line and two top-ups, to be billed on that day."""
    from django.db import connection

    from capstan.billing.models import BillingTerms, Charge
    from capstan.billing.rules.words import ChargeKind
    from capstan.customers.models import Customer
    from capstan.services.models import PackageChange, Service

    brand_id, package_id, kind_id = _catalogue()
    BillingTerms.objects.update(is_paused=True)
    names = [next(_numbers) for _ in range(number)]
    customers = Customer.objects.bulk_create(
        Customer(account_code=f"C{one:07}", name=f"Customer {one}", brand_id=brand_id, created_at=_SINCE)
        for one in names
    )
    services = Service.objects.bulk_create(
        Service(
            customer=customer, connection_type_id=kind_id, username=f"line{one}@example.net", line_password="x",
            nt_hash="", activated_at=_SINCE,
        )
        for one, customer in zip(names, customers, strict=True)
    )  # fmt: skip
    PackageChange.objects.bulk_create(
        PackageChange(service=one, package_id=package_id, starts_at=_SINCE, made_at=_SINCE, actor="bench")
        for one in services
    )
    BillingTerms.objects.bulk_create(
        BillingTerms(customer=one, billing_day=1, bills_from=day, next_bill_on=day) for one in customers
    )
    Charge.objects.bulk_create(
        Charge(
            customer_id=service.customer_id, service=service, kind=ChargeKind.TOP_UP, description="Top-up 2 GB",
            amount_minor=3500, occurred_at=datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=nth),
            reference=f"order:{service.pk}:{nth}", actor="bench", made_at=_SINCE,
        )
        for service in services
        for nth in (3, 9)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return brand_id


def _catalogue() -> tuple[int, int, int]:
    from capstan.catalog import actions
    from capstan.catalog.models import Brand, Package
    from capstan.catalog.rules import Terms
    from capstan.services.actions.start import create_connection_type
    from capstan.services.models import ConnectionType

    brand = Brand.objects.first()
    if brand is None:
        by: dict[str, object] = {"actor": "bench", "now": _SINCE}
        brand = actions.create_brand(name="Example Net", vat_number="4000000000", actor="bench", now=_SINCE)
        actions.create_tax_group(
            code="standard",
            name="VAT",
            rate_bp=1500,
            valid_from=date(2018, 4, 1),
            is_default=True,
            actor="bench",
            now=_SINCE,
        )
        package = actions.create_package(
            code="p", name="Fibre 50", brand_id=brand.pk, terms=Terms(allowance_bytes=10**10), valid_from=_SINCE,
            actor="bench", now=_SINCE,
        )  # fmt: skip
        actions.set_package_price(
            package_id=package.pk, price_minor=59900, valid_from=_SINCE, actor="bench", now=_SINCE
        )
        create_connection_type(code="fibre", name="Fibre", **by)  # type: ignore[arg-type]
    return brand.pk, Package.objects.get().pk, ConnectionType.objects.get().pk


def _pdfs() -> float:
    from capstan.billing.models import Invoice
    from capstan.billing.queries.documents import invoice_document
    from capstan.documents.pdf import render

    documents = [
        invoice_document(one) for one in Invoice.objects.select_related("brand").order_by("pk")[:_PDFS]
    ]
    render(documents[0])
    began = time.monotonic()
    for one in documents:
        render(one)
    return len(documents) / (time.monotonic() - began)


if __name__ == "__main__":
    main()
