"""What each kind of router is told, byte for byte. The expected bytes are written by hand from the makers' numbers."""

from collections.abc import Sequence

import pytest

from capstan.catalog.rules import Counting
from capstan.network.radius.avp import Avp, encode_avps
from capstan.network.rules.access import Access
from capstan.network.rules.quota import Quota
from capstan.network.rules.words import AccessKind, Reason
from capstan.network.vendors.registry import PROFILES, UnknownProfileError, profile

OPEN = Access(AccessKind.OPEN, 2_000, 10_000, ())
UNLIMITED = Access(AccessKind.OPEN, None, None, ())
THROTTLED = Access(AccessKind.THROTTLED, 256, 512, (Reason.CAPPED,))
WALLED = Access(AccessKind.WALLED, 2_000, 10_000, (Reason.SUSPENDED,))
BLOCKED = Access(AccessKind.BLOCKED, 2_000, 10_000, (Reason.CAPPED,))

INTERIM = "5506 0000012c"
LIFT_TIMEOUT = "1b06 01e13380"
SHORT_TIMEOUT = "1b06 00000258"


def filter_id(name: str) -> str:
    return f"0b{len(name) + 2:02x} {name.encode().hex()}"


def group(name: str) -> str:
    return f"19{len(name) + 2:02x} {name.encode().hex()}"


def vsa(vendor: int, kind: int, value: bytes) -> str:
    return f"1a{len(value) + 8:02x} {vendor:08x} {kind:02x}{len(value) + 2:02x} {value.hex()}"


def u32(vendor: int, kind: int, value: int) -> str:
    return vsa(vendor, kind, value.to_bytes(4, "big"))


def mikrotik_free(*kinds: tuple[int, int]) -> list[str]:
    return [
        u32(14988, kind, value) for low, high in kinds for kind, value in ((low, 0xFFFFFFFF), (high, 0x3FFFF))
    ]


ACCEPTS = [
    ("mikrotik", OPEN, None, [INTERIM, vsa(14988, 8, b"2000k/10000k")]),
    ("mikrotik", UNLIMITED, None, [INTERIM]),
    ("mikrotik", THROTTLED, None, [INTERIM, vsa(14988, 8, b"256k/512k")]),
    ("mikrotik", WALLED, None, [INTERIM, vsa(14988, 8, b"2000k/10000k"), filter_id("capstan-garden")]),
    ("mikrotik", BLOCKED, None, [INTERIM, vsa(14988, 8, b"8k/8k"), filter_id("capstan-drop"), SHORT_TIMEOUT]),
    (
        "mikrotik",
        OPEN,
        Quota(5_277_746_275, None, None),  # one gigaword + 982,778,979
        [INTERIM, vsa(14988, 8, b"2000k/10000k"), u32(14988, 17, 982_778_979), u32(14988, 18, 1)],
    ),
    (
        "mikrotik",
        OPEN,
        Quota(None, None, 3_000_000),
        [INTERIM, vsa(14988, 8, b"2000k/10000k"), u32(14988, 2, 3_000_000), u32(14988, 15, 0)],
    ),
    ("coova", OPEN, None, [INTERIM, u32(14559, 4, 2_000), u32(14559, 5, 10_000)]),
    ("coova", Access(AccessKind.OPEN, None, 9_000_000, ()), None, [INTERIM, u32(14559, 5, 4_294_967)]),
    (
        "coova",
        OPEN,
        Quota(None, 1 << 32, None),  # a low half of 0 could be read as "no limit": one byte less
        [INTERIM, u32(14559, 4, 2_000), u32(14559, 5, 10_000), u32(14559, 1, 0xFFFFFFFF), u32(14559, 21, 0)],
    ),
    ("generic", OPEN, None, [INTERIM, u32(14122, 7, 2_000_000), u32(14122, 8, 10_000_000)]),
    ("generic", OPEN, Quota(9, None, None), [INTERIM, u32(14122, 7, 2_000_000), u32(14122, 8, 10_000_000)]),
    (
        "wispr",
        WALLED,
        None,
        [INTERIM, u32(14122, 7, 2_000_000), u32(14122, 8, 10_000_000), filter_id("capstan-garden")],
    ),
    ("wispr", Access(AccessKind.OPEN, 5_000_000, None, ()), None, [INTERIM, u32(14122, 7, 0xFFFFFFFF)]),
    ("ocserv", THROTTLED, None, [INTERIM, group("capstan-open,up=256,down=512")]),
    ("ocserv", BLOCKED, None, [INTERIM, group("capstan-drop,up=8,down=8"), SHORT_TIMEOUT]),
    ("cisco", OPEN, None, [INTERIM, vsa(9, 250, b"QU;2000000;375000;D;10000000;1875000")]),
    ("juniper", THROTTLED, None, [INTERIM, vsa(4874, 10, b"capstan-256k"), vsa(4874, 11, b"capstan-512k")]),
    (
        "huawei",
        OPEN,
        None,
        [
            INTERIM,
            *(u32(2011, kind, 2_000_000) for kind in (2, 3)),
            *(u32(2011, kind, 10_000_000) for kind in (5, 6)),
        ],
    ),
]

