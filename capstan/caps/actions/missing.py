"""Services whose cap was never opened: whoever made them stopped half way, or they were brought in by a data load."""

from datetime import datetime

import structlog
from django.db.models import Exists, OuterRef

from capstan.caps.actions.cap import open_cap
from capstan.caps.models import Cap
from capstan.services.models import Service
from capstan.services.rules import ServiceStatus
from capstan.values.refused import Refused

log = structlog.get_logger()


def open_missing(*, now: datetime, limit: int) -> int:
    """Open the cap of services that have none; returns for how many. One that can't have a cap is named in the log."""
    capless = Service.objects.exclude(status=ServiceStatus.ENDED).filter(
        ~Exists(Cap.objects.filter(service_id=OuterRef("pk")))
    )
    opened = 0
    for service_id in list(capless.order_by("-pk").values_list("pk", flat=True)[:limit]):
        try:
            open_cap(service_id, now=now)
            opened += 1
        except (Refused, LookupError):
            log.exception("a service has no cap and none could be opened", service=service_id)
    return opened
