"""Cents: how a document's total is computed, and which lines come to exactly what was charged.

Facturation.pro takes prices excluding VAT with 3 decimals and computes the total itself; how it rounds is not
published. So there are six candidate rules, and `encode` looks for lines on which all rules in force agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from bridge.billing.drafts import DraftLine
from bridge.billing.search import ONE, LineState, Rule, Target, half_up, improve, met, sums_of
from bridge.billing.text import count
from bridge.orders import CENT, ZERO, to_cents

MILL = Decimal("0.001")
_BY_CENTS, _BY_MILLS = True, False
ROUNDING_TITLE = "Arrondi"
_NO_CENTS = """
    BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF
    BHD IQD JOD KWD LYD OMR TND
"""
NO_CENTS = frozenset(_NO_CENTS.split())
"""Currencies without two decimals (ISO 4217): how Facturation.pro rounds them is anybody's guess, so that
their totals are never agreed on before they are seen on a draft."""
LARGEST_ROUNDING = 2  # cents


class Rounding(StrEnum):
    """How a document's total may be computed, always half up, away from zero.

    `lineD`: quantity x unit price is rounded to D decimals on each line. `vat_line`: VAT is rounded to cents
    on each line; `vat_rate`: on the sum of each rate; `vat_once`: not at all. The total is rounded to cents.
    """

    LINE2_VAT_LINE = "line2_vat_line"
    LINE2_VAT_RATE = "line2_vat_rate"
    LINE2_VAT_ONCE = "line2_vat_once"
    LINE3_VAT_LINE = "line3_vat_line"
    LINE3_VAT_RATE = "line3_vat_rate"
    LINE3_VAT_ONCE = "line3_vat_once"


ALL = frozenset(Rounding)

_RULES: dict[Rounding, Rule] = {
    Rounding.LINE2_VAT_LINE: Rule(decimals=2, vat="line"),
    Rounding.LINE2_VAT_RATE: Rule(decimals=2, vat="rate"),
    Rounding.LINE2_VAT_ONCE: Rule(decimals=2, vat="once"),
    Rounding.LINE3_VAT_LINE: Rule(decimals=3, vat="line"),
    Rounding.LINE3_VAT_RATE: Rule(decimals=3, vat="rate"),
    Rounding.LINE3_VAT_ONCE: Rule(decimals=3, vat="once"),
}


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
    """Lines, and `rules`: those in force under which they come to the total. `agreed`: that is all of them.

    `why`: in French, for the accountant: how the lines were written.
    """

    lines: tuple[DraftLine, ...]
    rules: frozenset[Rounding]
    agreed: bool
    why: tuple[str, ...] = ()


def subtotals_under(rule: Rounding, lines: Iterable[DraftLine]) -> dict[Decimal, Decimal]:
    """Each rate's part of the total, VAT included; not rounded where the rule rounds later."""
    nets: dict[Decimal, Decimal] = {}
    vats: dict[Decimal, Decimal] = {}
    step = Decimal(1).scaleb(-_RULES[rule].decimals)
    for line in lines:
        net = (line.quantity * line.unit_price).quantize(step, rounding=ROUND_HALF_UP)
        nets[line.vat] = nets.get(line.vat, ZERO) + net
        vats[line.vat] = vats.get(line.vat, ZERO) + to_cents(net * line.vat)
    match _RULES[rule].vat:
        case "line":
            return {rate: net + vats[rate] for rate, net in nets.items()}
        case "rate":
            return {rate: net + to_cents(net * rate) for rate, net in nets.items()}
        case "once":
            return {rate: net + net * rate for rate, net in nets.items()}


def total_under(rule: Rounding, lines: Iterable[DraftLine]) -> Decimal:
    """`total_with_vat` of a document with these lines, were `rule` the one that Facturation.pro follows."""
    return to_cents(sum(subtotals_under(rule, lines).values(), ZERO))


def fitting(lines: Sequence[DraftLine], observed_total: Decimal) -> frozenset[Rounding]:
    """The rules that explain the total that Facturation.pro gave to these lines."""
    return frozenset(rule for rule in Rounding if total_under(rule, lines) == observed_total)


def _probe(*lines: tuple[str, str, str]) -> tuple[DraftLine, ...]:
    return tuple(
        DraftLine(title="Calibrage", quantity=Decimal(quantity), unit_price=Decimal(price), vat=Decimal(vat))
        for quantity, price, vat in lines
    )


