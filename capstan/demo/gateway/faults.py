"""What goes wrong on demand, and how often still."""

import threading
from typing import Any

FAULTS = {
    "itn_late": "the notification is sent only after `seconds`",
    "itn_twice": "the notification is sent twice at the same moment",
    "itn_lost": "the notification is never sent; only asking tells of the payment",
    "itn_tampered": "its first attempt arrives with another amount than was signed",
    "itn_short": "the customer pays one rand less than asked, and the notification says so",
    "itn_wrong_signature": "its first attempt is signed with another passphrase",
    "itn_unknown_payment": "a genuine notification of a payment that the merchant never asked for comes first",
    "itn_out_of_order": "after COMPLETE is acknowledged an older PENDING of the same payment follows",
    "decline_cards": "the bank declines",
    "api_down": "the API answers 503 and does nothing",
    "api_slow": "the API acts, then answers after `seconds`",
    "charge_but_answer_500": "a stored card is charged, but the answer is 500",
    "validate_down": "asking whether a notification is genuine is answered 503",
}


class Faults:
    """Faults that are set, each for a number of further events. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set: dict[str, tuple[int, float]] = {}

    def put(self, name: str, times: int, seconds: float) -> None:
        """Raises ValueError for a fault that there isn't, or that never happens."""
        if name not in FAULTS:
            raise ValueError(f"no fault {name!r}; there are: none, {', '.join(FAULTS)}")
        if times < 1 or not 0 <= seconds <= 3600:
            raise ValueError("times is 1 or more, seconds are 0 to 3600")
        with self._lock:
            self._set[name] = times, seconds

    def heal(self) -> None:
        with self._lock:
            self._set.clear()

    def take(self, name: str) -> float | None:
        """Its seconds if it strikes now, which uses it up once; None if it doesn't."""
        with self._lock:
            times, seconds = self._set.get(name, (0, 0.0))
            if not times:
                return None
            if times == 1:
                del self._set[name]
            else:
                self._set[name] = times - 1, seconds
            return seconds

    def listed(self) -> dict[str, Any]:
        with self._lock:
            return {
                name: {"times": times, "seconds": seconds} for name, (times, seconds) in self._set.items()
            }
