"""Where a sale goes, as VAT sees it, and the rates used to recognise a reported tax. Tables only, as of
November 2026.

The rates never price anything: they name the rate behind an amount of VAT that the platform reports.
Territories: directive 2006/112/CE art. 6 and 7; CGI art. 294 for overseas departments.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from bridge.orders import Address


class Zone(StrEnum):
    """Where a place is for French VAT."""

    FRANCE = "france"
    DOM = "dom"
    COM = "com"
    EU = "eu"
    NORTHERN_IRELAND = "northern_ireland"
    OUTSIDE = "outside"
    UNKNOWN = "unknown"


def _rates(*percents: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(percent) / 100 for percent in percents)


MAINLAND_RATES = _rates("20", "10", "5.5", "2.1")
FRENCH_RATES = (*MAINLAND_RATES, *_rates("8.5"))
CORSICAN_RATES = (*MAINLAND_RATES, *_rates("13", "0.9"))
"""CGI art. 278 to 281 nonies; 296 for 8.5 % of Guadeloupe, Martinique and Réunion; 297 for Corsica."""

NORTHERN_IRISH_RATES = _rates("20", "5")
"""British VAT, which goods to Northern Ireland bear under the One-Stop Shop."""

EU_RATES: Mapping[str, tuple[Decimal, ...]] = {
    "AT": _rates("20", "13", "10", "4.9"),  # 4.9 for some food since July 2026
    "BE": _rates("21", "12", "6"),
    "BG": _rates("20", "9"),
    "CY": _rates("19", "9", "5", "3"),
    "CZ": _rates("21", "12"),
    "DE": _rates("19", "7"),
    "DK": _rates("25"),
    "EE": _rates("24", "13", "9"),
    "ES": _rates("21", "10", "4"),
    "FI": _rates("25.5", "13.5", "10"),
    "GR": _rates("24", "13", "6"),
    "HR": _rates("25", "13", "5"),
    "HU": _rates("27", "18", "5"),
    "IE": _rates("23", "13.5", "9", "4.8"),
    "IT": _rates("22", "10", "5", "4"),
    "LT": _rates("21", "12", "5"),
    "LU": _rates("17", "14", "8", "3"),
    "LV": _rates("21", "12", "5"),
    "MT": _rates("18", "12", "7", "5"),
    "NL": _rates("21", "9"),
    "PL": _rates("23", "8", "5"),
    "PT": _rates("23", "13", "6"),
    "RO": _rates("21", "11"),
    "SE": _rates("25", "12", "6"),
    "SI": _rates("22", "9.5", "5"),
    "SK": _rates("23", "19", "5"),
}

LIKE_FRENCH: Mapping[str, tuple[Decimal, ...]] = {
    **dict.fromkeys(("GB", "XI", "IM", "UA", "AL", "AM", "MD"), _rates("20")),
    **dict.fromkeys(("TR", "RS", "MA", "BY", "RU"), _rates("20", "10")),
    **dict.fromkeys(("AU", "JP", "KR", "VN"), _rates("10")),
    "US": _rates("10", "8.5"),
}
"""Countries outside the EU whose own rates can be taken for French ones: shops may be registered there."""

_DOM = frozenset({"GP", "MQ", "GF", "RE", "YT"})
_COM = frozenset({"PM", "BL", "MF", "NC", "PF", "WF", "TF"})
"""The five departments overseas (CGI art. 294), and what is outside the Union's VAT altogether."""

_SPECIAL: Mapping[str, tuple[tuple[tuple[str, ...], Zone], ...]] = {
    "FR": (
        (("97133", "97150", "975", "977", "978", "984", "986", "987", "988"), Zone.COM),
        (("97",), Zone.DOM),
    ),
    "ES": ((("35", "38", "51", "52"), Zone.OUTSIDE),),  # Canary Islands, Ceuta, Melilla
    "FI": ((("22",), Zone.OUTSIDE),),  # Åland
    "IT": ((("23041", "22061"), Zone.OUTSIDE),),  # Livigno, Campione d'Italia
    "DE": ((("78266", "27498"), Zone.OUTSIDE),),  # Büsingen, Helgoland
    "GR": ((("63086", "63087"), Zone.OUTSIDE),),  # Mount Athos
    "GB": ((("BT",), Zone.NORTHERN_IRELAND),),
}
"""Country → beginnings of postcodes that are elsewhere for VAT."""


def zone(address: Address | None) -> Zone:
    """The zone of an address; UNKNOWN without a country."""
    if address is None or not address.country:
        return Zone.UNKNOWN
    country = {"EL": "GR", "MC": "FR"}.get(address.country, address.country)
    postcode = address.postcode.replace(" ", "").upper()
    for beginnings, special in _SPECIAL.get(country, ()):
        if postcode.startswith(beginnings):
            return special
    if country == "FR":
        return Zone.FRANCE
    if country in _DOM:
        return Zone.DOM
    if country in _COM:
        return Zone.COM
    if country == "XI":
        return Zone.NORTHERN_IRELAND
    return Zone.EU if country in EU_RATES else Zone.OUTSIDE


def french_rates(address: Address | None) -> tuple[Decimal, ...]:
    """The French rates that hold where a sale goes."""
    place = zone(address)
    if address and place is Zone.FRANCE:
        return CORSICAN_RATES if address.postcode.strip().startswith("20") else MAINLAND_RATES
    return FRENCH_RATES
