"""The stand-in against the real CuPy, as far as that tells without a GPU: names, signatures, refusals, shapes and strides of views.

python -m pip install cupy-cuda13x==14.2.0 && python -m pytest tests/strict_cupy/test_against_cupy.py
"""

import inspect
import operator
import pathlib
import re
import types

import numpy as np
import pytest

import nanogan
import strict_cupy
from nanogan.backend import gpu_problem, reference
from strict_cupy import cupy as ours
from strict_cupy.module import modules

real = pytest.importorskip("cupy", reason="the real CuPy is not installed: pip install cupy-cuda13x (no GPU is needed)", exc_type=ImportError)
assert real is not ours
LIBRARY = {name: __import__(name, fromlist=["_"]) for name in modules()}
HOST = np.ones((2, 3), np.float32)


# ---- names and signatures


def public(module):
    return {name: value for name, value in vars(module).items() if not name.startswith("_") or name == "__version__"}


@pytest.mark.parametrize("name", modules())
def test_every_name_is_cupys(name):
    missing = [n for n in public(modules()[name]) if not hasattr(LIBRARY[name], n)]
    assert missing == []


def test_what_comes_from_numpy_is_the_same():
    for name, value in public(ours).items():
        if not isinstance(value, (types.FunctionType, types.ModuleType)) and name not in ("ndarray", "ufunc", "ElementwiseKernel", "__version__"):
            theirs = getattr(real, name)
            assert theirs is value or theirs == value or (isinstance(theirs, real.ufunc) and isinstance(value, ours.ufunc)), name
    assert int(real.__version__.split(".")[0]) >= 14


