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
use widenet_core::shapes::read_matrix;
use widenet_core::{Error, Matrix, Result, document::Document};
use widenet_limits::proportional::InputKernel;

use self::quantity::{Parse, Prior, Quantity};
use crate::{
    answer::AnswerTree,
    error::QuestionResult,
    memory,
    question::{Answered, Kind, Load, Question, QuestionPlan, Run, load_from},
    random_network::{RandomNetwork, load_data, warnings},
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
    prior: Arc<Prior>,
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

/// Numbers of an answer whose true value may be infinite: densities of a layer of width 1 and of constants, moments beyond the poles,
/// logarithms of what is 0; and numbers that were given.
const MAY_BE_INFINITE: [&str; 8] = [
    "agreement.law.density",
    "density.at",
    "density.density",
    "density.log_density",
    "cdf.at",
    "cdf.log_lower",
    "cdf.log_upper",
    "moments.scale",
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
        Self::parse(&document, only, &mut load_from(path.parent().unwrap_or(Path::new(""))))
    }

    fn parse(document: &Document, only: Option<&str>, load: &mut Load<'_>) -> Result<Self> {
        let document = &mut document.clone();
        add_stand_ins(document, &["data.targets", "data.test_targets"])?;
        let data = load_data(document, load)?;
        let mut root = document.reader();
        let given = root.get("kernel");
        root.get("data");
        let network = root.required("network", |field| RandomNetwork::parse(field, None))?;
        let prior = match (data, given) {
            (Some(_), Some(given)) => {
                return Err(given.error("`kernel` and `data` both say what the inputs are; give one"));
            }
            (Some(data), None) => {
                let (train, test) =
                    (data.train.inputs.nrows(), data.test.as_ref().map_or(0, |test| test.inputs.nrows()));
                memory::check(memory::gram_bytes(train + test), (train, test), "")?;
                Prior::of_data(network, data)
            }
            (None, given) => {
                let kernel = given.map_or_else(|| Ok(Matrix::identity(1, 1)), |given| read_matrix(&given))?;
                // What is wrong with it is said before anything is asked of it.
                InputKernel::new(&kernel)?;
                Prior::of_kernel(network, kernel)
            }
        };
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
        Ok(Self { prior: Arc::new(prior), quantities })
    }
}

impl Question for PriorQuestion {
    fn warnings(&self) -> QuestionResult<Vec<String>> {
        Ok(warnings(&self.prior.network))
    }

    fn plan(&self) -> QuestionPlan {
        let exclusive = self.quantities.iter().any(|(_, quantity)| quantity.samples_networks());
        let by = if exclusive { "networks with all their weights" } else { "laws of random networks" };
        let mut names: Vec<&str> = self.quantities.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        QuestionPlan { reason: format!("{by}: {}", names.join(", ")), exclusive }
    }

    fn answer(&self, run: &mut Run<'_>) -> QuestionResult<Answered> {
        let mut answer = Map::new();
        for (name, quantity) in &self.quantities {
            answer.insert((*name).into(), quantity.answer(&self.prior, run)?);
        }
        Ok(Answered { tree: AnswerTree::checked(answer, &MAY_BE_INFINITE)?, unreliable: None })
    }
}

/// Priors in studies.
pub(crate) static KIND: Kind = Kind {
    name: "prior",
    results_version: 1,
    width_key: Some("network.width"),
    has_precision: true,
    seeded: |document| {
        let drawn = ["geometry", "sample", "agreement"].into_iter();
        drawn.filter(|section| document.get(section).is_some()).collect()
    },
    unanswered: Some(&["network", "data", "kernel"]),
    parse: |document, _, load| Ok(Arc::new(PriorQuestion::parse(document, None, load)?)),
};

#[cfg(test)]
mod tests {
    use super::*;

    /// A study reads all its questions before the first runs: what is large is made when it is asked for.
    #[test]
    fn reading_a_question_makes_no_kernel() {
        let text =
            "[network]\nwidths = [4]\n[data]\nkind = \"inline\"\ninputs = [[1, 2], [3, 4]]\n[moments]\ninput = 1\n";
        let document = Document::from_toml("prior.toml", text).unwrap();
        let question = PriorQuestion::parse(&document, None, &mut load_from(Path::new(""))).unwrap();
        assert!(!question.prior.has_kernel());
        assert_eq!((question.prior.count(), question.prior.variance(1)), (2, 12.5));
        assert!(question.prior.has_kernel());
    }
}
