"""The audit trail says who did what to which record, or refuses."""

from datetime import UTC, datetime

import pytest

from capstan.audit.actions import record
from capstan.audit.models import AuditEntry

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.django_db
def test_an_entry_holds_what_was_done() -> None:
    details: dict[str, object] = {"size_bytes": 5_000_000_000, "expires_at": NOW}
    record(
        actor="staff:thandi", action="grant", subject="service:17", reason="outage", details=details, now=NOW
    )
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.subject, entry.reason, entry.at) == (
        "staff:thandi",
        "grant",
        "service:17",
        "outage",
        NOW,
    )
    assert entry.details == {"size_bytes": 5_000_000_000, "expires_at": "2026-03-01T12:00:00Z"}


@pytest.mark.parametrize("missing", ["actor", "action", "subject"])
def test_an_entry_that_says_too_little_is_refused(missing: str) -> None:
    words = {"actor": "cli", "action": "grant", "subject": "service:17", missing: ""}
    with pytest.raises(ValueError, match="needs actor, action and subject"):
        record(actor=words["actor"], action=words["action"], subject=words["subject"], now=NOW)
