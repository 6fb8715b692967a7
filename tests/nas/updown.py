"""ocserv's connect and disconnect script: speed and filter of the Accept, which come as the group's name (Class).

As the profile `ocserv` writes it: "capstan-open,up=2000,down=8000" (kbit/s).
"""

import os
import sys

from tests.nas.dae import set_filter, set_speed


def main(portal: str) -> None:
    device, (name, *words) = os.environ["DEVICE"], os.environ.get("GROUPNAME", "").split(",")
    told = dict(word.partition("=")[::2] for word in words)
    connecting = os.environ["REASON"] == "connect"
    set_filter(device, name if connecting else "capstan-open", portal)
    if connecting and told.get("down", "").isdigit():
        set_speed(device, int(told["down"]) * 1000)


if __name__ == "__main__":
    main(sys.argv[1])
