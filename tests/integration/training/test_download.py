"""A stand-in for UCI that fails in every way a server can: the file is whole and verified, or not there."""

import hashlib
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from config.settings import PlatformSettings, Settings
from database.enums import DataSource
from database.errors import InvalidError, UnavailableError
from training.data_loader import load_hospital
from training.download import fetch

BODY = b"63.0,1.0,1.0,145.0,233.0,1.0,2.0,150.0,0.0,2.3,3.0,0.0,6.0,0\n" * 100
SHA256 = hashlib.sha256(BODY).hexdigest()


class Stand(BaseHTTPRequestHandler):
    """Answers each request with the next of `course`."""

    course: list[str]
    asked: int

    def do_GET(self) -> None:
        what = self.course[min(type(self).asked, len(self.course) - 1)]
        type(self).asked += 1
        if what == "hang":
            time.sleep(1.0)
            return
        if what == "error":
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write({"cut": BODY[:1000], "other": b"x" * len(BODY)}.get(what, BODY))

    def log_message(self, *_said: object) -> None:
        """Quiet."""


@pytest.fixture
def stand() -> Iterator[tuple[str, type[Stand]]]:
    handler = type("Course", (Stand,), {"course": ["good"], "asked": 0})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", handler
    server.shutdown()
    server.server_close()
    thread.join()


def get(url: str, path: Path) -> Path:
    return fetch(url + "file", path, SHA256, timeout_s=0.4, sleep=lambda _s: None)


@pytest.mark.parametrize("course", [["good"], ["error", "good"], ["cut", "good"], ["hang", "good"], ["other", "good"]])
def test_it_tries_again_until_the_file_is_whole(
    stand: tuple[str, type[Stand]], tmp_path: Path, course: list[str]
) -> None:
    url, handler = stand
    handler.course = course
    path = get(url, tmp_path / "downloads" / "file")
    assert path.read_bytes() == BODY
    assert handler.asked == len(course)
    assert [found.name for found in path.parent.iterdir()] == ["file"]


def test_a_file_that_is_there_is_not_fetched_again(stand: tuple[str, type[Stand]], tmp_path: Path) -> None:
    url, handler = stand
    get(url, tmp_path / "file")
    get(url, tmp_path / "file")
    assert handler.asked == 1


def test_a_damaged_copy_is_replaced(stand: tuple[str, type[Stand]], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BODY[:10])
    assert get(stand[0], tmp_path / "file").read_bytes() == BODY


@pytest.mark.parametrize(
    ("what", "error"), [("error", UnavailableError), ("cut", UnavailableError), ("other", InvalidError)]
)
def test_what_cannot_be_had_leaves_nothing_behind(
    stand: tuple[str, type[Stand]], tmp_path: Path, what: str, error: type[Exception]
) -> None:
    url, handler = stand
    handler.course = [what]
    with pytest.raises(error):
        get(url, tmp_path / "file")
    assert handler.asked == 3
    assert list(tmp_path.iterdir()) == []


def test_with_no_server_it_says_what_to_set_and_synthetic_patients_only_come_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.data_loader.fetch", partial(fetch, attempts=1))
    settings = Settings(platform=PlatformSettings(home=tmp_path, data_dir=None))
    with pytest.raises(UnavailableError, match="set STEWARD_DATA_DIR"):
        load_hospital("va", settings, base_url="http://127.0.0.1:9/")
    found = load_hospital("va", settings, base_url="http://127.0.0.1:9/", allow_synthetic=True)
    assert found.source is DataSource.SYNTHETIC
    assert len(found.rows) == len(found.labels) == 200