def parameters(f):
    """{name: (default as text, whether by name only)} as Python tells, or the first line of a Cython function's docstring."""
    try:
        found = [p for p in inspect.signature(f).parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        rows = {p.name: ("" if p.default is p.empty else as_text(p.default), p.kind is p.KEYWORD_ONLY) for p in found}
    except ValueError:
        text = re.match(r"[\w.]+\((.*?)\)(?: ->|$)", f.__doc__.splitlines()[0])[1]
        rows, by_name = {}, False
        for part in text.split(",") if text else ():
            name, _, default = part.strip().partition("=")
            by_name = by_name or name[0] in "*\\"
            if name[0] not in "*\\/":
                rows[name.split()[-1]] = (default.strip("u'").removeprefix("numpy."), by_name)
    return {name: row for name, row in rows.items() if name != "self"}


def as_text(default):
    return default.__name__ if isinstance(default, type) else str(default)


def functions():
    """(id, our function, theirs), of every module and class."""
    plain = (types.FunctionType, types.BuiltinFunctionType)
    pairs = [(f"{m}.{name}", f, getattr(LIBRARY[m], name, None)) for m, module in modules().items() for name, f in public(module).items()]
    for owner, theirs in [(ours.ndarray, real.ndarray), (ours.random.Generator, real.random.Generator), (ours.ufunc, real.ufunc),
                          (type(ours.get_default_memory_pool()), real.cuda.MemoryPool), (ours.cuda.Device, real.cuda.Device)]:  # fmt: skip
        pairs += [(f"{owner.__name__}.{name}", f, getattr(theirs, name)) for name, f in vars(owner).items() if name[0] != "_"]
    return [
        pytest.param(f, their, id=name)
        for name, f, their in pairs
        if isinstance(f, types.FunctionType) and (isinstance(their, plain) or their.__doc__)
    ]


@pytest.mark.parametrize(("our", "their"), functions())
def test_signatures(our, their):
    """Each of our parameters is CuPy's, by the same name, with the same default, in the same order."""
    known, rows = parameters(their), parameters(our)
    assert list(rows) == [name for name in known if name in rows]
    assert rows == {name: known[name] for name in rows}


# ---- what the engine uses


ENGINE = "\n".join(path.read_text() for path in pathlib.Path(nanogan.__file__).parent.rglob("*.py"))


def test_the_engine_uses_what_cupy_has():
    """xp.name everywhere, and kernels.name where it is no kernel of ours."""
    names = set(re.findall(r"\bxp\.([a-z]\w+)", ENGINE)) - {"modules", "select"}
    names |= {name for name in re.findall(r"(?<!_)\bkernels\.([a-z]\w+)\(", ENGINE) if not hasattr(reference, name)} - {"select", "append"}
    assert len(names) > 20
    assert [name for name in sorted(names) if not hasattr(real, name)] == []
    assert [name for name in sorted(names) if not hasattr(ours, name)] == []


def test_arrays_have_the_same_attributes():
    def of(kind):
        return {name for name in dir(kind) if not name.startswith("_")}

    internal = {"__module__", "__weakref__", "__slots__"}
    assert of(ours.ndarray) - of(real.ndarray) == set()
    assert {name for name in vars(ours.ndarray) if name.startswith("__")} - internal - set(dir(real.ndarray)) == set()
    for name in of(real.ndarray) - of(ours.ndarray):
        assert not re.search(rf"\b(data|grad|x|g|array)\.{name}\b\(", ENGINE), name  # of an array, as far as one can tell from its name
    for name in ("__array_interface__", "__index__", "__contains__", "__imatmul__", "ctypes", "resize", "setflags", "to_device", "__round__"):
        assert not hasattr(ours.ndarray, name) and not hasattr(real.ndarray, name), name
    for name in ("errstate", "block", "insert", "unstack", "vecdot", "nditer", "float128", "object_"):
        assert not hasattr(ours, name) and not hasattr(real, name), name
    assert {name for name in dir(ours.random.Generator) if name[0] != "_"} == {name for name in dir(real.random.Generator) if name[0] != "_"}


UFUNCS = [name for name, value in public(ours).items() if isinstance(value, ours.ufunc)]


@pytest.mark.parametrize("name", UFUNCS)
def test_ufuncs_are_the_same(name):
    our, their = getattr(ours, name), getattr(real, name)
    assert (our.name, our.nin, our.nout, our.nargs) == (their.name, their.nin, their.nout, their.nargs)
    if our._scatters:
        assert their._scatter_op
    for kinds in their.types:  # the dtypes of results, where CuPy has a loop for exactly these
        inputs, output = kinds.split("->")
        if not set(inputs) <= set("?bBhHiIlLfd") or len(set(inputs)) > 1:
            continue
        try:
            found = our(*(ours.ones(1, code) for code in inputs)).dtype
        except TypeError:
            continue  # NumPy has none: the stand-in refuses what CuPy would do
        assert found == np.dtype(output) or (name == "power" and inputs == "??"), kinds


# ---- arrays that lie nowhere: shapes, strides and refusals need no GPU


def nowhere(module):
    """{name: an array}, of ones; where there is no GPU, the real ones lie at an address that is never looked at."""
    shapes = {"a": (2, 3), "b": (3,), "z": (), "w": (2, 3, 4), "one": (1, 3), "e": (0, 3), "c": (4, 2)}
    if module is ours or gpu_problem() is None:
        arrays = {name: module.ones(shape, "float32") for name, shape in shapes.items()}
        return arrays | {"m": module.ones((2, 3), "bool"), "cp": module, "HOST": HOST}
    memory = real.cuda.UnownedMemory(0x7F0000000000, 1 << 20, None, 0)

    def at(shape, dtype="float32"):
        return real.ndarray(shape, dtype, memptr=real.cuda.MemoryPointer(memory, 0))

    return {name: at(shape) for name, shape in shapes.items()} | {"m": at((2, 3), "bool"), "cp": real, "HOST": HOST}


def evaluated(text, module):
    """Skips the test where CuPy asks for a GPU first."""
    try:
        return eval(text, nowhere(module) | {"np": np, "operator": operator})
    except RuntimeError as error:
        if "InsufficientDriver" in str(error) or "NoDevice" in str(error):
            pytest.skip("CuPy asks for a GPU before it asks this")
        raise


VIEWS = """a; a.T; w.T; a[0]; a[-1, 1:]; a[:, ::2]; a[:, ::-1]; a[None]; a[..., None, 0]; w[1, ..., 2]; w[:, 1]; a[0, 0]; e[:, 1]; a[5:]; w[::-1, 0, 1:3]
a.reshape(3, 2); a.reshape((-1,)); a.reshape(6); a.reshape(1, 2, 1, 3); w.reshape(6, 4); w[:, :1].reshape(2, 4); w.T.reshape(4, 3, 2); z.reshape(1); e.reshape(3, 0)
a.transpose(); w.transpose(2, 0, 1); w.transpose((0, 2, 1)); w.transpose([1, 0, 2]); a.transpose(None); w.swapaxes(0, 2); cp.swapaxes(w, 1, -1); cp.transpose(w, (1, 2, 0))
cp.moveaxis(w, 0, -1); cp.moveaxis(w, (0, 1), (1, 2)); cp.expand_dims(a, 1); cp.expand_dims(a, (0, -1)); cp.squeeze(one); one.squeeze(0); one.squeeze(); a.mT; w.mT
cp.broadcast_to(b, (2, 3)); cp.broadcast_to(one, (4, 2, 3)); cp.broadcast_to(z, (2, 2)); cp.broadcast_to(a[:, :1], (2, 5)); cp.broadcast_to(a, (2, 3)); cp.flip(w, 1)
cp.lib.stride_tricks.as_strided(b, (2, 2), (4, 4)); cp.lib.stride_tricks.as_strided(a, (3, 2), (4, 12)); a.ravel(); w.view("int32"); w.view("float64"); a.view()
cp.asarray(a); cp.ascontiguousarray(a); cp.ascontiguousarray(z); cp.atleast_1d(z); a.astype("float32", copy=False); cp.split(w, 2, 2)[1]; cp.split(w, [1], 1)[0]; a.T[1:]; a.T.T
cp.permute_dims(w, (2, 1, 0)); cp.array(a, copy=False, ndmin=4); cp.asarray(a, dtype="float32")"""


@pytest.mark.parametrize("text", [text.strip() for line in VIEWS.splitlines() for text in line.split(";")])
def test_views_have_the_same_shapes_and_strides(text):
    def outline(module):
        x = evaluated(text, module)
        return x.shape, x.strides, x.dtype, x.flags.c_contiguous, x.flags.f_contiguous, x.size, x.nbytes, x.base is not None

    our, their = outline(ours), outline(real)
    assert our == their


REFUSED = """hash(a); len(z); iter(z); list(z); a[2]; a[0, 0, 0]; a[0, 3]; a[0][0][0][0]; operator.index(z); round(z); range(z); [1, 2][z]; memoryview(a)
a.reshape(4, 2); a.reshape(newshape=(3, 2)); a.reshape(-1, -1); a.squeeze(0); a.transpose(0); a.transpose(0, 0); a.swapaxes(0, 2); a.view("float64"); a.view("int64")
a.item(); setattr(a, "foo", 1); setattr(a, "dtype", "int32"); setattr(a, "strides", (4, 4)); setattr(a, "T", 1); setattr(a.T, "shape", (6,)); a.flags.writeable; a.ctypes
np.asarray(a); np.array(a); np.array([a, a]); np.asarray(z); float(np.asarray(z)); np.zeros((2, 3)).__setitem__(0, a); a.__setitem__(0, HOST); a.__setitem__(..., [1, 2, 3])
cp.dot(a, HOST); cp.dot(HOST, a); a @ HOST; HOST @ a; a @ 2.0; a @ [1, 2]; cp.dot(a, a); cp.dot(a, a.T, cp.ndarray.reshape(c, 2, 4)[:, ::2]); cp.dot(a, a.T, 3)
cp.add(a, b, order="C"); cp.add(a); cp.exp(a, a, a); cp.add(a, a, a, a); cp.add(a, a, a, out=a); cp.maximum.reduce(a); cp.multiply.at(a, 0, 1); cp.exp.reduce(a)
cp.concatenate([HOST, HOST]); cp.concatenate([]); cp.concatenate(a=1); cp.stack([HOST]); cp.expand_dims(HOST, 0); cp.moveaxis(HOST, 0, 1); cp.split(HOST, 2)
cp.where(m, a); cp.where(True, 1, 2); cp.where(m, a, out=a); a.sum(where=m); a.max(initial=0); a.var(correction=1); a.sum(1, 2, 3, 4, 5); cp.sum(a, where=m); a.astype("f8", casting="safe")
cp.take(a, 0, mode="clip"); cp.clip(a, min=0, max=1); a.clip(a_min=0, a_max=1); cp.reshape(a, shape=6); cp.reshape(a); cp.zeros(3, device=0); cp.zeros(3, like=a); cp.empty(3, like=a)
cp.lib.stride_tricks.as_strided(a, (2,), (4,), writeable=False); cp.lib.stride_tricks.sliding_window_view(a, (1, 1), writeable=True); cp.broadcast_to(a, (2, 4)); cp.broadcast_to(a, (3,))
cp.errstate; cp.float128; cp.nditer; cp.random.default_rng().normal; cp.ElementwiseKernel("T i", "T y", "y = i"); cp.ElementwiseKernel("T x", "T y", "y = x", "no name")
cp.ElementwiseKernel("x", "T y", "y = x"); cp.ElementwiseKernel("const T x", "T y", "y = x"); cp.ElementwiseKernel("flot x", "T y", "y = x"); cp.cuda.memory.OutOfMemoryError(1)
cp.ones_like(a, subok=True); cp.array(["a"]); cp.array([None]); cp.array([[1, z]]); cp.asarray(object()); a.set([1]); a.set(HOST.astype(float)); a.set(HOST[0]); a.T[:, ::2].set(HOST.T[:, :1])
a.get(out=1); a.get(out=HOST.astype(float)); a.get(out=HOST[0]); a.__array__(); cp.einsum("ij->i", a, out=b); cp.einsum("ij,jk", a, c); cp.unravel_index(a, (2, 3)); cp.pad(a, 1, "nonsense")"""


@pytest.mark.filterwarnings("ignore:__array__ implementation")
@pytest.mark.parametrize("text", [text.strip() for line in REFUSED.splitlines() for text in re.split(r"; ", line)])
def test_refusals_are_the_same(text):
    our, their = refusal(text, ours), refusal(text, real)
    assert our is not None and their is not None, "one of them does it"
    assert issubclass(type(our), type(their)) or issubclass(type(their), type(our)), f"{type(our).__name__}: {our}, {type(their).__name__}: {their}"


def refusal(text, module):
    """The exception that this raises; None where it raises none."""
    try:
        evaluated(text, module)
    except Exception as error:
        return error
    return None


SENTENCES = """np.asarray(a); a.__setitem__(0, HOST); cp.add(a, b, order="C"); cp.add(a); cp.exp(a, a, a); cp.maximum.reduce(a); cp.multiply.at(a, 0, 1); a @ HOST; cp.dot(a, 2)
cp.dot(a, a.T, cp.ndarray.reshape(c, 2, 4)[:, ::2]); cp.errstate; cp.ElementwiseKernel("T i", "T y", "y = i"); cp.ElementwiseKernel("T x", "T y", "y = x", "no name"); len(z); iter(z)
cp.ElementwiseKernel("x", "T y", "y = x"); cp.where(m, a); a.item(); a.set(HOST[0]); a.set(HOST.astype(float)); a.T[:, ::2].set(HOST.T[:, :1]); a.get(out=HOST.astype(float)); hash(a)"""


@pytest.mark.filterwarnings("ignore:__array__ implementation")
@pytest.mark.parametrize("text", [text.strip() for line in SENTENCES.splitlines() for text in re.split(r"; ", line)])
def test_sentences_are_the_same(text):
    assert str(refusal(text, ours)) == str(refusal(text, real))


def test_memory_errors_and_pools_are_the_same():
    for arguments in [(1000, 2_000_000), (5, 6, 7)]:
        assert str(strict_cupy.OutOfMemoryError(*arguments)) == str(real.cuda.memory.OutOfMemoryError(*arguments))
    for our, their in [
        (ours.get_default_memory_pool(), real.get_default_memory_pool()),
        (ours.get_default_pinned_memory_pool(), real.get_default_pinned_memory_pool()),
    ]:
        assert {name for name in dir(our) if name[0] != "_"} <= set(dir(their))
    for our, their in [(ours.cuda.Device, real.cuda.Device), (ours.cuda.Stream, real.cuda.Stream), (ours.cuda.Event, real.cuda.Event),
                       (ours.cuda.MemoryPointer, real.cuda.MemoryPointer), (ours.ElementwiseKernel, real.ElementwiseKernel)]:  # fmt: skip
        more = {"done", "ptr", "non_blocking", "mem", "device_id"}
        assert {name for name in dir(our) if name[0] != "_"} - more <= set(dir(their))
