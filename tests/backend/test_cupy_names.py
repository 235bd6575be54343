"""Whatever nanogan asks of CuPy, CuPy has: every name that its source takes from ``xp``, and every keyword that it passes.

The source is read, not run, so that no GPU is needed: an attribute of ``xp``, of ``kernels`` where no kernel has that
name, or of ``load_cupy()``; and what is called on the result, where it is known what that is.  NumPy's own modules never see CuPy.
"""

import ast
import collections
import inspect
import pathlib
import re

import pytest

import nanogan
from nanogan.backend import cupy_kernels, reference
from nanogan.backend.arrays import Namespace

ROOT = pathlib.Path(nanogan.__file__).parent
FILES = sorted(path for path in ROOT.rglob("*.py") if not path.name.startswith("numpy_"))
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
CALLED = "()"  # the step of a path that stands for a call
SWITCH = {*vars(Namespace), "modules"}  # of the switches xp and kernels themselves
KERNELS = {**vars(reference), **vars(cupy_kernels)}  # before the array library in what ``kernels`` knows
# Methods that only arrays have, and tensors, with the same keywords.
METHODS = {"all", "any", "argmax", "argmin", "argsort", "astype", "clip", "cumsum", "max", "mean", "min", "prod"}
METHODS |= {"ravel", "repeat", "reshape", "round", "std", "sum", "swapaxes", "take", "transpose", "var"}
# What a function of CuPy returns, if no array: nothing more is known of a dictionary or a tuple.
RETURNS = {"get_default_memory_pool": "MemoryPool", "getDeviceProperties": None, "unravel_index": None}

OTHERS = ("ops", "numpy")  # modules with functions that are called as methods of arrays are
Use = collections.namedtuple("Use", "place path call")  # path: ("xp", "add", "at"); call: the ast.Call, if it is one


def uses(text, place=""):
    """Every use of CuPy in the text of a module, in the order of its lines."""
    found = []
    _gather(ast.parse(text).body, {"xp": ("xp",), "kernels": ("kernels",)}, found, place)
    return sorted(found, key=lambda use: use.place)


def _gather(body, known, found, place):
    """Add the uses in one function, or in a module outside functions; ``known``: the paths that names stand for."""
    nodes = list(_inside(body))
    for node in nodes:
        if isinstance(node, ast.Assign):
            known = known | dict(_assigned(node, known))
    for node in nodes:
        where = f"{place}:{getattr(node, 'lineno', 0):04}"
        if isinstance(node, FUNCTIONS):
            given = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
            _gather(node.body, {name: path for name, path in known.items() if name not in given}, found, place)
        elif isinstance(node, ast.Attribute) and (path := _path(node, known)):
            found.append(Use(where, path, None))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            path = _path(node.func, known)
            if path or (node.keywords and node.func.attr in METHODS and ast.unparse(node.func.value) not in OTHERS):
                found.append(Use(where, path or ("xp", "ndarray", node.func.attr), node))


def _inside(body):
    """The nodes of a function's body, those of functions in it left out (but not these functions, their defaults and decorators)."""
    for node in body:
        yield node
        parts = [*node.decorator_list, node.args] if isinstance(node, FUNCTIONS) else ast.iter_child_nodes(node)
        yield from _inside(parts)


def _assigned(node, known):
    """(name, path) of every name that an assignment gives to something of CuPy."""
    for target in node.targets:
        both = (
            isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple) and len(target.elts) == len(node.value.elts)
        )  # else a star is in it
        for name, value in zip(target.elts, node.value.elts, strict=True) if both else [(target, node.value)]:
            if isinstance(name, ast.Name) and (path := _path(value, known)):
                yield name.id, path


def _path(node, known):
    """The steps from ``xp`` or ``kernels`` to what an expression stands for, or None: ``xp.add.at`` is ("xp", "add", "at")."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        path = _path(node.value, known)
        return path and (*path, node.attr)
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name == "load_cupy":
            return ("xp",)
        if name == "_ask":  # _ask(load_cupy), _ask(lambda: ...): the answer, or None
            asked = node.args[0]
            return _path(asked.body, known) if isinstance(asked, ast.Lambda) else ("xp",) if ast.unparse(asked) == "load_cupy" else None
        path = _path(node.func, known)
        return path and (*path, CALLED)
    return None


def problem(use, cupy):
    """What CuPy lacks for this use, or None."""
    root, *steps = use.path
    if steps and (steps[0] in SWITCH or (root == "kernels" and steps[0] in KERNELS)):
        return None
    owner, value = None, cupy
    for step in steps:
        if step == CALLED:
            value = value if isinstance(value, type) else returned(value, cupy)
        elif hasattr(value, step):
            owner, value = value, getattr(value, step)
        else:
            return f"{use.place} {'.'.join(use.path)}: CuPy has no {step}"
        if value is None or inspect.isdatadescriptor(value):  # nothing is known of what it is, or of what an array's or device's attribute is
            return None
    return misfit(use, value, isinstance(owner, type)) if use.call else None


def misfit(use, function, method):
    """Why a function of CuPy, or method of a class, cannot be called like that, or None."""
    called = signature(function)
    given = [None] * method + [argument for argument in use.call.args if not isinstance(argument, ast.Starred)]
    try:
        if called:
            called.bind_partial(*given, **{keyword.arg: keyword for keyword in use.call.keywords if keyword.arg})
    except TypeError as error:
        return f"{use.place} {ast.unparse(use.call)}: {error}"
    return None


def returned(function, cupy):
    """The class of what a function of CuPy returns, None where that is not known."""
    name = function.__name__
    return getattr(cupy.cuda, RETURNS[name] or "", None) if name in RETURNS else cupy.ndarray


def signature(function):
    """A function's signature; a compiled one has it in its documentation's first line, if at all (else None: its name has to do)."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        line = re.match(r"[\w.]+\((.*)\)(?: -> .*)?$", (function.__doc__ or "").partition("\n")[0])
        return line and inspect.Signature(documented(line[1]))


