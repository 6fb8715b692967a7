"""`capstan web`: the web server, gunicorn with threads."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from capstan.config import ports
from capstan.config.errors import OperatorError
from capstan.config.options import Options
from capstan.config.parent_death import die_with_parent
from capstan.db.beat import Beat
from capstan.values import clock

_GRACE_SECONDS = 10


class _RootLogger(Logger):
    """gunicorn's own lines go where all others go."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)  # type: ignore[no-untyped-call]
        for logger in (self.error_log, self.access_log):
            logger.handlers.clear()
            logger.propagate = True


class _Server(BaseApplication):
    def __init__(self, options: Options) -> None:
        self._options = options
        super().__init__()  # type: ignore[no-untyped-call]

    def load_config(self) -> None:
        chosen = {
            "bind": self._options.web_bind,
            "workers": 1,
            "worker_class": "gthread",
            "threads": self._options.web_threads,
            "graceful_timeout": _GRACE_SECONDS,
            "proc_name": "capstan web",
            "loglevel": self._options.log_level,
            "logger_class": _RootLogger,
            "control_socket_disable": True,
            "forwarded_allow_ips": "",
            "post_worker_init": _begin,
            "worker_exit": _end,
        }
        assert self.cfg is not None
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return get_wsgi_application()


def run() -> None:
    """Serve until SIGTERM or SIGINT. Raises OperatorError when the port is taken or there are no assets."""
    options: Options = settings.OPTIONS
    if not (settings.STATIC_ROOT / "staticfiles.json").exists():
        raise OperatorError("the pages' stylesheets aren't there: make them with `python -m tools.assets`")
    ports.require_free(ports.web(options))
    _Server(options).run()  # type: ignore[no-untyped-call]


def _begin(worker: Any) -> None:
    die_with_parent(signal.SIGKILL, parent=worker.ppid)()
    worker.capstan_stopped = threading.Event()
    worker.capstan_beat = threading.Thread(target=_give_signs, args=[worker.capstan_stopped], daemon=True)
    worker.capstan_beat.start()


def _end(_arbiter: Any, worker: Any) -> None:
    if hasattr(worker, "capstan_stopped"):
        worker.capstan_stopped.set()
        worker.capstan_beat.join(5)


def _give_signs(stopped: threading.Event) -> None:
    beat = Beat("web")
    while not stopped.is_set():
        beat.tick(clock.now(), {})
        stopped.wait(1)
    beat.stop()
