"""`make bench`: the product against FreeRADIUS on one PostgreSQL. See README.md."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import django

from bench import environment, rival
from bench.load import RADLOAD
from bench.scale import FULL, QUICK
from capstan.config.embedded.server import throwaway


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="seconds per cell and little data: to try it out"
    )
    parser.add_argument(
        "--only",
        metavar="NAME",
        action="append",
        help="interim, burst, access, crossing, order (with crossing), pages, storm",
    )
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is stopped then, too
    subprocess.run(["make", "--silent", "-C", RADLOAD.parent.parent], check=True)
    if lacking := rival.missing():
        sys.exit(f"the rival is missing: {lacking}")
    with tempfile.TemporaryDirectory(prefix="capstan-bench-") as folder, throwaway(durable=True) as server:
        os.environ.update(environment.of_product(server.url(), Path(folder)))
        django.setup()
        from bench import contest  # which needs Django's settings, which need the server

        contest.run(server, Path(folder), scale=QUICK if chosen.quick else FULL, only=chosen.only)


if __name__ == "__main__":
    main()
