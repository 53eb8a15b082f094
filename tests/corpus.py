"""What every file of ../shared/payloads becomes: `python -m tests.corpus` prints the table.

The payloads are under mixed licences and stay outside the project; without them there is nothing to print.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from bridge.billing.rules import Rules, TestOrders
from bridge.desk.preview import Preview, preview
from bridge.sources.registry import REGISTRY
from bridge.texts import text_of

PAYLOADS = Path(__file__).parents[2] / "shared" / "payloads"
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
RULES = Rules(test_orders=TestOrders.INVOICE)
"""Most of the corpus comes from development shops: their test orders are looked at too."""

TOPICS: Mapping[str, Mapping[str, str]] = {
    "shopify": {
        "companies": "companies/create",
        "customer": "customers/update",
        "orders_delete": "orders/delete",
    },
    "woocommerce": {"customer": "customer.updated", "webhook": "product.updated"},
}
"""The topic of a file, by the beginning of its name, where its shape does not tell it."""


def topic_of(platform: str, name: str) -> str:
    """The topic that fits the file, or "" where its shape tells."""
    known = TOPICS.get(platform, {})
    return next((topic for start, topic in known.items() if name.startswith(start)), "")


def previews(rules: Rules = RULES) -> Iterator[tuple[str, Preview]]:
    """Every payload file and what it alone becomes."""
    for path in sorted(PAYLOADS.glob("*/*.json")):
        platform = path.parent.name
        body = path.read_bytes()
        result = preview(REGISTRY[platform], "corpus", rules, body, NOW, topic_of(platform, path.stem))
        yield f"{platform}/{path.stem}", result


def main() -> None:
    """Prints one line a file."""
    for name, result in previews():
        documents = result.documents
        shown = []
        if documents and documents.invoice:
            lines = len(documents.invoice.lines)
            shown.append(f"invoice {documents.invoice.total} {documents.invoice.currency}, {lines} line(s)")
        if documents:
            shown += [f"credit note {note.total}" for note in documents.credit_notes]
        print(json.dumps([name, text_of(result.verdict), *shown], ensure_ascii=False))


if __name__ == "__main__":
    main()
