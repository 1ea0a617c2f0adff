//! A placement says where tensors live.

use burn::{
    Tensor,
    tensor::{Device, Int, TensorData},
};

use super::precision::Precision;

/// A device and the float type of the tensors on it.
#[derive(Debug, Clone)]
pub struct Placement {
    /// burn's handle of the device.
    pub device: Device,
    /// Float type.
    pub precision: Precision,
    /// Whether tensors live in the memory of the processor.
    pub on_host: bool,
}

impl Placement {
    /// A matrix from its entries, row by row.
    pub(crate) fn tensor(&self, values: Vec<f64>, shape: [usize; 2]) -> Tensor<2> {
        self.upload(TensorData::new(values, shape).convert_dtype(self.precision.dtype()))
    }

    /// A matrix from data that has the float type already.
    pub(crate) fn upload(&self, data: TensorData) -> Tensor<2> {
        Tensor::from_data(data, (&self.device, self.precision.dtype()))
    }

    /// Row numbers.
    pub(crate) fn indices(&self, rows: Vec<i32>) -> Tensor<1, Int> {
        let count = rows.len();
        Tensor::from_data(TensorData::new(rows, [count]), &self.device)
    }

    /// The entries, row by row. Waits for the device.
    pub(crate) fn read(&self, tensor: &Tensor<2>) -> Vec<f64> {
        let data = tensor.to_data_as::<f64>();
        data.try_to_vec().unwrap_or_else(|error| unreachable!("the data was converted to f64: {error}"))
    }
}
