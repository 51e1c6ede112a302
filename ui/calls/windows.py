"""One window in detail."""

from dataclasses import dataclass

from ui.answers import windows as w
from ui.calls.asking import Asking, Params


@dataclass(frozen=True)
class WindowCalls:
    client: Asking

    def detail(self, window_id: int) -> w.WindowDetail:
        return self.client.ask(w.WindowDetail, "GET", f"/performance/windows/{window_id}")

    def calibration(self, model: str) -> w.Calibration:
        """Of the serving version's newest rows."""
        return self.client.ask(w.Calibration, "GET", "/performance/calibration", {"model": model})

    def drift(self, window_id: int) -> w.WindowDrift:
        """What moved besides the inputs."""
        return self.client.ask(w.WindowDrift, "GET", f"/drift/{window_id}")

    def feature(self, window_id: int, name: str) -> w.FeatureDetail:
        return self.client.ask(w.FeatureDetail, "GET", f"/drift/{window_id}/features/{name}")

    def records(self, window_id: int, check: str, column: str | None) -> w.Records:
        """The rows in which a check found something."""
        asked: Params = {"check": check, **({"column": column} if column else {})}
        return self.client.ask(w.Records, "GET", f"/data-quality/{window_id}/records", asked)
