//! `widenet prior` asks for distributions of random deep linear networks.

mod agreement;
mod algebra;
mod geometry;
mod laws;
mod moments;
mod quantity;
mod sampling;

use std::{path::Path, sync::Arc};

use serde_json::Map;
use widenet_core::{Error, Matrix, Result, document::Document, training::Control};
use widenet_limits::proportional::InputKernel;
use widenet_model::{DeviceChoice, Precision};

use self::quantity::{Parse, Place, Prior, Quantity};
use crate::{
    answer::AnswerTree,
    error::QuestionResult,
    random_network::{RandomNetwork, input_kernel, load_data, warnings},
    stand_ins::add_stand_ins,
};

/// A random network, its inputs, and what is asked about its outputs before training.
///
/// # Sections
///
/// `[network]` says which network (`widths`, or `width` and `hidden_layers`, or the limit's `alpha` with `bottlenecks`; `outputs`;
/// `gain` or `weight_variances`). `[data]` holds the inputs, as in a problem file; or `kernel = [[…]]` is their Gram matrix
/// `K0 = X Xᵀ/N0`; without both there is one input with `K0 = 1`. Every other section is a quantity:
///
/// | section | keys | meaning |
/// |---|---|---|
/// | `[density]` | `of`, `at`, `input` | densities |
/// | `[cdf]` | `of`, `at`, `input` | both tails, and their logarithms |
/// | `[quantiles]` | `of`, `levels`, `upper_levels`, `log_upper_levels`, `input` | values with these probabilities below (above) them |
/// | `[moments]` | `scale`, `output`, `entries`, `factor`, `input` | `E qˢ`, `E f^k`, `E[K_ij K_kl]` and its relatives, `E X_ij²` of a triangular factor of this size; always mean and variance of log q |
/// | `[determinant]` | `size` | mean and variance of `log det Q` |
/// | `[distance]` | `input` | Kolmogorov–Smirnov distances of network, limit and NNGP, with the predicted rate |
/// | `[eigenvalues]` | `at` | limit, two outputs or inputs: half the log-ratio ρ of the eigenvalues of Q |
/// | `[geometry]` | `draws`, `seed`, `by` | feature kernels of the last hidden layer: mean squared correlation of inputs, shares of the eigenvalues, effective rank, mean log-eigenvalues and in the limit their slopes in α, with standard errors |
/// | `[sample]` | `of`, `draws`, `seed`, `by` | draws of `"outputs"`, the `"kernel"` of the last hidden layer, the mixing matrix `"mixing"`, or the `"log_scale"` |
/// | `[agreement]` | `draws`, `seed`, `by`, `input` | draws of one output against its exact law, the limit and the NNGP: Kolmogorov–Smirnov p-values, quantiles, a histogram, the kurtosis |
/// | `[factors]` | `chi_squares`, `normals` | the kernel of the last hidden layer, assembled from given random numbers |
/// | `[splitting_step]` | `start`, `step`, `first_half`, `off_diagonal`, `second_half` | one step of the limit's sampler from given normals |
///
/// `of` is `"output"` (one output at one input, the default), `"log_scale"` (log q), `"log_squared_norm"` (of all outputs at one
/// input), `"log_quadratic_form"` (`log yᵀ K0⁻¹ y` of one output at all inputs), or for densities `"outputs"` (one output at all
/// inputs; `at` is a list of rows). `input` counts from 0. `by` is `"law"`, or `"network"` to multiply real weight matrices.
///
/// (docs/theory/proportional-limit.md §2–§7.)
#[derive(Debug, Clone)]
pub struct PriorQuestion {
    prior: Prior,
    /// What is asked, by the names of the sections.
    quantities: Vec<(&'static str, Arc<dyn Quantity>)>,
}

/// All quantities, by the names of their sections.
const QUANTITIES: [(&str, Parse); 12] = [
    ("density", laws::parse_density),
    ("cdf", laws::parse_cdf),
    ("quantiles", laws::parse_quantiles),
    ("moments", moments::parse),
    ("determinant", moments::parse_determinant),
    ("distance", laws::parse_distance),
    ("eigenvalues", moments::parse_eigenvalues),
    ("geometry", geometry::parse),
    ("sample", sampling::parse),
    ("agreement", agreement::parse),
    ("factors", algebra::parse_factors),
    ("splitting_step", algebra::parse_splitting_step),
];

impl PriorQuestion {
    /// Quantities that can be asked for, by the names of their sections.
    pub fn quantities() -> impl Iterator<Item = &'static str> {
        QUANTITIES.into_iter().map(|(name, _)| name)
    }

