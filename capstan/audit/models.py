"""Who did what to which record: rows are added, never changed."""

from django.db import models


class AuditEntry(models.Model):
    """One deed of a person or a process. `subject` is an opaque key such as `service:17`, so that nothing below points up."""

    at = models.DateTimeField()
    actor = models.TextField()
    action = models.TextField()
    subject = models.TextField()
    reason = models.TextField(blank=True)
    details = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["subject", "at"], name="audit_subject")]
