"""The VAT of an order: which rate, or which reason for none. By the order's own evidence, never supposed.

What holds where stands in one table, `places.py`; this reads it for each line. What cannot be proven from the
order raises NeedsPerson with the missing proof; VAT that should not be there, with one of the `QUESTIONS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from bridge.billing.bands import Band, cut
from bridge.billing.exemptions import exemption_of
from bridge.billing.mentions import Mention, mention
from bridge.billing.places import Charge, Proof, Row, Undue, rows_for
from bridge.billing.rules import GiftCards, Rules, Tips, VatRegime
from bridge.billing.situation import ISO, Situation, country_of, situation_of
from bridge.billing.territories import (
    EU_RATES,
    FRENCH_RATES,
    LIKE_FRENCH,
    NORTHERN_IRISH_RATES,
    Zone,
    french_rates,
    zone,
)
from bridge.billing.text import percent
from bridge.errors import NeedsPerson
from bridge.orders import Address, LineKind, Order, Supply, ZeroTaxReason
from bridge.reasons import Reason, because


@dataclass(frozen=True, slots=True, kw_only=True)
class Vat:
    """`bands`: what to bill, by rate. `exemption`: the legal mention or "". `number`: the VAT number that
    proves it, or "". `country`: ISO code under OSS, else "". `exempt`: each mention and the titles of its
    lines. `why`: in French, for the accountant.
    """

    bands: tuple[Band, ...]
    exemption: str = ""
    number: str = ""
    country: str = ""
    exempt: tuple[tuple[str, tuple[str, ...]], ...] = ()
    why: tuple[str, ...] = ()


def assess(order: Order, rules: Rules) -> Vat:
    """The order's bands and mentions. Raises NeedsPerson where a rate or a reason is missing, and where there
    is VAT that should not be."""
    sale = situation_of(order, rules)
    if sale.regime is VatRegime.FRANCHISE and any(tax.amount for line in order.lines for tax in line.taxes):
        raise NeedsPerson(because("vat_under_franchise", on=sale.on))
    bands = cut(order.lines, _known_rates(sale))
    sale = replace(sale, oss=_oss_country(bands, sale))
    mentions: dict[str, str] = {}
    exempt: dict[str, list[str]] = {}
    number = ""
    for band in bands:
        if not band.gross:
            continue
        if band.rate:
            _check_charge(band, sale)
            continue
        name, reason, shows = _exemption(band, sale)
        text = mention(name, sale.on, rules.mentions, rules.law)
        if not text:
            raise NeedsPerson(_line("mention_expired", band, mention=name, on=f"{sale.on}"))
        number = number or (sale.number if shows else "")
        exempt.setdefault(text, []).append(band.line.title)
        mentions.setdefault(text, f"TVA à 0 % : {reason}. Mention : « {text} ».")
    return Vat(
        bands=bands,
        exemption=" ; ".join(mentions),
        number=number,
        country=sale.oss,
        exempt=tuple((text, tuple(titles)) for text, titles in exempt.items()),
        why=(*_charged(bands, sale), *mentions.values()),
    )


def _known_rates(sale: Situation) -> tuple[Decimal, ...]:
    """By which an amount of VAT without a rate is recognised."""
    if sale.rules.oss and sale.zone is Zone.EU:
        return EU_RATES[sale.country]
    return french_rates(sale.destination)


def _oss_country(bands: Iterable[Band], sale: Situation) -> str:
    """The destination, unless the rates are French ones that the destination does not have, or the platform
    itself says that the VAT is French. Raises NeedsPerson for two countries' VAT."""
    there = {Zone.EU: EU_RATES.get(sale.country, ()), Zone.NORTHERN_IRELAND: NORTHERN_IRISH_RATES}
    if not sale.rules.oss or sale.zone not in there:
        return ""
    charged = [band for band in bands if band.rate]
    rates = {band.rate for band in charged}
    french = rates.intersection(FRENCH_RATES).difference(there[sale.zone])
    if french and french != rates:
        named = ", ".join(percent(rate) for rate in sorted(rates, reverse=True))
        raise NeedsPerson(because("vat_of_two_countries", country=sale.country, rates=named))
    told = {country for band in charged for country in _told(band)}
    if french or not rates or told == {"FR"}:
        return ""
    return "XI" if sale.zone is Zone.NORTHERN_IRELAND else sale.country


