"""The ends of checkout windows, on time and whatever became of the wake-up that their opening raised."""

from datetime import datetime, timedelta

from capstan.services.actions.checkout_window import close_ended

_LOOK_EVERY = timedelta(seconds=5)
"""Far less than a window lasts, so that one which another process has opened is known before it ends."""

_AGAIN = timedelta(milliseconds=100)
"""After which one that could not be closed, because somebody holds its line, is tried again."""


class Windows:
    """Closes windows at the moment they end. What there is to close is read from the table, so nothing is lost by a crash."""

    def __init__(self) -> None:
        self.look_at: datetime | None = None  # None: at once

    def close_ended(self, now: datetime) -> None:
        """Close those whose time is up, if there may be any. Raises the errors of a database that is away."""
        if self.look_at is None or self.look_at <= now:
            ends = close_ended(now=now) or now + _LOOK_EVERY
            self.look_at = min(ends if ends > now else now + _AGAIN, now + _LOOK_EVERY)
