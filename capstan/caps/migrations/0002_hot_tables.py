"""Room in the hot pages so that updates stay HOT."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("caps", "0001_initial")]

    operations = [
        migrations.RunSQL("ALTER TABLE caps_cap SET (fillfactor = 60)", migrations.RunSQL.noop),
        migrations.RunSQL("ALTER TABLE caps_buckettally SET (fillfactor = 80)", migrations.RunSQL.noop),
    ]
