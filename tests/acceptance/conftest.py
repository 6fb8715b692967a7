"""What the acceptance tests share: the browser."""

from tests.browser import browser, open_page

__all__ = ["browser", "open_page"]
