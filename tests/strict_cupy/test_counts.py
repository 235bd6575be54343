"""What costs on a GPU is counted; memory runs out; the device is always done."""

import gc
import pickle

import numpy as np
import pytest

import strict_cupy
from strict_cupy import cupy as cp
from strict_cupy import cupyx
from strict_cupy.example import HOST, same

# ---- counts


SYNCHRONISING = {
    "float": lambda a: float(a[0, 0]), "int": lambda a: int(a[0, 0]), "bool": lambda a: bool(a[0, 0]), "complex": lambda a: complex(a[0, 0]),
    "item": lambda a: a[0, 0].item(), "tolist": lambda a: a.tolist(), "get": lambda a: a.get(), "asnumpy": cp.asnumpy, "repr": repr, "str": str,
    "format": lambda a: f"{a[0, 0]:.2f}", "tobytes": lambda a: a.tobytes(), "if": lambda a: 1 if a[0, 0] > 0 else 2, "mask": lambda a: a[a > 0],
    "nonzero": lambda a: a.nonzero(), "where": lambda a: cp.where(a > 0), "device": lambda a: cp.cuda.Device().synchronize(),
    "stream": lambda a: cp.cuda.Stream.null.synchronize(), "event": lambda a: cp.cuda.Event().synchronize(),
    "runtime": lambda a: cp.cuda.runtime.deviceSynchronize(), "pickle": pickle.dumps, "window": lambda a: cp.lib.stride_tricks.sliding_window_view(a, 1, 0), "set": lambda a: a.__setitem__(a > 0, a[0, 0]),
    "at": lambda a: cp.add.at(a, a > 0, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", SYNCHRONISING)
def test_waiting_is_counted(a, name):
    with strict_cupy.counted() as counts:
        SYNCHRONISING[name](a)
    assert counts.synchronisations == 1
    assert len(counts.where) == 1 + counts.to_device and counts.where[0].split()[0].rpartition(":")[0].endswith("test_counts.py"), counts


def test_more_waiting(a):
    with strict_cupy.counted() as counts:
        assert 5.0 in a.ravel()  # entry by entry: there is no __contains__
    assert counts.synchronisations == 6
    with strict_cupy.counted() as counts:
        cp.unravel_index(a.argmax(), a.shape)
    assert counts.synchronisations == 2
    with strict_cupy.counted() as counts:
        cp.lib.stride_tricks.sliding_window_view(a, (1, 1))
    assert (counts.synchronisations, counts.to_device) == (2, 1)
    with strict_cupy.counted() as counts:
        a[a > 0] = 3  # CuPy copies the number, and looks how many it is for
        a[cp.asarray(0)] = 3
        cp.add.at(a, cp.asarray(0), 3)
    assert (counts.synchronisations, counts.to_device) == (1, 5)


def test_most_things_need_no_waiting(a):
    mask, rows, out = a > 0, cp.asarray([0]), cp.empty((2, 2), "float32")
    with strict_cupy.counted() as counts:
        b = (a + 1) * 2 - a / (a + 1)
        b[rows] = a[rows]
        cp.where(mask, a, b).sum(0)
        cp.matmul(a, b.T, out=out)
        cp.concatenate((a, b)).reshape(-1)[::2].copy().astype("float16")
        cp.add.at(b, rows, b[rows])
        b.T.ravel()
        len(b), b.shape, list(b)
        cp.zeros(3), cp.arange(3), cp.full(3, 2.0)
        cp.clip(a, 0, 1).argmax(), cp.asarray(a), cp.cuda.Event().record(), cp.cuda.Device().mem_info
    assert counts.synchronisations == counts.to_host == counts.to_device == 0 and counts.where == [] and counts.launches > 15, counts


def test_copies_are_counted_with_their_bytes(a):
    with strict_cupy.counted() as counts:
        b = cp.asarray(HOST)
        cp.array(HOST)
        b.set(HOST)
        cp.asarray(b), cp.ascontiguousarray(b)
        assert (counts.to_device, counts.to_device_bytes, counts.to_host) == (3, 72, 0)
        b[0].get()
        assert (counts.to_host, counts.to_host_bytes) == (1, 12)
        cp.asarray(1.0)
    assert (counts.to_device, counts.to_device_bytes) == (4, 80) and counts.synchronisations == 1
    b.get()
    assert counts.to_host == 1 and "copy to the host, 12 bytes" in repr(counts) and "to_device 4" in repr(counts)
    with pytest.raises(AttributeError, match="launches"):
        _ = counts.lunches


def test_counts_nest():
    with strict_cupy.counted() as outer:
        cp.zeros(2).get()
        with strict_cupy.counted() as inner:
            cp.zeros(2).get()
        cp.zeros(2).get()
    assert (outer.to_host, inner.to_host, len(outer.where), len(inner.where)) == (3, 1, 3, 1)


@pytest.mark.parametrize(
    ("launches", "run"),
    [(1, lambda a: a + a), (1, lambda a: a.sum()), (2, lambda a: (a * 2).sum()), (1, lambda a: a @ a.T), (3, lambda a: a[:, ::2] @ a[:, 1:]),
     (0, lambda a: a.T[1:]), (1, lambda a: a.T.reshape(-1)), (1, lambda a: a.copy()), (1, lambda a: cp.zeros(3)),
     (0, lambda a: cp.empty(3)), (1, lambda a: a.__setitem__(0, 1)), (1, lambda a: cp.concatenate((a, a)))],
)  # fmt: skip
def test_launches(a, launches, run):
    with strict_cupy.counted() as counts:
        run(a)
    assert counts.launches == launches


def test_float64(a):
    with strict_cupy.counted() as counts:
        a * np.float64(2), cp.zeros(2), a.astype("float64"), a.mean(dtype="float64"), a + 1.0, cp.zeros(2, "float32")
    assert counts.float64 == 4
    for make in (lambda: a * np.float64(2), lambda: cp.zeros(2), lambda: cp.asarray(2.0), lambda: cp.asarray([1, 2]) / 2, lambda: a.astype(float)):
        with strict_cupy.forbid_float64(), pytest.raises(strict_cupy.Float64Created, match=r"test_counts\.py:\d+"):
            make()
        make()
    with strict_cupy.forbid_float64():
        (a * 2.0 + 1).mean(), cp.sqrt(a), a / 3, cp.arange(3), cp.asarray(2.0, "float32")


# ---- memory


def test_memory_is_accounted_for():
    pool = cp.get_default_memory_pool()
    before = pool.used_bytes()
    a = cp.zeros(1000, "float32")
    assert pool.used_bytes() - before == 4096 == pool.total_bytes() - before and pool.free_bytes() == 0  # in blocks of 512
    views = a[1:], a.reshape(10, 100)
    del a
    assert pool.used_bytes() - before == 4096
    del views
    assert pool.used_bytes() == before
    free, total = cp.cuda.Device().mem_info
    assert total - free == before


def test_memory_runs_out():
    gc.collect()
    used = cp.get_default_memory_pool().used_bytes()
    with strict_cupy.limited_memory(used + 10_240):
        a = cp.zeros(1024, "float32")
        for make in (
            lambda: cp.zeros(2048, "float32"),
            lambda: cp.empty((10**9, 10**9)),
            lambda: cp.asarray(np.zeros(10_000)),
        ):
            with pytest.raises(
                cp.cuda.memory.OutOfMemoryError, match=r"^Out of memory allocating [\d,]+ bytes \(allocated so far: [\d,]+ bytes\)\.$"
            ) as error:
                make()
            assert isinstance(error.value, MemoryError)
            del error
        with pytest.raises(MemoryError):
            (a + 1) + (a + 2)
        del a
        cp.zeros(2048, "float32")
    cp.zeros(2048, "float32")


def test_a_cycle_is_collected_before_memory_runs_out():
    with strict_cupy.limited_memory(cp.get_default_memory_pool().used_bytes() + 8192):
        for _ in range(3):
            cycle = [cp.zeros(1024)]
            cycle.append(cycle)
            del cycle


def test_the_pools_own_limit():
    pool = cp.get_default_memory_pool()
    gc.collect()
    pool.set_limit(size=pool.used_bytes() + 1024)
    try:
        assert pool.get_limit() == pool.used_bytes() + 1024
        with pytest.raises(MemoryError, match="limit set to"):
            cp.zeros(1024)
    finally:
        pool.set_limit(size=0)
    assert str(strict_cupy.OutOfMemoryError(1000, 2000)) == "Out of memory allocating 1,000 bytes (allocated so far: 2,000 bytes)."
    pool.free_all_blocks(), cp.get_default_pinned_memory_pool().free_all_blocks()


# ---- the device, and random numbers


def test_the_device():
    runtime = cp.cuda.runtime
    assert runtime.getDeviceCount() == 1 and runtime.driverGetVersion() >= 12000 and runtime.runtimeGetVersion() >= 12000
    assert runtime.getDeviceProperties(0)["name"] and cp.cuda.Device().compute_capability == "90" and cp.cuda.is_available()
    with pytest.raises(runtime.CUDARuntimeError):
        cp.cuda.Device(1)
    start, end = cp.cuda.Event(), cp.cuda.Event()
    with cp.cuda.Device(0), cp.cuda.Stream(non_blocking=True) as stream:
        start.record()
        end.record(stream)
    assert cp.cuda.get_elapsed_time(start, end) >= 0
    pinned = cupyx.empty_pinned((2, 3), "float32")
    assert type(pinned) is np.ndarray and same(cp.asarray(pinned), pinned)
    assert len(memoryview(cp.cuda.alloc_pinned_memory(100))) >= 100


def test_random_numbers_are_not_numpys():
    ours, numpys = cp.random.default_rng(3), np.random.default_rng(3)
    assert not np.array_equal(ours.standard_normal(4).get(), numpys.standard_normal(4))
    assert ours.random((2, 3), dtype="float32").shape == (2, 3) and ours.integers(5, size=3).dtype == np.int64
    out = cp.empty(4, "float32")
    assert ours.random(dtype="float32", out=out) is out and float(out.min()) >= 0
    for name in ("normal", "permutation", "shuffle", "choice", "permuted", "bytes", "spawn", "bit_generator"):
        assert not hasattr(ours, name)
    for name in ("normal", "randn", "seed", "shuffle"):
        assert not hasattr(cp.random, name)
