"""Writing the audit trail."""

from collections.abc import Mapping
from datetime import datetime

from django.core.serializers.json import DjangoJSONEncoder

from capstan.audit.models import AuditEntry


def record(
    *,
    actor: str,
    action: str,
    subject: str,
    reason: str = "",
    details: Mapping[str, object] | None = None,
    now: datetime,
) -> AuditEntry:
    """Note that `actor` did `action` to `subject` (an opaque key such as `service:17`), within the deed's transaction.

    `details` hold what changed, as JSON, and never a password, secret or key. Raises ValueError without actor, action
    or subject: an entry that doesn't say who did what to which is worth nothing.
    """
    if not (actor and action and subject):
        raise ValueError(
            f"an audit entry needs actor, action and subject: {actor!r}, {action!r}, {subject!r}"
        )
    plain = {key: _as_json(value) for key, value in (details or {}).items()}
    return AuditEntry.objects.create(
        at=now, actor=actor, action=action, subject=subject, reason=reason, details=plain
    )


def _as_json(value: object) -> object:
    return (
        value
        if isinstance(value, str | int | float | bool | list | dict | None)
        else DjangoJSONEncoder().default(value)
    )
