"""The manifests in deploy/kubernetes start this version of the bridge, safely."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bridge.settings.loading import load_settings

yaml = pytest.importorskip("yaml")

FOLDER = Path(__file__).parent.parent / "deploy" / "kubernetes"
BASE = FOLDER / "base"
FILES = sorted(FOLDER.rglob("*.yaml"))


def objects(file: Path) -> list[dict[str, Any]]:
    """The objects of one file."""
    return [each for each in yaml.safe_load_all(file.read_text()) if each]


def named(kind: str, name: str) -> dict[str, Any]:
    """The base's object of this kind and name."""
    found = [each for file in FILES for each in objects(file) if each["kind"] == kind]
    return next(each for each in found if each["metadata"]["name"] == name)


WORKLOADS = [named(*each) for each in (("Deployment", "bridge-web"), ("Deployment", "bridge-worker"))]
PODS = [each["spec"]["template"] for each in (*WORKLOADS, named("StatefulSet", "bridge-valkey"))]


@pytest.mark.parametrize("kustomization", sorted(FOLDER.rglob("kustomization.yaml")), ids=str)
def test_a_kustomization_takes_every_file_but_the_secret(kustomization: Path) -> None:
    told = set(yaml.safe_load(kustomization.read_text())["resources"])
    here = {file.name for file in kustomization.parent.glob("*.yaml")}
    assert told - {"../base"} == here - {"kustomization.yaml", "secret.example.yaml"}


@pytest.mark.parametrize("kustomization", sorted(FOLDER.rglob("kustomization.yaml")), ids=str)
def test_kubectl_builds_it(kustomization: Path) -> None:
    kubectl = shutil.which("kubectl")
    if not kubectl:
        pytest.skip("no kubectl here")
    command = [kubectl, "kustomize", str(kustomization.parent)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert built.returncode == 0, built.stderr
    kinds = [each["kind"] for each in yaml.safe_load_all(built.stdout)]
    assert kinds.count("Deployment") == 2
    assert "Secret" not in kinds


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_manifest_chooses_a_namespace(file: Path) -> None:
    assert not [each for each in objects(file) if "namespace" in each.get("metadata", {})]


@pytest.mark.parametrize("pod", PODS, ids=lambda pod: pod["spec"]["containers"][0]["name"])
def test_a_pod_may_do_nothing_but_its_work(pod: dict[str, Any]) -> None:
    spec, container = pod["spec"], pod["spec"]["containers"][0]
    # Service links would be unknown BRIDGE_ variables, and the bridge would not start.
    assert spec["enableServiceLinks"] is False
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]


def test_service_links_would_stop_the_bridge(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="BRIDGE_WEB_SERVICE_HOST: unknown variable"):
        load_settings({"BRIDGE_WEB_SERVICE_HOST": "10.0.0.1"}, tmp_path)


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload["metadata"]["name"])
def test_configuration_and_secret_make_settings(workload: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "bridge.toml").write_text(named("ConfigMap", "bridge-configuration")["data"]["bridge.toml"])
    (secret,) = objects(BASE / "secret.example.yaml")
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    environ = {name: value.replace("…", "a" * 20) for name, value in secret["stringData"].items()}
    environ |= {each["name"]: each["value"] for each in container["env"]}
    assert environ["BRIDGE_CONFIG"] == "/etc/bridge/bridge.toml"
    settings = load_settings(environ | {"BRIDGE_CONFIG": str(tmp_path / "bridge.toml")}, tmp_path)
    assert settings.redis_url is not None
    assert settings.host == "0.0.0.0"
    port = settings.port if container["args"] == ["web"] else settings.worker_port
    assert [each["containerPort"] for each in container["ports"]] == [port]
    annotations = workload["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(port)


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload["metadata"]["name"])
def test_probes_ask_pages_that_exist(workload: dict[str, Any]) -> None:
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    probes = {name: probe["httpGet"]["path"] for name, probe in container.items() if name.endswith("Probe")}
    assert probes["livenessProbe"] == probes["startupProbe"] == "/livez"
    assert probes.get("readinessProbe", "/readyz") == "/readyz"


@pytest.mark.parametrize("name", ["bridge-web", "bridge-worker"])
def test_a_disruption_budget_covers_its_pods(name: str) -> None:
    labels = named("Deployment", name)["spec"]["template"]["metadata"]["labels"]
    assert named("PodDisruptionBudget", name)["spec"]["selector"]["matchLabels"] == labels


def test_valkey_has_the_settings_of_redis_conf() -> None:
    ours = named("ConfigMap", "bridge-valkey")["data"]["redis.conf"]
    assert ours == (FOLDER.parent / "redis.conf").read_text()


def test_the_service_of_valkey_is_the_host_in_the_secret() -> None:
    (secret,) = objects(BASE / "secret.example.yaml")
    service = named("Service", "bridge-valkey")["metadata"]["name"]
    assert f"@{service}:6379/" in secret["stringData"]["BRIDGE_REDIS_URL"]
    assert json.dumps(objects(FOLDER / "with-keda" / "scaledobject.yaml")).count(f"{service}:6379") == 1
