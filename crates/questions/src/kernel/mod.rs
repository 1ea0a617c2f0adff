//! Section `[kernel]` asks for the kernels of a problem's network.

mod answer;
mod sums;

use std::{path::Path, sync::Arc};

use widenet_core::shapes::width;
use widenet_core::{
    Error, Matrix, Width,
    data::InputSource,
    document::{
        Document, Node, Result, Written,
        keys::flat,
        keys::{defaulted, optional, or, required},
        schema, section,
        shape::{Located, anything, boolean, choice, located, natural, table, whole},
    },
    problem::{EntryLaw, NetworkSections, Untrained, refuse_study},
    training::Control,
};
use widenet_limits::kernel::{Which, kernel_bytes, kernels};
use widenet_model::{KernelsWanted, Precision, empirical_kernels};

use self::{answer::Block, sums::Sums};
use crate::{
    answer::AnswerTree,
    error::{QuestionError, QuestionResult},
    memory,
    question::{Answered, Kind, Load, Question, QuestionPlan, Run, load_from, load_inputs},
};

pub use answer::{Blocks, KernelAnswer, Summary};

/// Which kernels there are.
const KINDS: &[(&str, Which)] = &[("both", Which::Both), ("ntk", Which::Tangent), ("nngp", Which::Nngp)];

/// Between which inputs; nothing for all blocks that the data have.
const BETWEEN: &[(&str, Option<Block>)] = &[
    ("all", None),
    ("train", Some(Block::Train)),
    ("test_train", Some(Block::TestTrain)),
    ("test", Some(Block::Test)),
];

section! {
    /// Which kernels of which network, between which inputs: section `[kernel]`.
    #[derive(Debug, Clone)]
    struct KernelSection {
        /// The NNGP kernel, the tangent kernel, or both.
        kind: Which = or(choice(KINDS), "both"),
        /// Between which inputs; `"all"` is all blocks that the data have.
        between: Located<Option<Block>> = or(located(choice(BETWEEN)), "all"),
        /// inf is the limit; a finite width is one network at its start, its kernels averaged over the outputs.
        width: Width = or(width(), "inf"),
        /// The finite network's weights.
        seed: u64 = or(natural(), 0),
        /// Instead of one network, the mean over those of the seeds 1 … `seeds`, with standard deviations between networks.
        seeds: Option<u64> = optional(whole(2..=1_000_000)),
        /// At finite width the whole tangent kernel, (N k) × (N k) with samples outermost.
        full: bool = or(boolean(), false),
        /// Also all eigenvalues of the kernels among the training inputs.
        spectrum: bool = or(boolean(), false),
    }
    check = check;
}

fn check(section: &KernelSection, table: &Written<'_>) -> Result<()> {
    if let Some(seeds) = table.given("seeds") {
        table.refuse("seed", "`seeds` are given, which are 1, 2, …; give one of the two")?;
        if section.width == Width::Infinite {
            return Err(seeds.error(
                "`kernel.seeds` counts finite networks, and `kernel.width` is inf, where all have the same kernels",
            ));
        }
        if section.spectrum {
            return Err(
                seeds.error("`kernel.spectrum` is that of the kernels of one network; leave out `kernel.seeds`")
            );
        }
    }
    let Some(full) = table.given("full").filter(|_| section.full) else { return Ok(()) };
    if section.width == Width::Infinite {
        return Err(full.error(
            "`kernel.full` needs a finite width: at width inf the tangent kernel is the N × N one times the identity in the outputs",
        ));
    }
    if section.kind == Which::Nngp {
        return Err(full.error("`kernel.full` is about the tangent kernel, and `kernel.kind` is \"nngp\""));
    }
    Ok(())
}

section! {
    /// A network with its scaling and inputs, whose kernels are asked for. What else a problem has does not matter.
    struct KernelFile {
        /// The network.
        network: NetworkSections = flat(),
        /// Where inputs come from; they need no targets.
        data: Located<InputSource> = required(located(table())),
        /// What is asked.
        kernel: KernelSection = defaulted(),
        /// Of a problem; not read.
        optimizer: Option<Node> = optional(anything()),
        /// Of a problem; not read.
        loss: Option<Node> = optional(anything()),
        /// Of a problem; not read.
        record: Option<Node> = optional(anything()),
        /// Of a problem; not read.
        stop: Option<Node> = optional(anything()),
        /// Of a problem; not read.
        ensemble: Option<Node> = optional(anything()),
        /// A question about predictions; not read.
        predict: Option<Node> = optional(anything()),
    }
}

/// Which kernels of which network, between which inputs: a file with the sections `[network]`, `[parameterization]`, `[data]` and
/// `[kernel]`, of which `widenet schema kernel` prints the keys.
#[derive(Debug, Clone)]
pub struct KernelQuestion {
    network: Untrained,
    which: Which,
    blocks: Vec<Block>,
    width: Width,
    seed: u64,
    seeds: Option<u64>,
    full: bool,
    spectrum: bool,
    notes: Vec<String>,
}

