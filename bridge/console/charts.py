"""The overview's two charts as points and bars: pure geometry, drawn by `chart.svg` in the page.

A chart is `WIDTH` × `HEIGHT` units; the plot is what lies right of `LEFT` and above the hours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 520, 152
LEFT, TOP, BOTTOM = 56, 10, 126
STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Mark:
    """A line of the grid with its label, at height `y`."""

    y: float
    value: float


@dataclass(frozen=True, slots=True)
class Column:
    """One hour: `x` and `width` of its room, `y` and `height` of its bar."""

    x: float
    width: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Trace:
    """One line through the hours that have a value: `runs` are SVG `points`, lone hours are `dots`."""

    runs: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]


def ceiling(highest: float) -> float:
    """A round number at or above the highest value, to end the axis with."""
    if highest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(step * power for step in STEPS if step * power >= highest * 0.999999)


def marks(top: float) -> tuple[Mark, ...]:
    """The grid: nothing, the half, the whole."""
    return tuple(Mark(_y(part * top, top), part * top) for part in (0, 0.5, 1))


def columns(values: Sequence[float], top: float) -> tuple[Column, ...]:
    """A bar for each hour, oldest first."""
    room = (WIDTH - LEFT) / max(1, len(values))
    return tuple(
        Column(round(LEFT + i * room, 1), round(room, 1), _y(value, top), round(BOTTOM - _y(value, top), 1))
        for i, value in enumerate(values)
    )


def trace(values: Sequence[float | None], top: float) -> Trace:
    """A line through the middle of each hour; hours without a value leave a gap."""
    room = (WIDTH - LEFT) / max(1, len(values))
    runs: list[str] = []
    dots: list[tuple[float, float]] = []
    run: list[tuple[float, float]] = []
    for i, value in enumerate([*values, None]):
        if value is not None:
            run.append((round(LEFT + (i + 0.5) * room, 1), _y(value, top)))
        elif run:
            if len(run) > 1:
                runs.append(" ".join(f"{x},{y}" for x, y in run))
            else:
                dots.extend(run)
            run = []
    return Trace(tuple(runs), tuple(dots))


def _y(value: float, top: float) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * min(1.0, value / top), 1)


@dataclass(frozen=True, slots=True)
class Label:
    """Words at a place of an axis."""

    x: float
    label: str


def every_sixth(hours: Sequence[str]) -> tuple[Label, ...]:
    """The hours that are written under the plot: each sixth, and the present one."""
    room = (WIDTH - LEFT) / max(1, len(hours))
    last = len(hours) - 1
    return tuple(
        Label(round(LEFT + (i + 0.5) * room, 1), hour) for i, hour in enumerate(hours) if (last - i) % 6 == 0
    )
