"""Floor 4: distances between what was generated and what was to be."""

from nanogan.metrics.gaussian import wasserstein2_squared
from nanogan.metrics.mixture import mode_coverage
