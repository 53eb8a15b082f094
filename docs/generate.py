"""Writes what the code knows into the docs: `python -m docs.generate`.

docs/configuration.md from the settings, docs/vat-table.md from `bridge/billing/places.py`, and the section of
docs/runbook.md about the bridge's own alerts from `bridge/texts/alerts.toml`. tests/test_docs.py fails when
they are not what this writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bridge.alerts.runbook import runbook
from bridge.settings.loading import PREFIX, AlertSettings, FacturationSettings, Settings, ShopSettings
from docs.vat_table import vat_table

PAGE = Path(__file__).parent / "configuration.md"
VAT_TABLE = Path(__file__).parent / "vat-table.md"
RUNBOOK = Path(__file__).parent / "runbook.md"

_HEAD = """\
# Configuration

<!-- Written by `python -m docs.generate` from bridge/settings: change the words below the keys there. -->

The bridge reads `bridge.toml` in the working directory, or the file named by `BRIDGE_CONFIG`.
Every key can also be an environment variable, and the variable wins. Its name: `BRIDGE_` before the key,
`__` between levels, upper case. Lists and tables are written as JSON.
[deploy/bridge.example.toml](../deploy/bridge.example.toml) is a file to copy.

A key that does not exist, a value that cannot work and an unknown `BRIDGE_` variable are errors: the command
ends with status 2 and names each of them. `bridge check` reads the configuration and tries it.

Secrets belong in variables. No command, log or error shows them.

A secret list in a variable is one secret as it stands, or a JSON list of several: `'["new", "old"]'`.
It is never split at commas, because the secrets that WooCommerce makes may hold commas.
A shop's hyphens become underscores in a variable: `BRIDGE_SHOPS__MY_SHOP__SECRETS` is for `[shops.my-shop]`.
"""

_SECTIONS: tuple[tuple[str, str, type[Any], str], ...] = (
    ("At the top of the file", "", Settings, PREFIX),
    (
        "`[facturation]`",
        "The account that invoices are written to.",
        FacturationSettings,
        f"{PREFIX}FACTURATION__",
    ),
    (
        "`[alerts]`",
        "Who is told when something goes wrong, beside Sentry. `bridge alerts test` tries it.",
        AlertSettings,
        f"{PREFIX}ALERTS__",
    ),
    (
        "`[shops.<name>]`",
        "One table for each shop. Its webhooks come to `/webhooks/<name>`.\n"
        "[mapping.md](mapping.md) says what each choice does to the documents.",
        ShopSettings,
        f"{PREFIX}SHOPS__<NAME>__",
    ),
)


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for title, words, model, prefix in _SECTIONS:
        schema = model.model_json_schema()
        words = f"{words} " if words else ""
        parts.append(f"## {title}\n\n{words}Variables: `{prefix}` and the key in upper case.\n")
        parts.append("\n".join(_rows(schema)) + "\n")
    return "\n".join(parts)


def _rows(schema: Mapping[str, Any]) -> Iterator[str]:
    yield "| key | kind | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for name, field in schema["properties"].items():
        if name in ("facturation", "alerts", "shops"):
            continue
        kind = _kind(field, schema.get("$defs", {}))
        default = _default(name, field, required=name in schema.get("required", ()))
        meaning = " ".join(field["description"].split()).replace("|", "\\|")
        yield f"| `{name}` | {kind} | {default} | {meaning} |"


def _kind(field: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """One or two words for what may be written."""
    field = _resolved(field, known)
    if "anyOf" in field:
        kinds = [_kind(each, known) for each in field["anyOf"] if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in field:
        return ", ".join(f"`{choice}`" for choice in field["enum"])
    match field.get("type"), field.get("format"):
        case "string", "password":
            return "secret"
        case "string", "path":
            return "path"
        case "string", _:
            return "text"
        case "integer", _:
            return "whole number"
        case "number", _:
            return "number"
        case "boolean", _:
            return "`true`, `false`"
        case "array", _:
            inside = _resolved(field["items"], known)
            return "list of tables" if inside.get("type") == "object" else f"list of {_kind(inside, known)}s"
        case "object", _:
            return "table"
    raise ValueError(f"no words for {field}")


def _resolved(field: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    return known[field["$ref"].rpartition("/")[2]] if "$ref" in field else field


def _default(name: str, field: Mapping[str, Any], *, required: bool) -> str:
    if required:
        return "**required**"
    if name == "vat_regime":
        return "`normal`"
    value = field.get("default")
    if value is None or value == "" or value == {}:
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


_BEGIN = "<!-- Written by `python -m docs.generate` from bridge/texts/alerts.toml: change it there. -->\n"
_END = "<!-- End of what is written by docs.generate. -->\n"


def with_alerts(runbook: str) -> str:
    """The runbook with its section of alerts as `bridge/texts/alerts.toml` has them.

    Raises ValueError when the runbook has no place for it.
    """
    before, begin, rest = runbook.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError("docs/runbook.md has lost the comments between which the alerts are written")
    return f"{before}{_BEGIN}\n{_alerts()}\n{_END}{after}"


def _alerts() -> str:
    return "\n".join(
        f"### {name}\n\n**{entry.severity.capitalize()}.** {entry.meaning}\n\n"
        f"- Check: {entry.check}\n- Cure: {entry.cure}\n"
        for name, entry in runbook().items()
    )


if __name__ == "__main__":
    VAT_TABLE.write_text(vat_table(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
    RUNBOOK.write_text(with_alerts(RUNBOOK.read_text(encoding="utf-8")), encoding="utf-8")
