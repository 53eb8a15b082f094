"""The sandbox as a Starlette application: the vendor's paths, and `/_sandbox/…` to drive it from outside."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NoReturn

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from bridge.sandbox.columns import EMAIL_READERS, TEXT_255
from bridge.sandbox.config import SandboxConfig
from bridge.sandbox.door import Door, FaultInjector
from bridge.sandbox.faults import Fault
from bridge.sandbox.fields import InvalidValue, read_fields
from bridge.sandbox.invoice_search import search_invoices
from bridge.sandbox.refusals import InvalidFields, RecordNotFound, Refusal
from bridge.sandbox.search import page_of, whole_parameter
from bridge.sandbox.state import Sandbox

DEFAULT_CONFIG = SandboxConfig()


def create_sandbox(config: SandboxConfig = DEFAULT_CONFIG) -> Starlette:
    """A fresh simulated Facturation.pro. Its state is `app.state.sandbox` (a Sandbox)."""
    sandbox = Sandbox(config)
    api, control = Api(sandbox), Control(sandbox)
    app = Starlette(
        routes=[
            Route("/account.json", api.account),
            Mount(f"/firms/{config.firm_id}", routes=api.routes()),
            Mount("/_sandbox", routes=control.routes()),
        ],
        middleware=[Middleware(FaultInjector, sandbox=sandbox), Middleware(Door, sandbox=sandbox)],
        exception_handlers={Refusal: _refused, 404: _not_found},
    )
    app.router.redirect_slashes = False
    app.state.sandbox = sandbox
    return app


class Api:
    """The endpoints of one firm. They read, call a book and write: the rules are in the books."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._firm = f"/firms/{sandbox.config.firm_id}"

    def routes(self) -> list[Route]:
        one_customer, one_invoice = "/customers/{id:int}", "/invoices/{id:int}"
        settlements = f"{one_invoice}/settlements"
        return [
            Route("/customers.json", self.list_customers, methods=["GET"]),
            Route("/customers.json", self.create_customer, methods=["POST"]),
            Route(f"{one_customer}.json", self.show_customer, methods=["GET"]),
            Route(f"{one_customer}.json", self.update_customer, methods=["PATCH"]),
            Route(f"{one_customer}.json", self.delete_customer, methods=["DELETE"]),
            Route(f"{one_customer}/archive.json", self.archive_customer, methods=["POST"]),
            Route(f"{one_customer}/unarchive.json", self.unarchive_customer, methods=["POST"]),
            Route(f"{one_customer}/invoices.json", self.customer_invoices, methods=["GET"]),
            Route("/invoices.json", self.list_invoices, methods=["GET"]),
            Route("/invoices.json", self.create_invoice, methods=["POST"]),
            Route(f"{one_invoice}.json", self.show_invoice, methods=["GET"]),
            Route(f"{one_invoice}.json", self.update_invoice, methods=["PATCH"]),
            Route(f"{one_invoice}.json", self.delete_invoice, methods=["DELETE"]),
            Route(f"{one_invoice}/refund.json", self.refund_invoice, methods=["POST"]),
            Route(f"{settlements}.json", self.list_settlements, methods=["GET"]),
            Route(f"{settlements}.json", self.create_settlement, methods=["POST"]),
            Route(f"{settlements}/{{settlement_id:int}}.json", self.show_settlement, methods=["GET"]),
            Route(f"{settlements}/{{settlement_id:int}}.json", self.delete_settlement, methods=["DELETE"]),
            Route("/emails.json", self.send_email, methods=["POST"]),
        ]

    async def account(self, _request: Request) -> Response:
        config = self._sandbox.config
        firm = {"id": config.firm_id, "name": config.firm_name}
        return JSONResponse({"id": 1, "email": "sandbox@example.com", "firms": [firm]})

    async def list_customers(self, request: Request) -> Response:
        params = request.query_params
        found = self._sandbox.customer_book.search(params)
        page, header = page_of(found, params, self._sandbox.config.per_page)
        with_sepa = params.get("with_sepa") == "1"
        return _list([customer.as_json(with_sepa=with_sepa) for customer in page], header)

    async def create_customer(self, request: Request) -> Response:
        customer = self._sandbox.customer_book.create(await _body(request))
        return self._created(f"customers/{customer.id}", customer.as_json())

    async def show_customer(self, request: Request) -> Response:
        customer = self._sandbox.customer_book.shelf.get(_id(request))
        return JSONResponse(customer.as_json(with_sepa=request.query_params.get("with_sepa") == "1"))

    async def update_customer(self, request: Request) -> Response:
        body = await _body(request)
        return JSONResponse(self._sandbox.customer_book.update(_id(request), body).as_json())

    async def delete_customer(self, request: Request) -> Response:
        self._sandbox.invoice_book.delete_customer(_id(request))
        return Response()

    async def archive_customer(self, request: Request) -> Response:
        self._sandbox.customer_book.archive(_id(request), archived=True)
        return Response()

    async def unarchive_customer(self, request: Request) -> Response:
        self._sandbox.customer_book.archive(_id(request), archived=False)
        return Response()

    async def customer_invoices(self, request: Request) -> Response:
        self._sandbox.customer_book.shelf.get(_id(request))
        return RedirectResponse(f"{self._firm}/invoices.json?customer_id={_id(request)}", 302)

    async def list_invoices(self, request: Request) -> Response:
        sandbox, params = self._sandbox, request.query_params
        found = search_invoices(sandbox.invoice_book, sandbox.customer_book, params, sandbox.config)
        page, header = page_of(found, params, sandbox.config.per_page)
        shown = {name: params.get(name) == "1" for name in ("with_details", "with_settlements")}
        return _list([invoice.as_json(**shown) for invoice in page], header)

    async def create_invoice(self, request: Request) -> Response:
        params = request.query_params
        invoice = self._sandbox.invoice_book.create(
            await _body(request), type_doc=params.get("type_doc"), external=params.get("external") == "1"
        )
        return self._created(f"invoices/{invoice.id}", invoice.as_json())

    async def show_invoice(self, request: Request) -> Response:
        return JSONResponse(self._sandbox.invoice_book.shelf.get(_id(request)).as_json())

    async def update_invoice(self, request: Request) -> Response:
        body = await _body(request)
        type_doc = request.query_params.get("type_doc")
        return JSONResponse(
            self._sandbox.invoice_book.update(_id(request), body, type_doc=type_doc).as_json()
        )

    async def delete_invoice(self, request: Request) -> Response:
        self._sandbox.invoice_book.delete(_id(request))
        return Response()

    async def refund_invoice(self, request: Request) -> Response:
        await _body(request)
        params = request.query_params
        try:
            api_custom = TEXT_255(params["api_custom"]) if "api_custom" in params else None
        except InvalidValue as refused:
            raise InvalidFields({"api_custom": [str(refused)]}) from refused
        credit_note = self._sandbox.invoice_book.refund(
            _id(request), api_id=whole_parameter(params, "api_id"), api_custom=api_custom
        )
        return self._created(f"invoices/{credit_note.id}", credit_note.as_json())

    async def list_settlements(self, request: Request) -> Response:
        settlements = self._sandbox.settlement_book.of(_id(request))
        return JSONResponse([settlement.as_json() for settlement in settlements])

    async def create_settlement(self, request: Request) -> Response:
        settlement = self._sandbox.settlement_book.create(_id(request), await _body(request))
        path = f"invoices/{settlement.invoice_id}/settlements/{settlement.id}"
        return self._created(path, settlement.as_json())

    async def show_settlement(self, request: Request) -> Response:
        settlement_id = request.path_params["settlement_id"]
        return JSONResponse(self._sandbox.settlement_book.get(_id(request), settlement_id).as_json())

    async def delete_settlement(self, request: Request) -> Response:
        self._sandbox.settlement_book.delete(_id(request), request.path_params["settlement_id"])
        return Response()

    async def send_email(self, request: Request) -> Response:
        """201 without a body: the vendor documents none. Nothing is sent; it is written down."""
        values, errors = read_fields(await _body(request), EMAIL_READERS, frozenset())
        bill_id = whole_parameter(request.query_params, "bill_id")
        invoice = self._sandbox.invoice_book.shelf.get(bill_id or 0)
        customer = self._sandbox.customer_book.shelf.get(invoice.values["customer_id"])
        to = values.get("to") or customer.values["invoice_email"] or customer.values["email"]
        if invoice.draft or invoice.external:
            errors["base"] = ["seule une facture définitive peut être envoyée"]
        if not to:
            errors.setdefault("to", ["doit être rempli(e)"])
        if errors:
            raise InvalidFields(errors)
        self._sandbox.emails.append({**values, "bill_id": invoice.id, "to": to})
        return Response(status_code=201)

    def _created(self, path: str, record: Mapping[str, Any]) -> Response:
        return JSONResponse(record, 201, {"location": f"{self._firm}/{path}.json"})