COAS = [
    (
        "mikrotik",
        OPEN,
        None,
        [
            vsa(14988, 8, b"2000k/10000k"),
            filter_id("capstan-open"),
            LIFT_TIMEOUT,
            *mikrotik_free((1, 14), (2, 15)),  # Total-Limit is not among what a CoA changes
        ],
    ),
    (
        "mikrotik",
        UNLIMITED,
        Quota(None, 7_000_000_000, None),
        [
            vsa(14988, 8, b"4000000k/4000000k"),
            filter_id("capstan-open"),
            LIFT_TIMEOUT,
            u32(14988, 1, 2_705_032_704),
            u32(14988, 14, 1),
            *mikrotik_free((2, 15)),
        ],
    ),
    (
        "mikrotik",
        BLOCKED,
        None,
        [vsa(14988, 8, b"8k/8k"), filter_id("capstan-drop"), *mikrotik_free((1, 14), (2, 15))],
    ),
    (
        "coova",
        UNLIMITED,
        Quota(6_000_000, None, None),
        [
            u32(14559, 4, 0),  # its source: 0 is unlimited
            u32(14559, 5, 0),
            u32(14559, 3, 6_000_000),
            u32(14559, 23, 0),
            *(u32(14559, kind, value) for kind, value in ((1, 0xFFFFFFFF), (21, 0x3FFFF))),
            *(u32(14559, kind, value) for kind, value in ((2, 0xFFFFFFFF), (22, 0x3FFFF))),
        ],
    ),
    ("generic", UNLIMITED, None, [u32(14122, 7, 0xFFFFFFFF), u32(14122, 8, 0xFFFFFFFF)]),
    (
        "ocserv",
        WALLED,
        None,
        [u32(14122, 7, 2_000_000), u32(14122, 8, 10_000_000), filter_id("capstan-garden"), LIFT_TIMEOUT],
    ),
    ("juniper", UNLIMITED, None, [vsa(4874, 10, b"capstan-full"), vsa(4874, 11, b"capstan-full")]),
    (
        "cisco",
        UNLIMITED,
        None,
        [
            vsa(9, 250, b"QU;10000000000;1875000000;D;10000000000;1875000000"),
            filter_id("capstan-open"),
            LIFT_TIMEOUT,
        ],
    ),
    (
        "huawei",
        UNLIMITED,
        None,
        [*(u32(2011, kind, 0xFFFFFFFF) for kind in (2, 3, 5, 6)), filter_id("capstan-open"), LIFT_TIMEOUT],
    ),
]


def wire(parts: Sequence[str]) -> str:
    return "".join(parts).replace(" ", "")


@pytest.mark.parametrize(("name", "access", "quota", "expected"), ACCEPTS)
def test_an_accept(name: str, access: Access, quota: Quota | None, expected: list[str]) -> None:
    avps = profile(name).accept_avps(access, quota=quota, interim_seconds=300)
    assert encode_avps(avps).hex() == wire(expected)


@pytest.mark.parametrize(("name", "access", "quota", "expected"), COAS)
def test_a_coa_names_every_value_it_could_ever_have_changed(
    name: str, access: Access, quota: Quota | None, expected: list[str]
) -> None:
    assert encode_avps(profile(name).coa_avps(access, quota=quota)).hex() == wire(expected)


@pytest.mark.parametrize("name", [one.name for one in PROFILES])
def test_what_a_coa_can_change_is_named_alike_whatever_the_access(name: str) -> None:
    """So no access can leave a value behind that another access doesn't take away again."""
    one = profile(name)
    softened = [access for access in (OPEN, UNLIMITED, THROTTLED, WALLED) if one.changes_by_coa(access)]
    kinds = [{(avp.vendor, avp.type) for avp in one.coa_avps(access, quota=None)} for access in softened]
    assert all(named == kinds[0] for named in kinds)


@pytest.mark.parametrize("name", [one.name for one in PROFILES])
@pytest.mark.parametrize("access", [OPEN, UNLIMITED, THROTTLED, WALLED, BLOCKED])
def test_what_a_login_may_set_a_coa_takes_back(name: str, access: Access) -> None:
    one = profile(name)
    if (
        one.rejects(access) or one.login_avps is not None
    ):  # ocserv's login group is not an attribute of its CoA
        return
    set_by_login = {
        (avp.vendor, avp.type) for avp in one.accept_avps(access, quota=None, interim_seconds=300)
    }
    taken_back = {(avp.vendor, avp.type) for avp in one.coa_avps(OPEN, quota=None)}
    assert set_by_login - {(0, 85)} <= taken_back


@pytest.mark.parametrize("name", ["generic", "coova", "juniper"])
@pytest.mark.parametrize("access", [WALLED, BLOCKED])
def test_a_router_without_a_softer_way_refuses(name: str, access: Access) -> None:
    one = profile(name)
    assert one.rejects(access)
    assert not one.changes_by_coa(access)
    with pytest.raises(ValueError, match="no Accept"):
        one.accept_avps(access, quota=None, interim_seconds=300)
    with pytest.raises(ValueError, match="no CoA"):
        one.coa_avps(access, quota=None)


def test_a_limit_of_zero_is_never_written() -> None:
    for name in ("mikrotik", "coova"):
        with pytest.raises(ValueError, match="no limit at all"):
            profile(name).accept_avps(OPEN, quota=Quota(0, None, None), interim_seconds=300)


def test_interims_are_never_asked_for_more_often_than_each_minute() -> None:
    assert profile("generic").accept_avps(UNLIMITED, quota=None, interim_seconds=5) == [
        Avp(0, 85, b"\0\0\0\x3c")
    ]


def test_which_limits_a_coa_can_raise() -> None:
    assert [profile("mikrotik").can_raise(rule) for rule in (Counting.BOTH, Counting.UP, Counting.DOWN)] == [
        False,
        True,
        True,
    ]
    assert profile("coova").quota_coa
    assert not profile("mikrotik").quota_coa
    assert not profile("generic").can_limit


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        UnknownProfileError, match="cisco, coova, generic, huawei, juniper, mikrotik, ocserv, wispr"
    ):
        profile("acme")


def test_every_unproved_profile_says_so() -> None:
    assert {one.name for one in PROFILES if not one.working} == {"cisco", "juniper", "huawei"}
    assert all(one.source for one in PROFILES)