def _told(band: Band) -> Iterator[str]:
    """Whose VAT the platform says that it is."""
    yield from (ISO.get(tax.country, tax.country) for tax in band.line.taxes if tax.country and tax.amount)


def _check_charge(band: Band, sale: Situation) -> None:
    """The line bears VAT: may it? What a negative line gives back was judged when it was sold."""
    if band.gross < 0:
        return
    if not sale.oss:
        _check_rate(band, sale)
    supply = sale.supply_of(band.line)
    place = sale.place(supply)
    if zone(place) is Zone.UNKNOWN:
        # Whoever leaves an e-mail bought at a distance; without even that it was over a counter.
        if sale.order.customer.email:
            _ask("country_unknown", sale)
        return
    charge = Charge.DESTINATION if sale.oss else Charge.FRENCH
    rows = [row for each in _possible(supply) for row in _rows(each, sale)]
    if any(charge in row.expected for row in rows):
        if zone(place) is Zone.FRANCE and not sale.oss and band.rate not in french_rates(place):
            _ask("overseas_rate", sale, rate=percent(band.rate), country=country_of(place))
        return
    for undue in [row.taxed for row in rows if row.taxed][:1]:
        _ask(_UNDUE[undue], sale, rate=percent(band.rate), country=country_of(place))


_UNDUE: Mapping[Undue, str] = {
    Undue.OVERSEAS_RATE: "overseas_rate",
    Undue.EXPORTED: "vat_on_goods_leaving",
    Undue.REVERSED: "vat_to_eu_business",
    Undue.ABROAD: "vat_on_service_abroad",
}
_LACKING: Mapping[Proof | None, str] = {
    Proof.EXEMPTION: "no_vat_in_france",
    Proof.NUMBER: "no_vat_number",
    Proof.BUSINESS: "service_to_consumer_abroad",
    Proof.ADVICE: "service_overseas",
}


def _ask(kind: str, sale: Situation, **facts: str) -> None:
    """Raises NeedsPerson with one of the `QUESTIONS`, unless a person has answered it for the shop."""
    if kind not in sale.rules.answers:
        order = sale.order
        raise NeedsPerson(because(kind, orders=1, amount=order.total, currency=order.currency, **facts))


def _check_rate(band: Band, sale: Situation) -> None:
    """Outside OSS only French rates can be owed, and only if nobody says that they are another country's."""
    country, rate = sale.country or "?", percent(band.rate)
    if band.rate not in (*FRENCH_RATES, *french_rates(sale.destination)):
        code = "rate_not_french_eu" if sale.zone is Zone.EU else "rate_not_french"
        raise NeedsPerson(_line(code, band, rate=rate, country=country))
    foreign = next((told for told in _told(band) if told != "FR"), "")
    if foreign in EU_RATES:
        _ask("vat_of_another_state", sale, rate=rate, country=foreign)
    abroad = sale.zone is Zone.OUTSIDE and band.rate in LIKE_FRENCH.get(sale.country, ())
    if abroad or (foreign and foreign not in EU_RATES):
        raise NeedsPerson(_line("vat_of_that_country", band, rate=rate, country=foreign or country))


def _rows(supply: Supply, sale: Situation) -> tuple[Row, ...]:
    return rows_for(sale.regime, sale.buyer, supply, zone(sale.place(supply)))


def _possible(supply: Supply) -> tuple[Supply, ...]:
    """What a line may be that nobody calls goods or services."""
    return (Supply.GOODS, Supply.SERVICES) if supply is Supply.UNKNOWN else (supply,)


def _charged(bands: Iterable[Band], sale: Situation) -> tuple[str, ...]:
    rates = sorted({band.rate for band in bands if band.rate}, reverse=True)
    if not rates:
        return ()
    law = f"du pays de destination {sale.oss} (guichet unique OSS)" if sale.oss else "française"
    charged = ", ".join(percent(rate) for rate in rates)
    return (f"TVA {law} {charged}, telle que la boutique l'a encaissée.",)


