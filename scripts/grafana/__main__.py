"""`python -m scripts.grafana`: write the pages to docker/grafana/dashboards."""

import sys

from config.settings import ROOT
from scripts.grafana.pages import PLACE, written


def main() -> int:
    place = ROOT / PLACE
    place.mkdir(parents=True, exist_ok=True)
    for name, text in written().items():
        (place / name).write_text(text, encoding="utf-8")
        print(f"{PLACE / name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
