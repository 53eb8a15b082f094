"""What the VAT of a sale depends on, beside the line: who buys, where it goes, under which regime."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from bridge.billing.dates import taxed_on
from bridge.billing.identifiers import is_eu, vat_country, vat_number
from bridge.billing.places import Buyer
from bridge.billing.rules import Rules, VatRegime
from bridge.billing.territories import Zone, zone
from bridge.orders import Address, Line, LineKind, Order, Supply

ISO = {"EL": "GR", "MC": "FR"}
"""Countries that are written, or taxed, as another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What VAT depends on, beside the line. `destination` is of goods, `home` of services. `oss`: the country
    whose VAT it bears, "" where it is French."""

    order: Order
    rules: Rules
    on: date
    destination: Address | None
    home: Address | None
    buyer: Buyer
    number: str
    goods_shipped: bool
    oss: str = ""

    @property
    def regime(self) -> VatRegime:
        return self.rules.regime_on(self.on)

    @property
    def zone(self) -> Zone:
        return zone(self.destination)

    @property
    def country(self) -> str:
        return country_of(self.destination)

    def place(self, supply: Supply) -> Address | None:
        """Services are located where the buyer is, goods where they go."""
        return self.home if supply in (Supply.SERVICES, Supply.ELECTRONIC) else self.destination

    def supply_of(self, line: Line) -> Supply:
        """Goods or services: the line's word, else the shop's, else that the order is shipped."""
        for told in (line.supply, self.rules.supply):
            if told is not Supply.UNKNOWN:
                return told
        shipping = line.kind in (LineKind.SHIPPING, LineKind.DUTY)
        return Supply.GOODS if shipping or self.goods_shipped else Supply.UNKNOWN


def situation_of(order: Order, rules: Rules) -> Situation:
    """What the order says of it."""
    customer = order.customer
    number = vat_number(customer)
    french = _IN_FRANCE if order.at_till else None
    shipped = any(line.kind is LineKind.SHIPPING for line in order.lines)
    return Situation(
        order=order,
        rules=rules,
        on=taxed_on(order),
        destination=_first_withcountry_of(customer.shipping, customer.billing, french),
        home=_first_withcountry_of(customer.billing, customer.shipping, french),
        buyer=_buyer(number, company=bool(customer.company.strip() or customer.siret.strip())),
        number=number,
        goods_shipped=shipped or _first_withcountry_of(customer.shipping) is not None,
    )


_IN_FRANCE = Address(country="FR")


def _buyer(number: str, *, company: bool) -> Buyer:
    if is_eu(number) and vat_country(number) != "FR":
        return Buyer.REGISTERED
    return Buyer.BUSINESS if company or number else Buyer.CONSUMER


def _first_withcountry_of(*addresses: Address | None) -> Address | None:
    return next((address for address in addresses if address is not None and address.country), None)


def country_of(address: Address | None) -> str:
    """ISO code, "" where nobody says it."""
    return "" if address is None else ISO.get(address.country, address.country)
