"""The platforms. A new one is a file here and a line in `REGISTRY`."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.sources import shopify, stripe, woocommerce
from bridge.sources.base import Source

REGISTRY: Mapping[str, Source] = {source.PLATFORM: source for source in (shopify, stripe, woocommerce)}
