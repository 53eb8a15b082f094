"""What becomes of each topic: handled, ignored with a reason, or a person is told.

https://shopify.dev/docs/api/webhooks lists them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bridge.reasons import Reason, because

PLATFORM: Final = "shopify"
API_VERSION: Final = "2026-07"


def header(headers: Mapping[str, str], name: str) -> str:
    """`X-Shopify-Topic` of webhooks is `Shopify-Topic` of events, and so are all the others:
    https://github.com/Shopify/shopify-app-js/tree/main/packages/apps/shopify-api/lib/webhooks"""
    return headers.get(f"x-shopify-{name}") or headers.get(f"shopify-{name}", "")


SNAPSHOTS = frozenset(
    f"orders/{verb}"
    for verb in ("create", "paid", "updated", "cancelled", "partially_fulfilled", "fulfilled")
)
"""Topics whose body is the whole order."""
ORDER_ID_AT: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(sorted(SNAPSHOTS), ("id",)),
    "orders/delete": ("id",),
    "orders/edited": ("order_edit", "order_id"),
    "refunds/create": ("order_id",),
    "order_transactions/create": ("order_id",),
    "disputes/create": ("order_id",),
    "disputes/update": ("order_id",),
}
HANDLED = frozenset(ORDER_ID_AT)

_QUOTE = because("shopify_draft_order")
_BUYER = because("order_names_buyer")
_CATALOGUE = because("order_names_goods")
_CART = because("nothing_sold_yet")
_DELIVERY = because("delivery_only")
_SETTING = because("shop_setting")
_MONEY = because("money_comes_with_order")
_SUBSCRIPTION = because("instalments_are_orders")
_CRUD = "create update delete"
_IGNORED_BY_RESOURCE: Mapping[str, tuple[str, Reason]] = {
    "draft_orders": (_CRUD, _QUOTE),
    "orders": ("link_requested risk_assessment_changed shopify_protect_eligibility_changed", _MONEY),
    "payment_schedules": ("due", _MONEY),
    "payment_terms": (_CRUD, _MONEY),
    "tender_transactions": ("create", _MONEY),
    "returns": ("approve cancel close decline reopen request update", _MONEY),
    "customers": (f"{_CRUD} enable disable merge purchasing_summary", _BUYER),
    "customer_groups": (_CRUD, _BUYER),
    "customer_payment_methods": ("create revoke update", _BUYER),
    "customers_email_marketing_consent": ("update", _BUYER),
    "customers_marketing_consent": ("update", _BUYER),
    "companies": (_CRUD, _BUYER),
    "company_contacts": (_CRUD, _BUYER),
    "company_contact_roles": ("assign revoke", _BUYER),
    "company_locations": (_CRUD, _BUYER),
    "segments": (_CRUD, _BUYER),
    "carts": ("create update", _CART),
    "checkouts": (_CRUD, _CART),
    "products": (_CRUD, _CATALOGUE),
    "product_listings": ("add remove update", _CATALOGUE),
    "collections": (_CRUD, _CATALOGUE),
    "collection_listings": ("add remove update", _CATALOGUE),
    "discounts": (f"{_CRUD} redeemcode_added redeemcode_removed", _CATALOGUE),
    "variants": ("in_stock out_of_stock", _CATALOGUE),
    "inventory_items": (_CRUD, _CATALOGUE),
    "inventory_levels": ("connect disconnect update", _CATALOGUE),
    "selling_plan_groups": (_CRUD, _CATALOGUE),
    "fulfillments": ("create update", _DELIVERY),
    "fulfillment_events": ("create delete", _DELIVERY),
    "fulfillment_holds": ("added released", _DELIVERY),
    "fulfillment_orders": ("cancelled hold_released moved order_routing_complete placed_on_hold", _DELIVERY),
    "subscription_contracts": ("activate cancel create expire fail pause update", _SUBSCRIPTION),
    "shop": ("update", _SETTING),
    "locations": ("activate create deactivate delete update", _SETTING),
    "markets": (_CRUD, _SETTING),
    "themes": ("create delete publish update", _SETTING),
}
IGNORED: Mapping[str, Reason] = {
    f"{resource}/{verb}": reason
    for resource, (verbs, reason) in _IGNORED_BY_RESOURCE.items()
    for verb in verbs.split()
}
ALARMING: Mapping[str, Reason] = {
    "app/uninstalled": because("shopify_uninstalled", topic="app/uninstalled"),
}
