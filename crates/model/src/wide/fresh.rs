//! Where the unexplored part of a matrix comes from: fresh normals, or the products of a matrix that is fixed by its seed.

use burn::Tensor;
use widenet_kernels::{NormalStream, RegeneratedMatrix, SplitVectors, regenerated_apply, regenerated_apply_transpose};

use super::{block::Layout, explored::Side};

/// ξ of the answers to new directions, in units of σ.
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
    /// `ξ = W_0 q / σ`, the matrix produced inside the product.
    Fixed { matrix: RegeneratedMatrix, layout: Layout },
}

impl Fresh {
    /// ξ for new directions; `first` answers have been given on this side before.
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
                let whole = Tensor::cat(directions.pieces().to_vec(), 1);
                let answer = match side {
                    Side::Direct => {
                        let piece =
                            |(start, rows): (usize, usize)| regenerated_apply(matrix, start..start + rows, &whole);
                        layout.pieces(matrix.rows).map(piece).collect()
                    }
                    Side::Transpose => {
                        let image = regenerated_apply_transpose(matrix, 0..matrix.rows, &whole);
                        let piece = |(start, rows)| image.clone().narrow(1, start, rows);
                        layout.pieces(matrix.columns).map(piece).collect()
                    }
                };
                SplitVectors::new(answer)
            }
        }
    }
}