class Control:
    """`/_sandbox/…`: no credentials, no quota, no faults, not in the log."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        return [
            Route("/state", self.state, methods=["GET"]),
            Route("/reset", self.reset, methods=["POST"]),
            Route("/faults", self.add_fault, methods=["POST"]),
            Route("/faults", self.clear_faults, methods=["DELETE"]),
        ]

    async def state(self, _request: Request) -> Response:
        return JSONResponse(self._sandbox.snapshot())

    async def reset(self, _request: Request) -> Response:
        self._sandbox.reset()
        return Response(status_code=204)

    async def add_fault(self, request: Request) -> Response:
        try:
            fault = Fault.from_json(await request.json())
        except (ValueError, AttributeError) as error:
            return JSONResponse({"error": str(error)}, 422)
        return JSONResponse({"id": self._sandbox.faults.add(fault)}, 201)

    async def clear_faults(self, _request: Request) -> Response:
        self._sandbox.faults.clear()
        return Response(status_code=204)


def _id(request: Request) -> int:
    return int(request.path_params["id"])


async def _body(request: Request) -> dict[str, object]:
    """The JSON object sent; no body is an empty object. Bare numbers become Decimal, never float."""
    sent = await request.body()
    if not sent:
        return {}
    try:
        body = json.loads(sent, parse_float=Decimal, parse_constant=_no_constant)
    except ValueError as error:
        raise Refusal(400, {"error": "malformed JSON"}) from error
    if not isinstance(body, dict):
        raise Refusal(400, {"error": "a JSON object is expected"})
    return body


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _list(records: Sequence[Mapping[str, Any]], pagination: str) -> Response:
    return JSONResponse(records, headers={"x-pagination": pagination})


async def _refused(_request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, Refusal):
        raise refusal
    return JSONResponse(refusal.body, refusal.status)


async def _not_found(_request: Request, _error: Exception) -> Response:
    absent = RecordNotFound()
    return JSONResponse(absent.body, absent.status)
