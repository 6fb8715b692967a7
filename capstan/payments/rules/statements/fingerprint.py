"""What a line is recognised by when an overlapping statement brings it again.

The bank's own id where it gives one, otherwise account, day, amount, text and reference; and, in either case, which
one it is among the same in its file. So two equal payments on one day both count, and importing a file again, or
one that overlaps it, adds nothing. This holds as long as a file has whole days, which is how banks cut them.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence

from capstan.payments.rules.statements.lines import BankLine


def fingerprint(line: BankLine, account: str, nth: int = 1) -> str:
    """64 hexadecimal digits for the `nth` such line of a file, in our account `account`.

    The amount is part of it beside an id: some banks give one id to a payment and to its charge.
    """
    if line.bank_id:
        facts = ["id", account, line.account, line.bank_id, line.amount_minor, nth]
    else:
        day = line.booked_on.isoformat()
        said = [_plain(line.text), _plain(line.reference)]
        facts = ["line", account, line.account, day, line.amount_minor, *said, nth]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def fingerprints(lines: Sequence[BankLine], account: str) -> list[str]:
    """One for each line of one file, all different."""
    seen: Counter[str] = Counter()
    found = []
    for line in lines:
        first = fingerprint(line, account)
        seen[first] += 1
        found.append(fingerprint(line, account, seen[first]))
    return found


def _plain(text: str) -> str:
    """Banks pad texts with blanks in one export and not in the next."""
    return " ".join(text.split()).casefold()
