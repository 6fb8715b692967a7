"""One process that the supervisor keeps running."""

import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

import structlog

from capstan.config.parent_death import die_with_parent

_log = structlog.get_logger()

_BACKOFF_SECONDS = 0.5
_BACKOFF_SECONDS_MAX = 30.0
_SOUND_AFTER_SECONDS = 60.0
"""A process that ran this long and then died is started at once, as after its first failure."""


class Child:
    """A child process with its failures and the time it may be started again. Times are monotonic seconds."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self._command = command
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._failures = 0
        self._start_at: float | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, now: float) -> None:
        self._start_at = None
        self._started_at = now
        self._process = subprocess.Popen(
            self._command,
            env=dict(self._environment),
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C in the terminal reaches the supervisor only, which stops all in order
            preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509 - it only calls prctl
        )
        _log.info("started", child=self.name, pid=self._process.pid)

    def look_after(self, now: float) -> None:
        """Notice that it ended, say so, and start it again when its pause is over."""
        if self._process is None or self.is_running:
            return
        if self._start_at is None:
            pause = self._next_pause(now)
            self._start_at = now + pause
            _log.error(
                "ended by itself: starting it again",
                child=self.name,
                pid=self._process.pid,
                how=_in_words(self._process.returncode),
                in_seconds=pause,
            )
        if now >= self._start_at:
            self.start(now)

    def _next_pause(self, now: float) -> float:
        self._failures = 1 if now - self._started_at >= _SOUND_AFTER_SECONDS else self._failures + 1
        return min(_BACKOFF_SECONDS * 2.0 ** (self._failures - 1), _BACKOFF_SECONDS_MAX)

    def ask_to_stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def wait_or_kill(self, patience: float) -> None:
        """Wait for its end, at most `patience` seconds, then kill it and say so."""
        if self._process is None:
            return
        try:
            self._process.wait(max(patience, 0))
        except subprocess.TimeoutExpired:
            _log.warning("did not stop in time: killing it", child=self.name, pid=self._process.pid)
            self._process.kill()
            self._process.wait()
        _log.info("stopped", child=self.name, after_seconds=round(time.monotonic() - self._started_at))


def _in_words(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
