"""What pages may load, and where their forms may lead."""


def policy(*, form_action: str = "") -> str:
    """The Content-Security-Policy; a page whose form leads to a payment gateway names its origin."""
    forms = f"'self' {form_action}".strip()
    return (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
        f" base-uri 'none'; form-action {forms}; frame-ancestors 'none'; object-src 'none'"
    )
