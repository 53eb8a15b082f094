"""The VAT of an order: which rate, or which reason for none. RefundEvidence by the order, never supposed.

Facts of law: CGI art. 256 ter, 259, 262 I, 262 ter I, 283-2, 293 B, 294; see `docs/`. What cannot be proven
from the order raises NeedsPerson with the missing proof.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from bridge.billing.bands import Band, cut
from bridge.billing.dates import taxed_on
from bridge.billing.exemptions import UNTAXED, exemption_of
from bridge.billing.identifiers import is_eu, vat_country, vat_number
from bridge.billing.mentions import Mention, mention
from bridge.billing.rules import Rules, VatRegime
from bridge.billing.territories import (
    EU_RATES,
    FRENCH_RATES,
    LIKE_FRENCH,
    OVERSEAS_RATES,
    Zone,
    french_rates,
    zone,
)
from bridge.billing.text import percent
from bridge.errors import NeedsPerson
from bridge.orders import Address, Line, LineKind, Order, Supply
from bridge.reasons import Reason, because

REUNION = Decimal("0.085")
BY_NUMBER = frozenset({Mention.INTRA_EU_GOODS, Mention.INTRA_EU_SERVICES})
"""Exempt because of the buyer's VAT number, which the document must show (CGI ann. II, art. 242 nonies A)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vat:
    """`bands`: what to bill, by rate. `exemption`: the legal mention or "". `number`: the VAT number that
    proves it, or "". `country`: ISO code under OSS, else "". `why`: in French, for the accountant.
    """

    bands: tuple[Band, ...]
    exemption: str = ""
    number: str = ""
    country: str = ""
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sale:
    """What VAT depends on, beside the line."""

    on: date
    destination: Address | None
    zone: Zone
    home: Address | None
    home_zone: Zone
    company: bool
    number: str
    goods_shipped: bool
    rules: Rules

    @property
    def country(self) -> str:
        return _country(self.destination)


def assess(order: Order, rules: Rules) -> Vat:
    """The order's bands and mentions. Raises NeedsPerson where a rate or a reason is missing."""
    sale = _sale(order, rules)
    if rules.regime_on(sale.on) is VatRegime.FRANCHISE:
        return _franchise(order, sale)
    oss = rules.oss and sale.zone is Zone.EU
    bands = cut(order.lines, EU_RATES[sale.country] if oss else french_rates(sale.destination))
    country = _oss_country(bands, sale) if oss else ""
    mentions: dict[str, str] = {}
    number = ""
    why: list[str] = []
    for band in bands:
        if band.rate:
            if not country:
                _check_rate(band, sale)
        elif band.gross:
            name, reason = _exemption(band, sale)
            text = mention(name, sale.on, rules.mentions)
            number = sale.number if name in BY_NUMBER else number
            mentions.setdefault(text, f"TVA à 0 % : {reason}. Mention : « {text} ».")
    rates = sorted({band.rate for band in bands if band.rate}, reverse=True)
    if rates:
        charged = ", ".join(percent(rate) for rate in rates)
        law = f"du pays de destination {country} (guichet unique OSS)" if country else "française"
        why.append(f"TVA {law} {charged}, telle que la boutique l'a encaissée.")
    return Vat(
        bands=bands,
        exemption=" ; ".join(mentions),
        number=number,
        country=country,
        why=(*why, *mentions.values()),
    )


def _sale(order: Order, rules: Rules) -> _Sale:
    customer = order.customer
    home = _first_with_country(customer.billing, customer.shipping)
    destination = _first_with_country(customer.shipping, customer.billing)
    shipped = any(line.kind is LineKind.SHIPPING for line in order.lines)
    return _Sale(
        on=taxed_on(order),
        destination=destination,
        zone=zone(destination),
        home=home,
        home_zone=zone(home),
        company=bool(customer.company.strip()),
        number=vat_number(customer),
        goods_shipped=shipped or _first_with_country(customer.shipping) is not None,
        rules=rules,
    )


def _first_with_country(*addresses: Address | None) -> Address | None:
    return next((address for address in addresses if address is not None and address.country), None)


def _franchise(order: Order, sale: _Sale) -> Vat:
    """No VAT at all, and none may have been charged (CGI 293 B, 283-3)."""
    if any(tax.amount for line in order.lines for tax in line.taxes):
        raise NeedsPerson(because("vat_under_franchise", on=sale.on))
    text = mention(Mention.FRANCHISE, sale.on, sale.rules.mentions)
    bands = tuple(Band(line=line, rate=Decimal(0), net=line.gross, gross=line.gross) for line in order.lines)
    why = f"Franchise en base de TVA le {sale.on:%d/%m/%Y} : mention « {text} »."
    return Vat(bands=bands, exemption=text, why=(why,))


def _oss_country(bands: Iterable[Band], sale: _Sale) -> str:
    """The destination, unless the rates are French ones that the destination does not have."""
    rates = {band.rate for band in bands if band.rate}
    french = rates.intersection(FRENCH_RATES).difference(EU_RATES[sale.country])
    if french and french != rates:
        named = ", ".join(percent(rate) for rate in sorted(rates, reverse=True))
        raise NeedsPerson(because("vat_of_two_countries", country=sale.country, rates=named))
    return "" if french or not rates else sale.country


def _check_rate(band: Band, sale: _Sale) -> None:
    """Outside OSS only French rates can be owed."""
    _check_place(band, sale)
    if band.rate not in french_rates(sale.destination):
        code = "rate_not_french_eu" if sale.zone is Zone.EU else "rate_not_french"
        raise NeedsPerson(_line(code, band, rate=percent(band.rate), country=sale.country or "?"))


