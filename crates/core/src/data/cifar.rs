//! Reads CIFAR-10 binary files, which are records of a label byte (0…9) and 3072 pixel bytes (32 × 32 red, green, blue).
//!
//! Format: A. Krizhevsky, *Learning multiple layers of features from tiny images* (2009), "binary version".

use std::path::{Path, PathBuf};

use widenet_document::{
    keys::{flat, optional, required},
    section,
    shape::{list, path},
};

use super::{
    files::{BinaryFile, is_pickle},
    images::{ImageOptions, Images, Pixels, check_images},
    origin::{Origin, Tables, Wanted},
};
use crate::error::Result;

const PIXELS: u64 = 3 * 32 * 32;
const RECORD: u64 = 1 + PIXELS;

/// Records read at a time while collecting labels.
const BLOCK: u64 = 1024;

section! {
    /// CIFAR-10 binary files.
    #[derive(Debug, Clone, PartialEq)]
    pub(super) struct Cifar {
        /// Files of training images.
        train: Vec<PathBuf> = required(list(path())),
        /// Files of test images.
        test: Option<Vec<PathBuf>> = optional(list(path())),
        /// Classes and pixels.
        options: ImageOptions = flat(),
    }
}

impl Origin for Cifar {
    fn open(&self, base: &Path, _: Wanted) -> Result<Tables> {
        let test = self.test.as_ref().map(|files| open(base, files)).transpose()?;
        self.options.tables(open(base, &self.train)?, test)
    }
}

const PYTHON: &str = "it is a batch of CIFAR's version for Python, a pickle, which may run any program when it is read; take the binary \
                      version (cifar-10-binary.tar.gz), whose files are data_batch_1.bin to data_batch_5.bin and test_batch.bin";

fn open(base: &Path, paths: &[PathBuf]) -> Result<Images> {
    let opened = |path: &PathBuf| BinaryFile::open_unless(&base.join(path), |start| is_pickle(start).then_some(PYTHON));
    let files = paths.iter().map(opened).collect::<Result<Vec<_>>>()?;
    let mut images = Images {
        name: files.iter().map(BinaryFile::name).collect::<Vec<_>>().join(", "),
        labels: Vec::new(),
        pixels: Vec::new(),
        pixels_per_image: PIXELS as usize,
        shape: vec![3, 32, 32],
        files: Vec::new(),
    };
    check_images(&images.name, files.iter().map(|file| file.length() / RECORD).sum())?;
    for (index, file) in files.iter().enumerate() {
        let length = file.length();
        if length == 0 || length % RECORD != 0 {
            return Err(
                file.error(format!("it has {length} bytes; CIFAR-10 files are whole records of {RECORD} bytes"))
            );
        }
        let records = length / RECORD;
        for first in (0..records).step_by(BLOCK as usize) {
            let block = file.read(first * RECORD, BLOCK.min(records - first) * RECORD)?;
            for (record, bytes) in (first..).zip(block.chunks_exact(RECORD as usize)) {
                if bytes[0] > 9 {
                    return Err(file.error(format!(
                        "record {} has label {}; CIFAR-10 labels are 0 to 9",
                        record + 1,
                        bytes[0]
                    )));
                }
                images.labels.push(bytes[0]);
                images.pixels.push(Pixels { file: index, offset: record * RECORD + 1 });
            }
        }
    }
    Ok(Images { files, ..images })
}
