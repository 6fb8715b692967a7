"""The running demo's control socket: `capstan demo list` and `capstan demo fault` talk to the routers through it.

A Unix socket in the data dir, for its owner alone. A request is a JSON list of words on one line, the answer a JSON object
`{"ok": …, "text": …}`.
"""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from capstan.values.refused import Refused

if TYPE_CHECKING:
    from capstan.demo.lab import Lab

_NAME = "demo.sock"
_PATIENCE_SECONDS = 10.0

USAGE = "list [ROUTER] | fault ROUTER KIND [ARGUMENT]"


def ask(data_dir: Path, words: Sequence[str]) -> str:
    """The running demo's answer to these words. Raises Refused when no demo runs, or with why it won't."""
    try:
        with _short_path(data_dir) as path, socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(_PATIENCE_SECONDS)
            sock.connect(path)
            sock.sendall(json.dumps(list(words)).encode() + b"\n")
            answer = json.loads(sock.makefile("rb").readline())
    except OSError as problem:
        raise Refused(
            f"No demo runs on {data_dir}: start it with `capstan up --demo` ({problem.strerror})."
        ) from problem
    if not answer["ok"]:
        raise Refused(answer["text"])
    return str(answer["text"])


@asynccontextmanager
async def serve(lab: "Lab", data_dir: Path) -> AsyncIterator[None]:
    """Answer on the socket while this lasts. One that a killed demo left behind is replaced."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            text, ok = obey(lab, json.loads(await reader.readline())), True
        except ValueError as problem:
            text, ok = str(problem), False
        writer.write(json.dumps({"ok": ok, "text": text}).encode() + b"\n")
        await writer.drain()
        writer.close()

    place = data_dir / _NAME
    place.unlink(missing_ok=True)
    with _short_path(data_dir) as path:
        server = await asyncio.start_unix_server(answer, path)
    place.chmod(0o600)
    try:
        yield
    finally:
        server.close()
        place.unlink(missing_ok=True)


def obey(lab: "Lab", words: Sequence[str]) -> str:
    """Carry out a request and say what came of it. Raises ValueError for what isn't one."""
    from capstan.demo import overview

    match list(words):
        case ["list"]:
            return overview.routers(lab)
        case ["list", nas]:
            return overview.lines(lab.router(nas))
        case ["fault", nas, kind]:
            return lab.fault(nas, kind, "")
        case ["fault", nas, kind, argument]:
            return lab.fault(nas, kind, argument)
    raise ValueError(f"use: capstan demo {USAGE}")


@contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """The socket's path by the folder's descriptor: a Unix socket's own path holds 108 bytes, a data dir's may be longer.

    Raises OSError when there is no such folder.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{_NAME}"
    finally:
        os.close(descriptor)
