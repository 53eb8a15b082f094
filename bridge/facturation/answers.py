"""What an answer of Facturation.pro means. Pure: status, headers and body in; data or the right error out.

Statuses: https://facturation.github.io/ ("Erreurs"). The shape of error bodies is not documented, so it is
read tolerantly. Texts that come from the API are kept for the operator, as a personal fact and without e-mail
addresses; what was sent is never repeated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from bridge.errors import (
    AccessRefused,
    ApiRefused,
    BridgeError,
    OutcomeUnknown,
    QuotaReached,
    RequestForbidden,
)
from bridge.numbers import exact_json
from bridge.reasons import NO_REASON, Reason, because

PAUSE_WITHOUT_RETRY_AFTER: Final = 60.0
LONGEST_PAUSE: Final = 3600.0
"""Whatever Retry-After says: asked again each hour, the API says itself when it is enough."""
LONGEST_EXPLANATION: Final = 500

REFUSALS: Final[Mapping[int, str]] = {
    400: "refused_for_a_value",
    402: "refused_by_the_plan",
    404: "refused_as_gone",
    422: "refused_for_a_value",
    501: "refused_for_its_type",
}
"""Status → the reason's code: they differ in their cure. Redirects and all others have one each."""
DID_NOTHING: Final = frozenset(
    {400, 401, 402, 403, 404, 405, 406, 410, 411, 413, 414, 415, 417, 422, 426, 428, 429, 431, 501}
)
"""By these a server says that it turned the request away. A redirect can follow work that was done (303), and
so can a conflict (409: a proxy may have sent the request twice)."""


def decipher(call: str, status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> Any:
    """The JSON of a good answer (None without body; decimals as Decimal).

    `call`: method and path template, for the messages. Raises QuotaReached, AccessRefused, OutcomeUnknown
    or ApiRefused.
    """
    if 200 <= status < 300:
        return _data(call, status, body)
    raise _error(call, status, headers, body, now)


def _data(call: str, status: int, body: bytes) -> Any:
    if not body.strip():
        return None
    try:
        return exact_json(body)
    except (ValueError, RecursionError) as exc:
        raise OutcomeUnknown(because("answer_without_json", call=call, status=status)) from exc


def _error(call: str, status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> BridgeError:
    """The whole table of statuses."""
    said = _said(body)
    if status == 429:
        after = retry_after(headers.get("retry-after", ""), now)
        return QuotaReached(because("asked_to_wait", call=call, seconds=f"{after:.0f}"), after=after)
    if status == 401:
        return AccessRefused(because("credentials_refused", call=call))
    if status == 403:
        return AccessRefused(because("access_refused", call=call, said=said))
    # 501 is theirs for a wrong Content-Type, so nothing was done. 408 comes from a proxy that lost patience;
    # a 404 in a proxy's words from one, too: it proves nothing about a record.
    creates = call.startswith("POST ")
    if (
        (status >= 500 and status != 501)
        or status == 408
        or (status == 404 and _of_a_proxy(headers, body))
        or (creates and status not in DID_NOTHING)
    ):
        return OutcomeUnknown(because("api_in_trouble", call=call, status=status, said=said))
    code = "refused_by_redirect" if status < 400 else REFUSALS.get(status, "refused_otherwise")
    return ApiRefused(because(code, call=call, status=status, said=said), status=status)


def forbidden(call: str, body: bytes) -> RequestForbidden:
    """A 403 to this request, while others are answered."""
    return RequestForbidden(because("request_forbidden", call=call, said=_said(body)))


def _said(body: bytes) -> Reason:
    """The API's own words, for the end of a sentence."""
    words = explain(body)
    return because("api_said", words=words) if words else NO_REASON


def retry_after(value: str, now: datetime) -> float:
    """Seconds to wait, from seconds or an HTTP date; at least 1."""
    text = value.strip()
    try:
        seconds = float(text) if re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) else _seconds_until(text, now)
    except ValueError:
        return PAUSE_WITHOUT_RETRY_AFTER
    return min(max(seconds, 1.0), LONGEST_PAUSE)


def _seconds_until(text: str, now: datetime) -> float:
    moment = parsedate_to_datetime(text)
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()


def explain(body: bytes) -> str:
    """The API's own words on one line, "" when it has none. Known and suspected shapes: `errors` as a dict of
    lists, a dict of texts, a list or a text; `error`; plain text."""
    text = body.decode("utf-8", "replace").strip()
    if _is_html(body):
        words = "an HTML page"
    else:
        try:
            words = _words(json.loads(text))
        except (ValueError, RecursionError):
            words = text
    words = re.sub(r"\S+@\S+", "[e-mail]", " ".join(words.split()))
    return words if len(words) <= LONGEST_EXPLANATION else words[: LONGEST_EXPLANATION - 1] + "…"


def _words(value: object) -> str:
    match value:
        case {"errors": errors} if errors:
            return _words(errors)
        case {"error": error} if error:
            return _words(error)
        case dict():
            return "; ".join(f"{name}: {_words(said)}" for name, said in value.items())
        case list():
            return ", ".join(_words(said) for said in value)
        case None:
            return ""
        case _:
            return str(value)


def _of_a_proxy(headers: Mapping[str, str], body: bytes) -> bool:
    """A 404 that is not the API's: a page, or plain text ("404 page not found") that names no record."""
    if "x-ratelimit-limit" in headers or body.lstrip()[:1] in (b"", b"{", b"["):
        return False
    return _is_html(body) or b"record" not in body.lower()


def _is_html(body: bytes) -> bool:
    return body.lstrip()[:1] == b"<"
