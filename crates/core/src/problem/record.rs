//! What is recorded, and when: section `[record]`.

use super::{Optimizer, Rule};
use crate::{
    Result,
    data::Dataset,
    document::{Field, Value},
};

/// A recorded quantity. `L` hidden layers, input dimension d, output dimension k, P training samples.
///
/// Weights and hidden vectors are meant in the normalised coordinates of [`crate::scaling`]: `U`, `V` with entries of
/// standard deviation `s_l` and hidden matrices with variance `s_l²/m` at time 0, whatever the parameterisation. For the
/// mean-field parameterisation they are the `U`, `W`, `V` of the mean-field page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// Training loss (scalar).
    TrainLoss,
    /// Test loss (scalar); needs test data.
    TestLoss,
    /// Predictor β, k × d, with `f(x) = β x`.
    Predictor,
    /// `f` on the training inputs, P × k.
    Outputs,
    /// `f` on the test inputs.
    TestOutputs,
    /// `‖β − β_min-norm‖_F`, distance to the minimal-norm minimiser `(X⁺Y)ᵀ` (scalar).
    MinNormDistance,
    /// `F_lᵀ F_l / m` for l = 1 … L, each d × d, where `h_l = F_l x`: the feature kernel is `xᵀ (F_lᵀF_l/m) x'`.
    FeatureGram,
    /// `G_lᵀ G_l / m` for l = 1 … L, each k × k, backward vectors of the mean-field page §1.
    GradientGram,
    /// `‖Θ_t − Θ_0‖_F / ‖Θ_0‖_F` of the tangent kernel on the training inputs (scalar).
    TangentKernelChange,
    /// `‖Θ_t‖_F / P` of the tangent kernel on the training inputs (scalar).
    TangentKernelNorm,
    /// Tangent kernel on the training inputs, P k × P k: entry (p k + i, q k + j) is `Θ_ij(x_p, x_q)` per unit learning rate, so
    /// that `f ← f − (η/P) Θ (f − y)` to first order; at most 10^6 entries.
    TangentKernel,
    /// `U_tᵀ U_t / m`, d × d: covariance of the rows of the input weights (neurons).
    InputCovariance,
    /// `U_0ᵀ U_t / m`, d × d: covariance of the rows between the start and now.
    InputAutocovariance,
    /// `V_tᵀ V_t / m`, k × k: covariance of the rows of the readout weights.
    OutputCovariance,
    /// `V_0ᵀ V_t / m`, k × k.
    OutputAutocovariance,
    /// Excess kurtosis of the neurons' input weights: over the rows of `U_t`, averaged over its d columns (scalar; unbiased for
    /// Gaussian rows, for which it is 0). Needs the entries and m ≥ 4.
    InputKurtosis,
    /// The same of the readout weights: over the rows of `V_t`, averaged over its k columns.
    OutputKurtosis,
    /// Singular values of the learned part `W_t − s W_0` of each hidden matrix, largest first (L − 1 lists), where s is what
    /// weight decay leaves of the initial weights (1 without). Values below 1e-12 of the largest are left out; the dense engine
    /// finds the 24 largest, above its rounding.
    LearnedSingularValues,
    /// Explored dimension of each hidden space (L numbers); the width for the dense engine.
    EffectiveDimensions,
}

impl Quantity {
    /// All quantities.
    pub const ALL: [Quantity; 19] = [
        Quantity::TrainLoss,
        Quantity::TestLoss,
        Quantity::Predictor,
        Quantity::Outputs,
        Quantity::TestOutputs,
        Quantity::MinNormDistance,
        Quantity::FeatureGram,
        Quantity::GradientGram,
        Quantity::TangentKernelChange,
        Quantity::TangentKernelNorm,
        Quantity::TangentKernel,
        Quantity::InputCovariance,
        Quantity::InputAutocovariance,
        Quantity::OutputCovariance,
        Quantity::OutputAutocovariance,
        Quantity::InputKurtosis,
        Quantity::OutputKurtosis,
        Quantity::LearnedSingularValues,
        Quantity::EffectiveDimensions,
    ];

