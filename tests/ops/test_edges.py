"""Where operations usually go wrong: zeros, ties, overflow, the ends of a range, and arguments that make no sense."""

import numpy as np
import pytest

import nanogan as ng
from nanogan import Tensor, ops, to_numpy

pytestmark = pytest.mark.every_backend


def leaf(values, dtype=np.float32):
    return Tensor(np.asarray(values, dtype), requires_grad=True)


@pytest.mark.parametrize(
    ("logit", "target", "loss", "slope"),
    [(-50, 1, 50, -1), (50, 0, 50, 1), (50, 1, 0, 0), (-50, 0, 0, 0), (1000, 0, 1000, 1), (0, 1, np.log(2), -0.5)],
)
def test_cross_entropy_of_logits_never_saturates(logit, target, loss, slope):
    x = leaf([logit])
    y = ops.sigmoid_bce(x, target)
    assert y.item() == pytest.approx(loss, abs=1e-20, rel=1e-6)
    assert ng.grad(y, x).item() == pytest.approx(slope, abs=1e-20)


@pytest.mark.parametrize("target", [0, 1, 0.5])
def test_clipped_cross_entropy_is_finite_everywhere(target):
    p = leaf([0.0, 1.0, 1e-9])
    y = ops.binary_cross_entropy(p, target, "none")
    assert np.isfinite(y.numpy()).all()
    assert y.numpy().max() <= 16.2
    assert not ng.grad(ops.sum(y), p).numpy().any()


def test_activations_at_the_ends_of_their_range():
    x = leaf([-1e4, -100.0, 0.0, 100.0, 1e4])
    for fn, values, slopes in [
        (ops.sigmoid, [0, 0, 0.5, 1, 1], [0, 0, 0.25, 0, 0]),
        (ops.tanh, [-1, -1, 0, 1, 1], [0, 0, 1, 0, 0]),
        (ops.softplus, [0, 0, np.log(2), 100, 1e4], [0, 0, 0.5, 1, 1]),
        (ops.relu, [0, 0, 0, 100, 1e4], [0, 0, 0, 1, 1]),
        (ops.leaky_relu, [-2e3, -20, 0, 100, 1e4], [0.2, 0.2, 0.2, 1, 1]),
        (ops.abs, [1e4, 100, 0, 100, 1e4], [-1, -1, 0, 1, 1]),
    ]:
        y = fn(x)
        np.testing.assert_allclose(y.numpy(), values, rtol=1e-6, atol=1e-40)
        np.testing.assert_allclose(ng.grad(ops.sum(y), x).numpy(), slopes, rtol=1e-6, atol=1e-40)


def test_softmax_cross_entropy_of_huge_logits():
    x = leaf([[1e4, 0.0], [0.0, -1e4]])
    y = ops.softmax_cross_entropy(x, [1, 1], "sum")
    assert y.item() == 2e4
    np.testing.assert_array_equal(ng.grad(y, x).numpy(), [[1, -1], [1, -1]])


@pytest.mark.parametrize("axis", [None, 1, (0, 1)])
def test_norm_at_zero_has_derivatives_zero(axis):
    x = leaf(np.zeros((2, 3)))
    y = ops.norm(x, axis)
    (dx,) = ng.grad(ops.sum((y - 1) ** 2), [x], create_graph=True)
    second = ng.grad(ops.sum(dx * dx + dx), x)
    for t in (y, dx, second):
        np.testing.assert_array_equal(t.numpy(), np.zeros(t.shape))


@pytest.mark.parametrize("size", [1e-36, 1e-30, 1e-20, 1e-5, 1.0, 1e20, 1e37])
def test_norm_of_tiny_and_huge_vectors(size):
    x = leaf([[3 * size, 4 * size]])
    y = ops.norm(x, 1)
    (dx,) = ng.grad(y, [x], grad_output=[1.0], create_graph=True)
    np.testing.assert_allclose(y.numpy(), [5 * size], rtol=1e-6)
    np.testing.assert_allclose(dx.numpy(), [[0.6, 0.8]], rtol=1e-6)
    # along (1, 0) the direction x/|x| turns by (16, -12) / (25 * 5 size) = (0.128, -0.096) / size
    if 1e-36 < size < 1e36:
        np.testing.assert_allclose(ng.grad(dx[0, 0], x).numpy() * size, [[0.128, -0.096]], rtol=1e-5)