    /// Reads a file. With `only`, just that quantity is answered, with its defaults where the file has no such section. `overrides`
    /// are pairs of a dotted key and a value as text, as for [`widenet_core::Problem::load`].
    ///
    /// # Errors
    /// The first mistake in the file, its data or an override.
    pub fn load(path: &Path, only: Option<&str>, overrides: &[(String, String)]) -> Result<Self> {
        let mut document = Document::load_with(path, overrides)?;
        if let Some(only) = only.filter(|only| document.get(only).is_none()) {
            document.set(only, "{}", "widenet prior")?;
        }
        Self::parse(&document, only, path.parent().unwrap_or(Path::new("")))
    }

    /// Reads a document; relative data paths start from `base`.
    ///
    /// # Errors
    /// The first mistake in it or its data.
    pub fn from_document(document: &Document, base: &Path) -> Result<Self> {
        Self::parse(document, None, base)
    }

    fn parse(document: &Document, only: Option<&str>, base: &Path) -> Result<Self> {
        let document = &mut document.clone();
        add_stand_ins(document, &["data.targets", "data.test_targets"])?;
        let inputs = load_data(document, base)?.map(|data| data.train.inputs);
        let mut root = document.reader();
        let given = root.get("kernel");
        root.get("data");
        let network = root.required("network", |field| RandomNetwork::parse(field, None))?;
        let kernel = match (&inputs, given) {
            (Some(_), Some(given)) => {
                return Err(given.error("`kernel` and `data` both say what the inputs are; give one"));
            }
            (Some(inputs), None) => input_kernel(inputs),
            (None, Some(given)) => given.matrix()?,
            (None, None) => Matrix::identity(1, 1),
        };
        // What is wrong with it is said before anything is asked of it.
        InputKernel::new(&kernel)?;
        let prior = Prior { network, inputs, kernel };
        let mut quantities = Vec::new();
        for (name, parse) in QUANTITIES {
            let Some(section) = root.get(name) else { continue };
            if only.is_some_and(|only| only != name) {
                continue;
            }
            let mut table = section.table()?;
            quantities.push((name, parse(&mut table, &prior)?.into()));
            table.finish()?;
        }
        root.finish()?;
        if quantities.is_empty() {
            let names: Vec<_> = Self::quantities().map(|name| format!("[{name}]")).collect();
            return Err(Error::Invalid(format!(
                "nothing is asked: add a section ({}), or name one after the file",
                names.join(", ")
            )));
        }
        Ok(Self { prior, quantities })
    }

    /// What should be said beside the answer.
    pub fn warnings(&self) -> Vec<String> {
        warnings(&self.prior.network)
    }

    /// Answers everything that is asked; `device` and `precision` are those of networks that are sampled by their weights. `watch` is
    /// called with the share of the work done, in [0, 1].
    ///
    /// # Errors
    /// What has no answer, by name and value; [`crate::QuestionError::Stopped`].
    pub fn answer(
        &self,
        device: DeviceChoice,
        precision: Precision,
        watch: &mut dyn FnMut(f64) -> Control,
    ) -> QuestionResult<AnswerTree> {
        let mut answer = Map::new();
        let place = Place { device, precision };
        for (name, quantity) in &self.quantities {
            answer.insert((*name).into(), quantity.answer(&self.prior, place, watch)?);
        }
        Ok(AnswerTree(answer))
    }
}
