"""The sender that messaging's own tests step."""

from tests.messaging.conftest import sender

__all__ = ["sender"]