impl KernelQuestion {
    /// Reads a problem file with its section `[kernel]`, if it has one. `overrides` are pairs of a dotted key and a value as
    /// text, as for [`widenet_core::Problem::load`].
    ///
    /// # Errors
    /// As for [`widenet_core::Problem::load`].
    pub fn load(path: &Path, overrides: &[(String, String)]) -> widenet_core::Result<Self> {
        let document = Document::load_with(path, overrides)?;
        refuse_study(&document, path)?;
        Self::parse(&document, &mut load_from(path.parent().unwrap_or(Path::new(""))))
    }

    /// Reads a problem; relative data paths start from `base`.
    ///
    /// # Errors
    /// As for [`KernelQuestion::load`].
    pub fn from_document(document: &Document, base: &Path) -> widenet_core::Result<Self> {
        Self::parse(document, &mut load_from(base))
    }

    fn parse(document: &Document, load: &mut Load<'_>) -> widenet_core::Result<Self> {
        let file: KernelFile = document.read()?;
        let data = load_inputs(&file.data, load)?;
        let network = file.network.untrained(&data)?;
        let KernelSection { kind: which, between, width, seed, seeds, full, spectrum } = file.kernel;
        let blocks = match between.value {
            Some(Block::TestTrain | Block::Test) if network.test_inputs.is_none() => {
                return Err(between.must_be("\"train\" or \"all\", as the data have no test inputs"));
            }
            Some(block) => vec![block],
            None if network.test_inputs.is_none() => vec![Block::Train],
            None => Block::ALL.to_vec(),
        };
        if spectrum && !blocks.contains(&Block::Train) {
            return Err(Error::Invalid(
                "`kernel.spectrum` is that of the kernel among the training inputs; set `kernel.between` to \"train\" or \"all\"".into(),
            ));
        }
        let notes = data.provenance.remarks.clone();
        Ok(Self { network, which, blocks, width, seed, seeds, full, spectrum, notes })
    }

    /// Says what was guessed about the data.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Bytes of the matrices in the answer.
    pub fn bytes(&self) -> u64 {
        let nngp = u64::from(self.which != Which::Tangent);
        let tangent =
            u64::from(self.which != Which::Nngp) * if self.full { self.outputs() * self.outputs() } else { 1 };
        let matrices = if self.seeds.is_some() { 2 } else { 1 };
        matrices * (nngp + tangent) * self.matrix_bytes(&self.blocks)
    }

    /// Bytes of the matrices that are computed: of a finite network more than those asked for.
    fn computed_bytes(&self) -> u64 {
        if self.width == Width::Infinite {
            return self.bytes();
        }
        let blocks = if self.blocks == [Block::Train] { vec![Block::Train] } else { Block::ALL.to_vec() };
        let tensor = if self.full { self.outputs() * self.outputs() } else { 0 };
        let sums = if self.seeds.is_some() { self.bytes() } else { 0 };
        sums + (2 + tensor) * self.matrix_bytes(&blocks)
    }

    fn outputs(&self) -> u64 {
        self.network.outputs as u64
    }

    /// Bytes of one matrix per block.
    fn matrix_bytes(&self, blocks: &[Block]) -> u64 {
        let (train, test) = self.samples();
        let of_block = |block: &Block| match block {
            Block::Train => kernel_bytes(train, train, Which::Nngp),
            Block::TestTrain => kernel_bytes(test, train, Which::Nngp),
            Block::Test => kernel_bytes(test, test, Which::Nngp),
        };
        blocks.iter().map(of_block).sum()
    }

    /// Returns numbers of training and of test inputs.
    pub fn samples(&self) -> (usize, usize) {
        (self.network.inputs.nrows(), self.network.test_inputs.as_ref().map_or(0, Matrix::nrows))
    }

    /// Refuses what does not fit the memory that is available now.
    ///
    /// # Errors
    /// The bytes needed, those available, and the share of the samples that would fit.
    pub fn check_memory(&self) -> QuestionResult<()> {
        let otherwise = "; or ask for one kernel (`kernel.kind`) or one block (`kernel.between`)";
        Ok(memory::check(self.computed_bytes(), self.samples(), otherwise)?)
    }

    /// Computes the kernels.
    ///
    /// # Errors
    /// A scaling without kernels at width ∞, kernels that overflow (their precision), a finite network that does not fit the device;
    /// [`crate::QuestionError::Stopped`].
    pub fn kernels(&self, run: &mut Run<'_>) -> QuestionResult<KernelAnswer> {
        let mut spread = None;
        let [mut nngp, mut ntk] = match self.width {
            Width::Infinite => checked(self.limit(run)?, Precision::F64)?,
            Width::Finite(_) if self.network.network.entry_law != EntryLaw::Gaussian => {
                let law = self.network.network.entry_law.name();
                return Err(Error::Invalid(format!(
                    "network.entry_law = \"{law}\": kernels of one network are those of Gaussian entries; record nngp_kernel or tangent_kernel of a \
                     trained network at step 0 with the regenerated engine"
                ))
                .into());
            }
            Width::Finite(width) => match self.seeds {
                None => self.network((width, self.seed), run)?,
                Some(seeds) => {
                    let mut sums = Sums::default();
                    for seed in 1..=seeds {
                        sums.add(self.network((width, seed), run)?);
                        if run.watch(seed as f64 / seeds as f64) == Control::Stop {
                            return Err(QuestionError::Stopped);
                        }
                    }
                    spread = Some(sums.std());
                    sums.mean
                }
            },
        };
        if self.spectrum {
            nngp.add_eigenvalues()?;
            ntk.add_eigenvalues()?;
        }
        Ok(KernelAnswer { width: self.width, activation: self.network.network.activation, nngp, ntk, spread })
    }