def test_a_penalty_survives_a_critic_with_no_slope():
    """One sample of two with a gradient of zero: its penalty is 1, and its derivatives are finite."""
    x, w = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf([[0.0], [0.0]])
    dx = ng.grad(ops.sum(x @ w), x, create_graph=True)
    penalty = ops.mean((ops.norm(dx, 1) - 1) ** 2)
    assert penalty.item() == 1
    np.testing.assert_array_equal(ng.grad(penalty, w).numpy(), [[0], [0]])


def test_ties_share_the_gradient():
    x = leaf([[1, 3, 3], [2, 2, 2]])
    np.testing.assert_allclose(ng.grad(ops.sum(ops.max(x, axis=1)), x).numpy(), [[0, 0.5, 0.5], [1 / 3] * 3], rtol=1e-6)
    np.testing.assert_allclose(ng.grad(ops.max(x), x).numpy(), [[0, 0.5, 0.5], [0, 0, 0]])
    a, b = leaf([1, 2, 3]), leaf([1, 3, 2])
    da, db = ng.grad(ops.sum(ops.maximum(a, b)), [a, b])
    assert (da.numpy().tolist(), db.numpy().tolist()) == ([0.5, 0, 1], [0.5, 1, 0])
    assert ng.grad(ops.sum(ops.maximum(a, 2)), a).numpy().tolist() == [0, 0.5, 1]


def test_power_zero_has_no_slope_even_at_zero():
    x = leaf([0.0, 2.0])
    y = ops.power(x, 0)
    assert y.numpy().tolist() == [1, 1]
    assert ng.grad(ops.sum(y), x).numpy().tolist() == [0, 0]
    assert ng.grad(ops.sum(x**2), x).numpy().tolist() == [0, 4]


def test_batch_norm_gives_the_statistics_of_the_batch():
    x = np.random.default_rng(0).standard_normal((4, 3, 2, 5)) * 3 + 100
    y, mean, var = ops.batch_norm(Tensor(x, requires_grad=True), np.ones(5), np.zeros(5))
    assert isinstance(mean, ng.xp.ndarray) and isinstance(var, ng.xp.ndarray)
    np.testing.assert_allclose(to_numpy(mean), x.mean((0, 1, 2)))
    np.testing.assert_allclose(to_numpy(var), x.var((0, 1, 2)))
    np.testing.assert_allclose(y.numpy().mean((0, 1, 2)), 0, atol=1e-12)


def test_batch_norm_far_from_zero_in_float32():
    """A deviation of .01 around 100: mean(x**2) - mean(x)**2 has no digit left there."""
    x = (100 + 0.01 * np.random.default_rng(0).standard_normal((4096, 3))).astype(np.float32)
    _, _, var = ops.batch_norm(x, np.ones(3, np.float32), np.zeros(3, np.float32))
    np.testing.assert_allclose(to_numpy(var), x.astype(np.float64).var(0), rtol=1e-3)


def test_an_int_is_a_pair():
    x, w = np.ones((1, 5, 6, 1)), np.arange(9.0).reshape(3, 3, 1, 1)
    for one, two in [(2, (2, 2)), (1, [1, 1])]:
        np.testing.assert_array_equal(ops.conv2d(x, w, stride=one).numpy(), ops.conv2d(x, w, stride=two).numpy())
    np.testing.assert_array_equal(ops.conv2d(x, w, padding=1).numpy(), ops.conv2d(x, w, padding=((1, 1), (1, 1))).numpy())
    np.testing.assert_array_equal(ops.im2col(x, 3).numpy(), ops.im2col(x, (3, 3)).numpy())
    np.testing.assert_array_equal(ops.conv_transpose2d(x, w, output_size=(7, 8)).numpy(), ops.conv_transpose2d(x, w).numpy())


