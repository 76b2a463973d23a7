"""docker-compose.yml and what it mounts, as far as they can be tried without Docker."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from imgsim.store import extension

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
MEGABYTES = {"MB": 1, "mb": 1, "GB": 1024, "gb": 1024}
VARIABLE = re.compile(r"\$\{(\w+)(:[-?][^}]*)?\}")

in_containers = pytest.mark.skipif(os.name == "nt", reason="these run in Linux containers only")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services of the compose file."""
    services: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    return services


def examples() -> dict[str, str]:
    """The variables of .env.example, those that are commented out as well."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text, re.MULTILINE))


def megabytes(size: str) -> int:
    """A size such as 512MB or 1gb."""
    number, unit = re.fullmatch(r"(\d+)(\w+)", size).groups()  # type: ignore[union-attr]
    return int(number) * MEGABYTES[unit]


def test_it_is_what_the_compose_specification_says() -> None:
    checked = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"),
            str(COMPOSE),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_images_are_pinned_and_pgvector_is_new_enough(services: dict[str, Any]) -> None:
    for service in services.values():
        assert re.search(r":v?\d+\.\d+\.\d+", service["image"])
    name, _, tag = services["db"]["image"].partition(":")
    version, major, _ = tag.split("-")
    assert name == "pgvector/pgvector"
    assert extension.version_tuple(version) >= extension.MIN_VERSION
    assert major in ("pg17", "pg18")


def test_data_lie_on_a_named_volume_where_the_image_puts_them(services: dict[str, Any]) -> None:
    whole = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    target = "/var/lib/postgresql" if "-pg18" in services["db"]["image"] else "/never"
    assert f"data:{target}" in services["db"]["volumes"]
    assert "data" in whole["volumes"]


def test_only_this_machine_is_served_unless_somebody_says_otherwise(
    services: dict[str, Any],
) -> None:
    assert services["db"]["ports"] == [
        "${IMGSIM_DB_ADDRESS:-127.0.0.1}:${IMGSIM_DB_PORT:-5432}:5432"
    ]
    assert [port.split(":")[0] for port in services["metabase"]["ports"]] == ["127.0.0.1"]
    assert not any("ports" in services[name] for name in ("certificates", "metabase-database"))


def test_no_password_has_a_default(services: dict[str, Any]) -> None:
    assert services["db"]["environment"]["POSTGRES_PASSWORD"].startswith("${IMGSIM_DB_PASSWORD:?")
    said = VARIABLE.findall(COMPOSE.read_text(encoding="utf-8"))
    secrets = [(name, default) for name, default in said if "PASSWORD" in name]
    assert len(secrets) >= 5
    assert all(default in ("", ":-") or default.startswith(":?") for _, default in secrets)
    assert all(not value for name, value in examples().items() if "PASSWORD" in name)


def test_the_example_has_every_variable_and_no_other() -> None:
    text = COMPOSE.read_text(encoding="utf-8")
    assert {name for name, _ in VARIABLE.findall(text)} == set(examples())


def test_shared_memory_holds_the_graph_of_an_index(services: dict[str, Any]) -> None:
    settings = dict(each.split("=") for each in services["db"]["command"] if "=" in each)
    assert megabytes(services["db"]["shm_size"]) >= megabytes(settings["maintenance_work_mem"])


def test_services_say_when_they_are_ready(services: dict[str, Any]) -> None:
    assert "pg_isready" in services["db"]["healthcheck"]["test"]
    assert any("/api/health" in word for word in services["metabase"]["healthcheck"]["test"])
    needs = {name: service.get("depends_on", {}) for name, service in services.items()}
    assert needs["metabase-database"] == {"db": {"condition": "service_healthy"}}
    assert needs["metabase"]["metabase-database"]["condition"] == "service_completed_successfully"
    assert needs["db"]["certificates"]["required"] is False


def test_extras_start_with_their_profile_only(services: dict[str, Any]) -> None:
    profiles = {name: service.get("profiles") for name, service in services.items()}
    assert profiles == {
        "db": None,
        "certificates": ["tls"],
        "metabase-database": ["bi"],
        "metabase": ["bi"],
    }


def test_what_is_mounted_is_there(services: dict[str, Any]) -> None:
    mounted = [
        volume.split(":")[0]
        for service in services.values()
        for volume in service.get("volumes", ())
        if volume.startswith("./")
    ]
    assert len(mounted) >= 6
    assert [each for each in mounted if not (ROOT / each).exists()] == []


def test_secrets_stay_out_of_git() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    keys = ("ca.key", "server/server.key")
    for path in (".env", *(f"docker/tls/certificates/{key}" for key in keys)):
        ignored = subprocess.run(["git", "check-ignore", path], cwd=ROOT, check=False)
        assert ignored.returncode == 0


@pytest.fixture
def start(tmp_path: Path) -> Any:  # noqa: ANN401 - a function
    """Runs docker/start.sh with folders of this test and an entry point that prints its words."""
    entry = tmp_path / "docker-entrypoint.sh"
    entry.write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$@"\n')
    entry.chmod(0o755)
    script = (ROOT / "docker" / "start.sh").read_text(encoding="utf-8")
    for there, here in (
        ("/imgsim/tls", str(tmp_path / "tls")),
        ("/run/imgsim-tls", str(tmp_path / "run")),
        ("-o postgres -g postgres ", ""),
    ):
        assert there in script
        script = script.replace(there, here)

    def run(**environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", script, "start.sh", "postgres", "-c", "a=b c"],
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@in_containers
def test_without_a_certificate_the_image_starts_as_it_is(start: Any) -> None:  # noqa: ANN401
    assert start().stdout == "postgres\n-c\na=b c\n"
    assert start(IMGSIM_BI_USER="x", IMGSIM_BI_PASSWORD="y").stdout == "postgres\n-c\na=b c\n"


@in_containers
def test_what_would_end_half_way_is_refused_before(start: Any) -> None:  # noqa: ANN401
    for environment in (
        {"IMGSIM_BI_USER": "x"},
        {"IMGSIM_BI_USER": "imgsim", "IMGSIM_BI_PASSWORD": "y"},
        {"IMGSIM_BI_USER": "pg_x", "IMGSIM_BI_PASSWORD": "y"},
    ):
        refused = start(**environment)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "IMGSIM_BI_USER" in refused.stderr


@in_containers
def test_with_a_certificate_only_tls_is_let_in(start: Any, tmp_path: Path) -> None:  # noqa: ANN401
    (tmp_path / "tls").mkdir()
    for name in ("server.key", "server.crt"):
        (tmp_path / "tls" / name).write_text(name)
    words = start().stdout.splitlines()
    assert words[:3] == ["postgres", "-c", "a=b c"]
    assert {"ssl=on", f"ssl_key_file={tmp_path / 'run' / 'server.key'}"} <= set(words)
    assert stat.S_IMODE((tmp_path / "run" / "server.key").stat().st_mode) == 0o600
    assert "hba_file=/imgsim/pg_hba.conf" in words
    lines = (ROOT / "docker" / "tls" / "pg_hba.conf").read_text(encoding="utf-8").splitlines()
    rules = [line.split() for line in lines if line and not line.startswith("#")]
    assert [(rule[0], rule[-1]) for rule in rules] == [
        ("local", "trust"),
        ("hostssl", "scram-sha-256"),
    ]
