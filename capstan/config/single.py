"""One supervisor per data dir: a lock that the kernel frees when its holder dies, however it dies."""

import fcntl
import os
import time
from pathlib import Path

from capstan.config.errors import OperatorError

_NAME = "capstan.lock"


def hold(data_dir: Path) -> int:
    """Lock `data_dir` for as long as this process lives; the descriptor is returned only to be kept.

    Raises OperatorError naming the process that has it.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(data_dir / _NAME, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as problem:
        raise OperatorError(f"the data dir {data_dir} can't be used: {problem.strerror}") from None
    if not _locked(descriptor):
        holder = os.read(descriptor, 32).decode().strip() or "unknown"
        os.close(descriptor)
        raise OperatorError(
            f"capstan already runs on {data_dir} (process {holder}): stop it, or choose another CAPSTAN_DATA_DIR"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _locked(descriptor: int) -> bool:
    """Take the lock; more than one try, since somebody may just be looking whether it is held."""
    for _ in range(5):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


def is_held(data_dir: Path) -> bool:
    """Whether a supervisor runs on `data_dir`."""
    try:
        descriptor = os.open(data_dir / _NAME, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
