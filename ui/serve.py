"""The dashboard's process: `python -m ui.serve`.

Binds its own socket, so that port 0 (any free one) works and the address it says is the address it has. SIGTERM ends it
with exit code 0.
"""

import logging
import signal
import socket
import sys
from importlib import import_module
from types import FrameType

import uvicorn
from loguru import logger

from config.logging_config import configure_logging
from config.settings import Settings
from ui.asgi import create_app

GRACE_S = 3
# What every page draws with, plotly and pandas among it: loaded before the first person waits for it.
DRAWS_WITH = ("ui.frame", "ui.charts", "ui.deciding.decision_top", "ui.observe.performance_blocks")


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, or a sentence that says which address is taken and what to set."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)  # whoever reads the address in the log may connect at once, and waits until we answer
    except OSError as problem:
        listener.close()
        raise SystemExit(
            f"The dashboard cannot listen on {host} port {port}: {problem.strerror}. "
            "Set UI_PORT to another port, or to 0 for any free one."
        ) from problem
    return listener


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    configure_logging("ui", level=settings.platform.log_level, as_json=settings.platform.log_json)
    # uvicorn shuts down on its own handler first and then hands the signal to the one that stood before.
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    listener = bind(settings.ui.host, settings.ui.port)
    for name in DRAWS_WITH:
        import_module(name)
    host, port = listener.getsockname()[:2]
    logger.info("ui.listening url=http://{}:{} api={}", f"[{host}]" if ":" in host else host, port, settings.ui.api_url)
    app = create_app(settings.ui)
    # Streamlit gives uvicorn's loggers handlers of its own; a line for every request is noise.
    logging.getLogger("uvicorn.access").disabled = True
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    try:
        server.run(sockets=[listener])
    finally:
        logger.info("ui.stopped")


if __name__ == "__main__":
    main()
