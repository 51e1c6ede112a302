"""One address that stays, in front of whichever process serves now."""

import socket
import threading
from contextlib import suppress

from scripts.proofs.hosting.address import HOST

_CHUNK = 65_536
_TIMEOUT_S = 30.0


class Forwarder:
    """Passes connections on to `port`; refuses them while there is none."""

    def __init__(self) -> None:
        self.port: int | None = None
        self._listener = socket.create_server((HOST, 0))
        self.url = f"http://{HOST}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client:
            if self.port is None:
                return
            try:
                server = socket.create_connection((HOST, self.port), timeout=_TIMEOUT_S)
            except OSError:
                return
            with server:
                back = threading.Thread(target=_copy, args=(server, client), daemon=True)
                back.start()
                _copy(client, server)
                back.join(_TIMEOUT_S)


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Until either side is gone."""
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
