"""`/health`: whether this web process can serve, and which other processes give a sign of life."""

from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from capstan.db.beat import ALIVE_FOR
from capstan.db.models import ProcessBeat
from capstan.values import clock


@require_safe
def show(_request: HttpRequest) -> JsonResponse:
    """200 when the database answers, else 503: a load balancer asks. `processes` counts the living ones by kind."""
    try:
        beats = ProcessBeat.objects.filter(beat_at__gte=clock.now() - ALIVE_FOR).values_list(
            "kind", flat=True
        )
        kinds = sorted(beats)
    except DatabaseError:
        return JsonResponse({"database": "down", "processes": {}}, status=503)
    return JsonResponse({"database": "up", "processes": {kind: kinds.count(kind) for kind in kinds}})
