"""A start of the demo that is killed while the past is lived, and the start after that."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from capstan.caps.models import Cap, Cycle
from capstan.metering.models import PacketLog, RadiusSession, Stream, UsageHour
from capstan.services.models import Service
from tests.config.running import wait_until
from tests.demo.parts import no_parts_left
from tests.demo.past import chosen
from tools.tidy import ROOT

LINES = sum(len(account.lines) for account in chosen())
DAYS = "20"


@pytest.fixture(autouse=True)
def _no_parts_are_left(transactional_db: None) -> Iterator[None]:
    """Parts of partitioned tables that a start makes are gone after each test."""
    with no_parts_left():
        yield


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "tests.demo.past", DAYS, *words]


def _start(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Enter the lines, to the end."""
    done = subprocess.run(
        _command(), env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    print(done.stdout, done.stderr)
    return done


@contextmanager
def _starting(environment: dict[str, str], *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(_command(*words), env=environment, cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _living() -> int:
    """How many connections have tables of their own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT relnamespace) FROM pg_class WHERE relpersistence = 't' AND relname = 'caps_cap'"
        )
        return int(cursor.fetchone()[0])


def _is_empty() -> bool:
    models = (Service, Cap, Cycle, RadiusSession, UsageHour, PacketLog, Stream)
    return not any(model._default_manager.exists() for model in models)


@pytest.mark.parametrize("words", [(), ("aside",)])
def test_a_start_killed_in_the_middle_leaves_nothing(
    process_env: dict[str, str], words: tuple[str, ...]
) -> None:
    with _starting(process_env, *words) as process:
        wait_until(lambda: _living() == 1, 60)
        time.sleep(1.0)  # some days are lived
        assert _is_empty()  # nobody sees what is being lived
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        wait_until(lambda: _living() == 0, 60)  # a process of its own has noticed
    assert _is_empty()


def test_the_start_after_one_that_was_killed_is_whole_and_the_one_after_that_enters_nothing(
    process_env: dict[str, str],
) -> None:
    with _starting(process_env) as process:
        wait_until(lambda: _living() == 1, 60)
        process.kill()
    wait_until(lambda: _living() == 0, 60)
    assert _start(process_env).stdout.split()[-1] == str(LINES)
    assert Service.objects.count() == Cap.objects.count() == LINES
    assert Cycle.objects.exclude(sealed_at=None).exists()
    sessions = RadiusSession.objects.count()
    assert _start(process_env).stdout.split()[-1] == "0"
    assert RadiusSession.objects.count() == sessions > 10 * LINES
