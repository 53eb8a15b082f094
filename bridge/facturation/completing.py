"""A customer's record that a person made, beside the buyer as sold: its blanks, and what it says otherwise.

Pure. Their words are never replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.billing.drafts import CustomerDraft
from bridge.facturation.fields import Fields, api_id_of, customer_fields
from bridge.facturation.records import CustomerRecord

PARTS: Mapping[str, tuple[str, ...]] = {
    "company": ("company_name",),
    "person": ("first_name", "last_name"),
    "address": ("street", "zip_code", "city", "country"),
    "vat_number": ("vat_number",),
    "siret": ("siret",),
    "phone": ("phone",),
}
"""Part → its fields: half of one address and half of another are no address."""
UNSAID = frozenset({"phone"})
"""Parts that no document has to say."""


@dataclass(frozen=True, slots=True)
class Completion:
    """`blanks`: what is to be written into the record. `differs`: the parts that it says otherwise."""

    blanks: Fields
    differs: tuple[str, ...]


def completion(record: CustomerRecord, draft: CustomerDraft) -> Completion:
    """What the order knows of its buyer that the record lacks or says otherwise."""
    wanted = customer_fields(draft)
    blanks: Fields = {}
    differs = []
    for part, names in PARTS.items():
        there = {name: record.texts.get(name, "") for name in names}
        told = {name: str(wanted.get(name, "")) for name in names}
        if any(there[name] and told[name] and not _same(there[name], told[name]) for name in names):
            differs += [part] if part not in UNSAID else []
        else:
            blanks |= {name: told[name] for name in names if told[name] and not there[name]}
    return Completion(blanks, tuple(differs))


def is_ours(record: CustomerRecord) -> bool:
    """It bears the two names that every record of the bridge bears."""
    return bool(record.api_custom) and record.api_id == api_id_of(record.api_custom)


def _same(one: str, other: str) -> bool:
    """Spacing, signs and capitals aside; a SIRET begins with its SIREN."""
    short, long = sorted((_letters(one), _letters(other)), key=len)
    return short == long or (long.isdigit() and len(long) == 14 and short == long[:9])


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())
