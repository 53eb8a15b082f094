"""VAT numbers and SIRET: what the shop wrote down, kept only when it is well made and fits the country.

The check is of form and digits (python-stdnum), not of existence: VIES is not asked.
"""

from __future__ import annotations

from stdnum import get_cc_module
from stdnum.eu import vat as eu_vat
from stdnum.exceptions import ValidationError
from stdnum.fr import siren as fr_siren
from stdnum.fr import siret as fr_siret

from bridge.orders import Customer

_VAT_PREFIXES = {
    "GR": ("EL",),
    "GB": ("GB", "XI"),
    **dict.fromkeys(("MC", "GP", "MQ", "GF", "RE", "YT"), ("FR",)),
}
_EU_COUNTRY = {"EL": "GR"}


def countries(customer: Customer) -> tuple[str, ...]:
    """The countries of the buyer's addresses, billing first."""
    found = [address.country for address in (customer.billing, customer.shipping) if address is not None]
    return tuple(dict.fromkeys(country for country in found if country))


def vat_number(customer: Customer) -> str:
    """The VAT number with its prefix, if it is valid and of one of the buyer's countries; else ""."""
    written = "".join(char for char in customer.vat_number.upper() if char.isalnum())
    if not written:
        return ""
    for country in countries(customer):
        prefixes = _VAT_PREFIXES.get(country, (country,))
        candidate = written if written.startswith(prefixes) else prefixes[0] + written.removeprefix(country)
        if _valid(candidate):
            return candidate
    return ""


def _valid(number: str) -> bool:
    try:
        if number[:2] in _EU_PREFIXES:
            eu_vat.validate(number)
            return True
        module = get_cc_module(number[:2].lower(), "vat")
        if module is None:
            return False
        module.validate(number)
    except ValidationError:
        return False
    return True


_EU_PREFIXES = frozenset(code.upper() for code in eu_vat.MEMBER_STATES) | {"EL", "XI"}


def vat_country(number: str) -> str:
    """ISO country of a VAT number with prefix."""
    return _EU_COUNTRY.get(number[:2], number[:2])


def is_eu(number: str) -> bool:
    """The number is one of a member state, or of Northern Ireland."""
    return number[:2] in _EU_PREFIXES


def siret(customer: Customer) -> str:
    """The valid SIRET, else the valid SIREN, also the one inside a French VAT number; else ""."""
    written = "".join(char for char in customer.siret if char.isalnum())
    if fr_siret.is_valid(written):
        return str(fr_siret.compact(written))
    if fr_siren.is_valid(written):
        return str(fr_siren.compact(written))
    number = vat_number(customer)
    if number.startswith("FR") and fr_siren.is_valid(number[4:]):
        return number[4:]
    return ""
