"""How fast a router is told things: its pace, how many answers it may owe, and when it is left alone for a while."""

from dataclasses import dataclass

IN_FLIGHT_MAX = 64
"""Requests a router may owe us an answer to: enough for its pace, few enough that it never drowns."""

_KEPT = 8  # of those, for what is urgent
_TIMEOUTS_TO_OPEN = 5
_OPEN_SECONDS_MIN = 30.0
_OPEN_SECONDS_MAX = 300.0
_PROBE_SECONDS = 5.0  # how long the others wait while one request finds out whether the router is back


@dataclass(slots=True)
class _Router:
    tokens: float
    filled_at: float
    promised_at: float = 0.0
    held_until: float = 0.0  # the next place is an urgent request's, which will ask again until then
    in_flight: int = 0
    timeouts: int = 0
    closed_until: float = 0.0
    open_seconds: float = 0.0


class Pace:
    """Admits requests per router: a token bucket, an in-flight limit and a breaker. Times are seconds since 1970.

    The breaker opens after five requests in a row went unanswered; after a while it lets a single one through, and any
    answer closes it again. Who is refused is told when to come back, each at a later moment, so that a mass change
    comes back spread over time and a single order in the middle of it is not held up by more than a few tokens.
    """

    def __init__(self) -> None:
        self.shares = 1  # a router's pace is divided by the number of workers that tell it things
        self._routers: dict[int, _Router] = {}

    def admit(self, nas_id: int, per_second: int, now: float, *, urgent: bool = False) -> float:
        """Take a place: 0.0 means send now (and `done` must follow), else the seconds to wait before asking again.

        An `urgent` request finds a place that is kept for its kind, and doesn't queue behind the others.
        """
        rate = max(per_second / self.shares, 1.0)
        router = self._routers.setdefault(nas_id, _Router(tokens=rate, filled_at=now))
        if now < router.closed_until:
            return router.closed_until - now
        if router.timeouts >= _TIMEOUTS_TO_OPEN and router.in_flight:
            return self._turn(router, rate, now, urgent=urgent) + _PROBE_SECONDS
        if not urgent and now < router.held_until:
            return self._turn(router, rate, now, urgent=False)
        if router.in_flight >= IN_FLIGHT_MAX - (0 if urgent else _KEPT):
            return self._turn(router, rate, now, urgent=urgent)
        router.tokens = min(rate, router.tokens + max(now - router.filled_at, 0.0) * rate)
        router.filled_at = now
        if router.tokens < 1.0:
            return self._turn(router, rate, now, urgent=urgent)
        router.tokens -= 1.0
        router.in_flight += 1
        if urgent:
            router.held_until = 0.0
        return 0.0

    def _turn(self, router: _Router, rate: float, now: float, *, urgent: bool) -> float:
        """A place in the queue that forms in front of a router: one after the other, at its pace. Urgent: the next place."""
        if urgent:
            wait = max(1.0 - router.tokens, 0.1) / rate
            router.held_until = now + wait + 1.0 / rate
            return wait
        router.promised_at = max(router.promised_at, now) + 1.0 / rate
        return router.promised_at - now

    def cancel(self, nas_id: int) -> None:
        """What was admitted is not sent after all."""
        self._routers[nas_id].in_flight -= 1

    def done(self, nas_id: int, *, answered: bool, now: float) -> None:
        """A request that was admitted has been answered, or given up."""
        router = self._routers[nas_id]
        router.in_flight -= 1
        if answered:
            router.timeouts, router.open_seconds, router.closed_until = 0, 0.0, 0.0
            return
        router.timeouts += 1
        if router.timeouts >= _TIMEOUTS_TO_OPEN and now >= router.closed_until:
            router.open_seconds = min(max(router.open_seconds * 2, _OPEN_SECONDS_MIN), _OPEN_SECONDS_MAX)
            router.closed_until = now + router.open_seconds

    def in_flight(self, nas_id: int) -> int:
        """How many answers this router owes."""
        return self._routers[nas_id].in_flight

    def silent(self, now: float) -> list[int]:
        """The routers that are being left alone at this moment."""
        return [nas_id for nas_id, router in self._routers.items() if now < router.closed_until]
