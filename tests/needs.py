"""What a test needs from the machine: where it is missing the test is skipped with the remedy – and in CI it fails."""

import os
import shutil
from typing import NoReturn

import pytest


def program(name: str, package: str) -> str:
    """The path of a program that the Debian package `package` brings."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    return found or lacking(f"the program {name}: install the Debian package {package} (tools/apt.sh does)")


def root(why: str) -> None:
    """Only root can do what the test does. For others there is nothing to test, so this is no failure in CI."""
    if os.geteuid() != 0:
        pytest.skip(f"needs root, because {why}")


def lacking(what: str) -> NoReturn:
    """Skip the test, or fail it in CI, where nothing may be left out silently."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"needs {what}")
    pytest.skip(f"needs {what}")
