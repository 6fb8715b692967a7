"""The web server in this process, for browsers: it serves what a test has made in its own database."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from django.http import HttpRequest
from django.test.testcases import LiveServerThread


class _AsItIs:
    """The application without Django's own server of assets: WhiteNoise serves those with hashes in their names."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return self._application(environ, start_response)

    def get_response(self, request: HttpRequest) -> Any:
        return self._application.get_response(request)  # type: ignore[attr-defined]


@contextmanager
def serving() -> Iterator[str]:
    """Its address while it runs."""
    thread = LiveServerThread("127.0.0.1", cast(Any, _AsItIs), port=0)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    if thread.error:
        raise thread.error
    try:
        yield f"http://127.0.0.1:{thread.port}"
    finally:
        thread.terminate()
