"""What a run of the crash harness came to. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from config.fault_points import Kind
from scripts.crash.runner import Trial


@dataclass(frozen=True)
class Report:
    """The figures. `bound`: with 95 % confidence no more than this share of such trials violates an invariant; by the
    rule of three, and only when none did."""

    seed: int
    seconds: float
    trials: int
    kills: int
    raises: int
    commits_unknown: int
    calls_failed: int
    lives: Mapping[str, Mapping[str, int]]
    violations: tuple[str, ...]
    bound: float | None

    @classmethod
    def of(cls, trials: Sequence[Trial], seed: int, seconds: float) -> "Report":
        wrong = tuple(says for trial in trials for says in trial.violations)
        return cls(
            seed=seed,
            seconds=round(seconds, 1),
            trials=len(trials),
            kills=sum(trial.count(Kind.KILL) for trial in trials),
            raises=sum(trial.count(Kind.RAISE) for trial in trials),
            commits_unknown=sum(trial.count(Kind.LOST_REPLY) for trial in trials),
            calls_failed=sum(trial.count("fail") for trial in trials),
            lives={life: _of_life([t for t in trials if t.case.life == life]) for life in _lives(trials)},
            violations=wrong,
            bound=3 / len(trials) if trials and not wrong else None,
        )

    def to_json(self) -> dict[str, Any]:
        """One object."""
        return asdict(self)

    def told(self) -> str:
        """The figures as a line each."""
        bound = f"at most {self.bound:.2%} of such trials go wrong (3/n)" if self.bound else "not given: see above"
        return "\n".join(
            (
                f"seed             {self.seed}",
                f"trials           {self.trials}, {self.seconds:.0f} s",
                f"kills            {self.kills}",
                f"raises           {self.raises}",
                f"commits unknown  {self.commits_unknown}",
                f"calls failed     {self.calls_failed}",
                *(
                    f"  {life:<15}{', '.join(f'{n} {what}' for what, n in of.items())}"
                    for life, of in self.lives.items()
                ),
                f"violations       {len(self.violations)}",
                f"95 % bound       {bound}",
            )
        )


def _lives(trials: Sequence[Trial]) -> list[str]:
    return sorted({trial.case.life for trial in trials})


def _of_life(trials: Sequence[Trial]) -> dict[str, int]:
    return {
        "trials": len(trials),
        "kills": sum(trial.count(Kind.KILL) for trial in trials),
        "violations": sum(len(trial.violations) for trial in trials),
        "seconds": round(sum(trial.seconds for trial in trials)),
    }
