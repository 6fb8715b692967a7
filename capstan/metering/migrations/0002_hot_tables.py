"""The tables partitioned by time, and room in the hot pages so that updates stay HOT."""

from django.db import migrations, models

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

USAGE_HOUR = """
CREATE TABLE metering_usagehour (
    service_id bigint NOT NULL,
    hour integer NOT NULL,
    bytes_up bigint NOT NULL,
    bytes_down bigint NOT NULL,
    PRIMARY KEY (service_id, hour)
) PARTITION BY RANGE (hour);
CREATE TABLE metering_usagehour_rest PARTITION OF metering_usagehour DEFAULT
"""
USAGE_HOUR_MODEL = migrations.CreateModel(
    name="UsageHour",
    fields=[
        ("pk", models.CompositePrimaryKey("service_id", "hour", blank=True, editable=False, primary_key=True, serialize=False)),
        ("service_id", models.BigIntegerField()),
        ("hour", models.IntegerField(help_text="hours since 1970, UTC")),
        ("bytes_up", models.BigIntegerField()),
        ("bytes_down", models.BigIntegerField()),
    ],
)


class Migration(migrations.Migration):
    dependencies = [("metering", "0001_initial")]

    operations = [
        migrations.RunSQL(PACKET_LOG, "DROP TABLE metering_packetlog"),
        migrations.RunSQL(USAGE_HOUR, "DROP TABLE metering_usagehour", state_operations=[USAGE_HOUR_MODEL]),
        migrations.RunSQL(
            "ALTER TABLE metering_packetlog ALTER COLUMN payload SET STORAGE EXTERNAL", migrations.RunSQL.noop
        ),
        migrations.RunSQL(
            "ALTER TABLE metering_radiussession SET (fillfactor = 70)", migrations.RunSQL.noop
        ),
        migrations.RunSQL("ALTER TABLE metering_meterposition SET (fillfactor = 10)", migrations.RunSQL.noop),
    ]
