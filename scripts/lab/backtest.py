"""All policies on one stream, and their score."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from config.agent_policy import AgentPolicy
from scripts.lab import baselines
from scripts.lab.course import Course
from scripts.lab.ground import Ground
from scripts.lab.played import Played, was_wrong

POLICIES = ("agent", "never", "every_window", "every_k", "any_drift", "hindsight")
MOST_REGRET = 0.10
MOST_RETRAINS = 0.5  # of what retraining every k windows needs
_DRAWS = 2000

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Score:
    """What a policy came to. `score`: the mean of the contract's metric over the windows; `regret`: by how much it cost
    more than hindsight, as a share of that; `trained` counts versions that never served, too."""

    score: float | None
    errors: int
    retrains: int
    trained: int
    changes: int
    wrong_proposals: int
    cost: float
    regret: float | None


@dataclass(frozen=True)
class Backtest:
    """Every policy's life and score. `cost_per_retrain` is in the contract's currency."""

    ground: Ground
    played: Mapping[str, Played]
    scores: Mapping[str, Score]
    cost_per_retrain: float
    k: int

    def figures(self, seconds: float) -> dict[str, dict[str, Any]]:
        """The agent's figures with their bars."""
        agent, weekly = self.scores["agent"], self.scores["every_k"]
        gain, low, high, n = self._gain()
        allowed = MOST_RETRAINS * weekly.retrains
        metric, k = self.ground.contract.quality.metric, self.k
        return {
            "agent_score": _figure(agent.score, n=len(self.ground.windows.spans), why=f"mean {metric} of the windows"),
            "agent_minus_every_k": _figure(
                gain, low=low, high=high, n=n, bar="at least 0", ok=gain is not None and gain >= 0,
                why=f"mean difference of {metric} to retraining every {k} windows; interval over windows",
            ),
            "agent_retrains": _figure(
                agent.retrains, bar=f"at most {allowed:g}", ok=agent.retrains <= allowed,
                why=f"half of the {weekly.retrains} of retraining every {k} windows",
            ),
            "agent_regret": _figure(
                agent.regret, bar=f"at most {MOST_REGRET:g}",
                ok=agent.regret is not None and agent.regret <= MOST_REGRET,
                why="cost above the best schedule found afterwards, as a share of it",
            ),
            "agent_wrong_proposals": _figure(
                agent.wrong_proposals, n=agent.changes, why="changes after which the new version was not better"
            ),
            "seconds": _figure(round(seconds, 1), bar="at most 180", ok=seconds <= 180, why="the whole backtest"),
        }  # fmt: skip

    def _gain(self) -> tuple[float | None, float | None, float | None, int]:
        pairs = zip(self.played["agent"].metrics(self.ground), self.played["every_k"].metrics(self.ground), strict=True)
        gains = np.array([one - other for one, other in pairs if one is not None and other is not None])
        if not len(gains):
            return None, None, None, 0
        rng = np.random.default_rng(self.ground.contract.training.seed)
        means = gains[rng.integers(len(gains), size=(_DRAWS, len(gains)))].mean(axis=1)
        low, high = np.quantile(means, [0.025, 0.975])
        return float(gains.mean()), float(low), float(high), len(gains)

    def to_json(self, seconds: float) -> dict[str, Any]:
        windows, quality = self.ground.windows, self.ground.contract.quality
        return {
            "model": self.ground.contract.name,
            "metric": quality.metric,
            "rows": len(self.ground.stream),
            "train_rows": windows.train_rows,
            "windows": len(windows.spans),
            "window_rows": windows.spans[0].n,
            "label_delay": windows.label_delay,
            "candidates": list(self.ground.candidates),
            "cost_per_retrain": self.cost_per_retrain,
            "currency": quality.currency,
            "figures": self.figures(seconds),
            "policies": {name: asdict(score) for name, score in self.scores.items()},
            "timeline": self.played["agent"].timeline,
            "versions_learnt": self.ground.versions_learnt,
        }


def _figure(
    value: Any, *, low: Any = None, high: Any = None, n: Any = None, bar: str | None = None, ok: bool | None = None,
    why: str = "",
) -> dict[str, Any]:  # fmt: skip
    return {"value": value, "low": low, "high": high, "n": n, "bar": bar, "ok": ok, "why": why}


def run_backtest(
    ground: Ground,
    policy: AgentPolicy,
    *,
    cost_per_retrain: float,
    k: int = baselines.WEEK,
    tell: Progress = lambda *_: None,
) -> Backtest:
    """Let the agent and every other policy live through the stream."""
    count = len(ground.windows.spans)
    course = Course(ground, policy)
    for at in range(count):
        course.step(at)
        tell("agent", at + 1, count)
    played = {"agent": course.played}
    rules = {
        "never": baselines.never,
        "every_window": baselines.every(1),
        "every_k": baselines.every(k),
        "any_drift": baselines.any_drift,
    }
    for name, rule in rules.items():
        played[name] = baselines.play(name, ground, rule, _counter(name, count, tell))
    each = ground.contract.quality.cost_per_error or 1.0
    played["hindsight"] = baselines.hindsight(ground, cost_per_retrain / each, _counter("hindsight", count, tell))
    return Backtest(ground, played, _scores(ground, played, cost_per_retrain), cost_per_retrain, k)


def _counter(name: str, count: int, tell: Progress) -> Callable[[], None]:
    done = iter(range(1, count + 1))
    return lambda: tell(name, next(done, count), count)


def _scores(ground: Ground, played: Mapping[str, Played], cost_per_retrain: float) -> dict[str, Score]:
    each = ground.contract.quality.cost_per_error
    costs = {name: one.errors(ground) * each + one.retrains * cost_per_retrain for name, one in played.items()}
    least = costs["hindsight"]
    scores = {}
    for name, one in played.items():
        known = [value for value in one.metrics(ground) if value is not None]
        proposals = [change for change in one.changes if change.kind != "revert"]
        scores[name] = Score(
            score=float(np.mean(known)) if known else None,
            errors=one.errors(ground),
            retrains=one.retrains,
            trained=one.trained,
            changes=len(proposals),
            wrong_proposals=sum(was_wrong(ground, change) is True for change in proposals),
            cost=costs[name],
            regret=(costs[name] - least) / least if least else None,
        )
    return scores
