"""Open metering faults as text."""

from capstan.metering.models import Fault
from capstan.metering.rules.words import FaultKind, FaultState
from capstan.operator.layout import Page
from capstan.operator.words import Saying, count

_SHOWN = 100

_WHAT_TO_DO = {
    FaultKind.COUNTERS_BACK: "release counts the held bytes, dismiss drops them",
    FaultKind.RATE: "release counts the held bytes, dismiss drops them; too low a max_rate_mbps shows like this too",
    FaultKind.CLOCK: "its bytes are counted; set the router's NTP, then dismiss",
    FaultKind.UNREADABLE: "the record is kept; dismiss it when the cause is known",
    FaultKind.UNKNOWN_USER: "capstan session assign ID USERNAME, or dismiss",
}


def open_faults_page(say: Saying) -> str:
    """Every fault that waits for a decision, newest first, with what can be done about it."""
    rows = Fault.objects.filter(state=FaultState.OPEN).select_related("nas", "session").order_by("-last_at")
    page = Page()
    total = rows.count()
    page.lines.append(
        f"{count(total, 'fault')} open" if total else "No fault is open: nothing is held apart."
    )
    for row in rows[:_SHOWN]:
        username = row.username or (row.session.username if row.session else "")
        place = ", ".join(filter(None, (username, row.nas.name if row.nas else "")))
        session = f", session {row.session_id}" if row.session_id else ""
        page.section(f"fault {row.pk}  {row.kind}  {place}{session}")
        page.line(row.detail)
        held = say.size(row.held_up + row.held_down)
        page.line(f"{count(row.packets, 'packet')}, last {say.moment(row.last_at)}, {held} held")
        page.line(f"Next: {_WHAT_TO_DO[FaultKind(row.kind)]}")
    if total > _SHOWN:
        page.section(f"… and {total - _SHOWN} more")
    return page.text()
