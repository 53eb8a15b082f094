"""The APIs of the three platforms, as strict as they are: what a shop holds, page by page, behind its key."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.runtime.server import listen, serve
from tests.builders.shopify import as_body

KEYS: Final = {"shopify": "shpat_0123456789", "woocommerce": "ck_1:cs_2", "stripe": "rk_test_0123456789"}
CLIENT: Final = {"client_id": "app-1", "client_secret": "shpss_0123456789"}
Payload = dict[str, Any]


class Refused(Exception):
    """An answer that is not 200."""

    def __init__(self, status: int, **headers: str) -> None:
        super().__init__(status)
        self.response = JSONResponse({"error": status}, status, headers=headers)


@dataclass
class Platforms:
    """What each platform holds. `asked`: the paths and queries of all requests. `next`: answers that come
    first, one a request, in place of what is held; None: as usual. `noise`: stands before each of
    WooCommerce's. `most`: so many entries go on a page, whatever is asked for. `tokens`: given to Shopify's
    client; the last one opens."""

    shopify: list[Payload] = field(default_factory=list)
    woocommerce: list[Payload] = field(default_factory=list)
    refunds: dict[str, list[Payload]] = field(default_factory=dict)
    events: list[Payload] = field(default_factory=list)
    things: list[Payload] = field(default_factory=list)
    lines: dict[str, list[Payload]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    next: list[Response | None] = field(default_factory=list)
    noise: bytes = b""
    most: int = 250
    tokens: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """All three on one port; their paths tell them apart."""
        sock, stop = listen("127.0.0.1", 0), asyncio.Event()
        serving = asyncio.create_task(serve(self.app(), sock, stop))
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            stop.set()
            await serving

    def app(self) -> Starlette:
        """See `served`."""
        answers: dict[str, Callable[[Request], Response]] = {
            "/admin/api/{version}/orders.json": self._shopify_orders,
            "/wp-json/wc/v3/orders": self._woo_orders,
            "/wp-json/wc/v3/orders/{order}/refunds": self._woo_refunds,
            "/v1/events": self._stripe_events,
            "/v1/checkout/sessions/{id}/line_items": self._stripe_lines,
            "/v1/invoices/search": self._stripe_search,
            "/v1/{kind:path}": self._stripe_things,
        }
        routes = [Route(path, self._guarded(answer)) for path, answer in answers.items()]
        return Starlette(routes=[Route("/admin/oauth/access_token", self._token, methods=["POST"]), *routes])

    def _guarded(self, answer: Callable[[Request], Response]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            self.asked.append(f"{request.url.path}?{request.url.query}")
            first = self.next.pop(0) if self.next else None
            if first is not None:
                return first
            try:
                return answer(request)
            except Refused as exc:
                return exc.response

        return endpoint

    # --------------------------------------------------------------------------------------- Shopify

    async def _token(self, request: Request) -> Response:
        form = dict(await request.form())
        if form != {"grant_type": "client_credentials", **CLIENT}:
            return JSONResponse({"error": "invalid_request"}, 400)
        self.tokens.append(f"shpca_{len(self.tokens)}")
        return JSONResponse({"access_token": self.tokens[-1], "scope": "read_orders", "expires_in": 86_399})

    def _shopify_orders(self, request: Request) -> Response:
        if request.headers.get("x-shopify-access-token") not in (KEYS["shopify"], *self.tokens[-1:]):
            raise Refused(401)
        asked = dict(request.query_params)
        size = min(int(asked.pop("limit", "50")), self.most)
        if size > 250:
            raise Refused(400)
        token = asked.pop("page_info", "")
        if token:
            if asked:  # https://shopify.dev/docs/api/usage/pagination-rest: no other parameter beside it
                raise Refused(400)
            asked = json.loads(base64.urlsafe_b64decode(token))
        start = int(asked.pop("start", "0"))
        found = _filtered(self.shopify, asked)
        headers = {}
        if start + size < len(found):
            onward = base64.urlsafe_b64encode(json.dumps(asked | {"start": str(start + size)}).encode())
            here = str(request.url.replace(query=""))
            headers["link"] = f'<{here}?limit={size}&page_info={onward.decode()}>; rel="next"'
        return _json({"orders": found[start : start + size]}, headers)

    # ----------------------------------------------------------------------------------- WooCommerce

    def _woo_orders(self, request: Request) -> Response:
        self._woo_key(request)
        asked = dict(request.query_params)
        size, page = int(asked.pop("per_page", "10")), int(asked.pop("page", "1"))
        if not 1 <= size <= 100 or asked.pop("status", "any") != "any":
            raise Refused(400)
        size = min(size, self.most)
        found = self._woo_found(asked)
        pages = -(-len(found) // size)
        headers = {"x-wp-total": str(len(found)), "x-wp-totalpages": str(pages)}
        return self._noisy(found[(page - 1) * size : page * size], headers)

    def _woo_found(self, asked: dict[str, str]) -> list[Payload]:
        if include := asked.pop("include", ""):
            return [order for order in self.woocommerce if str(order["id"]) in include.split(",")]
        if "search" in asked:
            return [order for order in self.woocommerce if asked["search"] in str(order["number"])]
        assert asked.pop("dates_are_gmt") == "true"
        assert asked.pop("order") == "asc"
        by = {"modified": "date_modified_gmt", "date": "date_created_gmt"}[asked.pop("orderby")]
        after = asked.pop("modified_after" if by == "date_modified_gmt" else "after")
        before = asked.pop("before", "9")
        assert not asked, f"WooCommerce knows no {asked}"
        found = [order for order in self.woocommerce if after < order[by] < before]
        return sorted(found, key=lambda order: (order[by], str(order["id"])))

    def _woo_refunds(self, request: Request) -> Response:
        self._woo_key(request)
        return self._noisy(self.refunds.get(request.path_params["order"], []), {})

    def _woo_key(self, request: Request) -> None:
        token = base64.b64encode(KEYS["woocommerce"].encode()).decode()
        if request.headers.get("authorization") != f"Basic {token}":
            raise Refused(401)

    def _noisy(self, content: object, headers: dict[str, str]) -> Response:
        return Response(self.noise + as_body(content), headers=headers, media_type="application/json")

    # ---------------------------------------------------------------------------------------- Stripe

    def _stripe_events(self, request: Request) -> Response:
        types = request.query_params.getlist("types[]")
        if len(types) > 20:
            raise Refused(400)
        return self._stripe_list(request, [each for each in self.events if each["type"] in types])

    def _stripe_things(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        names = {"invoices": "invoice", "checkout/sessions": "checkout.session"}
        names |= {"credit_notes": "credit_note", "refunds": "refund"}
        if kind in names:
            things = [each for each in self.things if each["object"] == names[kind]]
            for name in ("status", "invoice", "payment_intent"):
                if wanted := request.query_params.get(name):
                    things = [each for each in things if each.get(name) == wanted]
            return self._stripe_list(request, things)
        self._stripe_key(request)
        found = [each for each in self.things if kind.endswith(f"/{each['id']}")]
        if not found:
            raise Refused(404)
        return _json(found[0])

    def _stripe_search(self, request: Request) -> Response:
        self._stripe_key(request)
        query = request.query_params["query"]
        found = [each for each in self.things if query == f'number:"{each.get("number")}"']
        return _json({"object": "search_result", "data": found, "has_more": False, "next_page": None})

    def _stripe_lines(self, request: Request) -> Response:
        self._stripe_key(request)
        found = self.lines.get(request.path_params["id"], [])
        return _json({"object": "list", "data": found, "has_more": False})

    def _stripe_list(self, request: Request, things: list[Payload]) -> Response:
        """Newest first: https://docs.stripe.com/api/pagination"""
        self._stripe_key(request)
        asked = request.query_params
        size = int(asked.get("limit", "10"))
        if not 1 <= size <= 100:
            raise Refused(400)
        since, until = int(asked.get("created[gte]", "0")), int(asked.get("created[lt]", 10**11))
        found = sorted(
            (each for each in things if since <= each["created"] < until),
            key=lambda each: (each["created"], each["id"]),
            reverse=True,
        )
        ids = [each["id"] for each in found]
        start = ids.index(asked["starting_after"]) + 1 if "starting_after" in asked else 0
        size = min(size, self.most)
        shown = found[start : start + size]
        return _json({"object": "list", "data": shown, "has_more": start + size < len(found)})

    def _stripe_key(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {KEYS['stripe']}":
            raise Refused(401)
        assert request.headers.get("stripe-version")


def _json(content: object, headers: dict[str, str] | None = None) -> Response:
    return Response(as_body(content), headers=headers, media_type="application/json")


def _filtered(orders: list[Payload], asked: dict[str, str]) -> list[Payload]:
    """Shopify's filters. Without `status=any`, only open orders."""
    asked = dict(asked)
    by, _, _ = asked.pop("order", "created_at desc").partition(" ")
    found = orders if asked.pop("status", "open") == "any" else []
    if ids := asked.pop("ids", ""):
        found = [order for order in found if str(order["id"]) in ids.split(",")]
    if name := asked.pop("name", ""):
        found = [order for order in found if order["name"].removeprefix("#") == name.removeprefix("#")]
    for bound in list(asked):
        field_, _, side = bound.rpartition("_")
        limit = datetime.fromisoformat(asked.pop(bound))
        found = [
            order
            for order in found
            if (datetime.fromisoformat(order[field_]) - limit).total_seconds() * (1 if side == "min" else -1)
            >= 0
        ]
    return sorted(found, key=lambda order: (datetime.fromisoformat(order[by]), order["id"]))
