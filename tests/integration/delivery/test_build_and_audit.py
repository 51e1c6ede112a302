"""What a release consists of, and the audit that first proves that it can find something."""

import json
import stat
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from scripts.delivery import audit, build
from scripts.speech import CommandFailedError


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in of uv: says what the file beside it says for the canary and for ours, and writes what it should."""
    program = tmp_path / "uv"
    program.write_text(f"""#!{sys.executable}
import json, pathlib, sys
given, said = sys.argv[1:], json.loads(pathlib.Path({str(tmp_path / "said.json")!r}).read_text())
(pathlib.Path({str(tmp_path)!r}) / "asked.txt").open("a").write(" ".join(given) + "\\n")
if "--out-dir" in given:
    (pathlib.Path(given[given.index("--out-dir") + 1]) / "steward-0.1.0-py3-none-any.whl").write_text("a wheel")
elif "--output-file" in given:
    pathlib.Path(given[given.index("--output-file") + 1]).write_text("{{}}")
else:
    text, code = said["canary" if "canary" in given[-1] else "ours"]
    print(text)
    sys.exit(code)
""")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    for module in (audit, build):
        monkeypatch.setattr(module, "python_program", lambda _name: str(program))
    (tmp_path / "said.json").write_text(json.dumps({"canary": ["jinja2 2.10 PYSEC-2019-217", 1], "ours": ["none", 0]}))
    return program


@pytest.mark.parametrize(
    ("canary", "ours", "code", "says"),
    [
        (
            ("jinja2 2.10 PYSEC-2019-217", 1),
            ("No known vulnerabilities found", 0),
            0,
            "the canary jinja2==2.10 was found",
        ),
        (("jinja2 2.10 PYSEC-2019-217", 1), ("urllib3 1.0 CVE-2021-33503", 1), 1, "urllib3 1.0"),
        (("No known vulnerabilities found", 0), ("No known vulnerabilities found", 0), 1, "nothing can be told"),
        (("jinja2: could not be audited", 1), ("No known vulnerabilities found", 0), 1, "nothing can be told"),
    ],
)
def test_none_found_counts_only_where_the_canary_was_found(
    canary: tuple[str, int], ours: tuple[str, int], code: int, says: str, uv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    uv.with_name("said.json").write_text(json.dumps({"canary": canary, "ours": ours}))
    assert audit.main() == code
    said = capsys.readouterr()
    assert says in said.out + said.err
    asked = uv.with_name("asked.txt").read_text().splitlines()
    assert all("--strict" in line for line in asked if "pip-audit" in line)


def test_a_release_is_files_with_their_checksums(uv: Path, tmp_path: Path) -> None:
    files = build.build("v0.1.0", tmp_path / "dist")
    assert [one.name for one in files] == ["steward-0.1.0-py3-none-any.whl", build.SBOM, build.SUMS]
    first = (tmp_path / "dist" / build.SUMS).read_text().splitlines()[0]
    assert first == f"{sha256(b'a wheel').hexdigest()}  steward-0.1.0-py3-none-any.whl"
    assert "--no-group dev" in uv.with_name("asked.txt").read_text(), "the SBOM is of what runs"


def test_a_tag_that_is_not_the_version_and_a_full_directory_are_refused(uv: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandFailedError, match=r"it should be v0\.1\.0"):
        build.build("v9.9.9", tmp_path / "dist")
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "old.whl").touch()
    with pytest.raises(CommandFailedError, match="is not empty"):
        build.build("v0.1.0", tmp_path / "dist")
    assert not uv.with_name("asked.txt").exists()
