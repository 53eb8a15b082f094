"""VAT by table: rates recovered, lines cut by rate, and a proof for every zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from bridge.billing.documents import documents_for
from bridge.billing.made import LedgerEntry
from bridge.billing.questions import QUESTIONS
from bridge.billing.rounding import UNKNOWN
from bridge.billing.rules import GiftCards, Rules, Tips, VatRegime
from bridge.billing.territories import Zone, zone
from bridge.billing.vat import assess
from bridge.errors import NeedsPerson
from bridge.orders import Address, Customer, Line, LineKind, Order, Reduction, Supply, Tax, ZeroTaxReason
from bridge.texts import text_of
from tests.builders.orders import order_of

D = Decimal
DE_NUMBER, FR_NUMBER, BE_NUMBER, XI_NUMBER = "DE136695976", "FR40303265045", "BE0428759497", "XI980780684"
GOODS, SERVICES = Rules(supply=Supply.GOODS), Rules(supply=Supply.SERVICES)


def line(gross: str, *taxes: Tax, kind: LineKind = LineKind.PRODUCT, **more: object) -> Line:
    return replace(Line(id="L", title="Tasse", kind=kind, gross=D(gross), taxes=taxes), **more)  # type: ignore[arg-type]


def tax(amount: str, rate: str | None = None, title: str = "", reason: ZeroTaxReason | None = None) -> Tax:
    return Tax(amount=D(amount), rate=None if rate is None else D(rate), title=title, reason=reason)


def sent_to(
    country: str, postcode: str = "", *, number: str = "", company: str = "", billed: str = ""
) -> Customer:
    return Customer(
        vat_number=number,
        company=company,
        billing=Address(country=billed or country, postcode=postcode),
        shipping=Address(country=country, postcode=postcode),
    )


def order(customer: Customer, *lines: Line) -> Order:
    numbered = (replace(one, id=f"{one.id}{place}") for place, one in enumerate(lines))
    return replace(order_of(*numbered), customer=customer)


FREE_OF_VAT: list[tuple[str, Customer, Rules, str]] = [
    ("export", sent_to("US"), GOODS, "art. 262 I du"),
    ("export to Switzerland", sent_to("CH"), GOODS, "art. 262 I du"),
    ("the United Kingdom is export", sent_to("GB", "SW1A 1AA"), GOODS, "art. 262 I du"),
    ("shipped means goods", sent_to("US"), Rules(), "art. 262 I du"),
    ("Reunion by code", sent_to("RE", "97400"), GOODS, "262 I et 294-2"),
    ("Reunion by postcode", sent_to("FR", "97400"), GOODS, "262 I et 294-2"),
    ("New Caledonia by postcode", sent_to("FR", "98800"), GOODS, "art. 262 I du"),
    ("Canary Islands", sent_to("ES", "35001"), GOODS, "art. 262 I du"),
    ("Livigno", sent_to("IT", "23041"), GOODS, "art. 262 I du"),
    ("Åland", sent_to("FI", "22100"), GOODS, "art. 262 I du"),
    ("Helgoland", sent_to("DE", "27498"), GOODS, "art. 262 I du"),
    ("intra-EU goods", sent_to("DE", number=DE_NUMBER), GOODS, "262 ter I"),
    ("a number without prefix", sent_to("DE", number="136 695 976"), GOODS, "262 ter I"),
    ("another state's number", sent_to("DE", number=BE_NUMBER, billed="BE"), GOODS, "262 ter I"),
    ("Greece writes EL", sent_to("GR", number="EL094259216"), GOODS, "262 ter I"),
    ("Northern Ireland is inside", sent_to("GB", "BT1 1AA", number=XI_NUMBER), GOODS, "262 ter I"),
    ("services to a company abroad", sent_to("US", company="Test Corp"), SERVICES, "259-1"),
    ("a download for a consumer abroad", sent_to("US"), Rules(supply=Supply.ELECTRONIC), "259 D"),
    ("intra-EU services", sent_to("DE", number=DE_NUMBER), SERVICES, "Autoliquidation"),
    (
        "services to a business abroad",
        sent_to("CH", number="CHE107787577IVA", company="SA"),
        SERVICES,
        "259-1",
    ),
]


@pytest.mark.parametrize(
    ("customer", "rules", "expected"), [row[1:] for row in FREE_OF_VAT], ids=[row[0] for row in FREE_OF_VAT]
)
def test_no_vat_with_proof(customer: Customer, rules: Rules, expected: str) -> None:
    vat = assess(order(customer, line("100")), rules)
    assert expected in vat.exemption
    assert vat.bands[0].rate == 0
    assert vat.bands[0].net == 100
    assert any(vat.exemption in sentence for sentence in vat.why)


UK_VAT = Tax(amount=D("20"), rate=D("0.2"), country="GB")
GIFT_CARD = line("50", kind=LineKind.GIFT_CARD)
SINGLE, TAXED_TIPS = Rules(gift_cards=GiftCards.SINGLE), Rules(tips=Tips.TAXED)

REFUSED: list[tuple[str, Customer, Rules, tuple[Line, ...], str]] = [
    ("France without reason", sent_to("FR", "75002"), GOODS, (line("10"),), "nothing proves why"),
    ("Monaco is France", sent_to("MC", "98000"), GOODS, (line("10"),), "nothing proves why"),
    ("98000 is Monaco", sent_to("FR", "98000"), GOODS, (line("10"),), "nothing proves why"),
    ("EU without number", sent_to("DE"), GOODS, (line("10"),), "no valid VAT number"),
    (
        "EU, number of another country",
        sent_to("DE", number=BE_NUMBER),
        GOODS,
        (line("10"),),
        "no valid VAT number",
    ),
    ("EU, bad number", sent_to("DE", number="DE136695977"), GOODS, (line("10"),), "no valid VAT number"),
    (
        "EU, French number",
        sent_to("DE", number=FR_NUMBER, billed="FR"),
        GOODS,
        (line("10"),),
        "no valid VAT number",
    ),
    (
        "EU services without number",
        sent_to("DE", company="GmbH"),
        SERVICES,
        (line("10"),),
        "no valid VAT number",
    ),
    (
        "reverse charge without number",
        sent_to("DE"),
        GOODS,
        (line("10", tax("0", "0.19")),),
        "no valid VAT number",
    ),
    (
        "Northern Ireland, British number",
        sent_to("GB", "BT1 1AA", number="GB980780684"),
        GOODS,
        (line("10"),),
        "number",
    ),
    ("no country", Customer(), GOODS, (line("10"),), "no country"),
    (
        "nobody says goods or services",
        replace(sent_to("US"), shipping=None),
        Rules(),
        (line("10"),),
        "`supply`",
    ),
    (
        "services to a consumer abroad",
        sent_to("US"),
        SERVICES,
        (line("10"),),
        "nothing proves that the buyer",
    ),
    ("services overseas", sent_to("RE"), SERVICES, (line("10"),), "accountant"),
    ("unlisted rate", sent_to("FR"), GOODS, (line("119.6", tax("19.6", "0.196")),), "not a French rate"),
    ("foreign VAT without OSS", sent_to("DE"), GOODS, (line("119", tax("19", "0.19")),), "set `oss`"),
    ("British VAT", sent_to("GB"), GOODS, (line("120", tax("20", "0.2")),), "own tax"),
    ("the Isle of Man's", sent_to("IM"), GOODS, (line("120", tax("20", "0.2")),), "own tax"),
    ("Australian GST", sent_to("AU"), GOODS, (line("110", tax("10", "0.1")),), "own tax"),
    ("British VAT by the shop's own word", sent_to("CH"), GOODS, (line("120", UK_VAT),), "own tax"),
    ("a gift card that is taxed when sold", sent_to("FR"), SINGLE, (GIFT_CARD,), "taxed when sold"),
    ("a tip that is taxed", sent_to("FR"), TAXED_TIPS, (line("3", kind=LineKind.TIP),), "tips are taxed"),
    (
        "two countries' VAT on one document",
        sent_to("DE"),
        replace(GOODS, oss=True),
        (line("119", tax("19", "0.19")), line("120", tax("20", "0.2"))),
        "one document cannot state",
    ),
    (
        "Canadian taxes stack",
        sent_to("CA"),
        GOODS,
        (line("115", tax("5", "0.05"), tax("10", "0.1")),),
        "add up",
    ),
    ("rate and amount disagree", sent_to("FR"), GOODS, (line("120", tax("5", "0.2")),), "does not match"),
    ("no rate gives it", sent_to("FR"), GOODS, (line("120", tax("17")),), "no known rate"),
    ("two rates give it", sent_to("FR"), GOODS, (line("0.06", tax("0.01")),), "several rates"),
    ("four decimals", sent_to("FR"), GOODS, (line("101.05", tax("1.05", "0.0105")),), "cannot write"),
]


@pytest.mark.parametrize(
    ("customer", "rules", "lines", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_is_not_proven_is_for_a_person(
    customer: Customer, rules: Rules, lines: tuple[Line, ...], words: str
) -> None:
    with pytest.raises(NeedsPerson) as refused:
        assess(order(customer, *lines), rules)
    assert words in text_of(refused.value.reason)


BANDS: list[tuple[str, Line, list[tuple[str, str, str]]]] = [
    ("as stated", line("120", tax("20", "0.2")), [("0.2", "100", "120")]),
    ("recovered from the net", line("126.60", tax("6.60")), [("0.055", "120.00", "126.60")]),
    ("recovered from the gross", line("9.99", tax("1.67")), [("0.2", "8.32", "9.99")]),
    ("recovered, rounded down", line("9.99", tax("1.66")), [("0.2", "8.33", "9.99")]),
    ("overseas rate", line("108.50", tax("8.50"), title="Séjour outre-mer"), [("0.085", "100.00", "108.50")]),
    ("rounded per unit", line("999", tax("167", "0.2"), quantity=D(100)), [("0.2", "832", "999")]),
    ("VAT too small to show", line("0.02", tax("0", "0.2")), [("0.2", "0.02", "0.02")]),
    ("free", line("0", tax("0", "0.2")), [("0", "0", "0")]),
    ("a rate written as a percentage", line("120", tax("20", "20.0")), [("0.2", "100", "120")]),
    ("a rate that was divided", line("120", tax("20", "0.19999")), [("0.2", "100", "120")]),
    ("a tax of 0 %", line("120", tax("20", "0")), [("0.2", "100", "120")]),
    ("ten cents", line("0.10", tax("0.02")), [("0.2", "0.08", "0.10")]),
    ("free without taxes", line("0"), [("0", "0", "0")]),
    (
        "shipping over two rates, the empty band first",
        line("11.00", tax("0", "0"), tax("0.83", "0.2"), tax("0.31", "0.055"), kind=LineKind.SHIPPING),
        [("0.2", "4.15", "4.98"), ("0.055", "5.71", "6.02")],
    ),
]


@pytest.mark.parametrize(("one", "expected"), [row[1:] for row in BANDS], ids=[row[0] for row in BANDS])
def test_a_line_is_cut_by_rate(one: Line, expected: list[tuple[str, str, str]]) -> None:
    place = sent_to("FR", "97400") if "outre-mer" in one.title else sent_to("FR")
    bands = assess(order(place, one), replace(GOODS, supply=Supply.SERVICES)).bands
    assert [(band.rate, band.net, band.gross) for band in bands] == [tuple(map(D, row)) for row in expected]
    assert sum(band.gross for band in bands) == one.gross


@pytest.mark.parametrize(("small", "least"), [("0.06", "0.01"), ("0.02", "0")])
def test_large_lines_tell_the_rate_of_small_ones_that_share_its_id(small: str, least: str) -> None:
    named = {"id": "txr_1", "title": "TVA"}
    one, other = (replace(tax(amount), **named) for amount in (least, "20"))  # type: ignore[arg-type]
    vat = assess(order(sent_to("FR"), line(small, one), line("120", other)), GOODS)
    assert [band.rate for band in vat.bands] == [D("0.2"), D("0.2")]


@pytest.mark.parametrize(
    ("postcode", "gross", "amount", "rate"),
    [
        ("75002", "0.33", "0.03", "0.1"),  # 8.5 % would give it overseas
        ("20000", "113.00", "13.00", "0.13"),
        ("20137", "100.90", "0.90", "0.009"),
    ],
)
def test_an_amount_tells_the_rate_among_those_of_its_place(
    postcode: str, gross: str, amount: str, rate: str
) -> None:
    bands = assess(order(sent_to("FR", postcode), line(gross, tax(amount))), GOODS).bands
    assert [band.rate for band in bands] == [D(rate)]


@pytest.mark.parametrize(("postcode", "french"), [("20137", True), ("75002", False), ("", False)])
def test_corsican_rates_are_french_in_corsica(postcode: str, french: bool) -> None:
    sold = order(sent_to("FR", postcode), line("113", tax("13", "0.13")))
    if french:
        assert assess(sold, GOODS).bands[0].rate == D("0.13")
    else:
        with pytest.raises(NeedsPerson):
            assess(sold, GOODS)


def test_gift_cards_and_tips_are_out_of_scope_beside_taxed_lines() -> None:
    vat = assess(
        order(
            sent_to("FR"),
            line("120", tax("20", "0.2")),
            line("50", kind=LineKind.GIFT_CARD),
            line("3", kind=LineKind.TIP),
        ),
        Rules(gift_cards=GiftCards.MULTI, tips=Tips.STAFF),
    )
    assert vat.exemption == (
        "Bon à usages multiples hors champ de la TVA, art. 256 ter du CGI ; "
        "Pourboire volontaire hors champ de la TVA"
    )


OSS = Rules(oss=True, supply=Supply.GOODS)


@pytest.mark.parametrize(
    ("customer", "one", "country"),
    [
        (sent_to("DE"), line("119", tax("19", "0.19")), "DE"),
        (sent_to("DE"), line("119", tax("19")), "DE"),
        (sent_to("FI"), line("125.5", tax("25.5")), "FI"),
        (sent_to("AT"), line("120", tax("20", "0.2")), "AT"),
        (sent_to("AT"), line("104.90", tax("4.90")), "AT"),
        (sent_to("DE"), line("117.3", tax("17.3", "0.173")), "DE"),  # a rate that no table knows yet
        (sent_to("DE"), line("120", tax("20", "0.2")), ""),  # French VAT, under the threshold
        (sent_to("FR"), line("120", tax("20", "0.2")), ""),
        (sent_to("DE", number=DE_NUMBER), line("100"), ""),
        (sent_to("GB", "BT1 1AA"), line("120", tax("20", "0.2")), "XI"),
        (sent_to("AT"), line("120", Tax(amount=D("20"), rate=D("0.2"), country="FR")), ""),
    ],
)
def test_oss_states_the_country_whose_vat_was_charged(customer: Customer, one: Line, country: str) -> None:
    assert assess(order(customer, one), OSS).country == country


FRANCHISE = Rules(vat_regimes=((date.min, VatRegime.FRANCHISE), (date(2026, 11, 23), VatRegime.NORMAL)))


def test_a_sale_that_is_exempt_by_a_number_shows_it_whatever_the_customers_record_says() -> None:
    exempt = order(sent_to("DE", number="136 695 976", company="Kunst GmbH"), line("100"))
    documents = documents_for(exempt, GOODS, UNKNOWN)
    assert documents.invoice
    assert f"N° de TVA de l'acheteur : {DE_NUMBER}." in documents.invoice.information
    taxed = order(exempt.customer, line("120", tax("20", "0.2")))
    documents = documents_for(taxed, replace(GOODS, answers=frozenset({"vat_to_eu_business"})), UNKNOWN)
    assert documents.invoice
    assert "acheteur" not in documents.invoice.information


TAXED = line("120", tax("20", "0.2"))
AUSTRIAN = line("120", Tax(amount=D("20"), rate=D("0.2"), country="AT"))
ASKED: list[tuple[str, Customer, Rules, Line, str]] = [
    ("French VAT to Switzerland", sent_to("CH"), GOODS, TAXED, "vat_on_goods_leaving"),
    ("French VAT to Réunion", sent_to("FR", "97400"), GOODS, TAXED, "vat_on_goods_leaving"),
    ("French VAT to New Caledonia", sent_to("NC"), GOODS, TAXED, "vat_on_goods_leaving"),
    ("8.5 % in Paris", sent_to("FR", "75002"), GOODS, line("108.5", tax("8.5", "0.085")), "overseas_rate"),
    ("goods to a German business", sent_to("DE", number=DE_NUMBER), GOODS, TAXED, "vat_to_eu_business"),
    ("a service to one", sent_to("DE", number=DE_NUMBER), SERVICES, TAXED, "vat_to_eu_business"),
    (
        "its own country's VAT",
        sent_to("DE", number=DE_NUMBER),
        Rules(oss=True, supply=Supply.GOODS),
        line("119", tax("19", "0.19")),
        "vat_to_eu_business",
    ),
    (
        "a service to a company abroad",
        sent_to("US", company="Corp"),
        SERVICES,
        TAXED,
        "vat_on_service_abroad",
    ),
    ("Austrian VAT by its word", sent_to("AT"), GOODS, AUSTRIAN, "vat_of_another_state"),
    ("no country", Customer(email="a@example.com"), GOODS, TAXED, "country_unknown"),
    ("a gift card", sent_to("FR"), GOODS, GIFT_CARD, "gift_cards_unset"),
    ("a tip", sent_to("FR"), GOODS, line("3", kind=LineKind.TIP), "tips_unset"),
]


@pytest.mark.parametrize(
    ("customer", "rules", "one", "kind"), [row[1:] for row in ASKED], ids=[row[0] for row in ASKED]
)
def test_vat_that_should_not_be_there_asks_until_it_is_accepted(
    customer: Customer, rules: Rules, one: Line, kind: str
) -> None:
    sale = order(customer, one)
    with pytest.raises(NeedsPerson) as asked:
        assess(sale, rules)
    assert asked.value.reason.code == kind
    assert kind in QUESTIONS
    assert D(asked.value.reason.fact("amount")) == one.gross
    accepted = assess(sale, replace(rules, answers=frozenset({kind})))
    assert sum(band.gross for band in accepted.bands) == one.gross


def test_what_was_sold_before_is_given_back_without_a_question() -> None:
    moved = order(sent_to("BE", number=BE_NUMBER), line("-24.50", tax("-4.08", "0.2")), line("49.50"))
    assert "Autoliquidation" in assess(moved, SERVICES).exemption


@pytest.mark.parametrize(
    ("postcode", "charged"),
    [("20000", tax("13", "0.13")), ("20200", tax("0.9", "0.009")), ("75002", tax("2.1", "0.021"))],
)
def test_the_rates_of_corsica_hold_there(postcode: str, charged: Tax) -> None:
    sold = line(str(100 + charged.amount), charged)
    assert assess(order(sent_to("FR", postcode), sold), GOODS).exemption == ""


def test_a_till_is_in_france() -> None:
    sale = replace(order(Customer(), TAXED), at_till=True)
    assert assess(sale, GOODS).bands[0].rate == D("0.2")


def test_french_vat_may_go_to_a_consumer_in_northern_ireland() -> None:
    assert assess(order(sent_to("GB", "BT1 1AA"), TAXED), GOODS).exemption == ""


def test_each_of_several_mentions_says_its_lines() -> None:
    buyer = sent_to("DE", number=DE_NUMBER, company="Kunst GmbH")
    mixed = order(
        buyer,
        line("100", title="Moulin", supply=Supply.GOODS),
        line("40", title="Réglage", supply=Supply.SERVICES),
    )
    documents = documents_for(mixed, Rules(), UNKNOWN)
    assert documents.invoice
    notes = documents.invoice.information.splitlines()
    assert "Exonération de TVA, art. 262 ter I du CGI : Moulin." in notes
    assert "Autoliquidation, art. 283-2 du CGI : Réglage." in notes


def test_a_partial_credit_note_of_an_exempt_supply_shows_the_number() -> None:
    sold = order(sent_to("DE", number=DE_NUMBER, company="Kunst GmbH"), line("100"))
    given = Reduction(id="9", at=sold.placed_at, amount=D("30"), paid_back=D("30"))
    made = {sold.key: LedgerEntry(id=1, number="F1", total=D("100"), paid=True)}
    (note,) = documents_for(replace(sold, reductions=(given,)), GOODS, UNKNOWN, made).credit_notes
    assert note.information == f"N° de TVA de l'acheteur : {DE_NUMBER}."


def test_free_shipping_shows_no_discount_without_its_line() -> None:
    shipping = line("0", kind=LineKind.SHIPPING, discount=D("5"))
    documents = documents_for(order(sent_to("FR"), TAXED, shipping), GOODS, UNKNOWN)
    assert documents.invoice
    assert "Remises" not in documents.invoice.information


def test_franchise_carries_its_mention() -> None:
    vat = assess(order(sent_to("DE"), line("100", tax("0", "0.2"))), FRANCHISE)
    assert vat.exemption == "TVA non applicable, art. 293 B du CGI"


def test_franchise_and_a_service_to_a_business_of_another_member_state() -> None:
    vat = assess(order(sent_to("DE", number=DE_NUMBER), line("100", supply=Supply.SERVICES)), FRANCHISE)
    assert (vat.exemption.split(",")[0], vat.number) == ("Autoliquidation", DE_NUMBER)
    goods = assess(order(sent_to("DE", number=DE_NUMBER), line("100", supply=Supply.GOODS)), FRANCHISE)
    assert (goods.exemption, goods.number) == ("TVA non applicable, art. 293 B du CGI", "")


def test_vat_charged_under_franchise_is_for_a_person() -> None:
    with pytest.raises(NeedsPerson, match="franchise"):
        assess(order(sent_to("FR"), line("120", tax("20", "0.2"))), FRANCHISE)


def test_the_regime_is_that_of_the_day_in_paris() -> None:
    taxed = order(sent_to("FR"), line("120", tax("20", "0.2")))
    after_midnight = replace(taxed, paid_at=datetime(2026, 11, 22, 23, 30, tzinfo=UTC))
    assert assess(after_midnight, FRANCHISE).exemption == ""


@pytest.mark.parametrize(
    ("overrides", "reason", "expected"),
    [
        (
            {"domestic_exempt": "Exonération, art. 261-4-4° du CGI"},
            ZeroTaxReason.PRODUCT_EXEMPT,
            "Exonération, art. 261-4-4° du CGI",
        ),
        ({"domestic_exempt": "Exonération, art. 261-4-4° du CGI"}, None, ""),
        ({}, ZeroTaxReason.PRODUCT_EXEMPT, ""),
    ],
)
def test_exempt_in_france_needs_the_shops_word_and_the_accountants(
    overrides: Mapping[str, str], reason: ZeroTaxReason | None, expected: str
) -> None:
    sale = order(sent_to("FR"), line("100", tax("0", "0", reason=reason)))
    rules = Rules(mentions=overrides)
    if expected:
        assert assess(sale, rules).exemption == expected
    else:
        with pytest.raises(NeedsPerson):
            assess(sale, rules)


@pytest.mark.parametrize(
    ("country", "postcode", "expected"),
    [
        ("FR", "75002", Zone.FRANCE),
        ("FR", "20000", Zone.FRANCE),
        ("MC", "98000", Zone.FRANCE),
        ("FR", "97133", Zone.COM),
        ("PF", "98713", Zone.COM),
        ("FR", "97400", Zone.DOM),
        ("YT", "", Zone.DOM),
        ("EL", "10557", Zone.EU),
        ("GR", "63086", Zone.OUTSIDE),
        ("XI", "", Zone.NORTHERN_IRELAND),
        ("AX", "22100", Zone.OUTSIDE),
        ("", "75002", Zone.UNKNOWN),
    ],
)
def test_zones(country: str, postcode: str, expected: Zone) -> None:
    assert zone(Address(country=country, postcode=postcode)) is expected
