"""Who acts, and what he may do. Free of storage."""

from enum import StrEnum
from typing import NamedTuple


class Role(StrEnum):
    """What somebody is to the provider."""

    AGENT = "agent"
    MANAGER = "manager"
    CUSTOMER = "customer"


class Permission(StrEnum):
    """What only some of the staff may do; every deed that needs one is audited."""

    ARRANGE_PRICE = "arrange a price that differs from the catalogue"
    REVERSE_USED = "take back a top-up that was used"
    EXCEED_CEILING = "go beyond a spending ceiling"
    APPROVE_ORDERS = "approve an order in the customer's name"
    SEE_LINE_PASSWORD = "see a line's password"  # noqa: S105
    EDIT_TEMPLATES = "edit message templates"
    EDIT_LIMITS = "change ceilings and who may authorise"
    MANAGE_STAFF = "manage staff logins"


_AGENT = frozenset({Permission.ARRANGE_PRICE})
_PERMISSIONS = {
    Role.AGENT: _AGENT,
    Role.MANAGER: frozenset(Permission),
    Role.CUSTOMER: frozenset[Permission](),
}


def permissions_of(role: Role) -> frozenset[Permission]:
    return _PERMISSIONS[role]


class Actor(NamedTuple):
    """Somebody who acts, as pages and actions know him.

    `key` is what audit entries and orders record, such as `staff:thandi`; `name` is what people read. A customer's login
    has the ids of the customers whose data it may see; staff see all.
    """

    key: str
    name: str
    role: Role
    permissions: frozenset[Permission]
    customer_ids: frozenset[int] = frozenset()

    @property
    def is_staff(self) -> bool:
        return self.role != Role.CUSTOMER

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions
