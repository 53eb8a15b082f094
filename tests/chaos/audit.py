"""What Facturation.pro must hold in the end: each sale, refund and buyer once, and nothing else."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from tests.builders.sales import Sale


def violations(state: Mapping[str, Any], sales: Iterable[Sale]) -> list[str]:
    """In words, what is wrong with the sandbox's `state` after these sales, all of them acknowledged."""
    found: list[str] = []
    documents: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for document in state["invoices"]:
        documents[document["api_custom"]].append(document)
    wanted: dict[str, Decimal] = {}
    for sale in sales:
        wanted[sale.key] = sale.total
        wanted |= {key: -amount for key, amount in sale.credits.items()}
    for key, total in wanted.items():
        mine = documents.pop(key, [])
        if len(mine) != 1:
            found.append(f"{key}: {len(mine)} documents in place of 1")
        elif mine[0]["invoice_ref"] is None:
            found.append(f"{key}: is still a draft")
        elif Decimal(str(mine[0]["total_with_vat"])) != total:
            found.append(f"{key}: comes to {mine[0]['total_with_vat']}, not to {total}")
    # A killed calibration leaves a draft, which the next one deletes: no order's, and never final.
    orphans = {key: mine for key, mine in documents.items() if not _of_calibration(key, mine)}
    found += [f"{key}: {len(mine)} documents nobody asked for" for key, mine in orphans.items()]
    customers = (each for each in state["customers"] if not _is_calibrations(each.get("api_custom")))
    buyers = Counter(customer["email"] for customer in customers)
    found += [f"{email}: {n} customers" for email, n in buyers.items() if n > 1]
    return found


def _of_calibration(key: str, documents: list[dict[str, Any]]) -> bool:
    return _is_calibrations(key) and all(not each["invoice_ref"] for each in documents)


def _is_calibrations(key: str | None) -> bool:
    return str(key).startswith("bridge:calibration:")
