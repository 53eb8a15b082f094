"""The lines of an invoice: reading them, and editing those of a draft."""

from collections.abc import Callable, Sequence
from typing import Any

from bridge.sandbox.columns import ITEM_READ_ONLY, ITEM_READERS
from bridge.sandbox.fields import Errors, read_fields, require
from bridge.sandbox.records import BLANK_ITEM, Item

NO_LINE = {"items": ["doit contenir au moins une ligne"]}
MANDATORY = ("title", "quantity", "unit_price", "vat")


def edited_lines(
    existing: Sequence[Item], sent: object, *, new_id: Callable[[], int], accept_negative: bool
) -> tuple[list[Item], Errors]:
    """The lines after an edit, by position, and the errors (`items.<field>`). `existing` is untouched.

    A list without any `id` replaces all lines. With ids, named lines are changed (or deleted by `_destroy`),
    lines without id are added and the others stay.
    """
    if not isinstance(sent, list) or not all(isinstance(line, dict) for line in sent):
        return [], {"items": ["doit être une liste de lignes"]}
    errors: Errors = {}
    replaces = not any(line.get("id") for line in sent)
    lines: dict[int, Item] = {} if replaces else {item.id: item for item in existing}
    for line in sent:
        values, refused = read_fields(line, ITEM_READERS, ITEM_READ_ONLY)
        item_id = values.pop("id", None)
        destroyed = values.pop("_destroy", False)
        if item_id is not None and item_id not in lines:
            refused["id"] = ["est inconnu"]
        elif destroyed:
            lines.pop(item_id, None)
        else:
            kept = lines[item_id].values if item_id is not None else BLANK_ITEM
            item = Item(id=item_id or new_id(), values=kept | values)
            refused |= _refusals(item.values, refused, accept_negative=accept_negative)
            lines[item.id] = item
        errors |= {f"items.{name}": messages for name, messages in refused.items()}
    if not lines and not errors:
        errors = dict(NO_LINE)
    return sorted(lines.values(), key=_position), errors


def _refusals(values: dict[str, Any], refused: Errors, *, accept_negative: bool) -> Errors:
    errors = dict(refused)
    require(values, MANDATORY, errors)
    if not accept_negative:
        for name in ("quantity", "unit_price"):
            if name not in errors and values[name] < 0:
                errors[name] = ["doit être supérieur ou égal à 0"]
    return errors


def _position(item: Item) -> tuple[bool, int]:
    position = item.values["position"]
    return position is None, position or 0
