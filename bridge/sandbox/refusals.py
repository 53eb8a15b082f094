"""The ways the API says no."""

from collections.abc import Mapping, Sequence

REQUIRED = "doit être rempli(e)"


class Refusal(Exception):
    """A request that is answered with `status` and a JSON `body`."""

    def __init__(self, status: int, body: Mapping[str, object]) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body


class InvalidFields(Refusal):
    """422: each field with what is wrong with it."""

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        super().__init__(422, {"errors": errors})


class RecordNotFound(Refusal):
    """404."""

    def __init__(self) -> None:
        super().__init__(404, {"error": "The record could not be found"})
