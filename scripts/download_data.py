"""Fetch the source data of the four hospitals, verified by checksum: `python scripts/download_data.py [--json]`.

They land in `STEWARD_HOME/downloads`, where training finds them; with `STEWARD_DATA_DIR` set, the files there are only
checked. Exit code 1, and a sentence that says what to do, if one cannot be had.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Run as a file, Python looks for our folders beside this one and not above it.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from config.logging_config import configure_logging
from config.settings import Settings
from database.errors import StewardError
from training.data_loader import HOSPITALS, UCI_URL, load_hospital


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Fetch the source data of the four hospitals, verified by checksum.")
    parser.add_argument("--base-url", default=UCI_URL, help="where the files are; default: %(default)s")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(argv)
    settings = Settings()
    configure_logging("download", level=settings.platform.log_level, as_json=settings.platform.log_json)
    directory = settings.platform.data_dir or settings.downloads_dir
    hospitals: dict[str, Any] = {}
    try:
        for name in HOSPITALS:
            data = load_hospital(name, settings, base_url=given.base_url)
            hospitals[name] = {"title": data.title, "rows": len(data.rows), "disease": sum(data.labels)}
    except StewardError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if given.json:
        print(json.dumps({"directory": str(directory), "hospitals": hospitals}))
        return 0
    for facts in hospitals.values():
        print(f"{facts['title']:18} {facts['rows']} patients, {facts['disease']} with disease")
    print(f"in {directory}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
