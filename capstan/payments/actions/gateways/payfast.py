"""PayFast, and whatever speaks its protocol: the rules are in `payments.rules.payfast`, here is the talking."""

import socket
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from urllib.parse import urlencode, urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from capstan.messaging.actions.transports.http.client import Response, call
from capstan.messaging.actions.transports.port import NotSentError, Retry
from capstan.payments.actions.gateways.origins import Origin, origin_of
from capstan.payments.actions.gateways.port import (
    Access,
    CardFacts,
    Form,
    Heard,
    NotDoneError,
    NotGenuineError,
    Outcome,
    Raw,
    UnclearError,
    Wanted,
)
from capstan.payments.rules import payfast, payfast_api
from capstan.payments.rules.payfast import Itn, ItnStatus
from capstan.payments.rules.payfast_api import HistoryLine
from capstan.payments.rules.payfast_signing import Merchant, Pair
from capstan.values.refused import Refused

_CONNECT_SECONDS, _READ_SECONDS = 5.0, 15.0
_PAGES_MAX = 100
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_JOHANNESBURG = timezone(timedelta(hours=2))
_OUTCOMES = {
    ItnStatus.COMPLETE: Outcome.PAID, ItnStatus.CANCELLED: Outcome.CANCELLED, ItnStatus.FAILED: Outcome.FAILED,
}  # fmt: skip


class Settings(BaseModel):
    """Where it is. `sources` are addresses or host names that notifications come from; `origins` are where the customer's browser
    may be sent on to by its page, blank for those that belong to `web`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    web: str = payfast.LIVE.web
    api: str = payfast.LIVE.api
    testing: bool = False
    sources: tuple[str, ...] = payfast.ITN_HOSTS
    origins: tuple[Origin, ...] = ()


SECRETS = ("merchant_id", "merchant_key", "passphrase")


def check(settings: Mapping[str, object], secrets: Mapping[str, str]) -> None:
    """Raises Refused for settings that can't work."""
    try:
        read = Settings.model_validate(settings)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        raise Refused(f"The gateway's setting {'.'.join(map(str, first['loc']))}: {first['msg']}.") from wrong
    for url in (read.web, read.api):
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise Refused(f"{url}: a gateway is reached by https.")
    for name in SECRETS:
        if not secrets.get(name, "").strip():
            raise Refused(f"The gateway's {name.replace('_', ' ')} is missing.")


def start_checkout(access: Access, wanted: Wanted) -> Form:
    first, _, last = wanted.customer_name.partition(" ")
    fields = payfast.checkout_fields(
        _merchant(access), payment_id=wanted.token, amount_minor=wanted.amount_minor, item_name=wanted.item,
        return_url=wanted.done_url, cancel_url=wanted.cancel_url, notify_url=wanted.notify_url, name_first=first,
        name_last=last, email_address=wanted.email, save_card=wanted.save_card,
    )  # fmt: skip
    where = _settings(access)
    origins = dict.fromkeys((origin_of(where.web), *(where.origins or payfast.PAGES.get(where.web, ()))))
    return Form(where.web + payfast.PROCESS_PATH, fields, tuple(origins))


def read(access: Access, raw: Raw, now: datetime) -> Heard:
    try:
        itn = payfast.read_itn(raw.body)
    except Refused as refusal:
        raise NotGenuineError(str(refusal)) from refusal
    wrong = payfast.check_itn(itn, _merchant(access), None)
    if wrong:
        raise NotGenuineError("; ".join(wrong))
    if not _is_from(raw.source, _settings(access).sources):
        raise NotGenuineError(f"it came from {raw.source}, which is no address of PayFast's")
    return _heard(itn)


def confirm(access: Access, raw: Raw) -> None:
    answer = _call(
        access, "POST", _settings(access).web + payfast.VALIDATE_PATH, _FORM, payfast.validate_body(raw.body)
    )
    if answer.status != 200:
        raise UnclearError(f"PayFast answered {answer.status} when asked about the notification")
    if not payfast.is_valid_answer(answer.body):
        raise NotGenuineError("PayFast says that it didn't send this")


def look_up(access: Access, since: datetime, now: datetime) -> Sequence[Heard]:
    lines: list[HistoryLine] = []
    for _ in range(_PAGES_MAX):
        page = _history(access, since, now, len(lines))
        lines += page
        if len(page) < payfast_api.HISTORY_PAGE:
            return [
                Heard(
                    one.payment_id,
                    one.pf_payment_id,
                    _paid_key(one.pf_payment_id),
                    Outcome.PAID,
                    one.gross_minor,
                )
                for one in lines
                if one.kind == "FUNDS_RECEIVED" and one.pf_payment_id
            ]
    raise UnclearError(f"PayFast's list of payments is longer than {_PAGES_MAX * payfast_api.HISTORY_PAGE}")


