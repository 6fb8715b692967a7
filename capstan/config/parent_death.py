"""Children that die with their parent, whatever kills it (Linux `PR_SET_PDEATHSIG`, see prctl(2))."""

import ctypes
import os
from collections.abc import Callable
from signal import Signals

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)  # looked up before any fork: the child must not load libraries


def die_with_parent(signal: Signals, parent: int | None = None) -> Callable[[], None]:
    """A `preexec_fn` for subprocess: the child gets `signal` when the thread that started it ends.

    subprocess calls it after the change of user, which is needed: changing the user clears the setting.
    Start such children from a thread that lives as long as they should. `parent` defaults to the caller.
    """
    parent = parent or os.getpid()

    def arm() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal), 0, 0, 0)
        if os.getppid() != parent:  # it died before we were armed
            os._exit(1)

    return arm
