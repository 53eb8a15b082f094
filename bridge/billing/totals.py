"""Cents: lines that come to exactly what was charged, under the rules that Facturation.pro may follow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from bridge.billing.drafts import DraftLine
from bridge.billing.rounding import ATOMS_OF_CENT, RATE, SUSPECTS, Rounding, half_up, total_under
from bridge.billing.search import ONE, LineState, Reached, Target, misses, reach
from bridge.billing.text import count
from bridge.currencies import NO_DECIMALS, THREE_DECIMALS
from bridge.orders import CENT, ZERO, to_cents

MILL = Decimal("0.001")
ROUNDING_TITLE = "Arrondi"
NO_CENTS = NO_DECIMALS | THREE_DECIMALS
"""How Facturation.pro rounds these currencies is anybody's guess, so that their totals are never agreed on
before they are seen on a draft."""
LARGEST_ROUNDING = 2  # cents
MANY = 30
"""Of so many lines the first way found is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledLine:
    """What a document must say of one position: `net` and `gross` for all units, `vat` a fraction."""

    title: str
    quantity: Decimal
    net: Decimal
    vat: Decimal
    gross: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """Lines, and `rules`: those in question under which they come to the total. `agreed`: all of them do.

    `why`: in French, for the accountant: how the lines were written.
    """

    lines: tuple[DraftLine, ...]
    rules: frozenset[Rounding]
    agreed: bool
    why: tuple[str, ...] = ()


def encode(lines: Sequence[BilledLine], total: Decimal, rules: frozenset[Rounding]) -> Encoded:
    """Lines for a document that must come to `total` under the rule, or under as many of `rules` as can be.

    Tried in this order: natural unit prices, equal ones for equal things; a quantity folded into the title
    where 3 decimals cannot say the unit price; a few thousandths moved on as few prices as possible; and one
    "Arrondi" line of at most 2 cents, where no rule can do without. Each rate's subtotal stays within a cent
    of the order's own. `rules` of the result is empty when nothing fits at all.
    """
    for starts in (_starts, _folded):
        encoding = _Encoding(lines, total, rules, starts(lines))
        for cents in (0, *(sign * size for size in range(1, LARGEST_ROUNDING + 1) for sign in (1, -1))):
            found = encoding.best(cents)
            if found.rules:
                return replace(found, why=(*found.why, *encoding.otherwise(found)))
    return Encoded(lines=(), rules=frozenset(), agreed=False)


@dataclass(frozen=True, slots=True)
class _Start:
    """A way to write all lines, before any price is moved. `why`: in French."""

    states: tuple[LineState, ...]
    why: str


@dataclass(frozen=True, slots=True)
class _Way:
    """A start, and what was moved from it."""

    start: _Start
    reached: Reached

    @property
    def why(self) -> tuple[str, ...]:
        moved = self.reached.moved
        if not moved:
            return (self.start.why,)
        pairs = zip(self.start.states, self.reached.states, strict=True)
        furthest = max(abs(new.price - old.price) for old, new in pairs)
        return (
            self.start.why,
            f"Prix hors taxes ajusté sur {moved} ligne(s), de {furthest} millième(s) au plus, "
            "pour que le total soit exactement celui payé.",
        )


