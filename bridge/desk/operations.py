"""Everything that people ask of the desk, in one table: terminal, `/api` and console are faces of it.

A method of the desk becomes a line of the table by `@operation`. Faces check what they are asked, and write
what they answer, by the types in its signature; its docstring is what people read of it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from inspect import Parameter, signature
from typing import Annotated, Any, Final, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    create_model,
)
from typing_extensions import TypedDict

from bridge.desk.values import State

CURSOR: Final = r"^([0-9]{1,16} \S.*)?$"


def _state(given: str) -> str:
    if given and given not in list(State):
        raise ValueError(f"{given} is none of {', '.join(State)}")
    return given


def _cursor(given: str) -> str:
    if not re.fullmatch(CURSOR, given):
        raise ValueError(f"{given} is none that a page ended with")
    return given


def _written(value: object) -> object:
    """pydantic would also take a number for a time."""
    if value in (None, "null"):
        return None
    if not isinstance(value, datetime) and not re.match(r"\d{4}-\d\d-\d\d[Tt ]", str(value)):
        raise ValueError("write 2026-11-22T03:00:00Z")
    return value


Since = Annotated[AwareDatetime | None, BeforeValidator(_written), Field(description="Not older than this.")]
Until = Annotated[AwareDatetime | None, BeforeValidator(_written), Field(description="Not newer than this.")]
StateName = Annotated[
    str,
    AfterValidator(_state),
    Field(description="In this state only.", json_schema_extra={"enum": ["", *State]}),
]
ShopName = Annotated[str, Field(pattern="^[a-z0-9_-]{0,40}$", description="Of this shop only.")]
Topic = Annotated[str, Field(max_length=100, description="With this topic only.")]
Query = Annotated[
    str,
    Field(
        max_length=300,
        description="Number, key, document number, customer, or an e-mail or its SHA-256; whole.",
    ),
]
Cursor = Annotated[
    str,
    AfterValidator(_cursor),
    Field(description="Of the page before; empty: the first.", json_schema_extra={"pattern": CURSOR}),
]
Limit = Annotated[int, Field(ge=1, le=1000, description="Rows on a page.")]
Who = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=40),
    Field(description="Who does it; kept with the order."),
]
Because = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    Field(pattern=r"\S", description="Why; kept with the order."),
]
RefundId = Annotated[
    str, Field(min_length=1, max_length=200, description="The refund's id, as the story has it.")
]
DocumentNumber = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=60),
    Field(description="A document's number, as Facturation.pro prints it."),
]
DryRun = Annotated[StrictBool, Field(description="Only show what the balance would be.")]
EventIds = Annotated[Sequence[str], Field(max_length=500, description="Event ids, as lists show them.")]
FailedOnly = Annotated[StrictBool, Field(description="Only what asks for attention or failed.")]


class Asked(BaseModel):
    """What an operation is asked: unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Operation:
    """One line of the table.

    `path`: under /api; `about`: the name in it of the order or event that the operation is about, or "".
    `under`: the name of the only thing that it gives, "" when it gives an object. `acts`: it changes
    something, and is written down.
    """

    name: str
    path: str
    about: str
    summary: str
    asked: type[Asked]
    gives: Any
    under: str
    acts: bool
    function: Callable[..., Awaitable[Any]]

    async def run(self, desk: Any, key: str, asked: Asked) -> Any:
        """What it gives. `key`: of what it is about, or "". Raises NotDone."""
        about = (key,) if self.about else ()
        found = await self.function(desk, *about, **dict(asked))
        return {self.under: found} if self.under else found


OPERATIONS: Final[dict[str, Operation]] = {}
"""The table, by name."""

Method = TypeVar("Method", bound=Callable[..., Awaitable[Any]])


def operation(
    name: str, path: str, *, acts: bool = False, under: str = "", leaving: str = ""
) -> Callable[[Method], Method]:
    """Writes a method into the table. `leaving`: a parameter that is not for faces."""

    def register(method: Method) -> Method:
        about = path.partition("{")[2].partition("}")[0]
        _desk, *parameters = signature(method, eval_str=True).parameters.values()
        fields: dict[str, Any] = {
            each.name: (each.annotation, ... if each.default is Parameter.empty else each.default)
            for each in parameters[bool(about) :]
            if each.name != leaving
        }
        gives = signature(method, eval_str=True).return_annotation
        OPERATIONS[name] = Operation(
            name=name,
            path=path,
            about=about,
            summary=(method.__doc__ or "").partition("\n\n")[0],
            asked=create_model(f"{name}_asked", __base__=Asked, **fields),
            gives=TypedDict(name, {under: gives}) if under else gives,  # type: ignore[operator]
            under=under,
            acts=acts,
            function=method,
        )
        return method

    return register
