"""Studies and coordinate checks, run and read back."""

import os
import signal
import threading

import numpy as np
import pytest

import widenet as wn

STUDY = """
[study]
name = "rates"
claim = "Distances fall as m^-1/2."
expected = "An exponent of -1/2."

[problem.network]
hidden_layers = 1
[problem.parameterization]
kind = "mean_field"
[problem.data]
kind = "inline"
inputs = [[1, 0], [0, 2]]
targets = [[1], [-1]]
[problem.optimizer]
kind = "gd"
learning_rate = 0.1
steps = 20
[problem.record]
quantities = ["train_loss", "predictor"]

[axes]
width = [64, 256, 1024]
seed = { count = 4 }

[[metric]]
name = "distance"
quantity = "predictor"
against = "limit"

[[check]]
name = "rate"
kind = "power_law"
metric = "distance"
exponent = -0.5
tolerance = 0.2
"""


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "rates.toml"
    path.write_text(STUDY)
    return path


def test_a_study_gives_a_table_and_verdicts(study, tmp_path):
    pytest.importorskip("pandas")
    run = wn.study(study, out=tmp_path / "out", jobs=1)
    assert len(run.metrics) == 12 and set(run.table.trial) == set(range(12)) and run.verdicts[0]["verdict"] in ("confirmed", "inconclusive")
    again = wn.open_run(run.directory)
    assert [verdict["verdict"] for verdict in again.verdicts] == [verdict["verdict"] for verdict in run.verdicts]
    trajectory = again.trial(3).trajectory()
    assert trajectory["predictor"].shape == (len(trajectory.steps), 1, 2) and trajectory.seed == 4
    p = wn.Problem(dict(hidden_layers=1), "mean_field", ([[1, 0], [0, 2]], [[1], [-1]]),
                   optimizer=dict(kind="gd", learning_rate=0.1, steps=20), record=["train_loss", "predictor"])
    own = wn.solve(p, trajectory.width, seeds=[trajectory.seed])
    assert (own["predictor"][0, 0] == trajectory["predictor"]).all()


def test_a_study_may_be_changed(study, tmp_path):
    run = wn.study(study, out=tmp_path / "out", set={"axes.width": np.array([8, 16, np.inf]), "axes.seed": {"count": 4}, "problem.optimizer.steps": 5})
    # The limit is the same for all seeds.
    assert len(run.trials) == 9
    with pytest.raises(wn.ProblemError, match="did you mean"):
        wn.study(study, out=tmp_path / "out", set={"axes.widht": [8]})
    with pytest.raises(wn.FileError, match="no run directory"):
        wn.open_run(tmp_path)
    with pytest.raises(wn.FileError, match="no finished trial 99"):
        run.trial(99)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_study_stopped_by_ctrl_c_is_continued(study, tmp_path):
    slow = {"axes.width": [512, 1024], "study.engine": "dense", "problem.optimizer.steps": 4000}
    timer = threading.Timer(0.7, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        wn.study(study, out=tmp_path / "out", set=slow, jobs=1)
    (directory,) = (tmp_path / "out").iterdir()
    assert (directory / "manifest.json").exists()
    assert len(wn.open_run(directory).trials) < 8
    quick = dict(slow) | {"problem.optimizer.steps": 4000}
    run = wn.study(study, out=tmp_path / "out", set=quick, jobs=2)
    assert run.directory == directory and len(run.trials) == 8


def measurements(exponent):
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(0)
    rows = [
        dict(width=width, seed=seed, t=t, module="hidden", l1=width**exponent * np.exp(0.02 * random.normal()))
        for width in (64, 128, 256, 512) for seed in range(5) for t in (1, 2)
    ]
    return pandas.DataFrame(rows)


def test_measurements_of_any_framework_are_judged(tmp_path):
    polars = pytest.importorskip("polars")
    good, bad = wn.coord_check(measurements(0.0)), wn.coord_check(measurements(0.5), figure=tmp_path)
    assert good.passes and not bad.passes and bad.growing[0]["layer"] == "hidden" and bad.figures
    assert wn.coord_check(measurements(0.5), predict={"hidden": 0.5}).rows[0]["verdict"] == "confirmed"
    assert not wn.coord_check(polars.from_pandas(measurements(0.5))).passes
    assert len(good.frame()) == 2
    with pytest.raises(wn.ProblemError, match="no layer"):
        wn.coord_check(measurements(0.0), exempt=["hiden"])
    with pytest.raises(wn.ProblemError, match="DataFrame"):
        wn.coord_check(3)
    with pytest.raises(wn.ProblemError, match="the table"):
        wn.coord_check(measurements(0.0).drop(columns="width"))
    for wrong in (lambda: wn.open_run(3), lambda: wn.study("x.toml", set=3), lambda: wn.study("x.toml", set={3: 4})):
        with pytest.raises(wn.ProblemError, match="it must be"):
            wrong()


def test_problems_are_checked(perceptron):
    check = lambda kind: wn.coord_check(perceptron.replace({"parameterization": kind}), [32, 64, 128, 256], seeds=3, steps=2)
    assert check("mean_field").passes and not check("mean_field").growing
    standard = check("standard")
    assert not standard.passes and any(row["layer"] == "readout" for row in standard.growing)
