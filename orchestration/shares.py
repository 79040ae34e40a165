"""A share with its exact 95 % interval, as every result of this project is given."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Share:
    """So many hits of so many; of nothing it is 1, between 0 and 1."""

    hits: int
    of: int

    @property
    def share(self) -> float:
        """The point estimate."""
        return self.hits / self.of if self.of else 1.0

    @property
    def interval(self) -> tuple[float, float]:
        """Lowest and highest true share that are not contradicted (Clopper and Pearson)."""
        return exact_interval(self.hits, self.of)

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.interval[0]

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.interval[1]

    def as_json(self) -> dict[str, float]:
        """Counts, estimate and interval, rounded to six digits."""
        low, high = self.interval
        found = {"share": self.share, "low": low, "high": high}
        return {"hits": self.hits, "of": self.of, **{k: round(v, 6) for k, v in found.items()}}

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.hits}/{self.of} = {self.share:.4f} ({low:.4f} to {high:.4f})"


def exact_interval(hits: int, of: int) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval."""
    # Imported here: it takes a fifth of a second, which the quick commands do not have.
    from scipy.special import betaincinv  # type: ignore[import-untyped]

    low = float(betaincinv(hits, of - hits + 1, 0.025)) if hits else 0.0
    high = float(betaincinv(hits + 1, of - hits, 0.975)) if hits < of else 1.0
    return low, high
