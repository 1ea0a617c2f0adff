//! Reads IDX files (MNIST and its kin): bytes `0 0 8 D`, then `D` big-endian 32-bit sizes, then unsigned bytes.
//!
//! Format: Y. LeCun, C. Cortes, C. Burges, *The MNIST database of handwritten digits*. `D = 1` for labels; for images
//! the first size is their number and the product of the others the number of pixels.

use std::path::{Path, PathBuf};

use widenet_document::{
    Written,
    keys::{flat, optional, required},
    section,
    shape::path,
};

use super::{
    files::{BinaryFile, both_or_none},
    images::{ImageOptions, Images, Pixels, check_images},
    origin::{Origin, Tables, Wanted},
};
use crate::error::Result;

section! {
    /// Image and label files of MNIST and its kin (IDX), compressed with gzip or not.
    #[derive(Debug, Clone, PartialEq)]
    pub(super) struct Idx {
        /// File of the training images.
        images: PathBuf = required(path()),
        /// File of their labels.
        labels: PathBuf = required(path()),
        /// File of test images.
        test_images: Option<PathBuf> = optional(path()),
        /// File of their labels.
        test_labels: Option<PathBuf> = optional(path()),
        /// Classes and pixels.
        options: ImageOptions = flat(),
    }
    check = check;
}

fn check(_: &Idx, table: &Written<'_>) -> widenet_document::Result<()> {
    both_or_none(table, ["test_images", "test_labels"])
}

impl Origin for Idx {
    fn open(&self, base: &Path, _: Wanted) -> Result<Tables> {
        let test = match (&self.test_images, &self.test_labels) {
            (Some(images), Some(labels)) => Some(open(&base.join(images), &base.join(labels))?),
            _ => None,
        };
        self.options.tables(open(&base.join(&self.images), &base.join(&self.labels))?, test)
    }
}

fn open(images: &Path, labels: &Path) -> Result<Images> {
    let images = BinaryFile::open(images)?;
    let labels = BinaryFile::open(labels)?;
    let image_sizes = sizes(&images, "images", 2..=4)?;
    let label_sizes = sizes(&labels, "labels", 1..=1)?;
    if image_sizes[0] != label_sizes[0] {
        return Err(images.error(format!(
            "it has {} images but {} has {} labels",
            image_sizes[0],
            labels.name(),
            label_sizes[0]
        )));
    }
    check_images(&images.name(), image_sizes[0])?;
    let start = header_length(&image_sizes);
    let pixels: u64 = image_sizes[1..].iter().product();
    Ok(Images {
        name: images.name(),
        labels: labels.read(header_length(&label_sizes), label_sizes[0])?,
        pixels: (0..image_sizes[0]).map(|image| Pixels { file: 0, offset: start + image * pixels }).collect(),
        pixels_per_image: pixels as usize,
        shape: image_sizes[1..].iter().map(|size| *size as usize).collect(),
        files: vec![images],
    })
}

fn header_length(sizes: &[u64]) -> u64 {
    4 + 4 * sizes.len() as u64
}

/// Sizes in the header, checked against the length of the file.
fn sizes(file: &BinaryFile, what: &str, dimensions: std::ops::RangeInclusive<u8>) -> Result<Vec<u64>> {
    let magic = file.read(0, 4)?;
    let count = magic[3];
    if magic[..3] != [0, 0, 8] || !dimensions.contains(&count) {
        return Err(file.error(format!(
            "it starts with the bytes {magic:?}; an IDX file of {what} starts with [0, 0, 8, {}]",
            if what == "labels" { "1" } else { "3" }
        )));
    }
    let header = file.read(4, 4 * u64::from(count))?;
    let sizes: Vec<u64> = header
        .chunks_exact(4)
        .map(|size| u64::from(u32::from_be_bytes([size[0], size[1], size[2], size[3]])))
        .collect();
    let promised = sizes.iter().try_fold(1u64, |product, size| product.checked_mul(*size));
    let found = file.length() - header_length(&sizes);
    if promised != Some(found) || found == 0 {
        let promised = promised.map_or_else(|| "over 2^64".into(), |promised| promised.to_string());
        return Err(file.error(format!(
            "its header promises {what} of sizes {sizes:?}, {promised} bytes, but {found} bytes follow"
        )));
    }
    Ok(sizes)
}
