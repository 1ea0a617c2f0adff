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
use widenet_core::shapes::matrix;
use widenet_core::{
    Error, Matrix, Result,
    data::InputSource,
    document::{
        self, Document, Kind as SectionKind, Written,
        keys::{named_kinds, optional, required},
        schema, section,
        shape::{Located, located, table},
    },
};
use widenet_limits::proportional::InputKernel;

use self::quantity::{Prior, Quantity};
use crate::{
    answer::AnswerTree,
    error::QuestionResult,
    memory,
    question::{Answered, Kind, Load, Question, QuestionPlan, Run, load_from, load_inputs},
    random_network::{NetworkSection, RandomNetwork, warnings},
};

/// All quantities, by the names of their sections.
const QUANTITIES: &[SectionKind<Box<dyn Quantity>>] = &[
    SectionKind::of::<laws::Density>("density"),
    SectionKind::of::<laws::Cdf>("cdf"),
    SectionKind::of::<laws::Quantiles>("quantiles"),
    SectionKind::of::<moments::Moments>("moments"),
    SectionKind::of::<moments::Determinant>("determinant"),
    SectionKind::of::<laws::Distance>("distance"),
    SectionKind::of::<moments::Eigenvalues>("eigenvalues"),
    SectionKind::of::<geometry::Geometry>("geometry"),
    SectionKind::of::<sampling::Draws>("sample"),
    SectionKind::of::<agreement::Agreement>("agreement"),
    SectionKind::of::<algebra::Factors>("factors"),
    SectionKind::of::<algebra::SplittingStep>("splitting_step"),
];

section! {
    /// A random deep linear network, its inputs, and what is asked about its outputs before training: at least one section.
    struct PriorFile {
        /// Which network.
        network: Located<NetworkSection> = required(located(table())),
        /// The inputs, those of training; they need no targets. Without data and `kernel` there is one input with K0 = 1.
        data: Option<Located<InputSource>> = optional(located(table())),
        /// Instead of data, the Gram matrix K0 = X Xᵀ/N0 of the inputs.
        kernel: Option<Matrix> = optional(matrix()),
        /// What is asked.
        quantities: Vec<(&'static str, Box<dyn Quantity>)> = named_kinds(QUANTITIES),
    }
    check = check;
}

fn check(file: &PriorFile, table: &Written<'_>) -> document::Result<()> {
    match (&file.data, table.given("kernel")) {
        (Some(_), Some(kernel)) => Err(kernel.error("`kernel` and `data` both say what the inputs are; give one")),
        _ => Ok(()),
    }
}

/// A random network, its inputs, and what is asked about its outputs before training: a file with the section `[network]`, `[data]` or
/// `kernel` for the inputs, and a section for each quantity that is asked, of which `widenet schema prior` prints the keys
/// (docs/theory/proportional-limit.md §2–§7).
#[derive(Debug, Clone)]
pub struct PriorQuestion {
    prior: Arc<Prior>,
    /// What is asked, by the names of the sections.
    quantities: Vec<(&'static str, Arc<dyn Quantity>)>,
}

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
        QUANTITIES.iter().map(|kind| kind.word)
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
        let file: PriorFile = document.read()?;
        let network = RandomNetwork::new(&file.network, None)?;
        let prior = match &file.data {
            Some(source) => {
                let inputs = load_inputs(source, load)?;
                let (train, test) = (inputs.train.inputs.nrows(), inputs.test_inputs().map_or(0, Matrix::nrows));
                memory::check(memory::gram_bytes(train + test), (train, test), "")?;
                Prior::of_data(network, inputs)
            }
            None => {
                let kernel = file.kernel.unwrap_or_else(|| Matrix::identity(1, 1));
                // What is wrong with it is said before anything is asked of it.
                InputKernel::new(&kernel)?;
                Prior::of_kernel(network, kernel)
            }
        };
        let asked = file.quantities.into_iter().filter(|(name, _)| only.is_none_or(|only| only == *name));
        let quantities: Vec<(_, Arc<dyn Quantity>)> = asked.map(|(name, quantity)| (name, quantity.into())).collect();
        quantities.iter().try_for_each(|(_, quantity)| quantity.check(&prior))?;
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
    schema: schema::table::<PriorFile>,
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
