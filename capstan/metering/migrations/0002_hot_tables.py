"""The partitioned packet log, and room in the hot pages so that updates stay HOT."""

from django.db import migrations

PACKET_LOG = """
CREATE TABLE metering_packetlog (
    stream_id bigint NOT NULL,
    seq bigint NOT NULL,
    day date NOT NULL,
    received_at timestamptz NOT NULL,
    count integer NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (stream_id, seq, day)
) PARTITION BY RANGE (day)
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0001_initial")]

    operations = [
        migrations.RunSQL(PACKET_LOG, "DROP TABLE metering_packetlog"),
        migrations.RunSQL(
            "ALTER TABLE metering_packetlog ALTER COLUMN payload SET STORAGE EXTERNAL", migrations.RunSQL.noop
        ),
        migrations.RunSQL(
            "ALTER TABLE metering_radiussession SET (fillfactor = 70)", migrations.RunSQL.noop
        ),
        migrations.RunSQL("ALTER TABLE metering_usagehour SET (fillfactor = 70)", migrations.RunSQL.noop),
        migrations.RunSQL("ALTER TABLE metering_meterposition SET (fillfactor = 10)", migrations.RunSQL.noop),
    ]
