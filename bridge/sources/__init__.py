"""The platforms. A new one is a file here and a line in `REGISTRY`."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.sources import shopify, stripe, woocommerce
from bridge.sources.base import Source
from bridge.sources.privacy import PrivacySource
from bridge.sources.shopify import privacy as shopify_privacy

REGISTRY: Mapping[str, Source] = {source.PLATFORM: source for source in (shopify, stripe, woocommerce)}
PRIVACY: Mapping[str, PrivacySource] = {shopify.PLATFORM: shopify_privacy}
"""The platforms that pass on requests about personal data."""
