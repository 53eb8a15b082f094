"""What a thousand orders have in common: the reason of each, without what is its own. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

GAP: Final = "…"
_OWN: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"\S+@\S+",  # an address
        r"(?<!\w)'(?:[^'\\]|\\.)*'(?!\w)",  # a quoted name; an apostrophe has a letter before it
        r'(?<!\w)"(?:[^"\\]|\\.)*"(?!\w)',
        r"(?<!\w)\w+:[\w-]+:\w+:[^\s,;]+",  # a key
        r"[^\s(),;:]*\d[^\s(),;]*",  # an amount, a date, an id
    )
)
_GAPS: Final = re.compile(rf"{GAP}(?:[\s,]*{GAP})+")


def cause_of(reason: str, names: Sequence[str] = ()) -> str:
    """`reason` without numbers, amounts, keys, addresses and quoted names; `names`: the order's own, left out
    wherever they stand. Two orders with one cause get the same words, and nothing personal is in them."""
    words = reason
    for name in sorted((name for name in names if name), key=len, reverse=True):
        words = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", GAP, words)
    for own in _OWN:
        words = own.sub(GAP, words)
    words = " ".join(words.split())
    words = _GAPS.sub(GAP, words)
    return words.removeprefix(f"order {GAP}: ").strip()


def digest_of(cause: str) -> str:
    """A short, stable name for a cause."""
    return hashlib.sha256(cause.encode()).hexdigest()[:12]
