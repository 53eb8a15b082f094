"""Error reports, redacted. An error in the log is one; `capture` is for what is not logged as an error."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Literal

import sentry_sdk
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.integrations.modules import ModulesIntegration
from sentry_sdk.integrations.threading import ThreadingIntegration

from bridge.telemetry.redaction import Redactor


def configure_sentry(
    dsn: str | None, environment: str, release: str, role: str, secrets: Iterable[str] = ()
) -> None:
    """Reports errors of this process to Sentry; does nothing without a `dsn`.

    Nothing of a request, no local variable and no command line leaves; texts are redacted as in the log.
    """
    if not dsn:
        return
    redactor = Redactor(secrets)
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        release=release,
        # Personal data are off unless asked for; naming send_default_pii=False is deprecated.
        max_request_body_size="never",
        include_local_variables=False,
        default_integrations=False,  # the default ones add the command line and every outgoing request
        auto_enabling_integrations=False,
        integrations=[
            AtexitIntegration(callback=lambda pending, timeout: None),
            DedupeIntegration(),
            ExcepthookIntegration(),
            LoggingIntegration(level=None, event_level=logging.ERROR),
            ModulesIntegration(),
            ThreadingIntegration(),
        ],
        before_send=redactor.sentry_event,
        before_breadcrumb=lambda crumb, hint: redactor.mapping(crumb),
    )
    sentry_sdk.get_global_scope().set_tag("role", role)


def capture(
    what: BaseException | str,
    *,
    shop: str = "",
    platform: str = "",
    order_key: str = "",
    fingerprint: str = "",
    level: Literal["error", "info"] = "error",
) -> None:
    """Reports one problem to Sentry, grouped by its cause: a thousand orders with one cause are one issue.

    `fingerprint` names the cause. Without it an exception is grouped by where it was raised, a text by itself
    with its numbers left out. `level`: of a text.
    """
    with sentry_sdk.new_scope() as scope:
        for tag, value in (("shop", shop), ("platform", platform), ("order_key", order_key)):
            if value:
                scope.set_tag(tag, value)
        if fingerprint:
            scope.fingerprint = [fingerprint]
        elif isinstance(what, str) or what.__traceback__ is None:
            scope.fingerprint = [type(what).__name__, re.sub(r"\d+", "#", str(what))]
        if isinstance(what, str):
            sentry_sdk.capture_message(what, level=level)
        else:
            sentry_sdk.capture_exception(what)
