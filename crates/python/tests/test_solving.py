"""Solutions are those of the program, bit for bit, and are stopped, watched and told like Python's own."""

import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import widenet as wn


def program(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "widenet", *map(str, arguments)], capture_output=True, text=True, **options)


def test_the_program_gives_the_same_numbers(problem, perceptron, tmp_path):
    for p, quantity in [(problem, "predictor"), (perceptron, "outputs")]:
        p.save(tmp_path / "problem.toml")
        ran = program("solve", tmp_path / "problem.toml", "--width", "32,inf", "--seeds", 2, "--json", check=True)
        written = json.loads(ran.stdout)
        found = wn.solve(p, [32, np.inf], seeds=2)
        values = np.array([[record[quantity] for record in one["records"]] for one in written], float)
        assert (found[quantity].reshape(values.shape) == values).all()


def test_solutions_are_arrays_over_width_seed_and_record(problem):
    r = wn.solve(problem, [64, 1e12, "inf"], seeds=[3, 5])
    assert r["train_loss"].shape == (3, 2, 21) and r["predictor"].shape == (3, 2, 21, 1, 3)
    assert r.widths == [64, 1e12, np.inf] and r.seeds == [3, 5] and (r.steps[0, 0] == np.arange(21)).all()
    assert r.at("inf").engine == "limit" and r.at(64, 5).seed == 5 and r.at(64).width == 64
    assert (r["train_loss"][0, 1] == r.at(64, 5)["train_loss"]).all()
    with pytest.raises(KeyError, match="outputs was not recorded; there are predictor, train_loss"):
        r["outputs"]


def test_solutions_are_pickled(problem):
    with pytest.warns(wn.WidenetWarning):
        r = wn.solve(problem.replace({"optimizer.learning_rate": 1e3, "optimizer.steps": 500}), [64, "inf"], seeds=2)
    again = pickle.loads(pickle.dumps(r))
    assert np.array_equal(again["train_loss"], r["train_loss"], equal_nan=True) and again.at(64).ending == r.at(64).ending
    r = wn.solve(problem, [64, "inf"], seeds=2)
    again = pickle.loads(pickle.dumps(r))
    assert (again["predictor"] == r["predictor"]).all() and (again.distance() == r.distance()).all()


def solved_in_child(problem):
    return wn.solve(problem, 16, progress=False)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(os.name != "posix", reason="forks")
def test_other_processes(problem):
    wn.solve(problem, 16)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.map(solved_in_child, [problem, problem])
    assert (found[0]["predictor"] == wn.solve(problem, 16)["predictor"]).all()
    with multiprocessing.get_context("fork").Pool(1) as pool, pytest.raises(wn.EngineError, match="get_context"):
        pool.map(solved_in_child, [problem])


def test_widths_may_come_from_anything(problem):
    for widths in ((8, 16), iter([8, 16]), np.array([8, 16]), range(8, 24, 8)):
        assert wn.solve(problem, widths).widths == [8, 16]
    assert wn.solve(problem, np.array(8)).widths == [8]


def test_one_width_may_be_a_number(problem):
    for width in (64, np.int64(64), 64.0, "64", "inf", float("inf")):
        assert wn.solve(problem, width)["train_loss"].shape == (1, 1, 21)


@pytest.mark.parametrize("width", [0, -1, 2.5, "wide", None, True, np.nan, [], b"8", np.array([True])])
def test_widths_that_are_none(problem, width):
    with pytest.raises(wn.ProblemError, match="width is"):
        wn.solve(problem, width)


def test_other_mistakes_are_told(problem):
    for wrong, error, said in [
        (dict(seeds=0), wn.ProblemError, "seeds is 0"),
        (dict(seeds=[1, 1]), wn.ProblemError, "distinct seeds"),
        (dict(engine="dens"), wn.ProblemError, 'engine is "dens"; it must be one of "auto", "law", "dense"'),
        (dict(precision="f16"), wn.ProblemError, 'precision is "f16"'),
        (dict(device="tpu"), wn.ProblemError, 'device is "tpu"'),
        (dict(threads=0), wn.ProblemError, "threads is 0"),
        (dict(threads=10**6), wn.ProblemError, "from 1 to 256"),
        (dict(threads=True), wn.ProblemError, "threads is True"),
        (dict(seeds="12"), wn.ProblemError, "seeds is '12'"),
        (dict(seeds=1.5), wn.ProblemError, "seeds is 1.5"),
        (dict(seeds=[1.5]), wn.ProblemError, "seeds is 1.5"),
        (dict(seeds=True), wn.ProblemError, "seeds is True"),
        (dict(seeds=10**9), wn.ProblemError, "from 1 to 1000000"),
        (dict(seeds=[2**64]), wn.ProblemError, "seeds is 18446744073709551616"),
        (dict(engine=None), wn.ProblemError, "engine is None"),
        (dict(precision=64), wn.ProblemError, "precision is 64"),
        (dict(tolerance="a"), wn.ProblemError, "tolerance is 'a'"),
        (dict(nodes=-1), wn.ProblemError, "nodes is -1"),
        (dict(engine="limit"), wn.EngineError, "solves only width inf"),
        (dict(answers="stored"), wn.EngineError, "engine="),
    ]:
        with pytest.raises(error) as raised:
            wn.solve(problem, 64, **wrong)
        assert said in str(raised.value)
    with pytest.raises(wn.EngineError, match="width 64 is given twice"):
        wn.solve(problem, [64, 64.0])
    with pytest.raises(wn.ProblemError, match="problem is a dict"):
        wn.solve({}, 64)
    with pytest.raises(wn.ProblemError, match="`optimizer` is missing"):
        wn.solve(wn.Problem(dict(hidden_layers=1), "ntk", (np.eye(2), np.ones(2))), 64)