class _Encoding:
    """One document's lines and what they must come to."""

    def __init__(
        self,
        lines: Sequence[BilledLine],
        total: Decimal,
        rules: frozenset[Rounding],
        starts: Iterator[_Start],
    ) -> None:
        self._lines, self._total, self._rules = lines, total, rules
        self._own = _own(lines, total)
        self._starts: list[_Start] = []
        self._more = starts

    def starts(self) -> Iterator[_Start]:
        """Each made when it is first asked for: most orders need only the first."""
        yield from self._starts
        for start in self._more:
            if all(start.states != known.states for known in self._starts):
                self._starts.append(start)
                yield start

    def best(self, cents: int) -> Encoded:
        """The lines that suit most rules, beside an "Arrondi" line of so many cents."""
        best = Encoded(lines=(), rules=frozenset(), agreed=False)
        for rule in _unlike(self._rules, self._lines):
            if rule in best.rules:
                continue
            way = self._way(self._target(rule, cents))
            found = self._encoded(way, cents) if way else best
            if len(found.rules) > len(best.rules):
                best = found
            if best.agreed:
                break
        return best

    def _target(self, rule: Rounding, cents: int) -> Target:
        total, beside = int(to_cents(self._total) / CENT), cents * ATOMS_OF_CENT
        return Target(rule=rule, total=total, own=self._own, beside=beside)

    def _way(self, target: Target) -> _Way | None:
        """A start as it is, else the one of which the fewest prices need to be moved, by the least."""
        starts: list[tuple[int, _Start]] = []
        for start in self.starts():
            off = misses(start.states, target)
            if off == 0:
                return _Way(start, Reached(start.states))
            starts.append((off, start))
        best: _Way | None = None
        for _, start in sorted(starts, key=lambda each: each[0]):
            reached = _moved(self._lines, start.states, target)
            if reached and (best is None or reached < best.reached):
                best = _Way(start, reached)
            if reached and (reached.moved == 1 or len(self._lines) > MANY):
                break
        return best

    def _encoded(self, way: _Way, cents: int) -> Encoded:
        lines, why = self._lines_of(way.reached.states), way.why
        if cents:
            lines += (rounding_line(cents),)
            amount = count(cents * CENT)
            why += (
                f"Ligne « {ROUNDING_TITLE} » de {amount} : aucun prix hors taxes ne donne le total payé.",
            )
        suits = self._rules
        if len(suits) > 1:
            states = way.reached.states
            suits = frozenset(r for r in self._rules if not misses(states, self._target(r, cents)))
        return Encoded(lines=lines, rules=suits, agreed=suits == self._rules, why=why)

    def _lines_of(self, states: Iterable[LineState]) -> tuple[DraftLine, ...]:
        return tuple(_written(*pair) for pair in zip(self._lines, states, strict=True))

    def otherwise(self, found: Encoded) -> tuple[str, ...]:
        """What the natural unit prices would have come to, where that is not the total."""
        natural = next(self.starts())
        if found.agreed and found.why == (natural.why,):
            return ()
        written = self._lines_of(natural.states)
        others = sorted({total_under(rule, written) for rule in self._rules} - {self._total})
        if not others:
            return ()
        named = " ou ".join(f"{other:f}".replace(".", ",") for other in others)
        return (f"Avec les prix unitaires de la commande, le total pourrait être {named}.",)


def _unlike(rules: frozenset[Rounding], lines: Sequence[BilledLine]) -> Iterable[Rounding]:
    """Those that can differ, the likely ones first: of whole quantities a net has no more than 3 decimals."""
    if len(rules) == 1:
        return rules
    finest = 3 if all(line.quantity == line.quantity.to_integral_value() for line in lines) else None
    found: dict[tuple[int | None, str, str], Rounding] = {}
    for rule in SUSPECTS.values():
        if rule in rules:
            found.setdefault((rule.decimals or finest, rule.vat, rule.mode), rule)
    return found.values()


def _moved(lines: Sequence[BilledLine], states: Sequence[LineState], target: Target) -> Reached | None:
    """Equal things keep equal prices, where cents allow."""
    alike: dict[tuple[str, LineState], tuple[int, ...]] = {}
    for index, (line, state) in enumerate(zip(lines, states, strict=True)):
        alike[line.title, state] = (*alike.get((line.title, state), ()), index)
    reached = reach(states, target, tuple(alike.values()))
    if reached or len(alike) == len(states):
        return reached
    return reach(states, target, tuple((index,) for index in range(len(states))))


def _starts(lines: Sequence[BilledLine]) -> Iterator[_Start]:
    """Ways to write the lines, the most natural first."""
    yield _Start(_states(lines, _equalised(lines), slack=5), "Prix unitaires hors taxes de la commande.")
    nets = [_mills(line.net) for line in lines]
    yield _Start(_states(lines, nets, slack=5), "Prix unitaires hors taxes de la commande.")
    yield _Start(
        _states(lines, nets, slack=0),
        "Quantité reportée dans le libellé quand trois décimales ne suffisent pas au prix unitaire.",
    )
    yield _Start(
        _states(lines, _ideal(lines), slack=0),
        "Prix hors taxes recalculés depuis les prix toutes taxes comprises.",
    )


