"""The Compose files: as they are without a fault, and each kind of fault is named when it is made."""

import shutil
from pathlib import Path

import pytest

from scripts.proofs.configuration import compose

ROOT = Path(__file__).parents[3]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what Compose reads."""
    for page in ROOT.glob("docker-compose*.yml"):
        shutil.copy(page, tmp_path)
    shutil.copytree(
        ROOT / "docker", tmp_path / "docker", ignore=shutil.ignore_patterns("[a-z]*_password", "*_url", "*_key")
    )
    return tmp_path


@pytest.fixture
def quick(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Without the foreign tools, for the faults that are ours to find."""
    monkeypatch.setattr(compose, "_of_schema", lambda *_: iter(()))
    monkeypatch.setattr(compose, "_as_compose_reads", lambda *_: iter(()))
    return tree


def _broken(tree: Path, old: str, new: str, page: str = "docker-compose.yml") -> list[str]:
    text = (tree / page).read_text()
    assert old in text, old
    (tree / page).write_text(text.replace(old, new, 1))
    return list(compose.faults(tree))


def test_a_tree_without_the_file_is_a_fault(tmp_path: Path) -> None:
    assert list(compose.faults(tmp_path)) == ["docker-compose.yml: is not there"]


@pytest.mark.parametrize(
    ("page", "old", "new", "says"),
    [
        ("docker-compose.yml", "interval: 5s", "intervall: 5s", "intervall"),
        ("docker-compose.yml", "condition: service_healthy", "condition: service_well", "service_well"),
        ("docker-compose.tls.yml", "ports:", "port:", "docker-compose.tls.yml"),
        ("docker-compose.yml", "${STEWARD_VERSION:-local}", "${STEWARD_VERSION:?say which}", "say which"),
        ("docker-compose.override.yml", "  api:\n    <<: *source", "  api:\n    <<: *sources", "override"),
    ],
)
def test_the_foreign_tools_find_what_is_theirs_to_find(page: str, old: str, new: str, says: str, tree: Path) -> None:
    assert says in "\n".join(_broken(tree, old, new, page))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('  user: "10001:10001"', '  user: "0:0"', "api: `user` must be a number other than 0"),
        ("    user: \"999:999\"\n", "", "postgres: `user` must be"),
        ("  read_only: true\n", "", "nginx: `read_only: true` is missing"),
        ("  cap_drop: [ALL]", "  cap_drop: [ALL]\n  cap_add: [NET_RAW]", "ui: `cap_drop: [ALL]` and no `cap_add`"),
        ('["no-new-privileges:true"]', '["label:disable"]', "agent: `no-new-privileges:true` is missing"),
        ("    networks: [front, edge]", "    network_mode: host", "nginx: `network_mode` lets it out"),
        ("    image: prom/alertmanager", "    privileged: true\n    image: prom/alertmanager", "`privileged` lets"),
        ("./docker/nginx/nginx.conf", "/var/run/docker.sock", "nginx: holds the engine's socket"),
        ("{cpus: \"2\", memory: 2g, pids: 300}", "{cpus: \"2\"}", "postgres: has no limit of memory, pids"),
        ("max-size: 10m, ", "", "its log grows for ever"),
        ("      test: [CMD, steward, healthy, agent]", "      disable: true", "agent: has no health check"),
        ("      test: [CMD, steward, healthy, agent]\n", "", "agent: its health check is not `steward healthy agent`"),
        ("prom/prometheus:v3.7.3", "prom/prometheus:latest", "prometheus: its image"),
        ("postgres:18.1-bookworm", "postgres", "postgres: its image 'postgres' is not pinned"),
        ("      UI_API_URL", "      SMTP_PASSWORD: hunter2\n      UI_API_URL", "ui: SMTP_PASSWORD is a secret in the"),
        ("      UI_API_URL", "      PLACE: postgresql://a:b@c/d\n      UI_API_URL", "ui: PLACE is a secret in the"),
        ("    secrets: [mlflow_database_url]\n", "", "mlflow: DATABASE_URL_FILE names a secret that it is not given"),
        ("    networks: [front, metrics]\n", "    networks: [front, metrics, data]\n", "ui: enters the database"),
        ("    networks: [front, metrics]\n", "    networks: [front, edge]\n", "ui: reaches outside by edge"),
        ("    networks: [metrics]\n", "", "prometheus: is in Compose's own network"),
        ("${STEWARD_BIND:-127.0.0.1}", "${STEWARD_BIND:-0.0.0.0}", "is open to the network by default"),
        ("./docker/nginx/upstreams.conf", "./docker/nginx/gone.conf", "nginx: mounts ./docker/nginx/gone.conf"),
        ("locations.conf:ro", "locations.conf", "nginx: may write to ./docker/nginx/locations.conf"),
        ("  edge: # the way in", "  spare:\n  edge: # the way in", "networks: spare is used by nobody"),
        ("secrets: [grafana_admin_password]", "secrets: [grafana_password]", "grafana_password is declared nowhere"),
        ("      api: {condition: service_healthy}", "      api: {restart: true}", "depends on api without"),
    ],
)  # fmt: skip
def test_our_own_rules_find_what_they_are_for(old: str, new: str, says: str, quick: Path) -> None:
    assert says in "\n".join(_broken(quick, old, new))