    /// The name in files, tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Quantity::TrainLoss => "train_loss",
            Quantity::TestLoss => "test_loss",
            Quantity::Predictor => "predictor",
            Quantity::Outputs => "outputs",
            Quantity::TestOutputs => "test_outputs",
            Quantity::MinNormDistance => "min_norm_distance",
            Quantity::FeatureGram => "feature_gram",
            Quantity::GradientGram => "gradient_gram",
            Quantity::TangentKernelChange => "tangent_kernel_change",
            Quantity::TangentKernelNorm => "tangent_kernel_norm",
            Quantity::TangentKernel => "tangent_kernel",
            Quantity::InputCovariance => "input_covariance",
            Quantity::InputAutocovariance => "input_autocovariance",
            Quantity::OutputCovariance => "output_covariance",
            Quantity::OutputAutocovariance => "output_autocovariance",
            Quantity::InputKurtosis => "input_kurtosis",
            Quantity::OutputKurtosis => "output_kurtosis",
            Quantity::LearnedSingularValues => "learned_singular_values",
            Quantity::EffectiveDimensions => "effective_dimensions",
        }
    }

    /// Whether recording it sends all d input directions through the network.
    pub fn needs_features(self) -> bool {
        matches!(
            self,
            Quantity::FeatureGram
                | Quantity::TangentKernelChange
                | Quantity::TangentKernelNorm
                | Quantity::TangentKernel
        )
    }

    /// Whether it needs the entries of the weights, which only the dense engine keeps.
    pub fn needs_entries(self) -> bool {
        matches!(self, Quantity::InputKurtosis | Quantity::OutputKurtosis)
    }

    /// The quantity of a name.
    pub fn from_name(name: &str) -> Option<Quantity> {
        Quantity::ALL.into_iter().find(|quantity| quantity.name() == name)
    }
}

/// Most moments a plan may have.
const MAX_MOMENTS: f64 = 1e6;

/// Most entries of a recorded tangent kernel.
const MAX_KERNEL_ENTRIES: usize = 1_000_000;

/// Log-spaced times of a flow start at this part of the horizon.
const FIRST_TIME: f64 = 1e-3;

/// When and what to record. Moments are sorted, distinct and within the horizon.
///
/// # Section `[record]`
///
/// | key | default | meaning |
/// |---|---|---|
/// | `at` | `{ log_spaced = 30 }`, or the `times` that a flow lists | the moments, see below |
/// | `quantities` | `["train_loss", "predictor"]`, with test data also `"test_loss"` | names of [`Quantity`] |
///
/// Moments are steps (descent) or times (flow). `at = [0, 1, 10]` lists them; `{ log_spaced = n }` is 0, the horizon
/// and `n` moments before it, equally spaced in the logarithm (from step 1, or from a thousandth of the time; steps are
/// rounded and given once); `{ every = s }` is 0, `s`, `2s`, … and the horizon. Default moments include 0.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordPlan {
    /// Steps (descent, whole numbers) or times (flow).
    pub at: Vec<f64>,
    /// Quantities, sorted.
    pub quantities: Vec<Quantity>,
}

impl RecordPlan {
    /// Reads the section; `listed` are the moments that the optimiser's section lists.
    pub(super) fn parse(
        section: Option<&Field>,
        optimizer: &Optimizer,
        listed: Option<Vec<f64>>,
        data: &Dataset,
    ) -> Result<RecordPlan> {
        let default_at = match listed {
            Some(times) => [vec![0.0], times].concat(),
            None => log_spaced(optimizer, 30),
        };
        let mut default_quantities = vec![Quantity::TrainLoss, Quantity::Predictor];
        if data.test.is_some() {
            default_quantities.push(Quantity::TestLoss);
        }
        let (mut at, mut quantities) = match section {
            None => (default_at, default_quantities),
            Some(section) => {
                let mut table = section.table()?;
                let at = table.or("at", default_at, |field| moments(field, optimizer))?;
                let quantity = |field: &Field| parse_quantity(field, data);
                let quantities = table.or("quantities", default_quantities, |field| field.list(quantity))?;
                table.finish()?;
                (at, quantities)
            }
        };
        at.sort_by(f64::total_cmp);
        at.dedup();
        quantities.sort();
        quantities.dedup();
        Ok(RecordPlan { at, quantities })
    }
}

