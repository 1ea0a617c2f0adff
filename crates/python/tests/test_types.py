"""The stubs name what the compiled part has, and types of users are checked."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import widenet
from widenet import _widenet

FOLDER = Path(widenet.__file__).parent


def public(names):
    return {name for name in names if not name.startswith("_")}


def test_stubs_name_what_the_module_has():
    tree = ast.parse((FOLDER / "_widenet.pyi").read_text())
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert functions | classes.keys() | {"VERSION"} == public(dir(_widenet))
    for name, node in classes.items():
        members = {member.name for member in node.body if isinstance(member, ast.FunctionDef)}
        assert public(members) == public(dir(getattr(_widenet, name))), name


def test_everything_public_has_documentation_and_is_listed():
    for name in widenet.__all__:
        thing = getattr(widenet, name)
        assert callable(thing) is False or thing.__doc__, name


def test_types_of_users_are_checked(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "user.py").write_text(
        "import numpy as np, widenet as wn\n"
        "p = wn.Problem(dict(hidden_layers=1), 'ntk', (np.eye(2), np.ones(2)), optimizer=dict(kind='gd', learning_rate=0.1, steps=1))\n"
        "loss: np.ndarray = wn.solve(p, [64, 'inf'], seeds=2)['train_loss']\n"
        "mean, std = wn.predict(p, at='inf')\n"
        "wn.solve(p, 64, engine='dnse')\n"
        "wn.kernel(p, 'ntk').eigenvalus\n"
    )
    run = [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", "--no-error-summary", "user.py"]
    said = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True).stdout
    lines = [line for line in said.splitlines() if line.startswith("user.py:") and ": error:" in line]
    assert [line.split(":")[1] for line in lines] == ["5", "6"], said
