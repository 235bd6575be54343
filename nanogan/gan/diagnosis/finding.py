"""A finding: what is wrong, since when, the figures that show it, and what helps."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Finding:
    """name: one of NAMES.  sentence: what is wrong, with the figures.  remedy: what to do.  since: the step, None where it is not known.

    >>> print(Finding("dead-units", "64 of 128 units of relu_1 are 0 on every sample", "lower --lr", {"dead": 64}))
    64 of 128 units of relu_1 are 0 on every sample; lower --lr
    """

    name: str
    sentence: str
    remedy: str
    figures: dict = dataclasses.field(default_factory=dict)
    since: int | None = None

    def __str__(self):
        return f"{self.sentence}{'' if self.since is None else f', since step {self.since:,}'}; {self.remedy}"


NAMES = (
    "not-finite", "loss-frozen", "critic-won", "generator-collapsed", "modes-missing", "wasserstein-too-large", "ranges-differ", "batch-norm-lag",
    "batch-norm-eps", "critic-changed", "dead-units", "checkerboard",
)  # fmt: skip
