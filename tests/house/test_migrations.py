"""Migrations say what the models say, and lead from nothing to there."""

from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection


@pytest.mark.django_db
def test_no_model_change_lacks_its_migration() -> None:
    said = StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, stdout=said, verbosity=3)
    except SystemExit:
        pytest.fail(f"run `manage.py makemigrations`:\n{said.getvalue()}")


@pytest.mark.django_db
def test_an_empty_database_gets_every_table() -> None:
    """The test database was made from nothing by the migrations alone."""
    there = set(connection.introspection.table_names(include_views=False))
    wanted = {model._meta.db_table for model in apps.get_models() if model.__module__.startswith("capstan.")}
    assert wanted <= there
