"""Addresses of billing, all below /staff/billing/ and /staff/money/."""

from django.urls import URLPattern

from capstan.console.debit_order_urls import urlpatterns as debit_orders
from capstan.console.invoice_urls import urlpatterns as invoices
from capstan.console.payment_urls import urlpatterns as payments

urlpatterns: list[URLPattern] = [*debit_orders, *invoices, *payments]  # a mandate is no deed of money
