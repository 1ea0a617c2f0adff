//! A few vectors of one space, on a device.

use burn::{
    Tensor,
    tensor::{DType, Device},
};
use widenet_core::{Matrix, training::Block};
use widenet_kernels::panel_apply_transpose;

use crate::device::{Placement, Precision};

/// Vectors from which on a Gram matrix is worth a product of all threads.
const WIDE: usize = 32;

/// n × columns in [`Block`]'s terms, stored with every vector contiguous: a tensor of shape columns × n.
#[derive(Debug, Clone)]
pub struct DeviceBlock {
    vectors: Tensor<2>,
    placement: Placement,
}

impl DeviceBlock {
    /// Vectors that are the rows of a tensor (columns × n).
    pub fn from_vectors(vectors: Tensor<2>, placement: Placement) -> Self {
        Self { vectors, placement }
    }

    /// Vectors that are the columns of a host matrix (n × columns).
    pub fn from_matrix(coordinates: &Matrix, placement: Placement) -> Self {
        let shape = [coordinates.ncols(), coordinates.nrows()];
        // nalgebra stores columns contiguously, which is the order of the tensor's rows.
        Self { vectors: placement.tensor(coordinates.as_slice().to_vec(), shape), placement }
    }

    /// The vectors as rows of a tensor (columns × n).
    pub fn vectors(&self) -> &Tensor<2> {
        &self.vectors
    }

    /// The same, given away.
    pub(crate) fn into_vectors(self) -> Tensor<2> {
        self.vectors
    }

    /// Where they live.
    pub(crate) fn placement(&self) -> &Placement {
        &self.placement
    }

    /// The vectors in `f64` on the CPU.
    fn on_host(&self) -> Tensor<2> {
        if self.placement.on_host && self.placement.precision == Precision::F64 {
            return self.vectors.clone();
        }
        Tensor::from_data(self.vectors.to_data_as::<f64>(), (&Device::flex(), DType::F64))
    }

    /// `self ← f(self)`, in place where `f` is.
    pub(crate) fn replace(&mut self, f: impl FnOnce(Tensor<2>) -> Tensor<2>) {
        let nothing = Tensor::empty([0, 0], &self.placement.device);
        self.vectors = f(std::mem::replace(&mut self.vectors, nothing));
    }
}

impl Block for DeviceBlock {
    /// Summed on the host in `f64`: the same on every device, and accurate where vectors are long.
    fn gram(&self, other: &Self) -> Matrix {
        let (columns, others) = (self.vectors.dims()[0], other.vectors.dims()[0]);
        if columns.min(others) < WIDE {
            return self.to_matrix().tr_mul(&other.to_matrix());
        }
        // A product of all threads; nalgebra's has one.
        let product = self.on_host().matmul(other.on_host().transpose());
        Matrix::from_row_slice(columns, others, &self.placement.read(&product))
    }

    fn times(&self, coefficients: &Matrix) -> Self {
        let weights =
            self.placement.tensor(coefficients.as_slice().to_vec(), [coefficients.ncols(), coefficients.nrows()]);
        Self { vectors: panel_apply_transpose(&self.vectors, &weights), placement: self.placement.clone() }
    }

    fn add_scaled(&mut self, scale: f64, other: &Self) {
        let term = if scale == 1.0 { other.vectors.clone() } else { other.vectors.clone().mul_scalar(scale) };
        self.replace(|vectors| vectors.add(term));
    }

    fn scale(&mut self, factor: f64) {
        self.replace(|vectors| vectors.mul_scalar(factor));
    }

    fn to_matrix(&self) -> Matrix {
        let [columns, n] = self.vectors.dims();
        Matrix::from_vec(n, columns, self.placement.read(&self.vectors))
    }
}
