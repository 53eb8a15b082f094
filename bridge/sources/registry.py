"""The platforms. A new one is a package beside this file and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.keys import EVENT, Key
from bridge.sources import shopify, stripe, woocommerce
from bridge.sources.base import Source
from bridge.sources.privacy import PrivacySource

REGISTRY: Mapping[str, Source] = {source.PLATFORM: source for source in (shopify, woocommerce, stripe)}
"""By the platform's name in keys and in the configuration."""


def privacy_of(order_key: str) -> tuple[PrivacySource, str] | None:
    """Who reads the request about personal data of this key, and its topic; None for every other key."""
    key = Key.parse(order_key)
    source = REGISTRY.get(key.platform)
    privacy = source.PRIVACY if source and key.kind == EVENT else None
    topic = key.id.partition(":")[0]
    return (privacy, topic) if privacy and topic in privacy.TERMS else None
