"""What an operator decides: one TOML file, overridden by environment variables.

The file is the one named by `BRIDGE_CONFIG`, else `bridge.toml` in the working directory, else none. Each key
is also a variable: prefix `BRIDGE_`, `__` between levels, upper case (`BRIDGE_FACTURATION__API_KEY`); lists
and tables are written as JSON. Nothing is read at import: `load_settings` is given the environment. The keys
themselves are in `keys.py` and `shops.py`, what they may look like in `values.py`.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource, SettingsError

from bridge.errors import ConfigurationError
from bridge.settings.keys import AlertSettings, FacturationSettings, Settings
from bridge.settings.shops import RegimeSince, ShopSettings
from bridge.settings.values import Table, shown

__all__ = ["AlertSettings", "FacturationSettings", "Settings", "ShopSettings", "load_settings"]

PREFIX = "BRIDGE_"


class _Environment(EnvSettingsSource):
    """pydantic-settings' reading of variables, over a mapping that is handed in."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._given = {name.lower(): value for name, value in environ.items() if value}
        super().__init__(Settings, env_prefix=PREFIX, env_nested_delimiter="__")  # type: ignore[arg-type]

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._given


def load_settings(environ: Mapping[str, str], cwd: Path) -> Settings:
    """The settings of this environment. A relative `data_dir` is meant from where the file is, or from `cwd`.

    Raises ConfigurationError with one line per problem: key, what is wrong, cure.
    """
    path, written = _read_file(environ, cwd)
    problems = _unknown_variables(environ)
    try:
        overrides = _Environment(environ)()
    except SettingsError as exc:
        raise ConfigurationError(
            *problems, f"{_variable_in(exc, environ)}: is not JSON; quote it once more"
        ) from exc
    _meet_hyphens(overrides, written)
    try:
        settings = Settings(**_overlay(written, overrides))
    except ValidationError as exc:
        if path is None:
            problems.append(
                f"{cwd / 'bridge.toml'}: there is none; write one, or name yours in BRIDGE_CONFIG"
            )
        errors = exc.errors(include_url=False)
        raise ConfigurationError(*problems, *(_problem(error, environ) for error in errors)) from None
    if problems:
        raise ConfigurationError(*problems)
    return settings.model_copy(update={"data_dir": (path.parent if path else cwd) / settings.data_dir})


def _read_file(environ: Mapping[str, str], cwd: Path) -> tuple[Path | None, dict[str, Any]]:
    named = environ.get("BRIDGE_CONFIG")
    path = cwd / (named or "bridge.toml")
    if not named and not path.exists():
        return None, {}
    try:
        return path, tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as exc:
        raise ConfigurationError(f"{path}: is not TOML: {exc}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigurationError(f"{path}: is not UTF-8 (byte {exc.start}); save it as UTF-8") from exc
    except OSError as exc:
        why = exc.strerror or str(exc)
        source = "BRIDGE_CONFIG names it" if named else "it is in the working directory"
        raise ConfigurationError(f"{path}: cannot be read ({why}), and {source}") from exc


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {"BRIDGE_CONFIG"}
    problems = []
    for name in sorted(environ):
        first = name.upper().split("__")[0]
        if first.startswith(PREFIX) and first not in known:
            # Without the prefix, which all names share and would make any two of them look alike.
            close = difflib.get_close_matches(
                first[len(PREFIX) :], [each[len(PREFIX) :] for each in known], n=1
            )
            hint = f"did you mean {PREFIX}{close[0]}?" if close else "remove it"
            problems.append(f"{name}: unknown variable; {hint}")
    return problems


def _variable_in(error: SettingsError, environ: Mapping[str, str]) -> str:
    field = re.search(r'"(\w+)"', str(error))
    head = PREFIX + (field.group(1).upper() if field else "")
    return next((name for name in sorted(environ) if name.upper().startswith(head)), head)


def _meet_hyphens(overrides: dict[str, Any], written: Mapping[str, Any]) -> None:
    """A variable's name has no hyphen: `MY_SHOP` means the file's `my-shop` where there is no `my_shop`."""
    shops, in_file = overrides.get("shops"), written.get("shops")
    if not isinstance(shops, dict) or not isinstance(in_file, dict):
        return
    spelled = {name.replace("-", "_"): name for name in in_file}
    for name in [name for name in shops if name not in in_file and name in spelled]:
        shops[spelled[name]] = shops.pop(name)


def _overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _overlay(old or {}, value) if both else value
    return merged


_WHOLE_TABLE = {
    "facturation": "missing; add a [facturation] table with firm_id, api_id, api_key and contact",
    "shops": "no shop; add a [shops.<name>] table with platform and secrets",
}


def _problem(error: ErrorDetails, environ: Mapping[str, str]) -> str:
    """One line for a person: the key, what is wrong with it, how to mend it; never a secret's value."""
    where = tuple(str(step) for step in error["loc"])
    key, variable = ".".join(where), PREFIX + "__".join(where).upper()
    kind, context = error["type"], error.get("ctx", {})
    if where[-1] == "[key]" and len(where) == 3:
        return f"{where[0]}.{where[1]}: a shop's name is made of a-z, 0-9, _ and -, at most 40"
    if where[-1] == "[key]":
        return f"{'.'.join(where[:-2])}: {shown(where[-2])} is none of {_choices(context)}"
    if kind in ("missing", "too_short") and key in _WHOLE_TABLE:
        return f"{key}: {_WHOLE_TABLE[key]}"
    if kind == "missing":
        return f"{key}: missing; set it in the file or as {variable}"
    if kind == "extra_forbidden":
        return f"{key}: unknown key{_where_it_belongs(where)}"
    if kind in ("enum", "literal_error"):
        said = f"{shown(error['input'])} is none of {_choices(context)}"
    elif kind == "string_pattern_mismatch":
        said = _PATTERNS.get(where[-1], "is not written as it should be")
    elif kind in _KINDS:
        said = _KINDS[kind].format(**context)
    else:
        said = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    came_from = " (from the environment)" if any(name.upper() == variable for name in environ) else ""
    return f"{key}: {said}{came_from}"


def _choices(context: Mapping[str, Any]) -> str:
    return str(context["expected"]).replace("'", "").replace(" or ", ", ")


_PATTERNS = {
    "api_id": "must be ASCII without spaces or colons, as Facturation.pro shows it",
    "language": 'must be two small letters, like "fr", or empty for the buyer\'s own',
}


_KINDS = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text: put it between quotes",
    "path_type": "must be text: put it between quotes",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "model_type": "must be a table of keys, under a heading in brackets",
    "dict_type": "must be a table of keys",
    "tuple_type": "must be a list: [ … ]",
}
"""pydantic's words are for programmers."""


_PLACES: Mapping[type[Table], str] = {
    Settings: "at the top of the file, before the first [table]",
    FacturationSettings: "in [facturation]",
    AlertSettings: "in [alerts]",
    ShopSettings: "in a [shops.<name>] table",
}


def _where_it_belongs(where: tuple[str, ...]) -> str:
    level, name = where[:-1], where[-1]
    tables: dict[str, type[Table]] = {
        "facturation": FacturationSettings,
        "alerts": AlertSettings,
        "shops": ShopSettings,
    }
    here = RegimeSince if "vat_regime" in level else tables[level[0]] if level else Settings
    for table, place in _PLACES.items():
        if table is not here and name in table.model_fields:
            return f"; it belongs {place}"
    close = difflib.get_close_matches(name, sorted(here.model_fields), n=1)
    return f"; did you mean {close[0]}?" if close else "; remove it"
