"""Words about customers, free of storage."""

from enum import StrEnum


class CustomerKind(StrEnum):
    INDIVIDUAL = "individual"
    COMPANY = "company"
