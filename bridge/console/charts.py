"""The overview's charts: a bar for each hour, as pure geometry that `parts.html` draws as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

STEPS: Final = (1, 2, 2.5, 5, 10)
HOURS_APART: Final = 6
"""So many hours lie between two that are written under the bars."""


@dataclass(frozen=True, slots=True)
class Bar:
    """`x` and `width` of the hour's room, `y` and `height` of the bar in it; `title`: what it stands for."""

    x: float
    width: float
    y: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`WIDTH` × `HEIGHT` units; the bars stand right of `LEFT`, between `TOP` and `GROUND`.

    `alt`: all of it in words. `grid`: a line at y, with its label; `hours`: a label at x.
    """

    WIDTH: ClassVar = 520
    HEIGHT: ClassVar = 152
    LEFT: ClassVar = 56
    TOP: ClassVar = 10
    GROUND: ClassVar = 126

    alt: str
    grid: tuple[tuple[float, str], ...]
    bars: tuple[Bar, ...]
    hours: tuple[tuple[float, str], ...]

    @classmethod
    def of(
        cls,
        hours: Sequence[tuple[str, float | None]],
        said: Callable[[float], str],
        alt: str,
        least: float = 0,
    ) -> Chart:
        """Hour and value, oldest first; an hour without a value has no bar.

        `said`: a value in words. `least`: the axis goes to this at least.
        """
        top = max(least, ceiling(max((value for _, value in hours if value is not None), default=0)))
        room = (cls.WIDTH - cls.LEFT) / max(1, len(hours))
        bars, labels = [], []
        for i, (hour, value) in enumerate(hours):
            x = cls.LEFT + i * room
            if value:
                y = cls._y(value / top)
                title = f"{hour} – {said(value)}"
                bars.append(Bar(round(x, 1), round(room, 1), y, round(cls.GROUND - y, 1), title))
            if (len(hours) - 1 - i) % HOURS_APART == 0:
                labels.append((round(x + room / 2, 1), hour))
        grid = tuple((cls._y(part), said(part * top)) for part in (0, 0.5, 1))
        return cls(alt, grid, tuple(bars), tuple(labels))

    @classmethod
    def _y(cls, part: float) -> float:
        return round(cls.GROUND - (cls.GROUND - cls.TOP) * min(1.0, part), 1)


def ceiling(highest: float) -> float:
    """A round number at or above the highest value, to end the axis with."""
    if highest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(step * power for step in STEPS if step * power >= highest * 0.999999)
