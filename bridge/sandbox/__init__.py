"""A faithful simulator of the Facturation.pro REST API, for demonstrations and tests.

    app = create_sandbox(SandboxConfig(rounding=ROUNDINGS["line3_vat_once"]))
    app.state.sandbox.faults.add(Fault(kind=FaultKind.DROP, method="POST", moment=Moment.AFTER))

Where the vendor documents nothing the sandbox is strict, and SandboxConfig has the switches. Not simulated
(refused): rebates, additional taxes, subsidies. Not there (404): PDF, files, products, categories, quotes.
"""

from bridge.sandbox.app import create_sandbox
from bridge.sandbox.config import PaymentAtCreation, SandboxConfig
from bridge.sandbox.faults import ConnectionDropped, Fault, FaultKind, Moment
from bridge.sandbox.server import serve_sandbox
from bridge.sandbox.state import Sandbox
from bridge.sandbox.totals import ROUNDINGS, SandboxRounding
from bridge.sandbox.transport import SandboxTransport

__all__ = [
    "ROUNDINGS",
    "ConnectionDropped",
    "Fault",
    "FaultKind",
    "Moment",
    "PaymentAtCreation",
    "Sandbox",
    "SandboxConfig",
    "SandboxRounding",
    "SandboxTransport",
    "create_sandbox",
    "serve_sandbox",
]
