"""The table of a network's layers.

    print(nanogan.summary(generator, (100,)))

The shapes come from a forward pass.
"""

from nanogan.autograd import Tensor, no_grad
from nanogan.backend import xp
from nanogan.nn import Module


def summary(model, input_shape):
    """The table of layers as Keras prints it: output shapes, parameters, trainable and not.

    input_shape: without the batch axis.  The shapes are those of a forward pass in inference mode.

    >>> from nanogan import nn
    >>> print(summary(nn.Sequential(nn.Dense(20, 4), nn.BatchNorm(4)), (20,)))
    Layer (type)                        Output shape                    Params
    ==========================================================================
    dense_1 (Dense)                     (None, 4)                           84
    batchnorm_1 (BatchNorm)             (None, 4)                           16
    ==========================================================================
    Total params: 100
    Trainable params: 92
    Non-trainable params: 8
    """
    leaves = [(name, part) for name, part in model.modules() if not any(isinstance(v, Module) for v in vars(part).values())]
    modes = [(part, part.training) for _, part in model.modules()]
    dtype = next((p.dtype for p in model.parameters()), xp.float32)
    shapes = {}  # by id of the layer, filled in as the batch passes through

    def watched(part, its_own):
        def forward(*inputs):
            y = its_own(*inputs)
            shapes[id(part)] = (None, *y.shape[1:])
            return y

        return forward

    for _, part in leaves:
        part.forward = watched(part, part.forward)
    try:
        with no_grad():
            model.eval()(xp.zeros((1, *input_shape), dtype=dtype))
    finally:
        for part, training in modes:
            part.training = training
            vars(part).pop("forward", None)

    def count(part, trainable=(True, False)):
        return sum(value.size for _, value in part.named_state() if (isinstance(value, Tensor) and value.requires_grad) in trainable)

    line, rows = "=" * 74, []
    for name, part in leaves:
        label = f"{name} ({type(part).__name__})" if name else type(part).__name__
        rows.append(f"{label:<36}{shapes.get(id(part), '(not used)')!s:<26}{count(part):>12,}")
    totals = [f"Total params: {count(model):,}", f"Trainable params: {count(model, (True,)):,}", f"Non-trainable params: {count(model, (False,)):,}"]
    return "\n".join([f"{'Layer (type)':<36}{'Output shape':<26}{'Params':>12}", line, *rows, line, *totals])
