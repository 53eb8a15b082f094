"""The configuration: every key, from both places, and words for every mistake."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bridge.billing.rules import DocumentPolicy, Rules, VatRegime
from bridge.errors import ConfigurationError
from bridge.movements import PaymentMethod
from bridge.settings.loading import FacturationSettings, Settings, ShopSettings, load_settings

MINIMAL = """
[facturation]
firm_id = 12345
api_id = "4242"
api_key = "the-api-key"
contact = "ops@example.com"

[shops.boutique]
platform = "shopify"
secrets = ["the-secret"]
"""
MINIMAL_VARIABLES = {
    "BRIDGE_FACTURATION__FIRM_ID": "12345",
    "BRIDGE_FACTURATION__API_ID": "4242",
    "BRIDGE_FACTURATION__API_KEY": "the-api-key",
    "BRIDGE_FACTURATION__CONTACT": "ops@example.com",
    "BRIDGE_SHOPS__BOUTIQUE__PLATFORM": "shopify",
    "BRIDGE_SHOPS__BOUTIQUE__SECRETS": '["the-secret"]',
}


@pytest.fixture
def load(tmp_path: Path) -> Any:
    def loaded(text: str | None = MINIMAL, /, **environ: str) -> Settings:
        if text is not None:
            (tmp_path / "bridge.toml").write_text(text, encoding="utf-8")
        return load_settings(environ, tmp_path)

    return loaded


@pytest.fixture
def problems(load: Any) -> Any:
    def found(text: str | None = MINIMAL, /, **environ: str) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            load(text, **environ)
        assert "the-api-key" not in str(caught.value)
        assert "the-secret" not in str(caught.value)
        return list(caught.value.problems)

    return found


def test_the_minimal_file_is_enough(load: Any, tmp_path: Path) -> None:
    settings = load()
    assert settings.facturation.firm_id == 12345
    assert settings.facturation.base_url == "https://www.facturation.pro"
    assert (settings.facturation.requests_per_5_minutes, settings.facturation.requests_per_day) == (
        600,
        10_000,
    )
    assert settings.facturation.settle_seconds == 120
    assert settings.redis_url is None
    assert settings.data_dir == tmp_path / "var"
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.max_body_bytes == 5 * 1024 * 1024
    assert (settings.retention_days, settings.environment, settings.log_level) == (90, "production", "info")
    assert settings.shops["boutique"].rules() == Rules()


def test_variables_alone_say_the_same_as_the_file(load: Any) -> None:
    from_variables = load(None, **MINIMAL_VARIABLES)
    assert from_variables == load()


def test_variables_win_over_the_file_key_by_key(load: Any) -> None:
    settings = load(
        BRIDGE_FACTURATION__API_KEY="newer",
        BRIDGE_SHOPS__BOUTIQUE__DOCUMENT="draft",
        BRIDGE_SHOPS__ATELIER__PLATFORM="stripe",
        BRIDGE_SHOPS__ATELIER__SECRETS="whsec_1",
        bridge_port="9000",
    )
    assert settings.facturation.api_key.get_secret_value() == "newer"
    assert settings.facturation.contact == "ops@example.com"
    assert settings.shops["boutique"].document is DocumentPolicy.DRAFT
    assert settings.shops["boutique"].platform == "shopify"
    assert settings.shops["atelier"].platform == "stripe"
    assert settings.port == 9000


def test_the_process_environment_is_not_read(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_PORT", "9000")
    assert os.environ["BRIDGE_PORT"] == "9000"
    assert load().port == 8000
    assert Settings(**load().model_dump()).port == 8000


def test_an_empty_variable_is_as_good_as_none(load: Any) -> None:
    settings = load(BRIDGE_OPS_TOKEN="", BRIDGE_FACTURATION__API_KEY="", BRIDGE_PORT="")
    assert settings.ops_token is None
    assert settings.port == 8000


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('["a", "b"]', ["a", "b"]),
        ("whsec_plain", ["whsec_plain"]),
        ("1234567890", ["1234567890"]),
        ("with,comma", ["with,comma"]),
        ("[x}#,~", ["[x}#,~"]),
    ],
)
def test_secrets_in_a_variable(load: Any, written: str, meant: list[str]) -> None:
    settings = load(BRIDGE_SHOPS__BOUTIQUE__SECRETS=written)
    assert [secret.get_secret_value() for secret in settings.shops["boutique"].secrets] == meant


def test_a_shop_with_a_hyphen_is_reached_by_an_underscore(load: Any) -> None:
    text = MINIMAL.replace("boutique", "ma-boutique")
    settings = load(text, BRIDGE_SHOPS__MA_BOUTIQUE__SECRETS="newer")
    assert settings.shops.keys() == {"ma-boutique"}
    assert settings.shops["ma-boutique"].secrets[0].get_secret_value() == "newer"


def test_every_choice_of_a_shop_reaches_the_rules(load: Any) -> None:
    shop = load(
        MINIMAL
        + """
        invoice_when = "created"
        document = "external"
        match_customers_by_email = false
        partial_refunds = "hold"
        gestures = "ask"
        gift_cards = "single"
        tips = "taxed"
        late_terms = "Pénalités de retard : 12 %"
        refund_seconds = 30
        foreign_currency = "rate"
        test_orders = "invoice"
        gateways = { "Virement B2B" = "transfer" }
        vat_regime = [{ regime = "franchise" }, { regime = "normal", since = 2026-07-01 }]
        mentions = { franchise = "TVA non applicable", occasion = "Biens d'occasion" }
        exemptions = { "name:Occasion*" = "occasion" }
        stored_value = ["Via wallet"]
        skip_channels = ["amazon"]
        suborders = "children"
        wait_minutes = 2.5
        law = "cibs"
        oss = true
        supply = "services"
        category_id = 678
        nature = 2
        language = "fr"
        title = "Vente {number} de {shop}"
        information = "Merci"
        send_email = true
        zero_total_orders = true
        fields = { siret = ["ma_cle"] }
        defer_to = ["atelier"]
        invoice_from = 2026-11-01
        """
    ).shops["boutique"]
    rules = shop.rules()
    defaults = Rules()
    for name in set(Rules.__slots__) - {"answers"}:  # people's, given later
        assert getattr(rules, name) != getattr(defaults, name), f"{name} does not reach the rules"
    assert rules.gateways == {"Virement B2B": PaymentMethod.TRANSFER}
    assert rules.mentions["franchise"] == "TVA non applicable"
    assert rules.regime_on(date(2026, 6, 30)) is VatRegime.FRANCHISE
    assert rules.regime_on(date(2026, 7, 1)) is VatRegime.NORMAL


@pytest.mark.parametrize("written", ["franchise", '[{"regime": "franchise"}]'])
def test_the_regime_as_a_word_or_a_list_in_a_variable(load: Any, written: str) -> None:
    shop = load(BRIDGE_SHOPS__BOUTIQUE__VAT_REGIME=written).shops["boutique"]
    assert shop.rules().vat_regimes == ((date.min, VatRegime.FRANCHISE),)


def test_tables_in_variables_are_json(load: Any) -> None:
    shop = load(
        BRIDGE_SHOPS__BOUTIQUE__GATEWAYS='{"Chèque": "cheque"}',
        BRIDGE_SHOPS__BOUTIQUE__MENTIONS__EXPORT="Exonération",
    ).shops["boutique"]
    assert shop.gateways == {"Chèque": PaymentMethod.CHEQUE}
    assert shop.mentions == {"export": "Exonération"}


def test_secrets_hide_themselves(load: Any) -> None:
    held = {"the-api-key", "the-secret", "the-token", "the-platform-key", "pass/word", "sentry-key"}
    settings = load(
        BRIDGE_OPS_TOKEN="the-token",
        BRIDGE_REDIS_URL="redis://:pass%2Fword@localhost/0",
        BRIDGE_SENTRY_DSN="https://sentry-key@sentry.example.com/1",
        BRIDGE_SHOPS__BOUTIQUE__PLATFORM_API_KEY="the-platform-key",
    )
    shown = repr(settings) + str(settings) + settings.model_dump_json()
    for secret in held | {"pass%2Fword"}:
        assert secret not in shown
    assert held - {"sentry-key"} <= settings.secret_values()


def test_bridge_config_names_the_file(load: Any, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(MINIMAL + 'title = "autre"')
    assert load(MINIMAL, BRIDGE_CONFIG="other.toml").shops["boutique"].title == "autre"
    assert load(MINIMAL, BRIDGE_CONFIG=str(tmp_path / "other.toml")).shops["boutique"].title == "autre"


def shop_with(line: str) -> str:
    return MINIMAL + line


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            MINIMAL.replace('"shopify"', '"shopfy"'),
            'shops.boutique.platform: "shopfy" is none of shopify, stripe, woocommerce',
        ),
        (
            MINIMAL.replace('api_key = "the-api-key"', ""),
            "facturation.api_key: missing; set it in the file or as BRIDGE_FACTURATION__API_KEY",
        ),
        (
            MINIMAL.replace("firm_id", "firmid"),
            "facturation.firmid: unknown key; did you mean firm_id?",
        ),
        (
            shop_with("ops_token = 'x'"),
            "shops.boutique.ops_token: unknown key; it belongs at the top of the file, "
            "before the first [table]",
        ),
        (
            "document = 'draft'" + MINIMAL,
            "document: unknown key; it belongs in a [shops.<name>] table",
        ),
        ("contact = 'x'" + MINIMAL, "contact: unknown key; it belongs in [facturation]"),
        ("zzzzzz = 1" + MINIMAL, "zzzzzz: unknown key; remove it"),
        (
            MINIMAL.partition("[shops")[0],
            "shops: no shop; add a [shops.<name>] table with platform and secrets",
        ),
        (
            MINIMAL.partition("[shops")[0] + "[shops]",
            "shops: no shop; add a [shops.<name>] table with platform and secrets",
        ),
        (
            "[shops" + MINIMAL.partition("[shops")[2],
            "facturation: missing; add a [facturation] table with firm_id, api_id, api_key and contact",
        ),
        (
            MINIMAL.replace("shops.boutique", "shops.Boutique"),
            "shops.Boutique: a shop's name is made of a-z, 0-9, _ and -, at most 40",
        ),
        (
            MINIMAL.replace("shops.boutique", f"shops.{'a' * 41}"),
            f"shops.{'a' * 41}: a shop's name is made of a-z, 0-9, _ and -, at most 40",
        ),
        (
            MINIMAL.replace("ops@example.com", "opérateur"),
            "facturation.contact: must be printable ASCII: it goes into a header of each request; "
            "use an e-mail address",
        ),
        (
            MINIMAL.replace('"4242"', '"42:42"'),
            "facturation.api_id: must be ASCII without spaces or colons, as Facturation.pro shows it",
        ),
        (
            MINIMAL.replace("12345", '"abc"'),
            "facturation.firm_id: must be a whole number",
        ),
        (MINIMAL.replace('"the-api-key"', "12"), "facturation.api_key: must be text: put it between quotes"),
        ("data_dir = 3\n" + MINIMAL, "data_dir: must be text: put it between quotes"),
        ("max_body_bytes = 0\n" + MINIMAL, "max_body_bytes: must be greater than 0"),
        (MINIMAL + "send_email = 'perhaps'\n", "shops.boutique.send_email: must be true or false"),
        (MINIMAL + "gateways = 3\n", "shops.boutique.gateways: must be a table of keys"),
        ("alerts = 3\n" + MINIMAL, "alerts: must be a table of keys, under a heading in brackets"),
        (
            MINIMAL.replace('["the-secret"]', "[]"),
            "shops.boutique.secrets: at least one secret is needed",
        ),
        (
            MINIMAL.replace('["the-secret"]', '["the-secret", " "]'),
            "shops.boutique.secrets.1: is empty; fill it in or leave the key out",
        ),
        (
            MINIMAL.replace('["the-secret"]', '["…"]'),
            "shops.boutique.secrets.0: is still the placeholder of the example; fill it in",
        ),
        (
            MINIMAL.replace('["the-secret"]', '["the-secret\\n"]'),
            "shops.boutique.secrets.0: begins or ends with white space; remove it",
        ),
        (
            shop_with('document = "drafts"'),
            'shops.boutique.document: "drafts" is none of final, draft, external',
        ),
        (
            shop_with('document = "shpss_0123456789abcdef0123456789abcdef"'),
            "shops.boutique.document: this value is none of final, draft, external",
        ),
        (
            shop_with('gateways = { x = "visa" }'),
            'shops.boutique.gateways.x: "visa" is none of card, paypal, transfer, cheque, cash, '
            "direct_debit, gift_card, meal_voucher, holiday_voucher, other",
        ),
        (
            shop_with('vat_regime = "micro"'),
            'shops.boutique.vat_regime.0.regime: "micro" is none of normal, franchise',
        ),
        (
            shop_with('vat_regime = [{ regime = "normal", since = 2026-07-01 }]'),
            "shops.boutique.vat_regime: the first entry must have no `since`: it is the regime of all days "
            "before the next one",
        ),
        (
            shop_with('vat_regime = [{ regime = "normal" }, { regime = "franchise" }]'),
            "shops.boutique.vat_regime: each entry after the first needs a `since` later than the one before",
        ),
        (
            shop_with('vat_regime = [{ regime = "normal", sinc = 2026-07-01 }]'),
            "shops.boutique.vat_regime.0.sinc: unknown key; did you mean since?",
        ),
        (
            shop_with('title = "Commande {numero}"'),
            "shops.boutique.title: may only hold {number}, {shop} and {platform} between braces",
        ),
        (
            shop_with('language = "french"'),
            'shops.boutique.language: must be two small letters, like "fr", or empty for the buyer\'s own',
        ),
        ("port = 80000" + MINIMAL, "port: must be at most 65535"),
        ('log_level = "loud"' + MINIMAL, 'log_level: "loud" is none of debug, info, warning, error'),
        (
            'redis_url = "localhost:6379"' + MINIMAL,
            "redis_url: must begin with redis://, rediss:// (TLS), redis+sentinel:// or unix://",
        ),
        (
            'sentry_dsn = "https://sentry.io"' + MINIMAL,
            "sentry_dsn: is not a Sentry DSN like https://key@host/project",
        ),
        (
            MINIMAL.replace("[shops", 'base_url = "facturation.pro"\n[shops'),
            "facturation.base_url: is not an address like https://example.com",
        ),
    ],
)
def test_a_mistake_is_named_with_its_cure(problems: Any, text: str, problem: str) -> None:
    assert problem in problems(text)


def test_an_unknown_mention_is_named_with_those_there_are(problems: Any) -> None:
    found = problems(shop_with('mentions = { franchize = "TVA" }'))
    assert found[0].startswith(
        'shops.boutique: mentions: "franchize" is used by nothing; known are franchise, '
    )


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ('{ "nom:Formation*" = "tip" }', '"nom:Formation*" must begin with one of tax_class, '),
        ('{ "name:" = "tip" }', '"name:" must begin with one of tax_class, '),
        ('{ "name:Formation*" = "exempte" }', '"exempte" is no mention; write its text under mentions'),
    ],
)
def test_an_exemption_leads_to_a_mention(problems: Any, written: str, problem: str) -> None:
    (found,) = problems(shop_with(f"exemptions = {written}"))
    assert found.startswith(f"shops.boutique: exemptions: {problem}")


def test_all_mistakes_are_told_at_once(problems: Any) -> None:
    text = MINIMAL.replace('"shopify"', '"shopfy"').replace("firm_id = 12345", "")
    assert len(problems(text, BRIDGE_OPS_TOKN="x", BRIDGE_PORT="x")) == 4


def test_mistakes_in_variables(problems: Any) -> None:
    assert problems(BRIDGE_OPS_TOKN="x") == [
        "BRIDGE_OPS_TOKN: unknown variable; did you mean BRIDGE_OPS_TOKEN?"
    ]
    assert problems(BRIDGE_FOO="x") == ["BRIDGE_FOO: unknown variable; remove it"]
    assert problems(BRIDGE_FACTURATION__APIKEY="x") == [
        "facturation.apikey: unknown key; did you mean api_key?"
    ]
    assert problems(BRIDGE_PORT="many") == ["port: must be a whole number (from the environment)"]
    assert problems(BRIDGE_SHOPS="boutique") == ["BRIDGE_SHOPS: is not JSON; quote it once more"]


def test_without_any_file_it_is_said_where_one_was_expected(problems: Any, tmp_path: Path) -> None:
    found = problems(None)
    assert found[0] == f"{tmp_path / 'bridge.toml'}: there is none; write one, or name yours in BRIDGE_CONFIG"
    assert len(found) == 3


def test_a_broken_file_is_named_with_line_and_column(problems: Any, tmp_path: Path) -> None:
    (found,) = problems("[facturation]\nfirm_id 12345")
    assert found.startswith(f"{tmp_path / 'bridge.toml'}: is not TOML: ")
    assert "(at line 2, column 9)" in found


def test_files_that_cannot_be_read(load: Any, problems: Any, tmp_path: Path) -> None:
    (found,) = problems(MINIMAL, BRIDGE_CONFIG="nowhere.toml")
    why = "cannot be read (No such file or directory), and BRIDGE_CONFIG names it"
    assert found == f"{tmp_path / 'nowhere.toml'}: {why}"
    (tmp_path / "latin.toml").write_bytes(b'title = "caf\xe9"')
    (found,) = problems(MINIMAL, BRIDGE_CONFIG="latin.toml")
    assert found == f"{tmp_path / 'latin.toml'}: is not UTF-8 (byte 12); save it as UTF-8"


@pytest.mark.parametrize("model", [Settings, FacturationSettings, ShopSettings])
def test_every_key_is_described(model: type[Any]) -> None:
    for name, field in model.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_settings_cannot_be_changed(load: Any) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().port = 1


def test_the_settings_survive_json_but_for_the_secrets(load: Any) -> None:
    assert json.loads(load().model_dump_json())["shops"]["boutique"]["secrets"] == ["**********"]