PROBE: tuple[DraftLine, ...] = _probe(
    ("1", "3.146", "0.2"),
    ("1", "2.375", "0.2"),
    ("1", "1.845", "0.1"),
    ("1", "0.455", "0.055"),
    ("1", "3.009", "0.055"),
)
"""A draft whose total alone tells all six rules apart (found by trial); `fitting` reads it."""


def encode(lines: Sequence[BilledLine], total: Decimal, rounding: frozenset[Rounding]) -> Encoded:
    """Lines for a document that must come to `total` under every rule in `rounding`.

    Tried in this order: natural unit prices; a quantity folded into the title where 3 decimals cannot say the
    unit price; a few thousandths moved on prices; and one "Arrondi" line of at most 2 cents. That line is not
    used as long as nothing is known of the rule in force (all six), unless no rule can do without: then the
    lines that suit most rules come back, not agreed. Each rate's subtotal stays within a cent of the order's
    own. `rules` is empty when nothing fits at all.
    """
    starts = _Starts(lines)
    own = _own(lines, total)
    found = _best(lines, starts, Target(total=_cents(total), own=own, rules=_rules(rounding)))
    if not found.agreed and not (found.rules and rounding == ALL):
        for cents in (sign * size for size in range(1, LARGEST_ROUNDING + 1) for sign in (1, -1)):
            near = _best(lines, starts, Target(total=_cents(total) - cents, own=own, rules=_rules(rounding)))
            if near.agreed:
                found = _with_rounding_line(near, cents)
                break
    return replace(found, why=(*found.why, *_otherwise(lines, next(iter(starts)), total, rounding)))


def _otherwise(
    lines: Sequence[BilledLine], natural: _Start, total: Decimal, rounding: frozenset[Rounding]
) -> tuple[str, ...]:
    """What the natural unit prices would have come to, where that is not the total."""
    written = [_written(line, state) for line, state in zip(lines, natural.states, strict=True)]
    others = sorted({total_under(rule, written) for rule in rounding} - {total})
    if not others:
        return ()
    named = " ou ".join(f"{other:f}".replace(".", ",") for other in others)
    return (f"Avec les prix unitaires de la commande, le total pourrait être {named}.",)


def _best(lines: Sequence[BilledLine], starts: _Starts, target: Target) -> Encoded:
    """The first encoding on which all rules agree, else the first that suits most of them."""
    best = Encoded(lines=(), rules=frozenset(), agreed=False)
    for moves in (None, *_moves(len(target.rules))):
        for start in starts:
            states = start.states if moves is None else improve(start.states, target, by_cents=moves)
            met_by = met(sums_of(states), target)
            if len(met_by) > len(best.rules):
                best = Encoded(
                    lines=tuple(_written(line, state) for line, state in zip(lines, states, strict=True)),
                    rules=frozenset(rule for rule in Rounding if _RULES[rule] in met_by),
                    agreed=len(met_by) == len(target.rules),
                    why=(start.why,) if moves is None else (start.why, _moved(start.states, states)),
                )
            if best.agreed:
                return best
    return best


def _moves(rules: int) -> tuple[bool, ...]:
    """Which moves are worth their time: `by_cents` or not. Mills seldom help six rules to agree."""
    if rules == 1:
        return (_BY_MILLS,)
    return (_BY_CENTS,) if rules == len(ALL) else (_BY_CENTS, _BY_MILLS)


@dataclass(frozen=True, slots=True)
class _Start:
    """A way to write all lines, before any price is moved. `why`: in French."""

    states: tuple[LineState, ...]
    why: str


class _Starts:
    """The ways to write the lines, each made when it is first asked for: most orders need only the first."""

    def __init__(self, lines: Sequence[BilledLine]) -> None:
        self._made: list[_Start] = []
        self._rest = _starts(lines)

    def __iter__(self) -> Iterator[_Start]:
        yield from self._made
        for start in self._rest:
            self._made.append(start)
            yield start


