"""What tests of the console share: a shop whose clock is the web server's, and what a page says."""

import html
import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client

from capstan.caps.actions.cap import void
from capstan.caps.queries import standing
from capstan.catalog.models import TopUpOffer
from capstan.services.models import Service
from capstan.topups.models import Order
from tests.topups.shop import SIZES, Shop

CALLER = {"requested_by": "Jan Smit", "verified": "code"}


def text_of(answer: HttpResponseBase) -> str:
    assert isinstance(answer, HttpResponse)
    return answer.content.decode()


def words(answer: HttpResponseBase) -> str:
    """What a reader of the page reads, in one line, blanks made plain."""
    body = re.sub(r"<(script|style|svg).*?</\1>|<wbr>", _gap, text_of(answer), flags=re.DOTALL)
    plain = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())
    return re.sub(r" ([,.;:])", r"\1", plain)


def _gap(found: re.Match[str]) -> str:
    return "" if found[0] == "<wbr>" else " "


def hidden(answer: HttpResponseBase, name: str) -> str:
    """The value of a hidden field of the page's forms."""
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', text_of(answer))
    assert found, f"no hidden field {name}"
    return html.unescape(found[1])


def value_of(answer: HttpResponseBase, name: str) -> str:
    """What stands in a field of the page."""
    found = re.search(rf'<input[^>]*\bname="{name}"[^>]*>', text_of(answer))
    assert found, f"no field {name}"
    value = re.search(r'\bvalue="([^"]*)"', found[0])
    return html.unescape(value[1]) if value else ""


def offer(letter: str = "C") -> str:
    """The choice of an offer as the form sends it."""
    return f"{TopUpOffer.objects.get(letter=letter).pk}:{SIZES[letter][1]}"


def sends(client: Client, url: str, given: Mapping[str, Any]) -> HttpResponseBase:
    """Send a form and follow to where it leads."""
    answer: Any = client.post(url, given, follow=True)
    return answer  # type: ignore[no-any-return]


def only_order() -> Order:
    return Order.objects.get()


def use_up(line: Service, shop: Shop) -> None:
    """Nothing is left on the line: what it had is taken back."""
    for bucket in standing(line.pk, now=shop.now).buckets:
        void(bucket_id=bucket.id, actor="test", reason="test", now=shop.now)
