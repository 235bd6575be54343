"""Floor 4: distances between what was generated and what was to be, and scores of samples."""

from nanogan.metrics.discrete import cross_entropy, earth_movers, entropy, js, kl, total_variation
from nanogan.metrics.gaussian import wasserstein2_squared
from nanogan.metrics.mixture import mode_coverage
from nanogan.metrics.features import class_scores, frechet_distance
from nanogan.metrics.neighbours import memorisation, nearest, precision_recall
from nanogan.metrics.bins import Bins
from nanogan.metrics.lenet import LeNet, load_lenet
