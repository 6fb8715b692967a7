"""Origins: what a Content-Security-Policy names. One with anything else in it would change the policy."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import StringConstraints

Origin = Annotated[
    str,
    StringConstraints(
        pattern=r"^https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]{1,5})?$|^http://\[[0-9a-f:]+\](:[0-9]{1,5})?$"
    ),
]
"""Such as `https://js.stripe.com`, `https://*.example.net` or `http://127.0.0.1:8420`."""


def origin_of(url: str) -> str:
    """The origin of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
