"""Forms that move money act once, however often they are sent: the session remembers the key that each has."""

from django.db import connection

from capstan.db.locks import hold
from capstan.ui.access import StaffRequest

_DONE = "forms_of_money"
_KEPT = 50


def remembered(request: StaffRequest, key: str) -> int | None:
    """What the form of this key made before; None when it is sent for the first time.

    Within a transaction: whoever sends it at the same moment waits for its end, and then sees what the first one made.
    """
    assert connection.in_atomic_block
    hold([f"form of money {key}"])
    stored = request.session.__class__(
        request.session.session_key
    )  # as it is by now, not as this request began
    made: int | None = stored.get(_DONE, {}).get(key)
    return made


def remember(request: StaffRequest, key: str, made: int) -> None:
    """Within the same transaction."""
    kept = [*request.session.get(_DONE, {}).items(), (key, made)][-_KEPT:]
    request.session[_DONE] = dict(kept)
    request.session.save()


def forget(request: StaffRequest, key: str) -> None:
    """It came to nothing: the form may be sent again."""
    request.session[_DONE] = {one: made for one, made in request.session.get(_DONE, {}).items() if one != key}
    request.session.save()


def made_by(request: StaffRequest) -> int | None:
    """What the form that was sent made before, without waiting for anybody."""
    made: int | None = request.session.get(_DONE, {}).get(request.POST.get("key", ""))
    return made
