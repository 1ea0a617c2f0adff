//! Labelled images of unsigned bytes become samples, whatever the file format: this module chooses classes, makes targets and scales
//! pixels.

use std::ops::Range;

use widenet_document::{
    Field,
    keys::{optional, or},
    section,
    shape::{Shape, list, mapped, positive, whole},
};

use super::{
    classes::LeftOut,
    dataset::Samples,
    files::BinaryFile,
    origin::{SampleTable, Tables, check_memory},
};
use crate::{
    error::{Error, Result},
    matrix::Matrix,
};

section! {
    /// Keys that all image formats share. Two classes give one output, −1 for the first and +1 for the second; more classes give one output
    /// per class, 1 for the class of the image and 0 for the others.
    #[derive(Debug, Clone, PartialEq)]
    pub(super) struct ImageOptions {
        /// Labels to keep, in the order of the outputs; without it all labels of the training file, in increasing order.
        classes: Option<Vec<u8>> = optional(classes()),
        /// What pixels are divided by.
        pixel_scale: f64 = or(positive(), 255.0),
    }
}

/// Images of opened files, not yet read; labels and places are in the order of the files.
pub(super) struct Images {
    pub(super) name: String,
    pub(super) files: Vec<BinaryFile>,
    pub(super) pixels_per_image: usize,
    /// Sizes of an image, slowest first; their product is the number of pixels.
    pub(super) shape: Vec<usize>,
    pub(super) pixels: Vec<Pixels>,
    pub(super) labels: Vec<u8>,
}

/// Bytes that an image takes before its pixels are read: a label, a place, and a place with a class, in lists that may have grown to twice
/// their length.
const BYTES_PER_IMAGE: u64 = 2 * (1 + size_of::<Pixels>() + size_of::<ClassifiedImage>()) as u64;

/// Refuses more images than can be listed: a file with holes may promise any number.
pub(super) fn check_images(name: &str, images: u64) -> Result<()> {
    check_memory(name, &format!("{images} labelled images"), images.saturating_mul(BYTES_PER_IMAGE), |bytes| {
        format!("a file of {} images fits", bytes / BYTES_PER_IMAGE)
    })
}

/// Where the pixels of an image start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pixels {
    pub(super) file: usize,
    pub(super) offset: u64,
}

impl ImageOptions {
    /// The images of the wanted classes.
    pub(super) fn tables(&self, train: Images, test: Option<Images>) -> Result<Tables> {
        let classes = self.classes.clone().unwrap_or_else(|| {
            let mut found = train.labels.clone();
            found.sort_unstable();
            found.dedup();
            found
        });
        if classes.len() < 2 {
            return Err(Error::Data {
                what: train.name,
                message: format!("all images have the label {classes:?}; at least two classes are needed"),
            });
        }
        let table = |images| ImageTable::new(images, &classes, self);
        Ok(Tables {
            train: Box::new(table(train)?),
            test: match test {
                Some(test) => Some(Box::new(table(test)?)),
                None => None,
            },
        })
    }
}

/// At least two different labels.
fn classes() -> impl Shape<Value = Vec<u8>> {
    mapped(list(whole(0..=255)), distinct)
}

fn distinct(classes: Vec<u8>, field: &Field<'_>) -> widenet_document::Result<Vec<u8>> {
    let mut distinct = classes.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < classes.len() || classes.len() < 2 {
        return Err(field.must_be("a list of at least two different labels"));
    }
    Ok(classes)
}

struct ImageTable {
    images: Images,
    /// Images of the wanted classes.
    samples: Vec<ClassifiedImage>,
    classes: usize,
    /// Images of other classes.
    left_out: LeftOut,
    pixel_scale: f64,
}

struct ClassifiedImage {
    pixels: Pixels,
    /// Position in the list of classes.
    class: usize,
}

impl ImageTable {
    fn new(images: Images, classes: &[u8], options: &ImageOptions) -> Result<ImageTable> {
        let mut counts = vec![0usize; classes.len()];
        let (mut samples, mut left_out) = (Vec::new(), LeftOut::default());
        for (pixels, label) in images.pixels.iter().zip(&images.labels) {
            match classes.iter().position(|class| class == label) {
                Some(class) => {
                    counts[class] += 1;
                    samples.push(ClassifiedImage { pixels: *pixels, class });
                }
                None if options.classes.is_some() => left_out.count(label),
                None => {
                    return Err(Error::Data {
                        what: images.name,
                        message: format!("a test image has the label {label}, which no training image has"),
                    });
                }
            }
        }
        // A test set need not show every class that was found in the training set; a class asked for must be there.
        if let Some(class) = counts.iter().position(|count| *count == 0)
            && options.classes.is_some()
        {
            let label = classes[class];
            return Err(Error::Data {
                what: images.name,
                message: format!("no image has the label {label} of `classes`"),
            });
        }
        Ok(ImageTable { images, samples, classes: classes.len(), left_out, pixel_scale: options.pixel_scale })
    }

    fn outputs(&self) -> usize {
        if self.classes == 2 { 1 } else { self.classes }
    }
}

impl SampleTable for ImageTable {
    fn name(&self) -> String {
        self.images.name.clone()
    }

    fn len(&self) -> usize {
        self.samples.len()
    }

    fn input_shape(&self) -> Vec<usize> {
        if self.images.shape.len() > 1 { self.images.shape.clone() } else { Vec::new() }
    }

    fn left_out(&self) -> Option<String> {
        self.left_out.sentence(&self.images.name)
    }

    fn columns(&self) -> usize {
        self.images.pixels_per_image.saturating_add(self.outputs())
    }

    fn read(&self, rows: Range<usize>) -> Result<Samples> {
        let mut inputs = Matrix::zeros(rows.len(), self.images.pixels_per_image);
        let mut targets = Matrix::zeros(rows.len(), self.outputs());
        for (row, sample) in self.samples[rows].iter().enumerate() {
            let file = &self.images.files[sample.pixels.file];
            let bytes = file.read(sample.pixels.offset, self.images.pixels_per_image as u64)?;
            for (input, byte) in inputs.row_mut(row).iter_mut().zip(bytes) {
                *input = f64::from(byte) / self.pixel_scale;
            }
            if self.classes == 2 {
                targets[(row, 0)] = if sample.class == 0 { -1.0 } else { 1.0 };
            } else {
                targets[(row, sample.class)] = 1.0;
            }
        }
        Ok(Samples { inputs, targets })
    }
}
