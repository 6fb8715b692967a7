"""Who issues a document, and to whom, as they are at this moment: a document keeps them."""

from collections.abc import Sequence

from capstan.catalog.models import Brand
from capstan.customers.models import Customer


def parties_of(customers: Sequence[Customer]) -> dict[int, dict[str, object]]:
    """What documents of these customers say of both sides, by the customer's id."""
    brands = Brand.objects.in_bulk({one.brand_id for one in customers})
    return {one.pk: _parties(brands[one.brand_id], one) for one in customers}


def _parties(brand: Brand, customer: Customer) -> dict[str, object]:
    issuer = [line.strip() for line in brand.issuer.splitlines() if line.strip()]
    address = customer.postal_address or customer.physical_address
    return {
        "brand": brand.name,
        "issuer": issuer or [brand.name],
        "company_number": brand.company_number,
        "vat_number": brand.vat_number,
        "bank": [line.strip() for line in brand.bank_details.splitlines() if line.strip()],
        "contact": [text for text in (brand.support_phone, brand.support_email, brand.website) if text],
        "account_code": customer.account_code,
        "name": customer.name,
        "address": [line.strip() for line in address.splitlines() if line.strip()],
        "customer_vat_number": customer.vat_number,
        "customer_company_number": customer.company_number,
    }
