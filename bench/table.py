"""What a part of the bench found, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

Cell = str | float | int | None


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that is promised. `at_least`, or else at most."""

    name: str
    value: float
    required: float
    goal: float
    at_least: bool = True

    @property
    def verdict(self) -> str:
        """goal, required or missed."""
        sign = 1 if self.at_least else -1
        if sign * self.value >= sign * self.goal:
            return "goal"
        return "required" if sign * self.value >= sign * self.required else "missed"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; `goals` are what matters in them."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    goals: Sequence[Goal] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Rows as objects."""
        rows = [dict(zip(self.headings, row, strict=True)) for row in self.rows]
        goals = [{**asdict(goal), "verdict": goal.verdict} for goal in self.goals]
        return {"title": self.title, "rows": rows, "goals": goals}
