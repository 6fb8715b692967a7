"""`python -m capstan.demo.gateway --port N`: the simulated payment gateway as its own process, until it is told to stop."""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from capstan.demo.gateway.protocol import Account
from capstan.demo.gateway.server import Gateway


def main(arguments: list[str] | None = None) -> int:
    usual = Account()
    parser = argparse.ArgumentParser(prog="capstan.demo.gateway", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="0 for any free one; the address is printed")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--merchant-id", default=usual.merchant_id)
    parser.add_argument("--merchant-key", default=usual.merchant_key)
    parser.add_argument("--passphrase", default=usual.passphrase)
    parser.add_argument("--state", type=Path, help="a folder that keeps payments and unsent notifications")
    parser.add_argument("--parent", type=int, help="end when this process is our parent no more")
    given = parser.parse_args(arguments)
    account = Account(given.merchant_id, given.merchant_key, given.passphrase)
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    with Gateway(given.port, host=given.host, account=account, state=given.state) as gateway:
        print(f"simulated payment gateway on {gateway.url}", flush=True)
        while not told.wait(1.0) and given.parent in (None, os.getppid()):
            continue
    return 0


if __name__ == "__main__":
    sys.exit(main())