def test_a_diverged_run_is_a_solution_and_is_warned_of(problem):
    with pytest.warns(wn.WidenetWarning, match="diverged"):
        r = wn.solve(problem.replace({"optimizer.learning_rate": 1e3, "optimizer.steps": 500}), [64, "inf"])
    assert r.at(64).status == "diverged" and "diverged at step" in r.at(64).ending
    assert r.at(64).steps[-1] < 500 and np.isfinite(r.at(64)["train_loss"]).all()


def test_tables(problem):
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    r = wn.solve(problem, [16, "inf"], seeds=2)
    frame = r.frame()
    assert isinstance(frame, pandas.DataFrame) and isinstance(r.to_polars(), polars.DataFrame)
    assert list(frame.columns) == ["width", "engine", "seed", "status", "step", "time", "quantity", "index", "value", "error"]
    losses = frame[(frame.quantity == "train_loss") & (frame.width == 16) & (frame.seed == 2)]
    assert (losses.value.to_numpy() == r["train_loss"][0, 1]).all()
    dataset = pytest.importorskip("xarray") and r.to_xarray()
    assert dataset["train_loss"].dims == ("width", "seed", "record")
    assert float(dataset["train_loss"].sel(width=np.inf, seed=1)[-1]) == r["train_loss"][1, 0, -1]


def test_distances_and_their_rate(problem):
    r = wn.solve(problem, [256, 4096, 65536, "inf"], seeds=8)
    distances = r.distance()
    assert distances.shape == (4, 8) and (distances[3] == 0).all()
    by_hand = np.linalg.norm(r["predictor"] - r["predictor"][3:], axis=(3, 4)).max(axis=2)
    assert np.allclose(distances[:3], by_hand[:3], rtol=1e-12)
    fit = r.fit("predictor", against="limit")
    assert abs(fit.exponent + 0.5) < 0.1 and fit.interval[0] < fit.exponent < fit.interval[1]
    assert np.isclose(fit(256.0), distances[0].mean(), rtol=0.5)
    with pytest.raises(wn.ProblemError, match="two finite widths"):
        wn.solve(problem, [64, "inf"]).fit()


def test_figures(problem):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    axes = wn.solve(problem, [64, 512, "inf"], seeds=3).plot("train_loss")
    assert [line.get_label() for line in axes.get_lines()] == ["m = 64", "m = 512", "limit, m = ∞"]


def test_the_device_is_told_and_is_no_warning(perceptron, recwarn):
    r = wn.solve(perceptron, 64, engine="dense")
    assert not [warning for warning in recwarn if issubclass(warning.category, wn.WidenetWarning)]
    assert r.at(64).engine == "dense"


def test_numbers_do_not_depend_on_threads(perceptron):
    one, two = (wn.solve(perceptron, 64, engine="dense", threads=threads)["outputs"] for threads in (1, 2))
    assert (one == two).all()


def test_progress_is_called_and_may_stop(perceptron):
    slow = perceptron.replace({"optimizer.steps": 500_000, "record.at": {"log_spaced": 5}})
    seen = []

    def stop(fraction, what):
        if what:
            seen.append((fraction, what))
        if len(seen) == 3:
            raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        wn.solve(slow, 64, engine="dense", progress=stop)
    assert len(seen) == 3 and "width 64, seed 1" in seen[-1][1] and 0 <= seen[-1][0] <= 1


def test_other_threads_of_python_run_meanwhile(perceptron):
    slow = perceptron.replace({"optimizer.steps": 3000})
    counted, done = [0], threading.Event()

    def count():
        while not done.is_set():
            counted[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    wn.solve(slow, 256, engine="dense")
    done.set()
    thread.join()
    assert counted[0] > 10


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_ends_a_call_within_a_second(perceptron):
    slow = perceptron.replace({"optimizer.steps": 500_000, "record.at": {"log_spaced": 5}})
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        wn.solve(slow, 256, engine="dense")
    # The signal comes after half a second, and the machine may be busy.
    assert time.monotonic() - started < 10
