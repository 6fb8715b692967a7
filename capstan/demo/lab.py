"""The simulated routers together: built from the roster, brought up, looked at, broken on purpose, taken down."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from ipaddress import ip_address

import structlog

from capstan.demo.roster import accounts, secret_of, strangers
from capstan.demo.routers.faults import FaultKind
from capstan.demo.routers.packets import Line, Setup
from capstan.demo.routers.router import Router
from capstan.demo.routers.session import Area
from capstan.demo.routers.traffic import DayClock
from capstan.demo.sites import AREAS, POOLS, SITES, Site, coa_port

SPEED = 20.0
"""A day of the demo's people lasts 72 minutes."""

_START_HOUR = 17.5  # the evening is about to begin
_DIAL_SECONDS = 0.3

log = structlog.get_logger("capstan.demo")


class Lab:
    """All routers of the demo provider. Everything runs in the event loop that `start` is called in."""

    def __init__(
        self,
        *,
        hosts: Iterable[str],
        auth_port: int,
        acct_port: int,
        clock: Callable[[], datetime],
        unplugged: Collection[str] = (),
    ) -> None:
        """`unplugged` are usernames of lines that dial in only after `plug_in`."""
        self._hosts = list(hosts)
        self._ports = (auth_port, acct_port)
        self._clock = clock
        self._unplugged = unplugged
        self.routers: dict[str, Router] = {}

    async def start(self) -> None:
        """Switch on every router whose address this machine has. Raises OSError when there is none."""
        day = DayClock(asyncio.get_running_loop().time(), SPEED, _START_HOUR)
        failure = OSError("none of the routers can reach the RADIUS listener's addresses")
        for number, site in enumerate(SITES):
            server = _server_for(site, self._hosts)
            if server is None:
                log.warning("router left out: the RADIUS listener has no such address", nas=site.name)
                continue
            router = Router(
                _setup(site, server, *self._ports),
                _lines(site),
                unplugged=self._unplugged,
                day=day,
                clock=self._clock,
                seed=number,
            )
            try:
                await router.start()
            except OSError as problem:
                failure = problem
                log.warning("router left out", nas=site.name, address=site.address, problem=str(problem))
            else:
                self.routers[site.name] = router
                log.info("router is on", nas=site.name, kind=site.vendor.name, lines=len(router.subscribers))
        if not self.routers:
            raise failure

    def plug_in(self, usernames: Collection[str]) -> None:
        """Let lines dial in that were left unplugged."""
        for router in self.routers.values():
            router.plug_in(usernames)

    async def stop(self) -> None:
        """Log everybody out and switch the routers off; answers are awaited for two seconds."""
        await asyncio.gather(*(router.stop() for router in self.routers.values()))

    def fault(self, nas: str, kind: str, argument: str) -> str:
        """Break a router, or heal it; returns what now ails it, in words. Raises ValueError that says what is possible."""
        if kind not in set(FaultKind):
            raise ValueError(f"{kind!r} is no fault: there are {', '.join(FaultKind)}")
        router = self.router(nas)
        router.fault(FaultKind(kind), argument)
        return f"{nas}: {kind} {argument}".strip() + f" (lasting faults: {router.faults.words() or 'none'})"

    def router(self, name: str) -> Router:
        """Raises ValueError that names the routers there are."""
        if name not in self.routers:
            raise ValueError(f"there is no router {name!r}: there are {', '.join(self.routers)}")
        return self.routers[name]

    def figures(self) -> dict[str, float]:
        """Counters for the sign of life."""
        routers = self.routers.values()
        packets = [figures for router in routers for figures in router.figures]
        everyone = [one for router in routers for one in router.subscribers]
        sessions = [one.session for one in everyone if one.session is not None]
        return {
            "routers": len(self.routers),
            "lines": len(everyone),
            "sessions": len(sessions),
            "sessions_restricted": sum(session.area is not Area.INTERNET for session in sessions),
            "lines_refused": sum(bool(one.refused) for one in everyone),
            "bytes_up": sum(one.moved_up for one in everyone),
            "bytes_down": sum(one.moved_down for one in everyone),
            "packets_sent": sum(one.sent for one in packets),
            "packets_resent": sum(one.resent for one in packets),
            "packets_lost_on_purpose": sum(router.wire.lost for router in routers),
        }


def _lines(site: Site) -> list[Line]:
    """Who is plugged in there: the provider's customers, then those it doesn't know."""
    own = [one.line for account in accounts() for one in account.lines if one.site == site.name]
    return [*own, *strangers().get(site.name, ())]


def _setup(site: Site, server: str, auth_port: int, acct_port: int) -> Setup:
    return Setup(
        name=site.name,
        vendor=site.vendor,
        address=site.address,
        secret=secret_of(site.name).encode(),
        server=server,
        auth_port=auth_port,
        acct_port=acct_port,
        coa_port=coa_port(acct_port),
        areas=AREAS,
        pools=POOLS,
        dial_seconds=_DIAL_SECONDS,
    )


def _server_for(site: Site, hosts: Iterable[str]) -> str | None:
    """The listener's address that this router can send to: the first of its own IP version."""
    version = ip_address(site.address).version
    for host in hosts:
        address = ip_address(host)
        if address.version == version:
            return ("127.0.0.1" if version == 4 else "::1") if address.is_unspecified else host
    return None
