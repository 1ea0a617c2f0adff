"""Arrays of every layout and dtype are read alike, and mistakes name the argument and what would be right."""

import numpy as np
import pytest

import widenet as wn


def kernel_problem(inputs, **network):
    return wn.Problem(network=dict(hidden_layers=1, activation="relu") | network, parameterization="ntk", data=(inputs,))


def trained(inputs, targets, **loss):
    return wn.Problem(
        network=dict(hidden_layers=1, activation="tanh"), parameterization="ntk", data=(inputs, targets),
        optimizer=dict(kind="gd", learning_rate=0.1, steps=2), **loss,
    )


LAYOUTS = {
    "C": lambda x: x,
    "Fortran": np.asfortranarray,
    "negative strides": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "every second row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "transposed": lambda x: x.T.copy().T,
    "read-only": lambda x: (x.setflags(write=False), x)[1],
    "lists": lambda x: x.tolist(),
    "big-endian": lambda x: x.astype(">f8"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_are_read_alike(layout):
    inputs = np.random.default_rng(0).normal(size=(5, 4))
    expected = wn.kernel(kernel_problem(inputs), "ntk").train
    found = wn.kernel(kernel_problem(LAYOUTS[layout](inputs.copy())), "ntk").train
    assert (found == expected).all()


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int64, np.uint16, bool])
def test_dtypes_are_read_exactly(dtype):
    inputs = np.array([[0, 1], [1, 1], [1, 0]]).astype(dtype)
    assert (trained(inputs, np.zeros((3, 1))).inputs == inputs.astype(float)).all()


def test_float32_keeps_its_value():
    inputs = np.array([[0.1, 0.2]], np.float32)
    assert (trained(inputs, np.zeros((1, 1))).inputs == inputs.astype(np.float64)).all()


def test_images_are_flattened_with_the_last_index_fastest():
    images = np.arange(24.0).reshape(2, 3, 4)
    assert (trained(images, np.zeros((2, 1))).inputs == images.reshape(2, 12)).all()


def test_one_target_per_sample_is_one_output():
    inputs, targets = np.eye(3), np.array([0.5, 1.0, -2.0])
    assert (trained(inputs, targets).targets == targets[:, None]).all()


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([0, 1, 1]), [[-1], [1], [1]]),
        (np.array([-1, 1, 1]), [[-1], [1], [1]]),
        (np.array([[0], [1], [1]]), [[-1], [1], [1]]),
        (np.array([False, True, True]), [[-1], [1], [1]]),
        (np.array([3, 9, 4]), [[1, 0, 0], [0, 0, 1], [0, 1, 0]]),
        (np.array(["cat", "dog", "cat"]), [[-1], [1], [-1]]),
        (["cat", "dog", "ant"], [[0, 1, 0], [0, 0, 1], [1, 0, 0]]),
        (np.array(["cat", "dog", "cat"], object), [[-1], [1], [-1]]),
    ],
)
def test_labels_become_targets(labels, expected):
    assert trained(np.eye(3), labels).targets.tolist() == expected


def test_classes_may_be_listed_and_others_are_left_out():
    p = wn.Problem(
        network=dict(hidden_layers=1), parameterization="ntk",
        data=dict(inputs=np.eye(4), targets=np.array([2, 7, 1, 7]), classes=[7, 2]), optimizer=dict(kind="gd", learning_rate=0.1, steps=1),
    )
    assert p.targets.tolist() == [[1], [-1], [-1]] and (p.inputs == np.eye(4)[[0, 1, 3]]).all()


MISTAKES = [
    (lambda: trained(np.array([[1.0, np.nan]]), [[1.0]]), "`data.inputs` is nan at [0, 1]; all numbers must be finite"),
    (lambda: trained(np.array([[1.0], [np.inf]]), np.ones((2, 1))), "`data.inputs` is inf at [1, 0]"),
    (lambda: trained(np.ones(3), np.ones(3)), "`data.inputs` is of shape (3,); it must have a row per sample"),
    (lambda: trained(np.eye(3), np.ones((2, 1))), "`data.targets` is 2 × 1 and the inputs 3 × 3"),
    (lambda: trained(np.eye(3), np.array([0, 1])), "both must have one row per sample"),
    (lambda: trained(np.array([[1.0], [2.0, 3.0]], object), np.ones(2)), "`data.inputs` is an array of objects"),
    (lambda: trained([[1.0], [2.0, 3.0]], np.ones(2)), "`data.inputs` is no array"),
    (lambda: trained(np.eye(2, dtype=np.float16), np.ones(2)), "`data.inputs` is of dtype float16"),
    (lambda: trained(np.eye(2, dtype=complex), np.ones(2)), "`data.inputs` is of dtype complex128"),
    (lambda: trained(np.empty((0, 3)), np.empty((0, 1))), "`data.inputs` is an empty array of shape (0, 3)"),
    (lambda: trained(np.eye(2), np.empty((2, 0))), "`data.targets` is an empty array of shape (2, 0)"),
    (lambda: trained(np.eye(2), [["a", "b"], ["c", "d"]]), "`data.targets` holds words and has shape (2, 2)"),
    (lambda: trained(np.array([["a", "b"]]), np.ones(1)), "`data.inputs` holds words"),
    (lambda: trained(np.ma.masked_array(np.eye(2), mask=np.eye(2, dtype=bool)), np.ones(2)), "masked entries"),
    (lambda: trained(np.full((2, 2), 2**62 + 1), np.ones(2)), "beyond 2^53"),
    (lambda: trained((row for row in np.eye(2)), np.ones(2)), "is a generator"),
    (lambda: trained(np.eye(2), np.array([1, None], object)), "`data.targets` is an array of objects"),
    (lambda: wn.Problem(dict(hidden_layers=1), "ntk", (np.eye(2), [0, 1], np.eye(2), [0, 2]), optimizer=dict(kind="gd", learning_rate=1.0, steps=1)),
     "data.test_targets: a sample has the label 2"),
    (lambda: trained(np.eye(2), np.array([1, 1])), "all samples have the same label"),
    (lambda: wn.Problem(data=np.eye(2)), "`data` is ndarray; it must be (inputs, targets)"),
    (lambda: wn.Problem(data=(1, 2, 3)), "`data` is 3 arrays"),
    (lambda: wn.prior(dict(width=8, hidden_layers=2), kernel=np.array([[np.nan]])), "`kernel` is nan at [0, 0]"),
]


@pytest.mark.parametrize("case", range(len(MISTAKES)))
def test_mistakes_name_the_argument_and_what_would_be_right(case):
    make, said = MISTAKES[case]
    with pytest.raises(wn.ProblemError) as error:
        make()
    assert said in str(error.value)


def test_large_arrays_are_not_copied_in_python():
    from widenet._arrays import matrix

    inputs = np.eye(4)
    assert matrix(inputs, "inputs") is inputs or np.shares_memory(matrix(inputs, "inputs"), inputs)
