//! Where tensors live and in which float type.

use std::{fmt, str::FromStr};

use burn::{
    Tensor,
    tensor::{DType, Device, Int, TensorData},
};

use crate::ModelError;

/// The float type of weights and blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// IEEE single.
    F32,
    /// IEEE double.
    F64,
}

impl Precision {
    /// Words of study files and of the command line.
    pub const WORDS: [(&str, Precision); 2] = [("f32", Precision::F32), ("f64", Precision::F64)];

    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::F64 => "f64",
        }
    }

    /// Distance from 1 to the next number.
    pub fn epsilon(self) -> f64 {
        match self {
            Precision::F32 => f64::from(f32::EPSILON),
            Precision::F64 => f64::EPSILON,
        }
    }

    /// Bytes per number.
    pub fn bytes(self) -> u64 {
        match self {
            Precision::F32 => 4,
            Precision::F64 => 8,
        }
    }

    pub(crate) fn dtype(self) -> DType {
        match self {
            Precision::F32 => DType::F32,
            Precision::F64 => DType::F64,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = ModelError;

    fn from_str(word: &str) -> Result<Self, ModelError> {
        match word {
            "f32" => Ok(Precision::F32),
            "f64" => Ok(Precision::F64),
            _ => Err(ModelError::UnknownPrecision(word.to_owned())),
        }
    }
}

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
