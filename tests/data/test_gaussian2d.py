"""The 2-D Gaussian has the mean and covariance that it promises."""

import numpy as np

import nanogan as ng
from nanogan.data.gaussian import COVARIANCE, MEAN, gaussian2d


def test_the_constants_are_those_of_the_course():
    np.testing.assert_allclose(MEAN, [1, 2])
    np.testing.assert_allclose(COVARIANCE, [[1.01, 1.95], [1.95, 4.25]])
    np.testing.assert_allclose(np.linalg.eigvalsh(COVARIANCE), [0.0949, 5.165], atol=1e-3)


def test_statistics():
    n = 100_000
    d = gaussian2d(n)
    assert d.samples.shape == (n, 2) and d.samples.dtype == np.float32 and d.labels is None and d.shape == (2,)
    samples = d.samples.astype(np.float64)
    # Five standard errors: sqrt(var / n) for a mean, sqrt((c_ii c_jj + c_ij**2) / n) for a covariance.
    variances = np.diag(COVARIANCE)
    assert (abs(samples.mean(axis=0) - MEAN) < 5 * np.sqrt(variances / n)).all()
    assert (abs(np.cov(samples.T) - COVARIANCE) < 5 * np.sqrt((np.outer(variances, variances) + COVARIANCE**2) / n)).all()
    # Both principal directions are normal: the fourth moment of a standard normal is 3.
    white = (samples - MEAN) @ np.linalg.inv(np.linalg.cholesky(COVARIANCE)).T
    np.testing.assert_allclose((white**4).mean(axis=0), 3, atol=0.15)


def test_the_points_come_from_the_random_stream():
    ng.seed(3)
    a, b = gaussian2d().samples, gaussian2d().samples
    ng.seed(3)
    assert len(a) == 1000 and np.array_equal(a, gaussian2d().samples) and not np.array_equal(a, b)
