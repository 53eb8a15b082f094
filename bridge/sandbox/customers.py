"""Customers: creation, changes, archive, search."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from starlette.datastructures import QueryParams

from bridge.sandbox.columns import CUSTOMER_READ_ONLY, CUSTOMER_READERS
from bridge.sandbox.config import SandboxConfig
from bridge.sandbox.fields import Errors, read_fields, require
from bridge.sandbox.records import BLANK_CUSTOMER, Customer, Shelf
from bridge.sandbox.refusals import InvalidFields
from bridge.sandbox.search import candidates, chosen, contains, whole_parameter

PARTIAL_FILTERS = ("api_custom", "company_name", "last_name", "email")
FILTER_NAMES = {"company_name": "company"}
EXACT_FILTERS = ("account_code", "accounting_entry")

MODES: dict[str, Callable[[Customer], bool]] = {
    "": lambda customer: not customer.archived,
    "all": lambda customer: True,
    "company": lambda customer: not customer.archived and not customer.values["individual"],
    "individual": lambda customer: not customer.archived and bool(customer.values["individual"]),
    "archived": lambda customer: customer.archived,
    "missing_siret": lambda customer: lacks_siret(customer.values),
}
ORDERS: dict[str, Callable[[Customer], Any]] = {
    "": lambda customer: (customer.identity.casefold(), customer.id),
    "last_invoice": lambda customer: (str(customer.last_invoiced_on or ""), customer.id),
    "last_paid": lambda customer: (str(customer.last_paid_on or ""), customer.id),
    "created": lambda customer: (customer.created_at, customer.id),
    "updated": lambda customer: (customer.updated_at, customer.id),
}


class CustomerBook:
    """The firm's customers. A look-up by id or `api_id` costs the same however many there are."""

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config
        self.shelf: Shelf[Customer] = Shelf(first_id=1001)

    def create(self, body: Mapping[str, object]) -> Customer:
        """Raises InvalidFields."""
        values, errors = read_fields(body, CUSTOMER_READERS, CUSTOMER_READ_ONLY)
        complete = self._checked(BLANK_CUSTOMER | values, errors)
        now = self._config.clock()
        customer = Customer(id=self.shelf.new_id(), values=complete, created_at=now, updated_at=now)
        self.shelf.add(customer)
        return customer

    def update(self, customer_id: int, body: Mapping[str, object]) -> Customer:
        """Change the fields sent, keep the others. Raises RecordNotFound, InvalidFields."""
        customer = self.shelf.get(customer_id)
        values, errors = read_fields(body, CUSTOMER_READERS, CUSTOMER_READ_ONLY)
        self.shelf.change(customer, self._checked(customer.values | values, errors))
        customer.updated_at = self._config.clock()
        return customer

    def archive(self, customer_id: int, *, archived: bool) -> None:
        customer = self.shelf.get(customer_id)
        customer.archived = archived
        customer.updated_at = self._config.clock()

    def search(self, params: QueryParams) -> list[Customer]:
        """The whole list, filtered and in order. Raises InvalidFields for an unknown mode or order."""
        found, filtered = candidates(self.shelf, params, self._config)
        if filtered:
            in_mode = chosen(MODES, "mode", params)
            found = [c for c in found if in_mode(c) and _passes(c, params)]
        key = chosen(ORDERS, "order", params)
        return sorted(found, key=key, reverse=params.get("sort") == "desc")

    def _checked(self, values: dict[str, Any], errors: Errors) -> dict[str, Any]:
        complete = values | _derived(values)
        require(complete, ("short_name",), errors)
        if "short_name" in errors:
            errors["company_name"] = errors.pop("short_name")
        if self._config.require_siret and lacks_siret(complete):
            errors.setdefault("siret", ["doit contenir 14 chiffres"])
        if errors:
            raise InvalidFields(errors)
        return complete


def lacks_siret(values: Mapping[str, Any]) -> bool:
    french_company = not values["individual"] and values["country"] == "FR"
    return french_company and not re.fullmatch(r"\d{14}", (values["siret"] or "").replace(" ", ""))


def _derived(values: Mapping[str, Any]) -> dict[str, Any]:
    """Names and account code the vendor fills when they are empty ("411ASMALLCO" for "A small company")."""
    person = " ".join(filter(None, (values["first_name"], values["last_name"])))[:255]
    company = values["company_name"] or (None if values["individual"] else person) or None
    short_name = values["short_name"] or company or person or None
    plain = unicodedata.normalize("NFKD", short_name or "").encode("ascii", "ignore").decode()
    code = "411" + re.sub(r"[^A-Z0-9]", "", plain.upper())[:8]
    return {
        "company_name": company,
        "short_name": short_name and short_name[:255],
        "account_code": values["account_code"] or code,
    }


def _passes(customer: Customer, params: QueryParams) -> bool:
    for name in PARTIAL_FILTERS:
        sent = params.get(FILTER_NAMES.get(name, name))
        if sent and not contains(sent, customer.values[name]):
            return False
    for name in EXACT_FILTERS:
        if (sent := params.get(name)) and sent != customer.values[name]:
            return False
    category = whole_parameter(params, "category_id")
    return category is None or (customer.values["category_id"] or 0) == category
