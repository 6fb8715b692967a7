"""How states look: each has one word, one tone and one shape, everywhere."""

from enum import StrEnum
from typing import NamedTuple

from capstan.network.rules.line_state import STATE_WORDS, LineState


class Tone(StrEnum):
    """What a colour says. `capstan.css` has the colours, in light and dark."""

    GOOD = "good"  # green
    SLOW = "slow"  # amber
    WARN = "warn"  # orange
    BAD = "bad"  # red
    HOLD = "hold"  # grey-violet
    QUIET = "quiet"  # grey
    NEWS = "news"  # the brand's


class Look(NamedTuple):
    word: str
    tone: Tone
    icon: str


NOT_CONNECTED = Look("Not connected", Tone.QUIET, "wifi-off")
"""Of a line that nothing holds back and nobody is connected on: it has all it should, and yet isn't online."""

CAPPED = (LineState.THROTTLED, LineState.WALLED, LineState.BLOCKED)

WAITS_WORD = "Waits for payment"
"""Of a capped line that is prepaid, and whose data isn't paid: nothing is used up."""

STATE_LOOKS = {
    LineState.OPEN: Look(STATE_WORDS[LineState.OPEN], Tone.GOOD, "circle-check"),
    LineState.THROTTLED: Look(STATE_WORDS[LineState.THROTTLED], Tone.SLOW, "gauge"),
    LineState.WALLED: Look(STATE_WORDS[LineState.WALLED], Tone.WARN, "wall"),
    LineState.BLOCKED: Look(STATE_WORDS[LineState.BLOCKED], Tone.BAD, "ban"),
    LineState.SUSPENDED: Look(STATE_WORDS[LineState.SUSPENDED], Tone.HOLD, "player-pause"),
    LineState.WRONG_DEVICE: Look(STATE_WORDS[LineState.WRONG_DEVICE], Tone.HOLD, "lock"),
    LineState.ENDED: Look(STATE_WORDS[LineState.ENDED], Tone.QUIET, "circle-x"),
    LineState.UNKNOWN: Look(STATE_WORDS[LineState.UNKNOWN], Tone.QUIET, "circle-dashed"),
}