    /// The kernels of one finite network at its start, NNGP and tangent.
    fn network(&self, (width, seed): (u64, u64), run: &mut Run<'_>) -> QuestionResult<[Blocks; 2]> {
        let wanted = KernelsWanted { test: self.blocks != [Block::Train], full: self.full };
        let (found, precision) = run.on_device("kernels of one network", |device, precision, _| {
            Ok((empirical_kernels(&self.network, width, seed, device, precision, wanted)?, precision))
        })?;
        let mut answer = [Blocks::default(), Blocks::default()];
        for (block, kernels) in [
            (Block::Train, Some(found.train_train)),
            (Block::TestTrain, found.test_train),
            (Block::Test, found.test_test),
        ] {
            let Some(kernels) = kernels.filter(|_| self.blocks.contains(&block)) else { continue };
            let tangent = kernels.tangent.unwrap_or(kernels.mean_tangent);
            answer[0].put(block, Some(kernels.nngp).filter(|_| self.which != Which::Tangent));
            answer[1].put(block, Some(tangent).filter(|_| self.which != Which::Nngp));
        }
        checked(answer, precision)
    }

    /// The kernels at width ∞, NNGP and tangent.
    fn limit(&self, run: &mut Run<'_>) -> QuestionResult<[Blocks; 2]> {
        let architecture = self.network.architecture();
        let network = match self.which {
            Which::Nngp => architecture.readout_network()?,
            Which::Tangent | Which::Both => architecture.kernel_network()?,
        };
        let train = &self.network.inputs;
        let none = Matrix::zeros(0, train.ncols());
        let test = self.network.test_inputs.as_ref().unwrap_or(&none);
        let mut answer = [Blocks::default(), Blocks::default()];
        let entries = |block: &Block| match block {
            Block::Train => (train.nrows() * train.nrows()) as f64 / 2.0,
            Block::TestTrain => (test.nrows() * train.nrows()) as f64,
            Block::Test => (test.nrows() * test.nrows()) as f64 / 2.0,
        };
        let total: f64 = self.blocks.iter().map(entries).sum();
        let mut done = 0.0;
        for block in &self.blocks {
            let share = entries(block);
            let (x1, x2) = match block {
                Block::Train => (train, None),
                Block::TestTrain => (test, Some(train)),
                Block::Test => (test, None),
            };
            let found =
                kernels(&network, x1, x2, self.which, &mut |part| run.watch((done + part * share) / total.max(1.0)))?;
            done += share;
            answer[0].put(*block, found.nngp);
            answer[1].put(*block, found.tangent);
        }
        Ok(answer)
    }
}

impl Question for KernelQuestion {
    fn warnings(&self) -> QuestionResult<Vec<String>> {
        Ok(Vec::new())
    }

    fn plan(&self) -> QuestionPlan {
        match self.width {
            Width::Infinite => QuestionPlan { reason: "kernels in closed form".into(), exclusive: false },
            Width::Finite(width) => {
                QuestionPlan { reason: format!("kernels of one network of width {width}"), exclusive: true }
            }
        }
    }

    fn answer(&self, run: &mut Run<'_>) -> QuestionResult<Answered> {
        self.check_memory()?;
        Ok(Answered { tree: AnswerTree::of(&self.kernels(run)?)?, unreliable: None })
    }
}

/// Kernels in studies.
pub(crate) static KIND: Kind = Kind {
    name: "kernel",
    results_version: 1,
    width_key: Some("kernel.width"),
    has_precision: true,
    // Networks of the seeds 1 … N are no trials of their own.
    seeded: |document| if document.get("kernel.seeds").is_some() { Vec::new() } else { vec!["kernel"] },
    unanswered: None,
    schema: schema::table::<KernelFile>,
    parse: |document, _, load| Ok(Arc::new(KernelQuestion::parse(document, load)?)),
};

/// NNGP and tangent kernels, if all of their numbers are finite.
fn checked(kernels: [Blocks; 2], precision: Precision) -> QuestionResult<[Blocks; 2]> {
    for (name, blocks) in ["NNGP", "tangent"].into_iter().zip(&kernels) {
        blocks.check_finite(name, precision == Precision::F32)?;
    }
    Ok(kernels)
}