def _exemption(band: Band, sale: Situation) -> tuple[str, str, bool]:
    """The mention of an amount without VAT, the reason in French, and whether the buyer's number is shown."""
    if sale.regime is VatRegime.NORMAL and (own := _by_kind(band, sale)):
        return (*own, False)
    supply = sale.supply_of(band.line)
    rows = {row.mention: row for each in _possible(supply) for row in _rows(each, sale)}
    place = sale.place(supply)
    if not rows and sale.regime is VatRegime.NORMAL:
        raise NeedsPerson(_line("no_country", band))
    if not rows:
        return Mention.FRANCHISE, _because(Mention.FRANCHISE, sale, place), False
    if len(rows) > 1:
        raise NeedsPerson(_line("goods_or_services", band, country=sale.country))
    (row,) = rows.values()
    undeclared = row.mention is Mention.DOMESTIC_EXEMPT and band.reason not in DECLARED
    if row.mention is Mention.DOMESTIC_EXEMPT and not undeclared and not _known(row.mention, sale):
        raise NeedsPerson(_line("exempt_without_mention", band))
    if undeclared or row.mention is None or (row.untaxed and not _known(row.mention, sale)):
        raise NeedsPerson(_line(_LACKING[row.untaxed], band, country=country_of(place)))
    return row.mention, _because(row.mention, sale, place), row.number


def _known(name: Mention, sale: Situation) -> bool:
    return bool(mention(name, sale.on, sale.rules.mentions, sale.rules.law))


DECLARED = frozenset({ZeroTaxReason.PRODUCT_EXEMPT, ZeroTaxReason.CUSTOMER_EXEMPT, ZeroTaxReason.ZERO_RATED})
"""The shop itself says that it is exempt."""


def _by_kind(band: Band, sale: Situation) -> tuple[str, str] | None:
    """What the shop's own table exempts; gift cards and tips, if they are what the shop says they are."""
    told = exemption_of(band.line, sale.rules.exemptions)
    if told and (told != Mention.DOMESTIC_EXEMPT or sale.zone is Zone.FRANCE):
        return told, f"réglage exemptions de la boutique pour « {band.line.title} »"
    match band.line.kind:
        case LineKind.GIFT_CARD:
            if sale.rules.gift_cards is None:
                _ask("gift_cards_unset", sale)
            if sale.rules.gift_cards is GiftCards.SINGLE:
                raise NeedsPerson(_line("gift_card_untaxed", band))
            return Mention.GIFT_CARD, "carte cadeau vendue, taxée lors de son utilisation"
        case LineKind.TIP:
            if sale.rules.tips is None:
                _ask("tips_unset", sale)
            if sale.rules.tips is Tips.TAXED:
                raise NeedsPerson(_line("tip_untaxed", band))
            return Mention.TIP, "pourboire volontaire"
    return None


def _because(name: Mention, sale: Situation, place: Address | None) -> str:
    country = country_of(place)
    return {
        Mention.FRANCHISE: f"franchise en base de TVA le {sale.on:%d/%m/%Y}",
        Mention.DOMESTIC_EXEMPT: "exonération en France déclarée par la boutique",
        Mention.OVERSEAS_EXPORT: f"biens expédiés outre-mer, assimilés à une exportation ({country})",
        Mention.EXPORT: f"biens exportés hors de l'Union européenne ({country})",
        Mention.INTRA_EU_GOODS: f"livraison intracommunautaire, n° de TVA {sale.number} ({country})",
        Mention.INTRA_EU_SERVICES: f"service à un assujetti de l'Union, n° de TVA {sale.number}",
        Mention.SERVICES_ABROAD: f"service à une entreprise hors de l'Union ({country})",
        Mention.ELECTRONIC_ABROAD: f"service électronique à un particulier hors de l'Union ({country})",
        Mention.CONSUMER_SERVICES_ABROAD: (
            f"service à un client hors de l'Union ({country}), mention de la boutique"
        ),
    }[name]


def _line(code: str, band: Band, **facts: str) -> Reason:
    return because(code, line=band.line.title, **facts)
