//! Image files of the reference cases: IDX or CIFAR-10 binary, read here and handed to the program as NumPy arrays.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::case::Place;
use crate::common;

/// Images of one file with their labels.
pub(crate) struct Images {
    /// One row of bytes per image.
    pixels: Vec<Vec<u8>>,
    labels: Vec<u8>,
}

/// Training and test images of a data set: the first of each file; a single file has its training images first.
pub(crate) fn load(data: &str, place: &Place, train: usize, test: usize) -> Result<[Images; 2], String> {
    let folder = find(data, place)?;
    let (all, separate) = if folder.join("images-idx3-ubyte").exists() {
        (idx(&folder, "images-idx3-ubyte", "labels-idx1-ubyte")?, None)
    } else if folder.join("train.bin").exists() {
        (cifar(&folder, "train.bin")?, Some(cifar(&folder, "test.bin")?))
    } else {
        let test = idx(&folder, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")?;
        (idx(&folder, "train-images-idx3-ubyte", "train-labels-idx1-ubyte")?, Some(test))
    };
    let too_few = || format!("{} has fewer than {train} training and {test} test images", folder.display());
    let (all, test_images) = match separate {
        Some(separate) => (all, separate),
        None => all.split(TRAINING).ok_or_else(too_few)?,
    };
    let (train, _) = all.split(train).ok_or_else(too_few)?;
    let (test, _) = test_images.split(test).ok_or_else(too_few)?;
    Ok([train, test])
}

/// Of a single file, the first images are for training.
const TRAINING: usize = 1000;

/// Whether the files hold channel after channel; those of one channel hold both orders.
pub(crate) fn is_in_planes(data: &str) -> bool {
    data.starts_with("cifar")
}

/// The folder of a data set, beside the reference files or in the project.
fn find(data: &str, place: &Place) -> Result<PathBuf, String> {
    let folders = [place.directory.join("../data"), place.directory.join("data"), common::root().join("data")];
    let candidates = folders.map(|folder| folder.join(data));
    let found = candidates.iter().find(|folder| folder.is_dir()).cloned();
    found.ok_or_else(|| {
        let looked: Vec<String> = candidates.iter().map(|folder| folder.display().to_string()).collect();
        format!("the data `{data}` are in none of {}", looked.join(", "))
    })
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The items of an IDX file: sizes as big-endian words after a magic of four bytes, then bytes.
fn items(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let bytes = read(path)?;
    let malformed = || format!("{} is not an IDX file of bytes", path.display());
    let dimensions = *bytes.get(3).ok_or_else(malformed)? as usize;
    let header = bytes.get(4..4 + 4 * dimensions).ok_or_else(malformed)?;
    let sizes: Vec<usize> =
        header.chunks_exact(4).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]) as usize).collect();
    let size = sizes[1..].iter().product();
    let items: Vec<Vec<u8>> = bytes[4 + 4 * dimensions..].chunks_exact(size).map(<[u8]>::to_vec).collect();
    if items.len() == sizes[0] { Ok(items) } else { Err(malformed()) }
}

fn idx(folder: &Path, images: &str, labels: &str) -> Result<Images, String> {
    let labels = items(&folder.join(labels))?.concat();
    Ok(Images { pixels: items(&folder.join(images))?, labels })
}

/// Records of one label and 3 × 1024 pixels.
fn cifar(folder: &Path, file: &str) -> Result<Images, String> {
    let bytes = read(&folder.join(file))?;
    let records = || bytes.chunks_exact(3073);
    Ok(Images {
        pixels: records().map(|record| record[1..].to_vec()).collect(),
        labels: records().map(|record| record[0]).collect(),
    })
}

impl Images {
    fn split(mut self, first: usize) -> Option<(Images, Images)> {
        if self.pixels.len() < first || self.labels.len() != self.pixels.len() {
            return None;
        }
        let rest = Images { pixels: self.pixels.split_off(first), labels: self.labels.split_off(first) };
        Some((self, rest))
    }

    /// The labels that occur, in increasing order.
    pub(crate) fn classes(&self) -> Vec<u8> {
        let mut classes = self.labels.clone();
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    /// Mean and standard deviation over all pixels.
    pub(crate) fn mean_and_deviation(&self) -> (f64, f64) {
        let pixels = || self.pixels.iter().flatten().map(|pixel| f64::from(*pixel));
        let count = pixels().count() as f64;
        let mean = pixels().sum::<f64>() / count;
        (mean, (pixels().map(|pixel| (pixel - mean).powi(2)).sum::<f64>() / count).sqrt())
    }

    /// Pixels as an array of bytes.
    pub(crate) fn inputs(&self) -> Vec<u8> {
        array("|u1", self.pixels.len(), self.pixels[0].len(), &self.pixels.concat())
    }

    /// −1 and +1 for two classes (`shifted = false`), or one output per class, 1 for the image's own, minus 1/classes.
    pub(crate) fn targets(&self, classes: &[u8], shifted: bool) -> Vec<u8> {
        let columns = if shifted { classes.len() } else { 1 };
        let target = |label: &u8, column: usize| match shifted {
            true => f64::from(*label == classes[column]) - 1.0 / classes.len() as f64,
            false if *label == classes[0] => -1.0,
            false => 1.0,
        };
        let rows = self.labels.iter().flat_map(|label| (0..columns).map(move |column| target(label, column)));
        let bytes: Vec<u8> = rows.flat_map(f64::to_le_bytes).collect();
        array("<f8", self.labels.len(), columns, &bytes)
    }
}

/// A NumPy file, version 1.
fn array(kind: &str, rows: usize, columns: usize, bytes: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(bytes);
    file
}

/// The numbers of a NumPy file as the program writes it, with the number of columns.
pub(crate) fn read_array(path: &Path) -> Result<(Vec<f64>, usize), String> {
    let bytes = read(path)?;
    let malformed = || format!("{} is not an array as the program writes it", path.display());
    let length = bytes.get(8..10).ok_or_else(malformed)?;
    let start = 10 + u16::from_le_bytes([length[0], length[1]]) as usize;
    let header = String::from_utf8_lossy(bytes.get(10..start).ok_or_else(malformed)?).into_owned();
    if !bytes.starts_with(b"\x93NUMPY\x01\x00")
        || !start.is_multiple_of(64)
        || !header.contains("'<f8', 'fortran_order': False")
    {
        return Err(malformed());
    }
    let shape = header.split(['(', ')']).nth(1).ok_or_else(malformed)?;
    let columns = shape.split(", ").nth(1).and_then(|columns| columns.parse().ok()).ok_or_else(malformed)?;
    let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().unwrap_or([0xff; 8]));
    Ok((bytes[start..].chunks_exact(8).map(number).collect(), columns))
}