def ask(access: Access, reference: str) -> Heard | None:
    """PayFast's charges end at once: there is none to ask for."""
    return None


def _history(access: Access, since: datetime, now: datetime, offset: int) -> list[HistoryLine]:
    days = [moment.astimezone(_JOHANNESBURG).date().isoformat() for moment in (since, now)]
    query = {
        "from": days[0], "to": days[1], "offset": str(offset), "limit": str(payfast_api.HISTORY_PAGE),
    }  # fmt: skip
    answer = _api(access, "GET", payfast_api.HISTORY_PATH, query, (), now)
    if answer.status != 200:
        raise UnclearError(f"PayFast answered {answer.status} when asked for its payments")
    try:
        return payfast_api.read_history(answer.body)
    except Refused as refusal:
        raise UnclearError(str(refusal)) from refusal


def _paid_key(pf_payment_id: str) -> str:
    return f"{pf_payment_id}:{ItnStatus.COMPLETE}"


def charge_card(access: Access, card_token: str, wanted: Wanted, now: datetime) -> Heard:
    fields = payfast_api.adhoc_fields(
        amount_minor=wanted.amount_minor, item_name=wanted.item, m_payment_id=wanted.token
    )
    answer = _api(access, "POST", payfast_api.adhoc_path(card_token), {}, list(fields.items()), now)
    said = payfast_api.read_adhoc_answer(answer.status, answer.body.encode())
    if said.is_success and not said.pf_payment_id:  # booked without it, its notification would book it again
        raise UnclearError("PayFast says that it is charged, but not under which number")
    if said.is_success:
        return Heard(
            wanted.token, said.pf_payment_id, _paid_key(said.pf_payment_id), Outcome.PAID, wanted.amount_minor
        )
    if said.is_final:
        raise NotDoneError(said.message)
    raise UnclearError(said.message)


def card_facts(access: Access, card_token: str) -> CardFacts:
    """PayFast tells nobody which card a token stands for."""
    return CardFacts()


def refund(access: Access, reference: str, amount_minor: int, reason: str, key: str, now: datetime) -> str:
    try:
        fields = payfast_api.refund_fields(amount_minor=amount_minor, reason=reason)
    except Refused as refusal:
        raise NotDoneError(str(refusal)) from refusal
    answer = _api(access, "POST", payfast_api.refund_path(reference), {}, list(fields.items()), now)
    said = payfast_api.read_refund_answer(answer.status, answer.body.encode())
    if said.is_success:
        return said.message
    if said.is_final:
        raise NotDoneError(said.message)
    raise UnclearError(said.message)


def _heard(itn: Itn) -> Heard:
    return Heard(
        itn.payment_id, itn.pf_payment_id, f"{itn.pf_payment_id or itn.payment_id}:{itn.status_text}",
        _OUTCOMES.get(itn.status, Outcome.PENDING), itn.gross_minor, abs(itn.fee_minor or 0), itn.token,
    )  # fmt: skip


def _settings(access: Access) -> Settings:
    return Settings.model_validate(access.settings)


def _merchant(access: Access) -> Merchant:
    return Merchant(*(access.secrets.get(name, "") for name in SECRETS))


def _is_from(source: str, allowed: Sequence[str]) -> bool:
    """Whether the address is one of these, or one that these names have. Raises UnclearError when names can't be looked up."""
    if source in allowed:
        return True
    unknown = ""
    for name in allowed:
        try:
            found = socket.getaddrinfo(name, None)
        except OSError as problem:
            unknown = f"{name}: {problem}"
            continue
        if source in {str(address[4][0]) for address in found}:
            return True
    if unknown:
        raise UnclearError(f"PayFast's addresses can't be looked up: {unknown}")
    return False


def _api(
    access: Access, method: str, path: str, query: Mapping[str, str], body: Sequence[Pair], now: datetime
) -> Response:
    try:
        headers = payfast_api.api_headers(
            _merchant(access),
            now.astimezone(_JOHANNESBURG).isoformat(timespec="seconds"),
            {**query, **dict(body)},
        )
    except Refused as refusal:
        raise NotDoneError(str(refusal)) from refusal
    settings = _settings(access)
    shown = {**query, "testing": "true"} if settings.testing else query
    url = settings.api + path + (f"?{urlencode(shown)}" if shown else "")
    return _call(access, method, url, {**_FORM, **headers}, payfast_api.form(dict(body)) if body else None)


def _call(access: Access, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
    try:
        return call(
            method,
            url,
            headers=headers,
            body=body,
            connect_seconds=_CONNECT_SECONDS,
            read_seconds=_READ_SECONDS,
        )
    except NotSentError as problem:
        if problem.retry == Retry.HELPS and method == "POST" and "refunds" in url:
            raise NotDoneError(f"{access.name} can't be reached: {problem.detail}") from problem
        raise UnclearError(f"{access.name}: {problem.detail}") from problem
