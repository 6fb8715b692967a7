"""What the running processes say about themselves."""

from django.db import models


class ProcessBeat(models.Model):
    """One row per running process, rewritten every few seconds: its sign of life and its counters.

    `figures` maps a metric name to a number; `capstan status` and `/metrics` both read these rows, so that the two
    can't disagree and a process on another machine is seen as well.
    """

    kind = models.TextField(help_text="web, radius, meter, worker, …")
    host = models.TextField()
    pid = models.IntegerField()
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()
    figures = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "host", "pid"], name="beat_process")]
