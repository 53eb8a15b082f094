"""Questions that are the same for all orders of a shop: asked once, answered once."""

from __future__ import annotations

from typing import Final

QUESTIONS: Final = frozenset(
    {
        "vat_of_another_state",
        "vat_on_goods_leaving",
        "vat_to_eu_business",
        "vat_on_service_abroad",
        "overseas_rate",
        "country_unknown",
        "gift_cards_unset",
        "tips_unset",
    }
)
"""The codes of their reasons. Among the facts: `orders`, how many raise it; `amount`, what these come to."""
