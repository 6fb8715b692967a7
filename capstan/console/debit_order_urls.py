"""Addresses of debit orders: batches, results, mandates."""

from django.urls import URLPattern, path

from capstan.console.views.debit_orders import batch, batches, mandate, mandates, results

urlpatterns: list[URLPattern] = [
    path("billing/debit-orders/", batches.show, name="debit_orders"),
    path("billing/debit-orders/propose/", batches.propose, name="debit_propose"),
    path("billing/debit-orders/results/", results.show, name="debit_results"),
    path(
        "billing/debit-orders/results/<int:results_id>/looked-after/",
        results.looked_after,
        name="debit_results_looked_after",
    ),
    path("billing/debit-orders/mandates/", mandates.show, name="mandates"),
    path("billing/debit-orders/<int:batch_id>/", batch.show, name="debit_batch"),
    path("billing/debit-orders/<int:batch_id>/file/", batch.file, name="debit_file"),
    path("billing/debit-orders/<int:batch_id>/<slug:deed>/", batch.act, name="debit_deed"),
    # a customer's mandate
    path("money/<int:customer_id>/mandate/", mandate.show, name="mandate"),
    path("money/<int:customer_id>/mandate/<int:mandate_id>/form/", mandate.form_pdf, name="mandate_form"),
    path("money/<int:customer_id>/mandate/<slug:deed>/", mandate.act, name="mandate_deed"),
]
