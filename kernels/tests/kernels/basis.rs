//! Bases of long spaces on every backend and float type: orthonormal, spanning what they were asked about, of the right rank.

use burn::{
    Tensor,
    tensor::{DType, Device},
};
use nalgebra::DMatrix;
use widenet_kernels::{Basis, NormalStream, SplitVectors, normals};

use crate::common::backends::{epsilon, on_every_backend};
use crate::common::{read, tensor};

/// Gaussian vectors as the columns of a matrix (n × count), as single precision has them.
fn vectors(count: usize, n: usize, tag: u32) -> DMatrix<f64> {
    let stream = NormalStream { key: [3, 4], tag };
    DMatrix::from_vec(n, count, read(normals(stream, 0..count as u32, 0, n, (&Device::flex(), DType::F32))))
}

/// Columns of a matrix on a device, split into pieces of so many rows.
fn split(matrix: &DMatrix<f64>, piece: usize, on: (&Device, DType)) -> SplitVectors {
    let part = |first: usize| {
        let rows = piece.min(matrix.nrows() - first);
        let part = matrix.rows(first, rows).into_owned();
        tensor(part.as_slice(), [matrix.ncols(), rows], on)
    };
    SplitVectors::new((0..matrix.nrows()).step_by(piece).map(part).collect())
}

fn conformance(device: &Device, dtype: DType) {
    let on = (device, dtype);
    let (n, piece) = (1500, 701);
    let tolerance = 1e3 * epsilon(dtype);
    let mut basis = Basis::empty(n as u64);
    // Blocks of several sizes, beyond one stored block; lengths over many orders.
    for (tag, count) in [(1, 1), (2, 8), (3, 17), (4, 60)] {
        let mut x = vectors(count, n, tag);
        x.column_iter_mut().enumerate().for_each(|(j, mut column)| column *= 10f64.powi(5 - 3 * (j as i32 % 5)));
        let before = basis.rank();
        let found = basis.explore(&split(&x, piece, on), tolerance).unwrap();
        assert_eq!(basis.rank(), before + count, "independent vectors are new");
        assert_eq!(found.new.as_ref().map(SplitVectors::count), Some(count));
        assert_spans(&basis, &x, &found.coordinates, (piece, on), tolerance);
    }
    assert!(basis.orthogonality_loss() < 20.0 * epsilon(dtype), "{:e}", basis.orthogonality_loss());

    // Directions do not depend on lengths, however short or long.
    let mut sizes = vectors(4, n, 40);
    let powers = [-20.0, -12.0, -5.0, 15.0];
    sizes.column_iter_mut().zip(powers).for_each(|(mut column, power)| column *= 10f64.powf(power));
    let before = basis.rank();
    let found = basis.explore(&split(&sizes, piece, on), tolerance).unwrap();
    assert_eq!(basis.rank(), before + 4);
    assert!(found.dropped < tolerance);
    let (short, nearly) = (vectors(1, n, 41) * 1e-6, vectors(1, n, 42) * (1e-6 * 100.0 * tolerance));
    for x in [short.clone(), short + nearly] {
        let before = basis.rank();
        basis.explore(&split(&x, piece, on), tolerance).unwrap();
        assert_eq!(basis.rank(), before + 1, "a new part of a short vector");
    }

    // Combinations of what is known add nothing, zeros neither.
    let mut inside = vectors(8, n, 2) * vectors(3, 8, 9);
    inside.column_mut(1).fill(0.0);
    let rank = basis.rank();
    let found = basis.explore(&split(&inside, piece, on), tolerance).unwrap();
    assert!(found.new.is_none() && basis.rank() == rank);
    assert!(found.dropped < tolerance);
    assert_spans(&basis, &inside, &found.coordinates, (piece, on), tolerance);

    // Dependent vectors with a new direction between them, and one that is new by a hundred tolerances.
    let fresh = vectors(1, n, 20);
    let mut x = vectors(5, n, 3);
    x.set_column(1, &(vectors(1, n, 1).column(0) + fresh.column(0) * 0.5));
    x.set_column(3, &(fresh.column(0) * -4.0));
    let small = x.column(4) + vectors(1, n, 21).column(0) * (100.0 * tolerance);
    x.set_column(4, &small);
    let found = basis.explore(&split(&x, piece, on), tolerance).unwrap();
    assert_eq!(basis.rank(), rank + 2);
    assert_spans(&basis, &x, &found.coordinates, (piece, on), tolerance);

    let mut broken = vectors(2, n, 5);
    broken[(7, 1)] = f64::NAN;
    assert!(basis.explore(&split(&broken, piece, on), tolerance).is_none());
    assert_eq!(basis.rank(), rank + 2);

    // A space is no larger than it is.
    let mut whole = Basis::empty(5);
    whole.explore(&split(&vectors(9, 5, 30), 3, on), tolerance).unwrap();
    assert_eq!(whole.rank(), 5);
    assert!(whole.explore(&split(&vectors(4, 5, 31), 3, on), tolerance).unwrap().new.is_none());
    assert!(whole.orthogonality_loss() < 20.0 * epsilon(dtype));
}

