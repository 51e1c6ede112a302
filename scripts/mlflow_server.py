"""MLflow's server on its own database: `python -m scripts.mlflow_server`. Becomes the server's process."""

import argparse
import os
import sys

from config.settings import Settings
from database.address import mlflow_url

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "DO_NOT_TRACK": "1",
}


def main() -> None:
    """Serve on MLFLOW_HOST and the port given; artifacts lie under STEWARD_HOME."""
    settings = Settings()
    parser = argparse.ArgumentParser(prog="python -m scripts.mlflow_server", description=__doc__)
    parser.add_argument("--port", type=int, default=settings.mlflow.port)
    port = parser.parse_args().port
    command = [sys.executable, "-m", "mlflow", "server"]
    command += ["--artifacts-destination", str(settings.platform.home / "mlflow-artifacts")]
    command += ["--host", settings.mlflow.host, "--port", str(port), "--workers", "1"]
    # Not an argument: the process list would show its password.
    address = {"MLFLOW_BACKEND_STORE_URI": mlflow_url(settings).render_as_string(hide_password=False)}
    os.execve(command[0], command, {**os.environ, **QUIET, **address})  # noqa: S606 - a list, and no shell


if __name__ == "__main__":
    main()