fn parse_quantity(field: &Field, data: &Dataset) -> Result<Quantity> {
    let quantity = field.choice(&Quantity::ALL.map(|quantity| (quantity.name(), quantity)))?;
    if matches!(quantity, Quantity::TestLoss | Quantity::TestOutputs) && data.test.is_none() {
        let name = quantity.name();
        return Err(field.error(format!("`{name}` needs test data, and `data` has none; give it test samples")));
    }
    let side = data.train.inputs.nrows() * data.output_dimension();
    if quantity == Quantity::TangentKernel && side.saturating_mul(side) > MAX_KERNEL_ENTRIES {
        return Err(field.error(format!(
            "`tangent_kernel` has {side} × {side} entries here and at most {MAX_KERNEL_ENTRIES} are recorded; \
             use fewer training samples, or tangent_kernel_norm and tangent_kernel_change, which hold for any number"
        )));
    }
    Ok(quantity)
}

fn moments(field: &Field, optimizer: &Optimizer) -> Result<Vec<f64>> {
    if let Value::Array(_) = field.node().value {
        return field.list(|moment| listed_moment(moment, optimizer));
    }
    let mut table = field.table()?;
    let log = table.optional("log_spaced", |field| field.whole_in(1..=10_000))?;
    let every = table.optional("every", |field| spacing(field, optimizer))?;
    table.finish()?;
    match (log, every) {
        (Some(count), None) => Ok(log_spaced(optimizer, count)),
        (None, Some(spacing)) => {
            let horizon = optimizer.horizon();
            let count = (horizon / spacing).floor() as u64;
            // A multiple that misses the horizon by rounding is the horizon.
            let before_horizon = |moment: &f64| *moment < horizon * (1.0 - 1e-12);
            let multiples = (0..=count).map(|i| i as f64 * spacing).filter(before_horizon);
            Ok(multiples.chain([horizon]).collect())
        }
        _ => Err(field.must_be("a list of moments, { log_spaced = 30 } or { every = 10 }")),
    }
}

fn listed_moment(field: &Field, optimizer: &Optimizer) -> Result<f64> {
    let (moment, unit) = match optimizer.rule {
        Rule::Descent { .. } => (field.whole()? as f64, "steps"),
        Rule::Flow { .. } => (field.non_negative()?, "time"),
    };
    let horizon = optimizer.horizon();
    if moment > horizon {
        return Err(field.must_be(&format!("at most {horizon}, the {unit} of the optimizer")));
    }
    Ok(moment)
}

fn spacing(field: &Field, optimizer: &Optimizer) -> Result<f64> {
    let spacing = match optimizer.rule {
        Rule::Descent { .. } => field.count()? as f64,
        Rule::Flow { .. } => field.positive()?,
    };
    let horizon = optimizer.horizon();
    if horizon / spacing > MAX_MOMENTS {
        return Err(
            field.must_be(&format!("at least {}, or there are over {MAX_MOMENTS} moments", horizon / MAX_MOMENTS))
        );
    }
    Ok(spacing)
}

fn log_spaced(optimizer: &Optimizer, count: u64) -> Vec<f64> {
    let horizon = optimizer.horizon();
    let spaced = |first: f64| {
        let ratio = (horizon / first).ln() / count as f64;
        (0..count).map(move |i| first * (ratio * i as f64).exp())
    };
    let mut at: Vec<f64> = match optimizer.rule {
        Rule::Descent { .. } => spaced(1.0).map(f64::round).collect(),
        Rule::Flow { .. } => spaced(FIRST_TIME * horizon).collect(),
    };
    at.extend([0.0, horizon]);
    at
}
