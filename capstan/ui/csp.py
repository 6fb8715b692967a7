"""What pages may load, and where their forms may lead."""

from collections.abc import Sequence


def policy(
    *,
    form_action: Sequence[str] = (),
    script: Sequence[str] = (),
    frame: Sequence[str] = (),
    connect: Sequence[str] = (),
) -> str:
    """The Content-Security-Policy; a page that leads to a payment gateway, or has a gateway's fields, names its origins."""
    return (
        f"default-src 'self'; script-src {_own(script)}; style-src 'self'; img-src 'self' data:;"
        f" connect-src {_own(connect)}; frame-src {_own(frame)}; base-uri 'none';"
        f" form-action {_own(form_action)}; frame-ancestors 'none'; object-src 'none'"
    )


def _own(others: Sequence[str]) -> str:
    return " ".join(("'self'", *others))
