"""Building and running images without an engine's service: buildah builds, podman runs, in a store of their own."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Without cgroups of its own, without systemd and in this machine's network: so it runs as root inside a container, too.
_CONTAINERS = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
netns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
_LONG_S = 1800.0


class EngineError(RuntimeError):
    """A step of the engine failed; the message ends with what it said."""


@dataclass(frozen=True)
class Engine:
    """An image store in one directory, which is all there is to remove."""

    store: Path
    driver: str

    @classmethod
    def at(cls, store: Path) -> "Engine":
        """Make the store if need be. Layers lie over each other where the kernel can, else each is a whole copy."""
        store.mkdir(parents=True, exist_ok=True)
        for name in ("tmp", "lower", "upper", "work", "merged"):
            (store / name).mkdir(exist_ok=True)
        options = f"lowerdir={store}/lower,upperdir={store}/upper,workdir={store}/work"
        mount = ["mount", "-t", "overlay", "overlay", "-o", options, str(store / "merged")]
        laid_over = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        if laid_over:
            subprocess.run(["umount", str(store / "merged")], check=True)
        engine = cls(store, "overlay" if laid_over else "vfs")
        (store / "containers.conf").write_text(_CONTAINERS)
        (store / "storage.conf").write_text(
            f'[storage]\ndriver = "{engine.driver}"\ngraphroot = "{store}/images"\nrunroot = "{store}/run"\n'
        )
        return engine

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "TMPDIR": str(self.store / "tmp"),
            "CONTAINERS_CONF": str(self.store / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.store / "storage.conf"),
            "BUILDAH_ISOLATION": "chroot",
        }

    def run(self, *command: str, timeout: float = _LONG_S) -> str:
        """What the command printed. Raises `EngineError`."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=timeout
        )
        if done.returncode:
            said = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
            raise EngineError(f"{' '.join(command[:3])} … ended with {done.returncode}:\n{said}")
        return done.stdout.strip()

    def works(self, *command: str) -> bool:
        try:
            self.run(*command, timeout=120)
        except (EngineError, subprocess.TimeoutExpired):
            return False
        return True

    def build(self, image: str, dockerfile: Path, context: Path, args: Mapping[str, str], epoch: int) -> None:
        """Build one image; every file in it is as old as `epoch` says, so that the same input gives the same output."""
        told = [part for name, value in args.items() for part in ("--build-arg", f"{name}={value}")]
        self.run(
            "buildah", "bud", "--isolation", "chroot", "--network", "host", "--format", "docker", "--pull-never",
            "--timestamp", str(epoch), *told, "-t", image, "-f", str(dockerfile), str(context),
        )  # fmt: skip

    def inspect(self, image: str) -> dict[str, Any]:
        """What the engine knows of an image: size, labels, user, health check."""
        (found,) = json.loads(self.run("podman", "image", "inspect", image))
        return dict(found)

    def container(
        self,
        image: str,
        name: str,
        command: Sequence[str] = (),
        *,
        environment: Mapping[str, str] | None = None,
        volumes: Sequence[str] = (),
        detach: bool = False,
    ) -> str:
        """Run a container as Compose does: no capability, nothing to write to but /tmp and the volumes."""
        told = [part for key, value in (environment or {}).items() for part in ("--env", f"{key}={value}")]
        told += [part for volume in volumes for part in ("--volume", volume)]
        kind = ["--detach"] if detach else ["--rm"]
        return self.run(
            "podman", "run", *kind, "--name", name, "--read-only", "--read-only-tmpfs=false", "--cap-drop", "ALL",
            "--security-opt", "no-new-privileges", "--tmpfs", "/tmp:size=512m,mode=1777,notmpcopyup",  # noqa: S108 - in the container
            "--no-healthcheck", "--pull", "never", *told, image, *command,
        )  # fmt: skip

    def logs(self, name: str, lines: int = 25) -> str:
        done = subprocess.run(
            ["podman", "logs", "--tail", str(lines), name],
            env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return (done.stdout + done.stderr).strip()

    def remove(self, *names: str) -> None:
        if names:
            subprocess.run(
                ["podman", "rm", "--force", "--time", "15", "--volumes", *names],
                env=self.environment, capture_output=True, check=False,
            )  # fmt: skip
