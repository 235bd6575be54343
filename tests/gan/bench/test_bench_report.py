"""Tables that a person reads, JSON that a program reads."""

import json

import pytest

from nanogan.gan.bench import report
from nanogan.gan.bench.measure import Plan


def side(seconds, quartiles, peak=500e6, before=100e6):
    return {"seconds": seconds, "quartiles": quartiles, "images_per_second": 64 / seconds, "seconds_per_image": seconds / 64,
            "gflops": 200.0, "memory": {"kind": "resident", "peak": peak, "before": before}, "facts": {}}  # fmt: skip


def result(name="dcgan-mnist", batch_size=64, quoted="default", peer=True, **ours):
    made = {"recipe": name, "batch_size": batch_size, "nanogan": side(0.5, [0.49, 0.55]) | ours}
    sides = {"default": side(0.625, [0.62, 0.63]), "channels_last": side(0.63, [0.62, 0.64], peak=None)}
    return made | ({"torch": sides, "quoted": quoted, "ratio": 0.8} if peer else {})


def test_the_table():
    lines = report.table([result(), result("mlp-mnist", seconds=1.5, quartiles=[1.25, 2.5])], peak=400).splitlines()
    assert lines[0].split("  ")[0] == "recipe" and lines[0].endswith("ratio")
    assert lines[1].split() == [
        "dcgan-mnist",
        "64",
        "500",
        "(490-550)",
        "128",
        "200",
        "50%",
        "500",
        "(+400)",
        "625",
        "(620-630)",
        "500",
        "(+400)",
        "0.80",
    ]
    assert lines[2].split()[:4] == ["mlp-mnist", "64", "1500", "(1250-2500)"]
    assert len({len(line) for line in lines}) == 1 and len(lines[0]) <= 120


def test_without_a_peer_there_are_no_columns_for_one():
    table = report.table([result(peer=False)], peak=400)
    assert "PyTorch" not in table and "ratio" not in table


def test_memory_that_nobody_tells():
    assert report.memory({"peak": None, "before": None}) == "?"
    assert report.memory({"peak": 7e6, "before": None}) == "7"


def test_notes():
    sgemm = {"gflops": 400.0, "size": 2048}
    text = "\n".join(report.notes([result(quoted="channels_last"), result("mlp-mnist")], sgemm))
    assert "of 400 GFLOP/s" in text and "channels_last on dcgan-mnist 64, and" in text and "UNSTEADY" not in text
    assert "of peak" not in "\n".join(report.notes([result()], sgemm, scale=True))
    assert "UNSTEADY: dcgan-mnist 64:" in "\n".join(report.notes([result(quartiles=[0.4, 0.5])], sgemm))


def test_scaling_in_words():
    found = {"flat": 0.07, "memory": {"constant": 80e6, "per_sample": 1.25e6, "deviation": 0.02}}
    lines = report.of_scaling([result(batch_size=64), result(batch_size=128)], found)
    assert lines == ["time per image: within 7% of its median from batch 64 to 128",
                     "peak memory: 80 MB + 1.250 MB for each sample of the batch, within 2%"]  # fmt: skip
    assert len(report.of_scaling([result()], found | {"memory": None})) == 1
    assert report.per_image([result(), result(batch_size=128)]).splitlines()[1].split()[:2] == ["64", "7.812"]


def test_small_operations_are_others():
    rows = [
        {"operation": name, "seconds": s, "share": s, "calls": 2, "gflops": g}
        for name, s, g in (("conv2d", 0.9, 321.0), ("a", 4e-4, None), ("b", 5e-4, None))
    ]
    assert [line.split() for line in report.operations(rows).splitlines()[1:]] == [
        ["conv2d", "900.000", "90.0%", "2", "321"], ["2", "others", "0.900", "0.1%"]
    ]  # fmt: skip


def test_variables_that_change_the_machine_are_loud():
    assert report.warnings({"OMP_NUM_THREADS": "2"}) == []
    (line,) = report.warnings({"OPENBLAS_CORETYPE": "Haswell"})
    assert "OPENBLAS_CORETYPE=Haswell" in line and "unset OPENBLAS_CORETYPE" in line


def test_the_machine():
    blas = {"name": "OpenBLAS", "version": "0.3", "kernel": "Zen", "threads": 2, "variables": {"OMP_NUM_THREADS": "2"}}
    facts = report.machine(Plan(2), blas)
    text = "\n".join(report.of_machine(facts, {"version": "2.9", "device": "cpu", "threads": 2}))
    for word in (facts["processor"], "2 threads", "OpenBLAS 0.3 with kernels for Zen", "OMP_NUM_THREADS=2", "PyTorch 2.9", "numpy"):
        assert word.lower() in text.lower()
    nothing = dict.fromkeys(blas) | {"variables": {}}
    assert "an unknown BLAS" in "\n".join(report.of_machine(facts | {"blas": nothing}))


def test_json_is_strict():
    assert json.loads(report.as_json({"a": [1.5, None]})) == {"a": [1.5, None]}
    with pytest.raises(ValueError):
        report.as_json({"a": float("nan")})
