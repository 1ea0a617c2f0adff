"""Problems are read as files are, and go through pickles, dictionaries and files unchanged."""

import pickle

import numpy as np
import pytest

import widenet as wn


def test_a_mistake_has_the_text_of_the_program():
    with pytest.raises(wn.ProblemError, match="unknown key `optimizer.learning_rte`; did you mean `learning_rate`?"):
        wn.Problem(network=dict(hidden_layers=1), parameterization="ntk", data=([[1.0]], [[1.0]]),
                   optimizer=dict(kind="gd", learning_rte=0.1, steps=1))
    with pytest.raises(wn.ProblemError, match='unknown `parameterization.kind`: "meanfield"; did you mean'):
        wn.Problem(network=dict(hidden_layers=1), parameterization="meanfield", data=([[1.0]], [[1.0]]), optimizer="gd")
    with pytest.raises(wn.ProblemError, match="`optimizer.learning_rate` is missing"):
        wn.Problem(network=dict(hidden_layers=1), parameterization="ntk", data=([[1.0]], [[1.0]]), optimizer=dict(kind="gd", steps=3))
    with pytest.raises(wn.ProblemError, match="`network` is 3; it must be a dict"):
        wn.Problem(network=3)
    with pytest.raises(wn.ProblemError, match="`loss.scale` is a complex"):
        wn.Problem(network=dict(hidden_layers=1), parameterization="ntk", data=([[1.0]], [[1.0]]), optimizer="gd", loss=dict(scale=1j))


def test_errors_are_those_of_python_too():
    assert issubclass(wn.ProblemError, ValueError) and issubclass(wn.EngineError, RuntimeError) and issubclass(wn.FileError, OSError)
    with pytest.raises(wn.FileError, match="nowhere.toml"):
        wn.Problem.load("nowhere.toml")


def solved(problem):
    return wn.solve(problem, [16, "inf"], seeds=2)["predictor"]


def test_problems_are_pickled(problem):
    again = pickle.loads(pickle.dumps(problem))
    assert (again.inputs == problem.inputs).all() and (solved(again) == solved(problem)).all()


def test_problems_are_saved_and_loaded(problem, tmp_path):
    problem.save(tmp_path / "problem.toml")
    assert (solved(wn.Problem.load(tmp_path / "problem.toml")) == solved(problem)).all()
    assert wn.Problem.from_dict(problem.to_dict()).to_toml() == problem.to_toml()
    with pytest.raises(wn.ProblemError, match="must end in .toml"):
        problem.save(tmp_path / "problem.yaml")


def test_replace_changes_a_copy(problem):
    other = problem.replace({"optimizer.steps": 3, "parameterization": "ntk", "record": ["train_loss"]})
    sections = other.to_dict()
    assert (sections["optimizer"]["steps"], sections["parameterization"]["kind"]) == (3, "ntk")
    assert problem.to_dict()["optimizer"]["steps"] == 20
    assert "record" not in other.replace({"record": None}).to_dict()
    with pytest.raises(wn.ProblemError, match="unknown key `optimizer.stepz`"):
        problem.replace({"optimizer.stepz": 3})


def test_data_of_files_start_from_a_folder(tmp_path, arrays):
    np.save(tmp_path / "x.npy", arrays[0])
    np.save(tmp_path / "y.npy", arrays[1])
    data = dict(kind="npy", inputs="x.npy", targets=tmp_path / "y.npy")
    p = wn.Problem(dict(hidden_layers=1), "ntk", data, optimizer=dict(kind="gd", learning_rate=0.1, steps=1), base=tmp_path)
    assert (p.inputs == arrays[0]).all()


def test_numbers_of_numpy_are_numbers():
    p = wn.Problem(dict(hidden_layers=np.int64(1)), "ntk", ([[1.0]], [[1.0]]),
                   optimizer=dict(kind="gd", learning_rate=np.float32(0.5), steps=np.uint8(3)), record=dict(at=np.arange(3)))
    assert p.to_dict()["record"]["at"] == [0, 1, 2] and p.to_dict()["optimizer"]["learning_rate"] == 0.5
