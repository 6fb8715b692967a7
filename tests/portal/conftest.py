"""The public pages of a provider that is paid."""

from tests.payments.conftest import desk, simulator, till

__all__ = ["desk", "simulator", "till"]
