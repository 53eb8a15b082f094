"""What becomes of each topic: handled, or ignored with a reason. Any other alarms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bridge.reasons import Reason, because

PLATFORM: Final = "woocommerce"
DELETED: Final = "order.deleted"
HANDLED = frozenset({"order.created", "order.updated", "order.restored", DELETED})
_IGNORED_BY_RESOURCE: Mapping[str, tuple[str, Reason]] = {
    "coupon": ("created updated deleted restored", because("order_names_goods")),
    "customer": ("created updated deleted", because("order_names_buyer")),
    "product": ("created updated deleted restored", because("order_names_goods")),
    # WooCommerce Subscriptions: https://woocommerce.com/document/subscriptions/develop/webhooks/
    "subscription": ("created updated deleted switched", because("instalments_are_orders")),
}
IGNORED: Mapping[str, Reason] = {
    f"{resource}.{verb}": reason
    for resource, (verbs, reason) in _IGNORED_BY_RESOURCE.items()
    for verb in verbs.split()
}
