"""What was issued stays as it was: lines, allocations and stored documents whole, invoices and charges but for what is named."""

from django.db import migrations

WHOLE = ("billing_invoiceline", "billing_allocation", "billing_storeddocument")
BUT_FOR = {
    "billing_invoice": ("open_minor", "fulfilled_by_id", "withdrawn_at"),
    "billing_charge": ("line_id",),
}

GUARD = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION capstan_append_only()
"""
GUARD_DELETE = GUARD.replace("UPDATE OR DELETE", "DELETE").replace("_append_only BEFORE", "_stays BEFORE")
GUARD_FIELDS = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} FOR EACH ROW
    WHEN (to_jsonb(OLD) - ARRAY[{fields}] IS DISTINCT FROM to_jsonb(NEW) - ARRAY[{fields}])
    EXECUTE FUNCTION capstan_append_only()
"""
TAKEN_UP_ONCE = """
CREATE TRIGGER billing_charge_once BEFORE UPDATE ON billing_charge FOR EACH ROW
    WHEN (OLD.line_id IS NOT NULL AND OLD.line_id IS DISTINCT FROM NEW.line_id)
    EXECUTE FUNCTION capstan_append_only()
"""


def _fields(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_money"), ("db", "0003_append_only")]

    operations = [
        *(migrations.RunSQL(GUARD.format(table=table), f"DROP TRIGGER {table}_append_only ON {table}") for table in WHOLE),
        *(
            migrations.RunSQL(
                [GUARD_FIELDS.format(table=table, fields=_fields(names)), GUARD_DELETE.format(table=table)],
                [f"DROP TRIGGER {table}_append_only ON {table}", f"DROP TRIGGER {table}_stays ON {table}"],
            )
            for table, names in BUT_FOR.items()
        ),
        migrations.RunSQL(TAKEN_UP_ONCE, "DROP TRIGGER billing_charge_once ON billing_charge"),
    ]