def test_convolution_composed_of_columns_and_a_product():
    x, w = (
        leaf(np.random.default_rng(0).standard_normal((2, 5, 5, 3)), np.float64),
        leaf(np.random.default_rng(1).standard_normal((3, 3, 3, 4)), np.float64),
    )
    fused = ops.conv2d(x, w, stride=2, padding="same")
    composed = (ops.im2col(x, 3, 2, "same") @ w.reshape(27, 4)).reshape(2, 3, 3, 4)
    np.testing.assert_allclose(fused.numpy(), composed.numpy(), rtol=1e-12)
    for a, b in zip(ng.grad(ops.sum(fused**2), [x, w]), ng.grad(ops.sum(composed**2), [x, w]), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10)


def test_dropout_draws_a_mask_per_call_and_keeps_the_mean():
    x = np.ones((100, 100), np.float32)
    first, second = ops.dropout(x, 0.3).numpy(), ops.dropout(x, 0.3).numpy()
    assert (first != second).any()
    assert set(np.unique(first)) == {0, np.float32(1 / 0.7)}
    assert first.mean() == pytest.approx(1, abs=0.02)
    ng.seed(0)
    np.testing.assert_array_equal(ops.dropout(x, 0.3).numpy(), first)
    tensor = Tensor(x)
    assert ops.dropout(tensor, 0.3, training=False) is tensor
    assert ops.dropout(tensor, 0) is tensor


