"""Addresses of invoices and what belongs to them."""

from django.urls import URLPattern, path

from capstan.console.views.billing import (
    brands,
    cards,
    chasing,
    invoices,
    money,
    prices,
    rated,
    run,
    runs,
    statement,
    taxes,
)

urlpatterns: list[URLPattern] = [
    path("billing/invoices/", invoices.show_all, name="invoices"),
    path("billing/invoices/<int:invoice_id>/", invoices.show, name="invoice"),
    path("billing/invoices/<int:invoice_id>/pdf/", invoices.pdf, name="invoice_pdf"),
    path("billing/invoices/<int:invoice_id>/<slug:deed>/", invoices.act, name="invoice_deed"),
    # charges that were priced elsewhere
    path("billing/rated/", rated.show, name="rated"),
    path("billing/rated/<int:import_id>/", rated.look, name="rated_import"),
    path("billing/rated/<int:import_id>/take/", rated.take_over, name="rated_take"),
    path("billing/rated/<int:import_id>/put-away/", rated.put_away, name="rated_put_away"),
    # a customer's money
    path("money/<int:customer_id>/", money.show, name="money"),
    path("money/<int:customer_id>/statement/", statement.show, name="statement"),
    path("money/<int:customer_id>/statement/pdf/", statement.pdf, name="statement_pdf"),
    path("money/<int:customer_id>/chasing/", chasing.show, name="chasing"),
    path("money/<int:customer_id>/chasing/<slug:deed>/", chasing.act, name="chasing_deed"),
    path("money/<int:customer_id>/card/", cards.show, name="card"),
    path("money/<int:customer_id>/card/<slug:deed>/", cards.act, name="card_deed"),
    path("money/<int:customer_id>/discounts/<int:discount_id>/end/", money.end_discount, name="discount_end"),
    path("money/<int:customer_id>/<slug:deed>/", money.act, name="money_deed"),
    # bill runs
    path("billing/runs/", runs.show_all, name="runs"),
    path("billing/runs/start/", runs.start, name="run_start"),
    path("billing/runs/<int:run_id>/", run.show, name="run"),
    path("billing/runs/<int:run_id>/now/", run.now, name="run_now"),
    path("billing/runs/<int:run_id>/<slug:deed>/", run.act, name="run_deed"),
    # taxes
    path("billing/taxes/", taxes.show, name="taxes"),
    path("billing/taxes/<int:group_id>/add/", taxes.add_rate, name="tax_add"),
    path("billing/taxes/rates/<int:rate_id>/withdraw/", taxes.withdraw, name="tax_withdraw"),
    path("billing/taxes/<int:group_id>/rehearsal/", taxes.rehearsal, name="tax_rehearsal"),
    path("billing/taxes/<int:group_id>/put-right/", taxes.put_right, name="tax_put_right"),
    # prices, and brands as they bill
    path("billing/prices/", prices.show, name="prices"),
    path("billing/prices/<int:package_id>/", prices.set_price, name="price_set"),
    path("billing/brands/<int:brand_id>/", brands.show, name="billing_brand"),
    path("billing/brands/<int:brand_id>/<slug:deed>/", brands.act, name="billing_brand_deed"),
]
