"""The pages that `make screenshots` takes pictures of: one line for each."""

from collections.abc import Callable
from typing import NamedTuple

from playwright.sync_api import Page

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


PAGES = (
    Shot("gallery", "/demo/gallery", AGENT),
    Shot("gallery-page", "/demo/gallery/page"),
    Shot("no-such-page", "/there-is-no-such-page"),
    Shot("home", "/"),
    Shot("top-up", "/top-up/"),
    Shot("top-up-forgotten", "/top-up/forgotten/"),
    Shot("sign-in", "/sign-in/"),
    Shot("sign-in-wrong", "/sign-in/", then=_sign_in_wrongly),
    Shot("two-step", "/sign-in/two-step/", AGENT),
    Shot("password", "/sign-in/password/", AGENT),
)
