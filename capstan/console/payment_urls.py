"""Addresses of payments and what belongs to them."""

from django.urls import URLPattern, path

from capstan.console.views.paying import (
    bank,
    cash,
    desk,
    ledger,
    lines,
    notifications,
    payment,
    payments,
    statements,
    take_payment,
)

urlpatterns: list[URLPattern] = [
    path("billing/", desk.show, name="billing"),
    # payments
    path("money/<int:customer_id>/pay/new/", take_payment.show, name="take_payment"),
    path("billing/payments/", payments.show, name="payments"),
    path("billing/payments/<int:payment_id>/", payment.show, name="payment"),
    path("billing/payments/<int:payment_id>/receipt/", payment.receipt, name="receipt"),
    path("billing/payments/<int:payment_id>/receipt.pdf", payment.receipt_pdf, name="receipt_pdf"),
    path("billing/payments/<int:payment_id>/<slug:deed>/", payment.act, name="payment_deed"),
    # the bank
    path("billing/bank/", bank.show, name="bank"),
    path("billing/bank/whose/", bank.whose, name="bank_whose"),
    path("billing/bank/import/", statements.show, name="bank_import"),
    path("billing/bank/words/", bank.learnt, name="bank_rules"),
    path("billing/bank/words/<int:rule_id>/end/", bank.forget, name="bank_rule_end"),
    path("billing/bank/<int:line_id>/assign/", bank.assign, name="bank_assign"),
    path("billing/bank/lines/", lines.show, name="bank_lines"),
    path("billing/bank/<int:line_id>/", lines.page, name="bank_line"),
    path("billing/bank/<int:line_id>/put-back/", lines.put_back, name="bank_put_back"),
    path("billing/bank/<int:line_id>/<slug:deed>/", bank.act, name="bank_deed"),
    # what gateways told us
    path("billing/notifications/", notifications.show, name="notifications"),
    path("billing/notifications/<int:notification_id>/", notifications.page, name="notification"),
    path(
        "billing/notifications/<int:notification_id>/assign/",
        notifications.assign,
        name="notification_assign",
    ),
    path(
        "billing/notifications/<int:notification_id>/looked-after/",
        notifications.looked_after,
        name="notification_looked_after",
    ),
    # tills
    path("billing/cash/", cash.show, name="cash"),
    path("billing/cash/<int:cash_up_id>/pdf/", cash.pdf, name="cash_up_pdf"),
    # books
    path("billing/ledger/", ledger.show, name="ledger"),
    path("billing/ledger/account/", ledger.account, name="account"),
    path("billing/ledger/journals/<int:journal_id>/", ledger.journal, name="journal"),
    path("billing/ledger.csv", ledger.as_csv, name="ledger_csv"),
]
