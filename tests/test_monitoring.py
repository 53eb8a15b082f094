"""Alerts, dashboard and documentation speak of the metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bridge.telemetry.metrics import Metrics
from tests.test_docs import headings_in

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"


def samples() -> dict[str, set[str]]:
    """Sample name → its labels, of every metric."""
    metrics = Metrics()
    metrics.received("shopify", "orders/paid", "accepted", 0.001)
    metrics.synced("done", seconds=0.1, ack_to_invoice=0.2)
    metrics.api_call("GET", "/account.json", "200", 0.1)
    metrics.observe_state(
        backlog=0,
        oldest_waiting_seconds=0,
        attention=0,
        workers=1,
        quota_left={"five_minutes": 1, "day": 2},
        orders={"done": 1},
    )
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


SAMPLES = samples()


def rules() -> list[dict[str, Any]]:
    """The alerts."""
    (group,) = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())["groups"]
    return list(group["rules"])


def expressions() -> list[str]:
    """All PromQL of alerts and dashboard."""
    panels = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())["panels"]
    shown = [target["expr"] for panel in panels for target in panel["targets"]]
    return [rule["expr"] for rule in rules()] + shown


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_uses_metrics_and_labels_that_exist(expression: str) -> None:
    names = re.findall(r"\bbridge_\w+", expression)
    assert names
    assert set(names) <= SAMPLES.keys()
    labels = {label for name in names for label in SAMPLES[name]}
    selected = set(re.findall(r"(\w+)\s*[!=]~?\s*\"", expression))
    grouped = {
        name.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for name in group.split(",")
    }
    assert selected | grouped <= labels


ALERT_TESTS = sorted((DEPLOY / "prometheus").glob("*_test.yaml"))


def test_prometheus_takes_the_rules_and_raises_each_when_it_should() -> None:
    promtool = shutil.which("promtool")
    if not promtool:
        pytest.skip("NO PROMTOOL: the alerts were not tried; Debian's package prometheus has it")
    rules_file = str(DEPLOY / "prometheus" / "alerts.yaml")
    for words in (["check", "rules", rules_file], ["test", "rules", *map(str, ALERT_TESTS)]):
        done = subprocess.run([promtool, *words], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_seen_raised_and_not_raised() -> None:
    tests = [test for file in ALERT_TESTS for test in yaml.safe_load(file.read_text())["tests"]]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    raised = {case["alertname"] for case in cases if case.get("exp_alerts")}
    calm = {case["alertname"] for case in cases if not case.get("exp_alerts")}
    assert raised == calm == {rule["alert"] for rule in rules()}


def test_every_alert_is_in_the_runbook() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    for rule in rules():
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (page, anchor) == ("docs/runbook.md", rule["alert"].lower())
        assert anchor in headings_in(runbook)
        assert rule["labels"]["severity"] in ("page", "warn")


def test_every_metric_is_documented() -> None:
    table = (ROOT / "docs" / "deployment.md").read_text()
    documented = dict(re.findall(r"^\| `(bridge_\w+)` \| \w+ \| ([^|]*)\|", table, re.M))
    known = {
        re.sub(r"_(bucket|sum|count)$", "", name): labels - {"le"}
        for name, labels in SAMPLES.items()
        if not name.endswith("_created")
    }
    assert {name: set(re.findall(r"\w+", labels)) for name, labels in documented.items()} == known


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
