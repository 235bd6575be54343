"""The house stands: floors import downwards, runs repeat, float32 stays float32, and it can be read in an afternoon."""

import ast
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import nanogan as ng
from nanogan import Tensor, grad, nn, ops

ROOT = pathlib.Path(ng.__file__).parent
FILES = {path.relative_to(ROOT.parent).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__"): path for path in ROOT.rglob("*.py")}
FLOORS = [{"backend"}, {"autograd"}, {"ops"}, {"nn", "optim", "gradient_check"}, {"data", "metrics", "viz"}, {"gan", "course"}]


def part(module):
    """The part of the house that a module belongs to: nanogan.ops.loss -> ops; the package itself is the roof."""
    return module.split(".")[1] if "." in module else "roof"


def floor(module):
    return next((i for i, parts in enumerate(FLOORS) if part(module) in parts), len(FLOORS))


def imports(module):
    """(imported module, whether inside a function) for every import statement."""
    tree = ast.parse(FILES[module].read_text())
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) for n in ast.walk(f)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import; write the whole name"
            for alias in node.names:  # from nanogan import ops: the module nanogan.ops
                name = f"{node.module}.{alias.name}"
                yield (name if name in FILES else node.module), id(node) in inside


def is_peer(module):
    """Whether it is of the benchmark's other side."""
    return module.startswith("nanogan.gan.bench.torch_")


@pytest.mark.parametrize("module", sorted(FILES))
def test_imports_go_down(module):
    for name, in_function in imports(module):
        top = name.split(".")[0]
        assert top not in ("tensorflow", "keras", "jax"), f"{module} imports {name}"
        if top == "torch" or is_peer(name):
            assert is_peer(module), f"{module} imports {name}: only the benchmark's peer may, which runs in a process of its own"
        if top in ("cupy", "cupyx"):
            assert part(module) == "backend", f"{module} imports {name}: only nanogan/backend may"
        if top == "nanogan" and module != "nanogan":
            assert not in_function, f"{module} imports {name} inside a function"
            below, own = floor(name) < floor(module), part(name) == part(module)
            assert below or own or floor(module) == len(FLOORS), f"{module} (floor {floor(module)}) imports {name} (floor {floor(name)})"
            assert name != "nanogan" or floor(module) == len(FLOORS), f"{module} imports the whole package"


def test_every_file_has_a_floor():
    commands = {"train", "sample", "evaluate", "diagnose", "bench", "doctor", "__main__"}
    assert {part(m) for m in FILES} - set().union(*FLOORS) <= commands | {"roof"}


def test_importing_loads_neither_torch_nor_cupy():
    run("import nanogan, sys; assert not {'torch', 'tensorflow', 'cupy'} & set(sys.modules), 'loaded'")


def run(code, **environment):
    command, environment = [sys.executable, "-W", "error", "-c", code], {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT.parent, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def networks():
    generator = nn.Sequential(nn.Dense(5, 4 * 4 * 6), nn.Reshape(4, 4, 6), nn.BatchNorm(6), nn.LeakyReLU(), nn.ConvTranspose2D(6, 4, 4, 2), nn.LayerNorm(4),
                              nn.ReLU(), nn.ConvTranspose2D(4, 1, 3, bias=False), nn.Tanh())  # fmt: skip
    critic = nn.Sequential(nn.Conv2D(1, 4, 3, 2), nn.LeakyReLU(), nn.Dropout(0.3), nn.Conv2D(4, 6, 5, 2, bias=False), nn.BatchNorm(6, unbiased=True), nn.LeakyReLU(),
                           nn.Flatten(), nn.Dense(24, 1))  # fmt: skip
    return generator, critic


def train(steps, watch=lambda *values: None):
    """A few steps of WGAN-GP (first network) and of the non-saturating loss (second), on noise."""
    generator, critic = networks()
    optimisers = ng.optim.Adam(generator.parameters(), 2e-4, 0.5), ng.optim.SGD(critic.parameters(), 1e-3, momentum=0.9)
    for _ in range(steps):
        real, z, alpha = ng.backend.random.normal((3, 8, 8, 1)), ng.backend.random.normal((3, 5)), ng.backend.random.uniform((3, 1, 1, 1))
        fake = generator(z)
        x = Tensor(alpha * real + (1 - alpha) * fake.data, requires_grad=True)
        dx = grad(ops.sum(critic(x)), x, create_graph=True)
        penalty = ops.mean((ops.norm(dx, axis=(1, 2, 3)) - 1) ** 2)
        d_loss = ops.mean(critic(fake.detach())) - ops.mean(critic(real)) + 10 * penalty
        d_grads = grad(d_loss, critic.parameters())
        g_loss = ops.sigmoid_bce(critic(fake), np.float64(0.9))
        g_grads = grad(g_loss, generator.parameters())
        optimisers[1].step(d_grads)
        optimisers[0].step(g_grads)
        watch(real, z, fake, x, dx, penalty, d_loss, g_loss, *d_grads, *g_grads)
    return generator, critic, *optimisers


@pytest.mark.every_backend
def test_float32_stays_float32_through_a_training_step(monkeypatch):
    made, call = set(), ng.Function.__call__

    def watched(self, *inputs):
        y = call(self, *inputs)
        made.add((type(self).__name__, y.dtype))
        return y

    monkeypatch.setattr(ng.Function, "__call__", watched)
    generator, critic, g_opt, d_opt = train(2, lambda *values: made.update(("watched", v.dtype) for v in values))
    assert {name for name, dtype in made if dtype != np.float32} == set()
    assert len(made) > 10
    for state in (generator.state_dict(), critic.state_dict(), g_opt.state_dict(), d_opt.state_dict()):
        assert {name for name, array in state.items() if array.dtype != np.float32} <= {"steps"}
    backward = ops.sum(critic(generator(np.ones((2, 5), np.float32))))
    backward.backward()
    assert {p.grad.dtype for p in [*generator.parameters(), *critic.parameters()]} == {np.dtype(np.float32)}


PRINT_A_RUN = """
import sys, zlib
sys.path[:0] = ["tests"]
import nanogan as ng, test_house
ng.seed(7)
nets = test_house.train(3)
for net in nets[:2]:
    print([n for n, _ in net.named_parameters()])
print([zlib.crc32(a.tobytes()) for part in nets for a in part.state_dict().values()])
"""


def test_runs_do_not_depend_on_the_hash_seed():
    first, *others = [run(PRINT_A_RUN, PYTHONHASHSEED=seed, OPENBLAS_NUM_THREADS="1") for seed in ("0", "1", "4242")]
    assert len(first.splitlines()) == 3
    assert others == [first, first]


def test_the_engine_can_be_read_in_an_afternoon():
    """Floors 0 to 3 without the fast kernels: at most 2,000 lines, docstrings included."""
    lines = {m: len(path.read_text().splitlines()) for m, path in FILES.items() if floor(m) <= 3 and not path.name.startswith(("numpy_", "cupy_"))}
    assert sum(lines.values()) <= 2000, f"{sum(lines.values())} lines: {lines}"
