"""A trigger's function for tables whose rows are facts: added, never changed."""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION capstan_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are added, never changed or deleted: correct them by further rows', TG_TABLE_NAME;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("db", "0002_cache")]

    operations = [migrations.RunSQL(FUNCTION, "DROP FUNCTION capstan_append_only()")]
