//! The unexplored part of a matrix comes from fresh normals, or from the products of a matrix that is fixed by its seed.

use std::ops::Range;

use burn::Tensor;
use widenet_kernels::{NormalStream, RegeneratedMatrix, SplitVectors, regenerated_apply, regenerated_apply_transpose};

use super::side::Side;
use crate::vectors::Layout;

/// ξ of the responses to new directions, in units of σ.
#[derive(Debug, Clone)]
pub(crate) enum Fresh {
    /// `ξ ~ N(0, I)`, the vectors of two streams: the matrix is known in law.
    Normals {
        /// Of `W q` and of `Wᵀ g`.
        streams: [NormalStream; 2],
        /// Rows and columns.
        shape: [usize; 2],
        layout: Layout,
    },
    /// `ξ = W_0 q / σ`, the matrix produced inside the product, block by block as vectors are split.
    Fixed { matrix: RegeneratedMatrix, layout: Layout },
}

impl Fresh {
    /// ξ for new directions; `first` responses have been given on this side before.
    pub(crate) fn draw(&self, side: Side, first: usize, directions: &SplitVectors) -> SplitVectors {
        match self {
            Fresh::Normals { streams, shape: [rows, columns], layout } => {
                let (stream, length) = match side {
                    Side::Direct => (streams[0], *rows),
                    Side::Transpose => (streams[1], *columns),
                };
                layout.normals(stream, first..first + directions.count(), length)
            }
            Fresh::Fixed { matrix, layout } => {
                let ranges = |length| layout.pieces(length).map(|(start, count)| start..start + count);
                let [probed, responding] = match side {
                    Side::Direct => [matrix.columns, matrix.rows],
                    Side::Transpose => [matrix.rows, matrix.columns],
                };
                let response = |responding: Range<usize>| {
                    let products = ranges(probed).zip(directions.pieces()).map(|(probed, piece)| match side {
                        Side::Direct => regenerated_apply(&matrix.block(responding.clone(), probed), piece),
                        Side::Transpose => {
                            regenerated_apply_transpose(&matrix.block(probed, responding.clone()), piece)
                        }
                    });
                    products.reduce(Tensor::add)
                };
                SplitVectors::new(ranges(responding).filter_map(response).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use widenet_core::Matrix;
    use widenet_kernels::EntryLaw;

    use super::*;
    use crate::device::{DeviceChoice, Precision};

    /// Directions of a layout and the responses of W and Wᵀ to them, as columns.
    fn responses(law: EntryLaw, piece_rows: usize) -> [Matrix; 2] {
        let placement = DeviceChoice::Flex.open().unwrap().placement(Precision::F64).unwrap();
        let layout = Layout::split(placement.clone(), piece_rows);
        let matrix = RegeneratedMatrix { key: [1, 2], tag: 3, law, rows: 700, columns: 530 };
        let fresh = Fresh::Fixed { matrix, layout: layout.clone() };
        [Side::Direct, Side::Transpose].map(|side| {
            let [probed, responding] = if side == Side::Direct { [530, 700] } else { [700, 530] };
            let directions = layout.normals(NormalStream { key: [4, 5], tag: 6 }, 0..3, probed);
            let response = fresh.draw(side, 0, &directions);
            assert_eq!(response.pieces().len(), responding.div_ceil(piece_rows));
            let mut whole = Matrix::zeros(responding, 3);
            for (piece, first) in response.pieces().iter().zip((0..).step_by(piece_rows)) {
                let [_, rows] = piece.dims();
                let values = placement.read(piece);
                whole.rows_mut(first, rows).copy_from(&Matrix::from_vec(rows, 3, values));
            }
            whole
        })
    }

    /// Sums of 700 products of numbers of unit size, each rounded.
    #[test]
    fn a_fixed_matrix_responds_alike_however_vectors_are_split() {
        for law in [EntryLaw::Gaussian, EntryLaw::Rademacher, EntryLaw::C8] {
            let whole = responses(law, 1000);
            assert!(whole.iter().all(|response| (response.norm_squared() / (3.0 * 700.0 * 530.0) - 1.0).abs() < 0.2));
            for piece_rows in [37, 350, 513] {
                for (split, whole) in responses(law, piece_rows).iter().zip(&whole) {
                    assert!(
                        (split - whole).amax() < 700.0 * f64::EPSILON * 4.0,
                        "{law:?}, pieces of {piece_rows} rows"
                    );
                }
            }
        }
    }
}
