"""A provider's life, made up from one seed: packages, lines, routers, and every packet as it reaches us.

Times are whole seconds, so that no rounding of clocks hides behind a difference.
"""

from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

from tests.simulation.life import Grant, Provider, Router, ServiceLife
from tests.simulation.naive.caps import Change, Terms
from tests.simulation.naive.metering import Nas
from tests.simulation.traffic import announcements, connections, delivered

GB = 10**9
LONG_AGO = datetime(2027, 1, 1, tzinfo=UTC)
# Over the new year, February of a leap year and the change to summer time; over the change back and three month ends.
ERAS = [
    (datetime(2027, 12, 18, 3, tzinfo=UTC), datetime(2028, 4, 2, tzinfo=UTC)),
    (datetime(2027, 9, 25, 3, tzinfo=UTC), datetime(2028, 1, 3, tzinfo=UTC)),
]
ZONES = ["Europe/Berlin", "Africa/Johannesburg"]


def make_provider(seed: int, *, services: int = 12, days: int | None = None) -> Provider:
    """The life that the seed tells; `days` cuts it short."""
    rng = Random(seed)
    begins, ends = ERAS[seed % 2]
    if days is not None:
        ends = begins + timedelta(days=days)
    packages = _packages(rng, begins)
    routers = _routers(rng, begins, ends)
    provider = Provider(seed, ZONES[(seed // 2) % 2], begins, ends, packages, routers, [])
    sessions = count(1)
    for number in range(services):
        life = _service(rng, number, provider)
        provider.services.append(life)
        provider.grants += _grants(rng, life, ends)
        for login in range(life.logins):
            sent = connections(rng, life, login, ends, sessions)
            provider.packets += delivered(rng, life, sent)
    for router in routers:
        provider.packets += announcements(rng, router)
    provider.packets = sorted(
        (p for p in provider.packets if p.received_at < ends), key=lambda p: (p.received_at, p.nas, p.user)
    )
    return provider


def _packages(rng: Random, begins: datetime) -> dict[str, tuple[Terms, ...]]:
    """Every kind, anchor, policy, limit, window and rollover at least once; sizes by chance."""

    def terms(
        allowance_gb: float | None, kind: str = "month", anchor: str = "calendar", **more: object
    ) -> Terms:
        allowance = None if allowance_gb is None else int(allowance_gb * rng.uniform(0.4, 1.5) * GB)
        return Terms(LONG_AGO, allowance, kind, anchor, **more)  # type: ignore[arg-type]

    dated = begins + timedelta(days=rng.randrange(20, 80), hours=rng.randrange(24))
    night = "1234567 00:00-06:00"
    return {
        "plain": (terms(40),),
        "anniversary": (terms(40, anchor="anniversary", at_cap="throttle", counting="down"),),
        "weekly": (terms(9, "week", at_cap="wall", windows=(night,)),),
        "own-week": (
            terms(9, "week", "anniversary", overshoot="carry", rollover_allowance=2, rollover_topup=1),
        ),
        "daily": (terms(1.5, "day", at_cap="open", rollover_allowance=1),),
        "thirty": (terms(40, "30days", "anniversary", day_limit=2 * GB, rollover_topup=1),),
        "yearly": (terms(120, "year", "anniversary", at_cap="overage", week_limit=12 * GB),),
        "charged": (terms(30, at_cap="overage", windows=("67 00:00-24:00", "12345 22:00-05:30")),),
        "uncapped": (terms(None),),
        "carried": (
            terms(30, overshoot="carry", day_limit=3 * GB, week_limit=14 * GB, thresholds=(25, 75, 100)),
        ),
        "rolling": (
            terms(30, rollover_allowance=1, rollover_topup=2, counting="up"),
            Terms(dated, 35 * GB, rollover_allowance=2, rollover_topup=0, thresholds=(60, 95)),
        ),
        "bill": (terms(35, anchor="anniversary", overshoot="bill", rollover_allowance=1, windows=(night,)),),
    }


def _routers(rng: Random, begins: datetime, ends: datetime) -> list[Router]:
    def moments(mean_days: float) -> list[datetime]:
        found, at = [], begins
        while (at := at + timedelta(seconds=int(rng.expovariate(1 / (mean_days * 86_400))))) < ends:
            found.append(at)
        return found

    def outages(mean_days: float) -> tuple[tuple[datetime, datetime], ...]:
        return tuple((at, at + timedelta(seconds=rng.randrange(600, 5 * 3600))) for at in moments(mean_days))

    def nas(number: int, *, interim: int, registered_at: datetime = LONG_AGO, lacks: bool = False) -> Nas:
        return Nas(number, registered_at, interim, lacks, max_rate_mbps=1000)

    late = begins + timedelta(days=9, seconds=rng.randrange(86_400))
    return [
        Router(nas(1, interim=3600), "core", reboots=tuple(moments(20)), outages=outages(12), queues=True),
        Router(
            nas(2, interim=3600, lacks=True),
            "old",
            tells_time=False,
            echoes_class=False,
            reuses_ids=True,
            reboots=tuple(moments(7)),
            outages=outages(15),
        ),
        Router(
            nas(3, interim=3600, registered_at=late),
            "new",
            echoes_class=False,
            reuses_ids=True,
            reboots=tuple(moments(15)),
            outages=outages(9),
            queues=True,
        ),
        Router(
            nas(4, interim=3600), "lost in time", clock_error=-7 * 365 * 86_400, reboots=tuple(moments(30))
        ),
    ]


def _service(rng: Random, number: int, provider: Provider) -> ServiceLife:
    codes = list(provider.packages)
    begins = provider.begins
    length = provider.ends - begins
    router = provider.routers[rng.choices(range(4), [5, 4, 3, 1])[0]]
    if rng.random() < 0.6:
        day = rng.choice([1, 15, 28, 29, 30, 31])
        activated_at = datetime(2027, 5 if day == 31 else 6, day, 9, 30, tzinfo=UTC)
        opens_at = begins
    else:
        opens_at = begins + timedelta(seconds=rng.randrange(int(length.total_seconds() * 0.5)))
        activated_at = opens_at
    changes = [Change(activated_at, provider.packages[codes[number % len(codes)]])]
    if rng.random() < 0.4:
        at = opens_at + timedelta(seconds=rng.randrange(int((provider.ends - opens_at).total_seconds())))
        changes.append(Change(at, provider.packages[rng.choice(codes)]))
    return ServiceLife(
        username=f"line{number:02}@example.net",
        router=router,
        activated_at=activated_at,
        opens_at=opens_at,
        changes=tuple(changes),
        prepaid=number % 12 == 7 and rng.random() < 0.5,
        consents=rng.random() < 0.5,
        logins=2 if rng.random() < 0.25 else 1,
        bytes_per_second=rng.randrange(5_000, 28_000),
    )


def _grants(rng: Random, life: ServiceLife, ends: datetime) -> list[Grant]:
    found = []
    at = life.opens_at
    while (at := at + timedelta(seconds=int(rng.expovariate(1 / (12 * 86_400))) + 60)) < ends:
        kind = rng.choices(["topup", "goodwill", "bonus"], [6, 1, 1])[0]
        size = rng.choice([500_000_000, GB, 2 * GB, 5 * GB, rng.randrange(1, 3 * GB)])
        hours = rng.choice([None, None, rng.randrange(2, 30), 7 * 24, 30 * 24])
        expires_at = None if hours is None else at + timedelta(hours=hours)
        starts_at = (
            at + timedelta(hours=rng.randrange(1, 40)) if hours == 30 * 24 and rng.random() < 0.3 else None
        )
        found.append(Grant(at, life.username, kind, size, starts_at, expires_at))
    return found
