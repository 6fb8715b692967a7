"""The pages that `make screenshots` takes pictures of: one line for each."""

from collections.abc import Callable
from typing import NamedTuple

from playwright.sync_api import Page

from capstan.demo.roster import accounts

NOBODY, AGENT, MANAGER = "", "agent", "manager"


class Shot(NamedTuple):
    """A page: the picture's name, its address, who looks at it, and what he does there before the picture is taken.

    With `in_readme` the picture at 1280 px in light goes to docs/screenshots/ as well, with `--readme`.
    """

    name: str
    path: str
    who: str = NOBODY
    then: Callable[[Page], None] | None = None
    in_readme: bool = False


def _sign_in_wrongly(page: Page) -> None:
    page.get_by_label("Username").fill("thandi")
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state()


def _own_size(page: Page) -> None:
    page.locator("label:has(input[name=what][value=own])").click()
    page.locator("input[name=size]").fill("1.5 GB")
    page.get_by_label("Caller's name").click()
    page.locator("#size-read", has_text="costs").wait_for()


def _to_offers(page: Page) -> None:
    """Which connection is answered, as its customer does."""
    chosen = next(one for account in accounts() for one in account.lines if one.line.username == WATCHED)
    page.get_by_label("Type of connection").select_option(chosen.connection_type)
    page.get_by_label("Username").fill(chosen.line.username)
    page.locator("input[type=password]").fill(chosen.line.password)
    page.get_by_role("button", name="Next").click()
    page.wait_for_load_state()


def _to_total(page: Page) -> None:
    _to_offers(page)
    page.locator("#offer").select_option(index=3)
    page.get_by_role("button", name="Next").click()
    page.wait_for_load_state()


def _newest_phone(page: Page) -> None:
    page.locator(".phones a").first.click(
        timeout=180_000
    )  # the first line reaches 90 % a minute after the start
    page.wait_for_load_state()


def _tab(name: str) -> Callable[[Page], None]:
    def open_it(page: Page) -> None:
        page.get_by_role("navigation", name="Pages of this line").get_by_role("link", name=name).click()
        page.wait_for_load_state()

    return open_it


def _all_open(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details.cap-panel').forEach((one) => { one.open = true; })")


WATCHED = "palesa.nel@sandpiper.example"
LINE = f"/staff/search/?q={WATCHED}"
"""The search leads to the line's page, whatever its number."""

PAGES = (
    Shot("gallery", "/demo/gallery", AGENT),
    Shot("gallery-page", "/demo/gallery/page"),
    Shot("no-such-page", "/there-is-no-such-page"),
    Shot("home", "/"),
    Shot("top-up", "/top-up/"),
    Shot("top-up-offers", "/top-up/", then=_to_offers),
    Shot("top-up-total", "/top-up/", then=_to_total),
    Shot("phones", "/demo/handset/"),
    Shot("phone", "/demo/handset/", then=_newest_phone),
    Shot("top-up-forgotten", "/top-up/forgotten/"),
    Shot("sign-in", "/sign-in/"),
    Shot("sign-in-wrong", "/sign-in/", then=_sign_in_wrongly),
    Shot("two-step", "/sign-in/two-step/", AGENT),
    Shot("password", "/sign-in/password/", AGENT),
    Shot("start", "/staff/", AGENT),
    Shot("search", "/staff/search/?q=nel", AGENT),
    Shot("search-nobody", "/staff/search/?q=060 999 8888", AGENT),
    Shot("customers", "/staff/customers/", AGENT),
    Shot("customer", "/staff/customers/SP2009/", MANAGER),
    Shot("line", LINE, AGENT, in_readme=True),
    Shot("line-all", LINE, MANAGER, then=_all_open),
    Shot("line-technical", LINE, AGENT, then=_tab("Technical support")),
    Shot("line-usage", LINE, AGENT, then=_tab("Usage")),
    Shot("line-explain", LINE, AGENT, then=_tab("Explain")),
    Shot("capped", "/staff/capped/", AGENT),
    Shot("network", "/staff/network/", AGENT),
    Shot("no-such-line", "/staff/services/999999/", AGENT),
    Shot("add-top-up", "/staff/services/1/top-up/", AGENT, then=_own_size),
    Shot("notification-list", "/staff/services/1/notification-list/", AGENT),
    Shot("top-ups", "/staff/orders/", AGENT),
    Shot("waiting", "/staff/waiting/", MANAGER),
    Shot("needs-a-person", "/staff/needs-a-person/", AGENT),
    Shot("messages", "/staff/messages/", AGENT),
    Shot("texts", "/staff/messages/templates/", MANAGER),
    Shot("text", "/staff/messages/templates/cap.threshold/sms/", MANAGER),
    Shot("gateways", "/staff/messages/gateways/", MANAGER),
    Shot("billing", "/staff/billing/", AGENT),
    Shot("invoices", "/staff/billing/invoices/", AGENT),
    Shot("invoice", "/staff/billing/invoices/1/", MANAGER),
    Shot("money", "/staff/money/2/", MANAGER),
    Shot("statement", "/staff/money/2/statement/", AGENT),
    Shot("runs", "/staff/billing/runs/", MANAGER),
    Shot("payments", "/staff/billing/payments/", AGENT),
    Shot("debit-orders", "/staff/billing/debit-orders/", MANAGER),
    Shot("debit-batch", "/staff/billing/debit-orders/1/", MANAGER),
    Shot("debit-results", "/staff/billing/debit-orders/results/", MANAGER),
    Shot("mandates", "/staff/billing/debit-orders/mandates/", MANAGER),
    Shot("bank", "/staff/billing/bank/", AGENT),
    Shot("notifications", "/staff/billing/notifications/", AGENT),
    Shot("cash", "/staff/billing/cash/", AGENT),
    Shot("ledger", "/staff/billing/ledger/", MANAGER),
    Shot("taxes", "/staff/billing/taxes/", MANAGER),
    Shot("prices", "/staff/billing/prices/", MANAGER),
    Shot("staff-logins", "/staff/logins/", MANAGER),
)
