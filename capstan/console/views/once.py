"""Forms that move money act once, however often they are sent: the session remembers the key that each has."""

from collections.abc import Callable

from django.db import connection, transaction

from capstan.db.locks import hold
from capstan.ui.access import StaffRequest

_DONE = "forms_of_money"
_KEPT = 50
SENT_TWICE = "This form was sent twice; it was done once."


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


def act_once(request: StaffRequest, subject_id: int, do: Callable[[], str]) -> str:
    """Do what the form that was sent asks for, and say so; what it did and that it did are kept together or not at all.

    A form without a key has no memory. Raises what `do` raises: the form may then be sent again.
    """
    key = request.POST.get("key", "")
    if not key:
        return do()
    with transaction.atomic():
        if remembered(request, key) is not None:
            return SENT_TWICE
        words = do()
        remember(request, key, subject_id)
        return words
