"""Serve the API: `python -m api.serve`."""

import argparse
import gc

import uvicorn

from config.settings import Settings


def main() -> None:
    """Serve on the host and port of the settings, unless told others."""
    settings = Settings().api
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default=settings.host)
    parser.add_argument("--port", type=int, default=settings.port)
    parser.add_argument("--workers", type=int, default=1, help="processes behind one port, each with its own spool")
    told = parser.parse_args()
    uvicorn.run(
        "api.main:create_app",
        factory=True,
        host=told.host,
        port=told.port,
        workers=told.workers,
        loop="uvloop",
        http="api.connections:ApiProtocol",
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        # Whoever is on this machine could claim any address by them.
        proxy_headers=False,
    )


if __name__ in {"__main__", "__mp_main__"}:
    # Here and in each worker: hardly anything made by importing is garbage, and looking for it is an eighth of the
    # start. The application turns the collector on again when it has started.
    gc.disable()
if __name__ == "__main__":
    main()
