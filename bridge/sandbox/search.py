"""Filters, order and pages of a list."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol, TypeVar

from starlette.datastructures import QueryParams

from bridge.sandbox.config import SandboxConfig
from bridge.sandbox.fields import NOT_IN_LIST, InvalidValue, whole
from bridge.sandbox.records import Kept, Shelf
from bridge.sandbox.refusals import InvalidFields

BIG = whole(bits=64)


class Dated(Kept, Protocol):
    """A kept record with the time of its creation."""

    created_at: datetime


Record = TypeVar("Record", bound=Dated)
Choice = TypeVar("Choice")


def whole_parameter(params: QueryParams, name: str) -> int | None:
    """The parameter as a number, None when absent or empty. Raises InvalidFields."""
    if not (sent := params.get(name)):
        return None
    try:
        return int(BIG(sent))
    except InvalidValue as refused:
        raise InvalidFields({name: [str(refused)]}) from refused


def chosen(choices: Mapping[str, Choice], name: str, params: QueryParams) -> Choice:
    """The entry that the parameter names; the entry "" when it is absent. Raises InvalidFields."""
    try:
        return choices[params.get(name, "")]
    except KeyError:
        raise InvalidFields({name: [NOT_IN_LIST]}) from None


def candidates(shelf: Shelf[Record], params: QueryParams, config: SandboxConfig) -> tuple[list[Record], bool]:
    """Records the list starts from, and whether the other filters apply (`ids` silences them).

    `api_id` is looked up in the index. A record younger than the search lag is not found.
    """
    wanted = [
        part for sent in params.getlist("ids") + params.getlist("ids[]") for part in sent.split(",") if part
    ]
    api_id = whole_parameter(params, "api_id")
    found: Iterable[Record]
    if wanted:
        numbers = dict.fromkeys(int(part) for part in wanted if part.strip().isdigit())
        found = [record for number in numbers if (record := shelf.find(number)) is not None]
    elif api_id is not None:
        found = shelf.with_api_id(api_id)
    else:
        found = shelf
    if config.search_lag_seconds:
        newest = config.clock() - timedelta(seconds=config.search_lag_seconds)
        found = [record for record in found if record.created_at <= newest]
    return list(found), not wanted


def contains(sent: str, value: object) -> bool:
    """The vendor's partial match; SQL's collation ignores case."""
    return sent.casefold() in str(value or "").casefold()


def within(day: date | None, params: QueryParams) -> bool:
    """Is the day between `period_start` and `period_end` (each YYYY-MM or YYYY-MM-DD, ends included)?"""
    start, end = params.get("period_start", ""), params.get("period_end", "")
    if not (start or end):
        return True
    if day is None:
        return False
    text = day.isoformat()
    return text[: len(start)] >= start and (not end or text[: len(end)] <= end)


def page_of(records: Sequence[Record], params: QueryParams, per_page: int) -> tuple[Sequence[Record], str]:
    """The page asked for (empty past the end) and the X-Pagination header."""
    page = max(whole_parameter(params, "page") or 1, 1)
    header = {
        "current_page": page,
        "total_pages": -(-len(records) // per_page),
        "per_page": per_page,
        "total_entries": len(records),
    }
    start = (page - 1) * per_page
    return records[start : start + per_page], json.dumps(header, separators=(",", ":"))