X, W = np.ones((2, 5, 5, 3)), np.ones((3, 3, 3, 4))
V = np.ones(3)
REFUSED = {
    "conv-channels": (lambda: ops.conv2d(X, np.ones((3, 3, 2, 4))), ng.ShapeError, r"x has 3 channels, the kernel expects 2"),
    "conv-axes": (lambda: ops.conv2d(X[0], W), ng.ShapeError, r"\(N, H, W, C\)"),
    "conv-bias": (lambda: ops.conv2d(X, W, V), ng.ShapeError, "bias"),
    "conv-kernel-too-large": (lambda: ops.conv2d(X, np.ones((6, 3, 3, 4))), ng.ShapeError, "does not fit"),
    "conv-stride0": (lambda: ops.conv2d(X, W, stride=0), ng.ShapeError, "stride"),
    "conv-stride-float": (lambda: ops.conv2d(X, W, stride=(1.5, 1)), ng.ShapeError, "stride"),
    "conv-stride-triple": (lambda: ops.conv2d(X, W, stride=(1, 1, 1)), ng.ShapeError, "stride"),
    "conv-padding-word": (lambda: ops.conv2d(X, W, padding="SAME"), ng.ShapeError, "padding"),
    "conv-padding-negative": (lambda: ops.conv2d(X, W, padding=-1), ng.ShapeError, "padding"),
    "conv-padding-pair": (lambda: ops.conv2d(X, W, padding=(1, 2, 3)), ng.ShapeError, "padding"),
    "conv-transpose-channels": (lambda: ops.conv_transpose2d(X, W), ng.ShapeError, r"x has 3 channels, the kernel expects 4"),
    "conv-transpose-size-too-large": (lambda: ops.conv_transpose2d(X, np.ones((3, 3, 4, 3)), stride=2, output_size=13), ng.ShapeError, "output"),
    "conv-transpose-size-too-small": (lambda: ops.conv_transpose2d(X, np.ones((3, 3, 4, 3)), stride=2, output_size=10), ng.ShapeError, "output"),
    "conv-transpose-cut-away": (lambda: ops.conv_transpose2d(X[:, :1, :1], np.ones((3, 3, 4, 3)), padding=2), ng.ShapeError, "conv_transpose2d"),
    "im2col-axes": (lambda: ops.im2col(V, 2), ng.ShapeError, "images"),
    "matmul-vector": (lambda: ops.matmul(X, V), ng.ShapeError, "two axes"),
    "matmul-shapes": (lambda: ops.matmul(np.ones((2, 3)), np.ones((2, 3))), ng.ShapeError, r"\(2, 3\)"),
    "dense-images": (lambda: ops.dense(X, np.ones((3, 4))), ng.ShapeError, "flatten"),
    "dense-bias": (lambda: ops.dense(np.ones((2, 3)), np.ones((3, 4)), V), ng.ShapeError, "dense"),
    "add-shapes": (lambda: ops.add(np.ones((2, 3)), np.ones((2, 4))), ng.ShapeError, r"\(2, 3\).*\(2, 4\)"),
    "reshape": (lambda: ops.reshape(V, (2, 2)), ng.ShapeError, r"\(3,\)"),
    "broadcast": (lambda: ops.broadcast_to(V, (2, 2)), ng.ShapeError, r"\(3,\)"),
    "concatenate": (lambda: ops.concatenate([np.ones((2, 3)), np.ones((2, 4))]), ng.ShapeError, r"\(2, 4\)"),
    "pad-axes": (lambda: ops.pad(V, [(1, 1), (1, 1)]), ng.ShapeError, "pad"),
    "pad-negative": (lambda: ops.pad(V, [(-1, 1)]), ng.ShapeError, "pad"),
    "getitem-float-index": (lambda: Tensor(V)[np.ones(2)], (ng.DTypeError, IndexError), "integer"),
    "power-of-a-tensor": (lambda: ops.power(V, Tensor(V)), TypeError, "exp"),
    "sum-axis": (lambda: ops.sum(V, axis=1), ng.ShapeError, "axis 1"),
    "sum-axis-twice": (lambda: ops.sum(X, axis=(0, -4)), ng.ShapeError, "twice"),
    "mean-of-nothing": (lambda: ops.mean(V[:0]), ng.ShapeError, "nothing"),
    "max-of-nothing": (lambda: ops.max(X[:0], axis=0), ng.ShapeError, "nothing"),
    "batch-norm-gamma": (lambda: ops.batch_norm(X, np.ones(4), V), ng.ShapeError, "channel"),
    "batch-norm-vector": (lambda: ops.batch_norm(V, V, V), ng.ShapeError, "batch_norm"),
    "batch-norm-empty": (lambda: ops.batch_norm(X[:0], V, V), ng.ShapeError, "empty"),
    "layer-norm-beta": (lambda: ops.layer_norm(X, V, np.ones(4)), ng.ShapeError, "layer_norm"),
    "bce-shape": (lambda: ops.sigmoid_bce(np.ones((2, 1)), np.ones(2)), ng.ShapeError, r"\(2,\).*\(2, 1\)"),
    "bce-reduction": (lambda: ops.sigmoid_bce(V, 1, "average"), ValueError, "average"),
    "softmax-labels": (lambda: ops.softmax_cross_entropy(np.ones((2, 3)), [0, 1, 2]), ng.ShapeError, "labels"),
    "softmax-float-labels": (lambda: ops.softmax_cross_entropy(np.ones((2, 3)), [0.0, 1.0]), (ng.DTypeError, IndexError), "integer"),
    "dropout-rate1": (lambda: ops.dropout(V, 1.0), ValueError, "rate"),
    "dropout-negative-rate": (lambda: ops.dropout(V, -0.1), ValueError, "rate"),
    "float32-and-float64": (lambda: ops.add(V, V.astype(np.float32)), ng.DTypeError, r"float64 \(3,\), float32 \(3,\)"),
    "float64-weight": (lambda: ops.conv2d(X.astype(np.float32), W), ng.DTypeError, "float64"),
    "complex": (lambda: ops.exp(np.ones(2, complex)), ng.DTypeError, "complex"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_sentence(name):
    call, error, sentence = REFUSED[name]
    with pytest.raises(error, match=sentence):
        call()


@pytest.mark.parametrize("form", ["fast", "reference"])
@pytest.mark.parametrize("number", [-1.0, np.float32(-1), [-1.0]])
def test_activations_take_plain_numbers(number, form):
    with ng.use(ng.backend_name(), kernels=form):
        values = [f(number).numpy().item() for f in (ops.relu, ops.leaky_relu, ops.tanh, ops.sigmoid, ops.softplus)]
    np.testing.assert_allclose(values, [0, -0.2, np.tanh(-1), 1 / (1 + np.e), np.log1p(np.exp(-1))], rtol=1e-6)
