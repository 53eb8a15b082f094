"""JSON operations and their OpenAPI 3.1 document, both out of one table.

An `Operation` says what it takes and gives as types; requests are checked against them, answers are written
by them, and the document is generated from them, so that none of the three can say something else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

BODY_BYTES: Final = 64 * 1024
BEARER: Final = "operators"


class Failure(BaseModel):
    """Every answer that is not 2xx. `error`: what is wrong, in words."""

    error: str


class Asked(BaseModel):
    """Base of what a request says: unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Asked):
    """No query, or no body."""


class Refused(Exception):
    """The request is answered with this status and these words."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error


@dataclass(frozen=True, slots=True)
class Call:
    """One request, checked. `key`: what `{key}` or `{id}` of the path stands for, or ""."""

    key: str
    query: Any
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path. `path`: as OpenAPI writes it; `fails`: the statuses of its own, beside 401."""

    method: str
    path: str
    name: str
    summary: str
    run: Callable[[Call], Awaitable[Any]]
    gives: Any
    query: type[Asked] = Nothing
    body: type[Asked] | None = None
    fails: Mapping[int, str] = field(default_factory=dict)

    @property
    def parameter(self) -> str:
        """The name of the path's one parameter, or ""."""
        return self.path.partition("{")[2].partition("}")[0]

    def statuses(self) -> dict[int, str]:
        """Every failure there is, with its meaning."""
        common = {401: "The bearer token is missing or wrong.", 503: "Redis is away."}
        asks = {400: "The request cannot be understood."}
        return dict(sorted((common | asks | dict(self.fails)).items()))

    def route(self) -> Route:
        """The operation as it is served. Keys may hold slashes."""
        adapter: TypeAdapter[Any] = TypeAdapter(self.gives)

        async def endpoint(request: Request) -> Response:
            call = Call(
                key=request.path_params.get(self.parameter, ""),
                query=_read_query(request, self.query),
                body=await _read_body(request, self.body) if self.body else None,
            )
            return Response(adapter.dump_json(await self.run(call)), media_type="application/json")

        path = self.path.replace(f"{{{self.parameter}}}", f"{{{self.parameter}:path}}")
        return Route(path, endpoint, methods=[self.method], name=self.name)


def _read_query(request: Request, model: type[Asked]) -> Asked:
    given = request.query_params.multi_items()
    if len({name for name, _ in given}) < len(given):
        raise Refused(400, "query: a parameter is given twice")
    return _checked(lambda: model.model_validate(dict(given)), "query")


async def _read_body(request: Request, model: type[Asked]) -> Asked:
    kept = b""
    async for chunk in request.stream():
        kept += chunk
        if len(kept) > BODY_BYTES:
            raise Refused(413, f"the body is over {BODY_BYTES} bytes")
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kept and kind != "application/json":
        raise Refused(415, "the body must be application/json")
    return _checked(lambda: model.model_validate_json(kept or b"{}", strict=True), "body")


def _checked(read: Callable[[], Asked], where: str) -> Asked:
    try:
        return read()
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
        path = ".".join([where, *(str(step) for step in first["loc"])])
        raise Refused(400, f"{path}: {first['msg']}") from exc


async def on_refused(_request: Request, exc: Exception) -> Response:
    """The answer to a request that an operation refused."""
    assert isinstance(exc, Refused)
    return JSONResponse({"error": exc.error}, exc.status)


def document(title: str, version: str, operations: Sequence[Operation]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these operations."""
    wanted: list[tuple[tuple[str, str], Any, TypeAdapter[Any]]] = [
        (("failure", ""), "serialization", TypeAdapter(Failure))
    ]
    for each in operations:
        wanted.append(((each.name, "gives"), "serialization", TypeAdapter(each.gives)))
        wanted.append(((each.name, "query"), "validation", TypeAdapter(each.query)))
        if each.body:
            wanted.append(((each.name, "body"), "validation", TypeAdapter(each.body)))
    schemas, shared = TypeAdapter.json_schemas(wanted, ref_template="#/components/schemas/{model}")
    by_name = {name: schema for (name, _mode), schema in schemas.items()}
    models = shared.get("$defs", {})
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _described(each, by_name, models)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "security": [{BEARER: []}],
        "paths": paths,
        "components": {
            "securitySchemes": {BEARER: {"type": "http", "scheme": "bearer"}},
            "schemas": models,
        },
    }


def _described(
    operation: Operation, schemas: Mapping[tuple[str, str], Any], models: Mapping[str, Any]
) -> dict[str, Any]:
    failures = {
        str(status): _answer(meaning, schemas[("failure", "")])
        for status, meaning in operation.statuses().items()
    }
    said: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation), *_query_parameters(models[operation.query.__name__])],
        "responses": {
            "200": _answer(HTTPStatus(200).phrase, schemas[(operation.name, "gives")]),
            **failures,
        },
    }
    if operation.body:
        content = {"application/json": {"schema": schemas[(operation.name, "body")]}}
        needed = any(each.is_required() for each in operation.body.model_fields.values())
        said["requestBody"] = {"required": needed, "content": content}
    return said


def _answer(description: str, schema: Any) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    if not operation.parameter:
        return []
    schema = {"type": "string", "minLength": 1}
    return [{"name": operation.parameter, "in": "path", "required": True, "schema": schema}]


def _query_parameters(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    required = told.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        | ({"description": schema["description"]} if "description" in schema else {})
        for name, schema in told.get("properties", {}).items()
    ]