/// `X = Q C` up to the tolerance, relative to every column.
fn assert_spans(
    basis: &Basis,
    x: &DMatrix<f64>,
    coordinates: &DMatrix<f64>,
    (piece, on): (usize, (&Device, DType)),
    tolerance: f64,
) {
    for j in 0..x.ncols() {
        let column = x.columns(j, 1).into_owned();
        let rest = basis.add(split(&column, piece, on), &-coordinates.columns(j, 1));
        let (rest, size) = (rest.gram(&rest)[(0, 0)].sqrt(), column.norm());
        assert!(rest <= tolerance * size, "column {j}: {rest:e} of {size:e} is left in {:?}", on.1);
    }
}

on_every_backend!(conformance);

#[test]
fn rounding_does_not_choose_the_directions() {
    // The same vectors in both float types: the same directions, in the same order and with the same signs.
    let x = vectors(20, 400, 1);
    let explored = |dtype| {
        let device = Device::flex();
        let mut basis = Basis::empty(400);
        basis.explore(&split(&x, 400, (&device, dtype)), 1e-4).unwrap();
        basis.gram(&split(&x, 400, (&device, dtype)))
    };
    let difference = (explored(DType::F32) - explored(DType::F64)).amax();
    assert!(difference < 1e-3, "{difference:e}");
}

/// The reciprocal of a subnormal number is infinite in its float type: such vectors were taken for vectors that are not finite. Their
/// entries have few digits, so the directions are those of the vectors as they are stored.
#[test]
fn subnormal_vectors_have_directions() {
    let device = Device::flex();
    for (dtype, size) in [(DType::F32, 1e-39), (DType::F32, 1e-42), (DType::F64, 1e-310), (DType::F64, 1e-320)] {
        let on = (&device, dtype);
        let mut basis = Basis::empty(1500);
        let x = split(&(vectors(3, 1500, 1) * size), 701, on);
        let found = basis.explore(&x, 1e-5).expect("finite");
        assert_eq!(basis.rank(), 3, "{dtype:?} {size:e}");
        assert!(basis.orthogonality_loss() < 20.0 * epsilon(dtype));
        for (j, column) in found.coordinates.column_iter().enumerate() {
            let stored: Vec<f64> = x
                .pieces()
                .iter()
                .flat_map(|piece| read(piece.clone())[j * piece.dims()[1]..][..piece.dims()[1]].to_vec())
                .collect();
            let length = (stored.iter().map(|entry| (entry / size).powi(2)).sum::<f64>()).sqrt();
            let ratio = column.map(|coordinate| coordinate / size).norm() / length;
            assert!((ratio - 1.0).abs() < 1e-5, "{dtype:?} {size:e}: {ratio}");
        }
        // What is inside is not new, at any length.
        assert!(basis.explore(&split(&vectors(2, 1500, 1), 701, on), 0.3).expect("finite").new.is_none());
    }
}

/// Vectors of a stream, in one piece.
fn random(vectors: std::ops::Range<u32>) -> SplitVectors {
    let stream = NormalStream { key: [1, 2], tag: 3 };
    SplitVectors::new(vec![normals(stream, vectors, 0, 1500, (&Device::flex(), DType::F32))])
}

/// Combinations of a large basis in `f32` lie outside it by their rounding errors, about 10⁻⁶ of their length, of which most is inside again:
/// taken for new directions, they would repeat old ones.
#[test]
fn rounding_errors_of_combinations_are_no_new_directions() {
    let mut basis = Basis::empty(1500);
    for first in (0..640).step_by(32) {
        basis.explore(&random(first..first + 32), 1e-6).expect("finite");
    }
    assert_eq!(basis.rank(), 640);
    for round in 0..20 {
        let coefficients = DMatrix::from_fn(basis.rank(), 16, |i, j| ((i * 16 + j + round) as f64 * 0.7).sin());
        let inside = basis.times(&coefficients).expect("directions");
        // As the activations of a network do: rounded once more, after they have been scaled.
        let rounded = inside.map(|piece| -> Tensor<2> { piece.mul_scalar(1.0 / 3.0).mul_scalar(3.0) });
        basis.explore(&rounded, 1e-9).expect("finite");
    }
    assert!(basis.orthogonality_loss() < 1e-5, "{}", basis.orthogonality_loss());
    assert_eq!(basis.rank(), 640, "rounding errors were taken for directions");
}
