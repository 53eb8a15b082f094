"""Reading a request's fields: types, lengths, decimals, enumerations. Strict, with messages in French."""

import re
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from bridge.sandbox.refusals import REQUIRED

Reader = Callable[[object], Any]
Errors = dict[str, list[str]]

NOT_A_NUMBER = "n'est pas un nombre"
NOT_IN_LIST = "n'est pas inclus(e) dans la liste"


class InvalidValue(ValueError):
    """A value its field cannot hold; the message is the vendor-like explanation, in French."""


def text(limit: int | None = None) -> Reader:
    def read(value: object) -> str:
        if not isinstance(value, str):
            raise InvalidValue("n'est pas un texte")
        if limit is not None and len(value) > limit:
            raise InvalidValue(f"est trop long (pas plus de {limit} caractères)")
        return value

    return read


def whole(*, bits: int = 32) -> Reader:
    bound = 1 << (bits - 1)

    def read(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?\d+", value, re.ASCII):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidValue(NOT_A_NUMBER)
        if not -bound <= value < bound:
            raise InvalidValue("est trop grand")
        return value

    return read


def decimal(precision: int, scale: int, *, at_most: int | None = None) -> Reader:
    """A SQL decimal(precision, scale), written with a dot. More decimals than it holds are refused."""

    def read(value: object) -> Decimal:
        if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value, re.ASCII):
            value = Decimal(value)
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise InvalidValue(NOT_A_NUMBER)
        number = Decimal(value)
        if abs(number) >= 10 ** (precision - scale) or (at_most is not None and number > at_most):
            raise InvalidValue("est trop grand")
        if number != round(number, scale):
            raise InvalidValue(f"a trop de décimales ({scale} au plus)")
        return number

    return read


def boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | str) and (flag := {"1": True, "0": False}.get(str(value))) is not None:
        return flag
    raise InvalidValue("n'est pas un booléen")


def day(value: object) -> date:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise InvalidValue("n'est pas une date valide (AAAA-MM-JJ)")


def moment(value: object) -> str:
    try:
        return datetime.fromisoformat(str(value)).isoformat()
    except ValueError as error:
        raise InvalidValue("n'est pas une date valide") from error


def country(value: object) -> str:
    if isinstance(value, str) and re.fullmatch("[A-Z]{2}", value):
        return value
    raise InvalidValue("n'est pas un code pays ISO de deux lettres majuscules")


def one_of(choices: AbstractSet[Any], reader: Reader) -> Reader:
    def read(value: object) -> Any:
        known = reader(value)
        if known not in choices:
            raise InvalidValue(NOT_IN_LIST)
        return known

    return read


def zero_only(reader: Reader) -> Reader:
    """A field that changes amounts by a rule nobody has published: refused rather than simulated wrongly."""

    def read(value: object) -> Any:
        number = reader(value)
        if number:
            raise InvalidValue("n'est pas simulé par le bac à sable")
        return number

    return read


def read_fields(
    body: Mapping[str, object], readers: Mapping[str, Reader], read_only: AbstractSet[str]
) -> tuple[dict[str, Any], Errors]:
    """Typed values of a request body (null stays None), and what is wrong with the rest, by field."""
    values: dict[str, Any] = {}
    errors: Errors = {}
    for name, sent in body.items():
        reader = readers.get(name)
        try:
            if reader is None:
                raise InvalidValue("n'est pas modifiable" if name in read_only else "champ inconnu")
            values[name] = None if sent is None else reader(sent)
        except InvalidValue as refused:
            errors[name] = [str(refused)]
    return values, errors


def require(values: Mapping[str, object], names: Iterable[str], errors: Errors) -> None:
    """Add an error for each named field that has no value (and no error of its own)."""
    for name in names:
        if values.get(name) in (None, "") and name not in errors:
            errors[name] = [REQUIRED]
