//! A layout says how the vectors of every space lie on a device.

use std::ops::Range;

use widenet_core::Matrix;
use widenet_kernels::{NormalStream, SplitVectors, normals};

use crate::device::Placement;

/// What multiplies vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Products {
    /// Products of a panel with a few vectors, and inner products in `f64` on the host: of vectors in one piece, as long as stored
    /// matrices are wide.
    Panels,
    /// Tall-skinny products where the vectors are, summed over pieces.
    Tall,
}

/// Where vectors live, and in which pieces.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) placement: Placement,
    /// Rows of a piece.
    piece_rows: usize,
    pub(crate) products: Products,
}

impl Layout {
    /// One piece, whatever the length.
    pub(crate) fn whole(placement: Placement) -> Self {
        Self { placement, piece_rows: usize::MAX, products: Products::Panels }
    }

    /// Pieces of so many rows, at least one.
    pub(crate) fn split(placement: Placement, piece_rows: usize) -> Self {
        Self { placement, piece_rows: piece_rows.max(1), products: Products::Tall }
    }

    /// First rows of the pieces of vectors of some length, and how many rows each has.
    pub(crate) fn pieces(&self, length: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let piece_rows = self.piece_rows;
        (0..length.max(1)).step_by(piece_rows).map(move |first| (first, piece_rows.min(length - first)))
    }

    /// Vectors of a stream of normals.
    pub(crate) fn normals(&self, stream: NormalStream, ids: Range<usize>, length: usize) -> SplitVectors {
        let on = (&self.placement.device, self.placement.precision.dtype());
        let ids = ids.start as u32..ids.end as u32;
        let piece = |(start, rows)| normals(stream, ids.clone(), start as u64, rows, on);
        SplitVectors::new(self.pieces(length).map(piece).collect())
    }

    /// Vectors that are the columns of a host matrix (n × P).
    pub(crate) fn vectors(&self, coordinates: &Matrix) -> SplitVectors {
        let piece = |(first, rows): (usize, usize)| {
            // nalgebra stores columns contiguously, which is the order of the tensor's rows.
            let part = coordinates.rows(first, rows).into_owned();
            self.placement.tensor(part.as_slice().to_vec(), [coordinates.ncols(), rows])
        };
        SplitVectors::new(self.pieces(coordinates.nrows()).map(piece).collect())
    }
}
