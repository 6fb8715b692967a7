"""Journals and entries are facts: the database takes no change of one."""

from django.db import migrations

GUARD = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION capstan_append_only()
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial"), ("db", "0003_append_only")]

    operations = [
        migrations.RunSQL(GUARD.format(table=table), f"DROP TRIGGER {table}_append_only ON {table}")
        for table in ("ledger_journal", "ledger_entry")
    ]
