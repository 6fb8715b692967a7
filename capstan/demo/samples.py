"""Made-up places in a cycle, for the gallery: one line in every state that the cap meter shows."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from capstan.caps.queries import BucketView, Standing
from capstan.caps.rules.words import NO_EXPIRY, BucketKind, CapState
from capstan.catalog.rules import AtCap, CycleKind, OvershootPolicy, Terms
from capstan.network.rules.line_state import LineState
from capstan.values.data import parse_bytes
from capstan.values.period import Period


class Sample(NamedTuple):
    title: str
    standing: Standing
    state: LineState


class Samples:
    """Samples of a cycle that began three weeks before `now`."""

    def __init__(self, now: datetime, month: Period) -> None:
        self.now = now
        self.month = month
        self._made = 0

    def bucket(self, kind: BucketKind, size: str, drawn: str = "0B", **more: Any) -> BucketView:
        """A bucket in force; `more` are fields of BucketView."""
        self._made += 1
        size_bytes, drawn_bytes = parse_bytes(size), parse_bytes(drawn)
        given: dict[str, Any] = {
            "id": self._made, "kind": kind, "size": size_bytes, "drawn": drawn_bytes, "left": size_bytes - drawn_bytes,
            "expired": 0, "voided": 0, "moved": 0, "starts_at": self.month.start, "expires_at": self.month.end,
            "granted_at": self.month.start, "source": "sample", "actor": "system", "reason": "", "in_force": True,
            "is_sink": False,
        }  # fmt: skip
        return BucketView(**(given | more))

    def standing(self, *buckets: BucketView, **more: Any) -> Standing:
        """Where a service with these buckets stands; `more` are fields of Standing."""
        in_force = [bucket for bucket in buckets if bucket.in_force]
        left, drawn = sum(one.left for one in in_force), sum(one.drawn for one in buckets)
        allowance = sum(one.size for one in buckets if one.kind == BucketKind.ALLOWANCE) or None
        terms = more.pop("terms", Terms(allowance_bytes=allowance, at_cap=AtCap.THROTTLE))
        given: dict[str, Any] = {
            "service_id": 1, "state": CapState.OPEN, "terms": terms, "next_terms": terms, "version_id": 1,
            "cycle_start": self.month.start, "cycle_end": self.month.end, "changes_at": self.month.end,
            "counted": drawn, "drawn": drawn, "is_uncapped": False, "remaining": left, "total": drawn + left,
            "percent": drawn * 100 // (drawn + left) if drawn + left else 0, "overshoot": 0, "overage": 0,
            "day_bytes": 0, "week_bytes": 0, "is_free_now": False, "free_edge": None, "buckets": buckets,
            "crossings": (),
        }  # fmt: skip
        return Standing(**(given | more))

    def all(self) -> Iterator[Sample]:
        """One for each face of the meter."""
        allowance, topup, size = BucketKind.ALLOWANCE, BucketKind.TOPUP, parse_bytes
        yield Sample(
            "Open, ahead of the pace",
            self.standing(
                self.bucket(allowance, "15GB", "13.6GB", is_sink=True),
                self.bucket(BucketKind.ROLLOVER, "3GB", "0B"),
            ),
            LineState.OPEN,
        )
        yield Sample(
            "Open, on pace, with a top-up",
            self.standing(
                self.bucket(allowance, "15GB", "9.2GB", is_sink=True),
                self.bucket(topup, "2GB", expires_at=self.now + timedelta(days=4, hours=3)),
            ),
            LineState.OPEN,
        )
        yield Sample("Throttled at the cap", self._throttled(), LineState.THROTTLED)
        yield Sample("Walled, with overshoot", self._walled(), LineState.WALLED)
        yield Sample("Blocked", self._blocked(), LineState.BLOCKED)
        yield Sample(
            "On hold",
            self.standing(self.bucket(allowance, "50GB", "12.4GB", is_sink=True)),
            LineState.SUSPENDED,
        )
        yield Sample("Uncapped", self._uncapped(), LineState.OPEN)
        yield Sample("Today's limit is used up", self._limited(), LineState.THROTTLED)
        yield Sample("Free hours now; expired bonus; what is to come", self._busy(), LineState.OPEN)
        yield Sample(
            "A huge package and a tiny rest",
            self.standing(
                self.bucket(allowance, "40TB", "39.99TB", is_sink=True), self.bucket(topup, "0.5GB", "499MB")
            ),
            LineState.OPEN,
        )
        yield Sample(
            "Nothing on the line yet",
            self.standing(
                state=CapState.BLOCKED, terms=Terms(allowance_bytes=size("15GB"), at_cap=AtCap.BLOCK)
            ),
            LineState.BLOCKED,
        )
        yield Sample("State unknown", self.standing(self.bucket(allowance, "15GB", "4GB")), LineState.UNKNOWN)

    def _throttled(self) -> Standing:
        return self.standing(
            self.bucket(BucketKind.ALLOWANCE, "15GB", "15GB"),
            state=CapState.THROTTLED,
            overage=parse_bytes("640MB"),
        )

    def _walled(self) -> Standing:
        terms = Terms(allowance_bytes=parse_bytes("15GB"), at_cap=AtCap.WALL, overshoot=OvershootPolicy.CARRY)
        return self.standing(
            self.bucket(BucketKind.ALLOWANCE, "15GB", "15GB"),
            self.bucket(BucketKind.TOPUP, "2GB", "2GB"),
            state=CapState.WALLED,
            terms=terms,
            overshoot=parse_bytes("31MB"),
        )

    def _blocked(self) -> Standing:
        return self.standing(
            self.bucket(BucketKind.ALLOWANCE, "5GB", "5GB"),
            state=CapState.BLOCKED,
            terms=Terms(allowance_bytes=parse_bytes("5GB"), at_cap=AtCap.BLOCK),
            next_terms=Terms(allowance_bytes=parse_bytes("20GB"), at_cap=AtCap.THROTTLE),
        )

    def _uncapped(self) -> Standing:
        used = parse_bytes("482GB")
        return self.standing(is_uncapped=True, terms=Terms(), drawn=0, overage=used, remaining=0)

    def _limited(self) -> Standing:
        limit = parse_bytes("2GB")
        terms = Terms(
            allowance_bytes=parse_bytes("30GB"),
            cycle_kind=CycleKind.MONTH,
            day_limit_bytes=limit,
            at_cap=AtCap.THROTTLE,
        )
        return self.standing(
            self.bucket(BucketKind.ALLOWANCE, "30GB", "19GB"),
            state=CapState.THROTTLED,
            terms=terms,
            remaining=0,
            day_bytes=limit,
        )

    def _busy(self) -> Standing:
        ended = self.now - timedelta(days=2)
        return self.standing(
            self.bucket(BucketKind.ALLOWANCE, "15GB", "11GB", is_sink=True),
            self.bucket(BucketKind.ROLLOVER, "2.2GB"),
            self.bucket(
                BucketKind.BONUS, "1GB", "300MB",
                left=0, expired=parse_bytes("700MB"), expires_at=ended, in_force=False,
            ),
            self.bucket(BucketKind.TOPUP, "5GB", expires_at=NO_EXPIRY),
            self.bucket(
                BucketKind.TOPUP, "9GB",
                starts_at=self.month.end, expires_at=self.month.end + timedelta(days=30), in_force=False,
            ),
            is_free_now=True,
            free_edge=self.now + timedelta(hours=2),
        )  # fmt: skip
