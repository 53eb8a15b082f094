"""Carrying one step out, exactly once, against an API that knows no idempotency keys.

The protocol (`protocol.py`) is around every create and refund; `customers.py` and `documents.py` say what is
looked up and what is sent; `actor.py` chooses between them.
"""

from bridge.act.actor import Actor
from bridge.act.customers import fence_of
from bridge.act.protocol import Api, BeforeSend, Clock, Ledger, Run

__all__ = ["Actor", "Api", "BeforeSend", "Clock", "Ledger", "Run", "fence_of"]