def _starts(lines: Sequence[BilledLine]) -> Iterator[_Start]:
    """Ways to write the lines, the most natural first."""
    nets = [_mills(line.net) for line in lines]
    ideal = [_mills(line.gross / (1 + line.vat)) for line in lines]
    yield _Start(
        tuple(_state(line, net, slack=5) for line, net in zip(lines, nets, strict=True)),
        "Prix unitaires hors taxes de la commande.",
    )
    yield _Start(
        tuple(_state(line, net, slack=0) for line, net in zip(lines, nets, strict=True)),
        "Quantité reportée dans le libellé quand trois décimales ne suffisent pas au prix unitaire.",
    )
    yield _Start(
        tuple(_state(line, net, slack=0) for line, net in zip(lines, ideal, strict=True)),
        "Prix hors taxes recalculés depuis les prix toutes taxes comprises.",
    )
    yield _Start(
        tuple(_state(line, net, slack=0) for line, net in zip(lines, _spread(lines), strict=True)),
        "Centimes hors taxes répartis entre les lignes depuis les prix toutes taxes comprises.",
    )


def _state(line: BilledLine, net: int, *, slack: int) -> LineState:
    """Quantity x unit price where that gives `net` (mills) to `slack` mills, else one unit at `net`.

    A negative net becomes a negative quantity: prices stay positive.
    """
    rate = int(line.vat * 1000)
    sign = -1 if net < 0 else 1
    quantity = line.quantity * ONE
    if quantity > 0 and quantity == quantity.to_integral_value():
        price = half_up(abs(net) * ONE, int(quantity))
        natural = LineState(quantity=sign * int(quantity), price=price, rate=rate)
        if abs(natural.nets()[1] - net) <= slack and (price or not net):
            return natural
    return LineState(quantity=sign * ONE, price=abs(net), rate=rate, folded=line.quantity != 1)


def _spread(lines: Sequence[BilledLine]) -> list[int]:
    """Nets in whole cents whose sum follows the sum of the gross amounts, rate by rate, in mills."""
    exact: dict[Decimal, Decimal] = {}
    given: dict[Decimal, int] = {}
    spread = []
    for line in lines:
        exact[line.vat] = exact.get(line.vat, ZERO) + line.gross / (1 + line.vat)
        net = _mills(to_cents(exact[line.vat])) - given.get(line.vat, 0)
        given[line.vat] = given.get(line.vat, 0) + net
        spread.append(net)
    return spread


def _written(line: BilledLine, state: LineState) -> DraftLine:
    title = f"{count(line.quantity)} × {line.title}" if state.folded and line.quantity > 0 else line.title
    return DraftLine(
        title=title,
        quantity=Decimal(state.quantity) / ONE,
        unit_price=state.price * MILL,
        vat=line.vat,
    )


def _moved(before: Sequence[LineState], after: Sequence[LineState]) -> str:
    steps = [abs(new.price - old.price) for old, new in zip(before, after, strict=True) if new != old]
    return (
        f"Prix hors taxes ajusté sur {len(steps)} ligne(s), de {max(steps, default=0)} millième(s) au plus, "
        "pour que le total soit exactement celui payé."
    )


def _with_rounding_line(near: Encoded, cents: int) -> Encoded:
    sign = 1 if cents > 0 else -1
    line = DraftLine(title=ROUNDING_TITLE, quantity=Decimal(sign), unit_price=abs(cents) * CENT, vat=ZERO)
    why = (
        f"Ligne « {ROUNDING_TITLE} » de {count(cents * CENT)} : aucun prix hors taxes ne donne le total payé."
    )
    return replace(near, lines=(*near.lines, line), why=(*near.why, why))


def _own(lines: Sequence[BilledLine], total: Decimal) -> dict[int, int]:
    """What the order says for each rate, VAT included, in micros.

    What the lines miss of the total (the shop rounded once, at the end) goes to the rate that weighs most.
    """
    own: dict[Decimal, Decimal] = {}
    for line in lines:
        own[line.vat] = own.get(line.vat, ZERO) + line.gross
    if own:
        heaviest = max(own, key=lambda rate: abs(own[rate]))
        own[heaviest] += total - sum(own.values(), ZERO)
    return {int(rate * 1000): int(gross * 1_000_000) for rate, gross in own.items()}


def _rules(rounding: frozenset[Rounding]) -> tuple[Rule, ...]:
    return tuple(_RULES[rule] for rule in Rounding if rule in rounding)


def _cents(amount: Decimal) -> int:
    return int(to_cents(amount) / CENT)


def _mills(amount: Decimal) -> int:
    return int(amount.quantize(MILL, rounding=ROUND_HALF_UP) / MILL)