def _folded(lines: Sequence[BilledLine]) -> Iterator[_Start]:
    """The last resort: one unit of everything, so that each line can be moved by thousandths."""
    yield _Start(
        tuple(_one_unit(line, net) for line, net in zip(lines, _ideal(lines), strict=True)),
        "Quantités reportées dans les libellés : aucun prix unitaire ne donne le total payé.",
    )


def _ideal(lines: Sequence[BilledLine]) -> list[int]:
    """Nets in mills as the prices with VAT have them."""
    return [_mills(line.gross / (1 + line.vat)) for line in lines]


def _equalised(lines: Sequence[BilledLine]) -> list[int]:
    """Nets in mills, the mean one where those of equal things are only a cent apart."""
    if len({line.title for line in lines}) == len(lines):
        return [_mills(line.net) for line in lines]
    alike: dict[tuple[str, Decimal, Decimal], list[Decimal]] = {}
    for line in lines:
        alike.setdefault((line.title, line.quantity, line.vat), []).append(line.net)
    means = {key: sum(nets, ZERO) / len(nets) for key, nets in alike.items() if max(nets) - min(nets) <= CENT}
    return [_mills(means.get((line.title, line.quantity, line.vat), line.net)) for line in lines]


def _states(lines: Sequence[BilledLine], nets: Sequence[int], *, slack: int) -> tuple[LineState, ...]:
    return tuple(_state(line, net, slack=slack) for line, net in zip(lines, nets, strict=True))


def _state(line: BilledLine, net: int, *, slack: int) -> LineState:
    """Quantity x unit price where that gives `net` (mills) to `slack` mills, else one unit at `net`."""
    one, quantity = _one_unit(line, net), line.quantity * ONE
    if quantity > 0 and quantity == quantity.to_integral_value():
        units = int(quantity)
        price = half_up(one.price * ONE, units)
        if abs(half_up(units * price, ONE) - one.price) <= slack and (price or not net):
            return LineState(quantity=units if net >= 0 else -units, price=price, rate=one.rate)
    return one


def _one_unit(line: BilledLine, net: int) -> LineState:
    """A negative net becomes a negative quantity: prices stay positive."""
    quantity = -ONE if net < 0 else ONE
    rate = int(line.vat.scaleb(RATE))
    return LineState(quantity=quantity, price=abs(net), rate=rate, folded=line.quantity != 1)


def _written(line: BilledLine, state: LineState) -> DraftLine:
    title = f"{count(line.quantity)} × {line.title}" if state.folded and line.quantity > 0 else line.title
    return DraftLine(
        title=title,
        quantity=Decimal(state.quantity) / ONE,
        unit_price=state.price * MILL,
        vat=line.vat,
    )


def rounding_line(cents: int) -> DraftLine:
    """So many cents without VAT."""
    sign = 1 if cents > 0 else -1
    return DraftLine(title=ROUNDING_TITLE, quantity=Decimal(sign), unit_price=abs(cents) * CENT, vat=ZERO)


def _own(lines: Sequence[BilledLine], total: Decimal) -> dict[int, int]:
    """What the order says for each rate, VAT included, in atoms. What the lines miss of the total (the shop
    rounded once, at the end) goes to the rate that weighs most."""
    own: dict[Decimal, Decimal] = {}
    for line in lines:
        own[line.vat] = own.get(line.vat, ZERO) + line.gross
    if own:
        heaviest = max(own, key=lambda rate: abs(own[rate]))
        own[heaviest] += total - sum(own.values(), ZERO)
    return {int(rate.scaleb(RATE)): int(gross.scaleb(10)) for rate, gross in own.items()}


def _mills(amount: Decimal) -> int:
    return int(amount.quantize(MILL, rounding=ROUND_HALF_UP) / MILL)
