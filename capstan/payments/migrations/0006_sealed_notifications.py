"""What gateways told us is stored sealed: it may name what stands for a card."""

from collections.abc import Callable
from typing import Any

from django.db import migrations

import capstan.db.fields
from capstan.db.fields import decrypt, encrypt

_AT_A_TIME = 1000


def _change(schema_editor: Any, change: Callable[[bytes], bytes]) -> None:
    """Each body once: a migration is one transaction."""
    with schema_editor.connection.cursor() as cursor:
        last = 0
        while True:
            cursor.execute(
                "SELECT id, body FROM payments_notification WHERE id > %s ORDER BY id LIMIT %s", [last, _AT_A_TIME]
            )
            rows = cursor.fetchall()
            if not rows:
                return
            cursor.executemany(
                "UPDATE payments_notification SET body = %s WHERE id = %s",
                [(change(bytes(body)), key) for key, body in rows],
            )
            last = rows[-1][0]


def seal(apps: Any, schema_editor: Any) -> None:
    _change(schema_editor, encrypt)


def unseal(apps: Any, schema_editor: Any) -> None:
    _change(schema_editor, decrypt)


class Migration(migrations.Migration):
    dependencies = [("payments", "0005_paid_out")]

    operations = [
        migrations.AlterField("notification", "body", capstan.db.fields.EncryptedBinaryField()),
        migrations.RunPython(seal, unseal, elidable=False),
    ]
