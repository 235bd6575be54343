"""Losses: predictions against targets, as in ``sigmoid_bce(critic(real), 1)``.

targets: constants of the predictions' shape, or one number for all of them; no gradient flows into them.  reduction: "mean", "sum" or "none".
"""

from nanogan.autograd import Tensor, as_tensor, operand
from nanogan.backend import ShapeError, xp
from nanogan.ops.activation import SigmoidBCE
from nanogan.ops.arithmetic import exp, log
from nanogan.ops.reduction import mean, sum


def sigmoid_bce(logits, targets, reduction: str = "mean") -> Tensor:
    """Binary cross-entropy of sigmoid(logits), from the logits, so that no gradient is lost to a rounded sigmoid.
    >>> x = Tensor([-50.0], requires_grad=True)
    >>> sigmoid_bce(x, 1).backward(); x.grad
    array([-1.], dtype=float32)
    """
    logits, targets = _pair("sigmoid_bce", logits, targets)
    return _reduce("sigmoid_bce", SigmoidBCE(targets=targets)(logits), reduction)


def binary_cross_entropy(probabilities, targets, reduction: str = "mean", clip: float = 1e-7) -> Tensor:
    """-(t log p + (1 - t) log(1 - p)) from probabilities, as a network that ends in a sigmoid gives them; prefer ``sigmoid_bce``.
    clip: p is kept within [clip, 1 - clip], no gradient beyond, as in Keras; 0 leaves p alone, and the loss infinite where p is 0 or 1 and wrong.
    """
    p, t = _pair("binary_cross_entropy", probabilities, targets)
    if clip:
        clipped = xp.clip(p.data, float(clip), 1 - float(clip))
        inside = (clipped == p.data).astype(p.dtype)
        p = p * Tensor(inside) + clipped * (1 - inside)
    if isinstance(t, float) and t in (0, 1):  # 0 times an infinite log would be NaN
        return _reduce("binary_cross_entropy", -log(p if t else 1 - p), reduction)
    return _reduce("binary_cross_entropy", -(log(p) * t + log(1 - p) * (1 - t)), reduction)


def mse(predictions, targets, reduction: str = "mean") -> Tensor:
    """The squared error (p - t)**2."""
    p, t = _pair("mse", predictions, targets)
    return _reduce("mse", (p - t) ** 2, reduction)


def poisson(predictions, targets, reduction: str = "mean") -> Tensor:
    """p - t log(p + 1e-7): the negative log-likelihood of counts t under Poisson(p), in Keras's form."""
    p, t = _pair("poisson", predictions, targets)
    return _reduce("poisson", p - log(p + 1e-7) * t, reduction)


def softmax_cross_entropy(logits, labels, reduction: str = "mean") -> Tensor:
    """-log softmax(logits)[label]: logits (N, K), labels (N,) integers in 0 .. K-1."""
    logits, labels = as_tensor(logits), as_tensor(labels)
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ShapeError(f"softmax_cross_entropy: logits {logits.shape} and labels {labels.shape} are not (N, K) and (N,)")
    shifted = logits - Tensor(logits.data.max(axis=1, keepdims=True))  # subtracting a constant changes nothing
    chosen = shifted[xp.arange(len(labels)), labels.data]  # (N,)
    return _reduce("softmax_cross_entropy", log(sum(exp(shifted), axis=1)) - chosen, reduction)


def _pair(name, predictions, targets):
    """The predictions as a tensor; the targets as a number, or as an array of the predictions' shape and dtype."""
    predictions, targets = as_tensor(predictions), operand(targets)
    if isinstance(targets, Tensor) and targets.shape != predictions.shape:
        raise ShapeError(f"{name}: targets {targets.shape} for predictions {predictions.shape}; they must be alike, or the target one number")
    return predictions, targets.data.astype(predictions.dtype) if isinstance(targets, Tensor) else float(targets)


def _reduce(name, losses, reduction):
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{name}: no reduction {reduction!r}; choose mean, sum or none")
    return losses if reduction == "none" else mean(losses) if reduction == "mean" else sum(losses)