def _check_place(band: Band, sale: _Sale) -> None:
    """French VAT where none is owed, or not at this rate: what an invoice shows is owed all the same (CGI
    art. 283-3)."""
    told = {tax.country for tax in band.line.taxes if tax.amount and tax.country}
    if foreign := sorted(told - {"FR", "MC"}):
        raise NeedsPerson(_line("vat_of_that_country", band, rate=percent(band.rate), country=foreign[0]))
    # Goods to Northern Ireland are in the One-Stop Shop, under British VAT.
    abroad = sale.zone is Zone.OUTSIDE or (sale.zone is Zone.NORTHERN_IRELAND and sale.rules.oss)
    if abroad and not told and band.rate in LIKE_FRENCH.get(sale.country, ()):
        raise NeedsPerson(_line("vat_of_that_country", band, rate=percent(band.rate), country=sale.country))
    goods = _supply(band.line, sale) is Supply.GOODS
    if goods and sale.zone is Zone.OUTSIDE:
        raise NeedsPerson(_line("vat_on_export", band, rate=percent(band.rate), country=sale.country))
    if goods and sale.zone is Zone.OVERSEAS and band.rate not in OVERSEAS_RATES:
        raise NeedsPerson(_line("vat_of_the_mainland", band, rate=percent(band.rate), country=sale.country))
    if sale.zone is Zone.FRANCE and band.rate == REUNION:
        raise NeedsPerson(_line("vat_of_overseas", band, rate=percent(band.rate)))


def _exemption(band: Band, sale: _Sale) -> tuple[str, str]:
    """The name of the mention of an amount without VAT, and the reason in French."""
    line = band.line
    told = exemption_of(line, sale.rules.exemptions)
    if told and told != Mention.DOMESTIC_EXEMPT:
        return told, f"réglage exemptions de la boutique pour « {line.title} »"
    if line.kind is LineKind.GIFT_CARD:
        return Mention.GIFT_CARD, "carte cadeau vendue, taxée lors de son utilisation"
    if line.kind is LineKind.TIP:
        return Mention.TIP, "pourboire volontaire"
    supply = _supply(line, sale)
    if (sale.home_zone if supply is Supply.SERVICES else sale.zone) is Zone.FRANCE:
        return _domestic(band, sale, told)
    if supply is Supply.GOODS:
        return _goods_abroad(band, sale)
    if supply is Supply.SERVICES:
        return _services_abroad(band, sale)
    if sale.zone is Zone.UNKNOWN:
        raise NeedsPerson(_line("no_country", band))
    raise NeedsPerson(_line("goods_or_services", band, country=sale.country))


def _supply(line: Line, sale: _Sale) -> Supply:
    """Goods or services: the line's word, else the shop's, else that the order is shipped."""
    for told in (line.supply, sale.rules.supply):
        if told is not Supply.UNKNOWN:
            return told
    shipping = line.kind in (LineKind.SHIPPING, LineKind.DUTY)
    return Supply.GOODS if shipping or sale.goods_shipped else Supply.UNKNOWN


def _domestic(band: Band, sale: _Sale, told: str) -> tuple[str, str]:
    """Exempt within France: only where the shop says so and the accountant has written the mention."""
    if not told and band.reason not in UNTAXED:
        raise NeedsPerson(_line("no_vat_in_france", band))
    if not mention(Mention.DOMESTIC_EXEMPT, sale.on, sale.rules.mentions):
        raise NeedsPerson(_line("exempt_without_mention", band))
    return Mention.DOMESTIC_EXEMPT, "exonération en France déclarée par la boutique"


def _goods_abroad(band: Band, sale: _Sale) -> tuple[Mention, str]:
    """Goods leave France: exported, or delivered to a taxable buyer in another member state."""
    place = sale.country
    match sale.zone:
        case Zone.OVERSEAS:
            return Mention.OVERSEAS_EXPORT, "biens expédiés outre-mer, assimilés à une exportation"
        case Zone.OUTSIDE:
            return Mention.EXPORT, f"biens exportés hors de l'Union européenne ({place})"
        case Zone.EU | Zone.NORTHERN_IRELAND:
            number = sale.number
            if is_eu(number) and vat_country(number) != "FR":
                return Mention.INTRA_EU_GOODS, f"livraison intracommunautaire, n° de TVA {number} ({place})"
            raise NeedsPerson(_line("no_vat_number", band, country=place))
        case _:
            raise NeedsPerson(_line("no_country", band))


def _services_abroad(band: Band, sale: _Sale) -> tuple[Mention, str]:
    """Services: a business is taxed where it is; a consumer abroad needs the accountant's word."""
    place = _country(sale.home)
    number = sale.number
    match sale.home_zone:
        case Zone.EU:
            if is_eu(number) and vat_country(number) != "FR":
                return Mention.INTRA_EU_SERVICES, f"service à un assujetti de l'Union, n° de TVA {number}"
            raise NeedsPerson(_line("no_vat_number", band, country=place))
        case Zone.UNKNOWN:
            raise NeedsPerson(_line("no_country", band))
        case Zone.OVERSEAS:
            raise NeedsPerson(_line("service_overseas", band, country=place))
        case _:
            if sale.company:
                return Mention.SERVICES_ABROAD, f"service à une entreprise hors de l'Union ({place})"
            consumer = Mention.CONSUMER_SERVICES_ABROAD
            if mention(consumer, sale.on, sale.rules.mentions):
                return consumer, f"service à un client hors de l'Union ({place}), mention de la boutique"
            raise NeedsPerson(_line("service_to_consumer_abroad", band, country=place))


def _line(code: str, band: Band, **facts: str) -> Reason:
    return because(code, line=band.line.title, **facts)


def _country(address: Address | None) -> str:
    return "" if address is None else {"EL": "GR", "MC": "FR"}.get(address.country, address.country)
