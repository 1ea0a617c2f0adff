//! A checkpoint file is written whole, and verified before anything in it is believed.

use std::{
    borrow::Cow,
    collections::HashMap,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use burn::{
    Tensor,
    tensor::{DType, TensorData},
};
use safetensors::{
    Dtype, View, serialize_to_file,
    tensor::{Metadata, TensorInfo},
};
use sha2::{Digest, Sha256};
use widenet_output::{being_written, temporary_folder};
use widenet_system::files;

use crate::device::{Placement, Precision};

/// Headers above this are not ours: a state is a few kilobytes and its records.
const LARGEST_HEADER: u64 = 1 << 30;

fn dtype(precision: Precision) -> Dtype {
    match precision {
        Precision::F32 => Dtype::F32,
        Precision::F64 => Dtype::F64,
    }
}

/// A tensor that is read from its device when its turn comes.
struct Stored<'a> {
    tensor: &'a Tensor<2>,
    shape: [usize; 2],
}

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        dtype(if self.tensor.dtype() == Precision::F64.dtype() { Precision::F64 } else { Precision::F32 })
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.tensor.to_data().as_bytes().to_vec())
    }

    fn data_len(&self) -> usize {
        self.shape[0] * self.shape[1] * self.tensor.dtype().size()
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether all numbers of a tensor are finite.
fn is_finite(data: &TensorData) -> bool {
    let (singles, _) = data.as_bytes().as_chunks();
    let (doubles, _) = data.as_bytes().as_chunks();
    match data.dtype() {
        DType::F64 => doubles.iter().all(|bytes| f64::from_ne_bytes(*bytes).is_finite()),
        _ => singles.iter().all(|bytes| f32::from_ne_bytes(*bytes).is_finite()),
    }
}

/// Writes tensors and state beside their place, syncs them and renames the file into it; leaves the file that is there if a number of a tensor is not
/// finite.
pub(super) fn write(path: &Path, state: &str, tensors: &[(String, Tensor<2>)]) -> Result<(), String> {
    let mut digest = Sha256::new_with_prefix(state);
    // The order of names is the order in which `Checkpoint::verify` meets them.
    let mut in_order: Vec<_> = tensors.iter().collect();
    in_order.sort_by(|a, b| a.0.cmp(&b.0));
    for (_, tensor) in in_order {
        let data = tensor.to_data();
        if !is_finite(&data) {
            return Ok(());
        }
        digest.update(data.as_bytes());
    }
    let metadata =
        HashMap::from([("state".to_owned(), state.to_owned()), ("sha256".to_owned(), hex(&digest.finalize()))]);
    let views = tensors.iter().map(|(name, tensor)| (name, Stored { tensor, shape: tensor.dims() }));
    let _whole = being_written();
    // Another process may be running the same trial. The folder tells whose it is, whatever the encoder calls its own files in it.
    let folder = temporary_folder(path).map_err(|error| error.to_string())?;
    let whole = folder.path().join("checkpoint");
    serialize_to_file(views, Some(metadata), &whole).map_err(|error| error.to_string())?;
    let settle = || -> io::Result<()> {
        File::open(&whole)?.sync_all()?;
        fs::rename(&whole, path)?;
        match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    settle().map_err(|error| error.to_string())
}

/// An open checkpoint file.
pub(crate) struct Checkpoint {
    file: File,
    metadata: Metadata,
    /// Where the tensor bytes begin.
    data: u64,
    state: String,
    sha256: String,
}

impl Checkpoint {
    /// Reads the header.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let read = || -> io::Result<(File, Vec<u8>)> {
            let mut file = files::open(path)?;
            let mut length = [0; 8];
            file.read_exact(&mut length)?;
            let length = u64::from_le_bytes(length);
            if length > LARGEST_HEADER {
                return Err(io::Error::other(format!("its header would be {length} bytes")));
            }
            let mut header = Vec::new();
            if io::Read::by_ref(&mut file).take(length).read_to_end(&mut header)? as u64 != length {
                return Err(io::Error::other("its header is cut short"));
            }
            Ok((file, header))
        };
        let (file, header) = read().map_err(|error| error.to_string())?;
        let metadata: Metadata =
            serde_json::from_slice(&header).map_err(|error| format!("its header cannot be read: {error}"))?;
        let entry = |key: &str| {
            let entry = metadata.metadata().as_ref().and_then(|entries| entries.get(key));
            entry.cloned().ok_or_else(|| format!("its header has no `{key}`"))
        };
        let (state, sha256) = (entry("state")?, entry("sha256")?);
        Ok(Self { file, data: 8 + header.len() as u64, state, sha256, metadata })
    }

    /// The state as it was written.
    pub(super) fn state(&self) -> &str {
        &self.state
    }

    /// Compares the content with its SHA-256.
    pub(super) fn verify(&mut self) -> Result<(), String> {
        let mut digest = Sha256::new_with_prefix(&self.state);
        let mut names = self.metadata.offset_keys();
        names.sort();
        for name in names {
            if let Some(info) = self.metadata.info(&name).cloned() {
                let mut bytes = self.bytes_of(&info)?;
                io::copy(&mut bytes, &mut HashWriter(&mut digest)).map_err(|error| error.to_string())?;
            }
        }
        let found = hex(&digest.finalize());
        if found == self.sha256 { Ok(()) } else { Err(format!("its SHA-256 is {found}, not {}", self.sha256)) }
    }

    /// A tensor of a known shape, on its device.
    pub(crate) fn tensor(&mut self, name: &str, shape: [usize; 2], placement: &Placement) -> Result<Tensor<2>, String> {
        let info = self.metadata.info(name).cloned().ok_or_else(|| format!("it has no tensor `{name}`"))?;
        let precision = placement.precision;
        if info.shape != shape || info.dtype != dtype(precision) {
            return Err(format!("tensor `{name}` is {:?} {:?}, not {shape:?} {precision}", info.shape, info.dtype));
        }
        let mut bytes = Vec::new();
        self.bytes_of(&info)?.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        let data = TensorData::try_from_bytes_vec(bytes, shape, precision.dtype())
            .map_err(|error| format!("tensor `{name}`: {error}"))?;
        Ok(placement.upload(data))
    }

    fn bytes_of(&mut self, info: &TensorInfo) -> Result<impl Read, String> {
        let (from, to) = info.data_offsets;
        self.file.seek(SeekFrom::Start(self.data + from as u64)).map_err(|error| error.to_string())?;
        Ok(io::Read::by_ref(&mut self.file).take(to.saturating_sub(from) as u64))
    }
}

/// Feeds what is written to a hash.
struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