def documented(text):
    """The parameters in words such as ``self, Py_ssize_t axis, *shape, order='C'``."""
    parameters, kind = [], inspect.Parameter.POSITIONAL_OR_KEYWORD
    for part in text.replace("\\", "").split(", ") if text else ():
        words, given, _ = part.partition("=")
        name = words.split()[-1]
        if name == "/":
            parameters = [parameter.replace(kind=inspect.Parameter.POSITIONAL_ONLY) for parameter in parameters]
        elif name.startswith("**"):
            parameters.append(inspect.Parameter(name[2:], inspect.Parameter.VAR_KEYWORD))
        elif name.startswith("*"):
            parameters += [inspect.Parameter(name[1:], inspect.Parameter.VAR_POSITIONAL)] if name[1:] else []
            kind = inspect.Parameter.KEYWORD_ONLY
        else:
            parameters.append(inspect.Parameter(name, kind, default=None if given else inspect.Parameter.empty))
    return parameters


USES = [use for path in FILES for use in uses(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())]


@pytest.fixture
def cupy():
    return pytest.importorskip("cupy", reason="CuPy, whose names these would have to be, is not installed")


def test_the_source_is_read_to_the_end():
    paths = {use.path for use in USES}
    assert {("xp", "float32"), ("xp", "add", "at"), ("kernels", "tanh"), ("xp", "ElementwiseKernel")} <= paths
    assert {("xp", "cuda", "Event", CALLED, "record"), ("xp", "get_default_memory_pool", CALLED, "total_bytes")} <= paths
    assert len({use.place.partition(":")[0] for use in USES}) > 20 and len(USES) > 200
    keywords = {(use.path[-1], keyword.arg) for use in USES if use.call for keyword in use.call.keywords}
    assert {("empty", "dtype"), ("concatenate", "axis"), ("dot", "out"), ("max", "keepdims")} <= keywords


def test_cupy_has_every_name_and_takes_every_keyword(cupy):
    assert [found for use in USES if (found := problem(use, cupy))] == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("xp.no_such_name", "CuPy has no no_such_name"),
        ("xp.add.no_such_name(x)", "CuPy has no no_such_name"),
        ("kernels.no_such_kernel(x)", "CuPy has no no_such_kernel"),
        ("cuda = load_cupy().cuda\ncuda.Event().no_such_name()", "CuPy has no no_such_name"),
        ("def f():\n    pool = _ask(lambda: load_cupy().get_default_memory_pool())\n    pool.no_such_name()", "CuPy has no no_such_name"),
        ("a, b = xp.zeros(3), 1\na.no_such_method()", "CuPy has no no_such_method"),
        ("xp.zeros(3, no_such_keyword=1)", "unexpected keyword argument 'no_such_keyword'"),
        ("xp.sqrt(x, where=mask)", "unexpected keyword argument 'where'"),
        ("kernels.add(a, b, order='C')", "unexpected keyword argument 'order'"),
        ("xp.maximum(a)\nxp.maximum(a, b, c, d)", "too many positional arguments"),
        ("xp.sum(x, initial=0)", "unexpected keyword argument 'initial'"),
        ("x.sum(axis=0, initial=0)", "unexpected keyword argument 'initial'"),
        ("xp.abs(x).max(where=mask)", "unexpected keyword argument 'where'"),
        ("x.astype(dtype, 'K', order='C')", "multiple values for argument 'order'"),
        ("a = xp.ones(3)\na.argmax(0, None, None, False, 1)", "too many positional arguments"),
        ("xp.matmul(a, b, where=mask)", "unexpected keyword argument 'where'"),
        ("xp.ElementwiseKernel('', '', '', 'name', '', no_such_keyword=1)", None),  # it hands them on to the compiler
        ("xp.float32(1)\nxp.zeros((2, 3), xp.float32)[0]\nxp.sqrt(x, out=y)\nkernels.conv2d(x, w, 1, 2, any=3)", None),
        ("def f(xp, kernels):\n    xp.no_such_name + kernels.no_such_kernel", None),
        ("xp.array(x).dtype.kind\nxp.cuda.Device().mem_info.unknown", None),
        ("x.sum(axis=0, keepdims=True).reshape(3, -1)\nx.reshape((3, 1), order='C')\nxp.modules", None),
    ],
)
def test_what_cupy_lacks_is_found(text, complaint, cupy):
    problems = [found for use in uses(text) if (found := problem(use, cupy))]
    assert (complaint is None and not problems) or (problems and complaint in problems[-1]), problems


def test_a_signature_is_read_from_the_documentation():
    def compiled():
        """compiled(self, Py_ssize_t axis, *shape, order='C') -> ndarray"""

    compiled.__signature__ = "none that inspect could read"
    assert str(signature(compiled)) == "(self, axis, *shape, order=None)"
    assert str(inspect.Signature(documented("x, /, out=None, \\*, dtype=None, **more"))) == "(x, /, out=None, *, dtype=None, **more)"
