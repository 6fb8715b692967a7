from django.db import migrations

CREATE = """
CREATE TABLE db_cache (
    cache_key varchar(255) NOT NULL PRIMARY KEY,
    value text NOT NULL,
    expires timestamptz NOT NULL
);
CREATE INDEX db_cache_expires ON db_cache (expires);
"""


class Migration(migrations.Migration):
    """The table of Django's DatabaseCache: web processes on several machines share rate limits through it."""

    dependencies = [("db", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, "DROP TABLE db_cache")]
