"""localstripe, a stand-in for Stripe by others, in a process of its own, and a desk in front of it for what it lacks.

localstripe 1.15 lacks some of what Stripe has and the provider needs, so that a `Desk` stands in front of it, keeps to
Stripe's documentation and lets everything else through: `Idempotency-Key`; `automatic_payment_methods`, `setup_future_usage`
and `description` of a payment intent; `created[gte]` in the list of them, which has the oldest first there, and at Stripe the
newest. It has no disputes, no events of refunds, setup intents or cancellations, no `amount_received`, doesn't limit refunds
to what was paid, and refuses 4000000000000002 when it is stored instead of when it is charged: …0341 is declined later.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from socket import SOCK_STREAM
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from capstan.payments.actions.gateways.port import Access
from capstan.payments.rules.stripe import EVENTS, INTENTS_PATH
from tests.carrier import Asked, Carrier, Says
from tests.config.running import free_port
from tests.product import eventually

SECRETS = {"secret_key": "sk_test_made_up", "webhook_secret": "whsec_made_up_for_tests"}
KEYS: Mapping[str, object] = {"publishable_key": "pk_test_made_up"}
GOOD_CARD, DECLINED_CARD = "4242424242424242", "4000000000000341"
UNKNOWN_THERE = ("automatic_payment_methods", "setup_future_usage", "description")


class LocalStripe:
    """A running localstripe, killed at the end."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port(SOCK_STREAM)
        command = [sys.executable, "-m", "localstripe", "--port", str(self.port), "--from-scratch"]
        with (folder / "localstripe.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder
            )

    def __enter__(self) -> Self:
        try:
            eventually(self._answers, 20, "localstripe")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def ask(self, method: str, path: str, body: str = "", kind: str = "x-www-form-urlencoded") -> Says:
        conn = HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Authorization": "Bearer sk_test_made_up", "Content-Type": f"application/{kind}"}
        try:
            conn.request(method, path, body=body.encode() or None, headers=headers)
            answer = conn.getresponse()
            return Says(answer.read().decode(), answer.status)
        finally:
            conn.close()

    def do(self, path: str, fields: Mapping[str, str]) -> Any:
        """A POST that works."""
        answer = self.ask("POST", path, urlencode(fields))
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def tell(self, url: str) -> None:
        """Webhooks go there, signed."""
        asked = {"url": url, "secret": SECRETS["webhook_secret"], "events": list(EVENTS)}
        assert self.ask("POST", "/_config/webhooks/capstan", json.dumps(asked), "json").status == 200

    def _answers(self) -> bool:
        assert self._process.poll() is None, "localstripe ended"
        try:
            return self.ask("GET", "/v1/payment_intents").status == 200
        except OSError:
            return False


class Desk:
    """In front of localstripe, see above. `asked`: every request as it came; `says_once`: told instead of the next answer,
    which was given all the same."""

    def __init__(self, behind: LocalStripe, front: Carrier) -> None:
        self.behind, self.url, self.asked = behind, front.url, front.asked
        self.says_once: Says | None = None
        self._given: dict[str, tuple[str, Says]] = {}
        front.answer = self._answer
        self.access = Access("stripe", {**KEYS, "api": front.url}, SECRETS)

    @property
    def sent(self) -> dict[str, str]:
        """The fields of the last request."""
        return self.asked[-1].form

    def stored_card(self, number: str = GOOD_CARD, customer: str | None = None) -> str:
        card = {"number": number, "exp_month": "12", "exp_year": "2040", "cvc": "123"}
        fields = {"type": "card", **{f"card[{name}]": value for name, value in card.items()}}
        customer = customer or self.behind.do("/v1/customers", {"name": "Zoë Example"})["id"]
        method = self.behind.do("/v1/payment_methods", fields)["id"]
        self.behind.do(f"/v1/payment_methods/{method}/attach", {"customer": customer})
        return f"{customer}/{method}"

    def pay(self, intent: str, number: str = GOOD_CARD) -> Says:
        """As the customer does in the browser."""
        made = json.loads(self.behind.ask("GET", f"/v1/payment_intents/{intent}").body)
        _, _, method = self.stored_card(number, made["customer"]).partition("/")
        self.behind.do(f"/v1/payment_intents/{intent}", {"payment_method": method})
        return self.behind.ask("POST", f"/v1/payment_intents/{intent}/confirm")

    def _answer(self, asked: Asked) -> Says:
        if asked.method == "GET" and asked.path != INTENTS_PATH:
            given = self.behind.ask("GET", asked.path)
        else:
            given = self._listed(asked) if asked.method == "GET" else self._known(asked)
        said, self.says_once = self.says_once, None
        return said or given

    def _known(self, asked: Asked) -> Says:
        key = asked.headers["Idempotency-Key"]
        body, given = self._given.get(key, (asked.body, None))
        if body != asked.body:
            return Says('{"error": {"type": "idempotency_error", "message": "Other parameters."}}', 400)
        if given is None:
            kept = [one for one in parse_qsl(asked.body) if not one[0].startswith(UNKNOWN_THERE)]
            given = self.behind.ask("POST", asked.path, urlencode(kept))
            self._given[key] = (body, given)
        return given

    def _listed(self, asked: Asked) -> Says:
        answer = self.behind.ask("GET", f"{asked.path}?limit=1000")
        since, limit, after = (asked.query.get(name) for name in ("created[gte]", "limit", "starting_after"))
        data = [one for one in json.loads(answer.body)["data"] if one["created"] >= int(since or 0)][::-1]
        begin = [one["id"] for one in data].index(after) + 1 if after else 0
        end = begin + int(limit or 10)
        return Says(json.dumps({"data": data[begin:end], "has_more": end < len(data)}), answer.status)
