//! What is recorded, and when: section `[record]`.

use super::{DEEP_LINEAR, Optimizer, Problem, Quantity, Rule, Scope};
use crate::{
    Result,
    document::{Field, Value},
};

/// Most moments a plan may have.
const MAX_MOMENTS: f64 = 1e6;

/// Most entries of a recorded kernel.
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
/// | `quantities` | `["train_loss"]`, with test data `"test_loss"`, of deep linear networks `"predictor"` | names of [`Quantity`] |
///
/// Moments are steps (descent, RMSProp; momentum flow, with fractions) or times (flow). `at = [0, 1, 10]` lists them; `{ log_spaced = n }` is 0, the horizon
/// and `n` moments before it, equally spaced in the logarithm (from step 1, or from a thousandth of the time; steps are
/// rounded and given once); `{ every = s }` is 0, `s`, `2s`, … and the horizon. Default moments include 0.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordPlan {
    /// Steps (descent, RMSProp: whole numbers) or times (flow).
    pub at: Vec<f64>,
    /// Quantities, sorted.
    pub quantities: Vec<Quantity>,
}

impl RecordPlan {
    /// Reads the section of a problem whose plan is not known yet; `listed` are the moments that the optimiser's section lists.
    pub(super) fn parse(section: Option<&Field>, problem: &Problem, listed: Option<Vec<f64>>) -> Result<RecordPlan> {
        let optimizer = &problem.optimizer;
        let default_at = match listed {
            Some(times) => [vec![0.0], times].concat(),
            None => log_spaced(optimizer, 30),
        };
        let mut default_quantities = vec![Quantity::TrainLoss];
        if problem.is_deep_linear() {
            default_quantities.push(Quantity::Predictor);
        }
        if problem.data.test.is_some() {
            default_quantities.push(Quantity::TestLoss);
        }
        let (mut at, mut quantities) = match section {
            None => (default_at, default_quantities),
            Some(section) => {
                let mut table = section.table()?;
                let at = table.or("at", default_at, |field| moments(field, optimizer))?;
                let quantity = |field: &Field| parse_quantity(field, problem);
                let quantities = table.or("quantities", default_quantities, |field| {
                    let quantities = field.list(quantity)?;
                    exclude_both_kinds(field, &quantities)?;
                    Ok(quantities)
                })?;
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

fn parse_quantity(field: &Field, problem: &Problem) -> Result<Quantity> {
    let data = &problem.data;
    let quantity = field.choice(&Quantity::words())?;
    let name = quantity.name();
    if quantity.needs_test_samples() && data.test.is_none() {
        return Err(field.error(format!("`{name}` needs test data, and `data` has none; give it test samples")));
    }
    match quantity.scope() {
        Scope::DeepLinear if !problem.is_deep_linear() => {
            return Err(field.error(format!("`{name}` is defined for {DEEP_LINEAR}; this problem is another")));
        }
        Scope::Explored if problem.network.hidden_layers == 1 => {
            return Err(field.error(format!(
                "`{name}` is of the matrices between hidden layers, and one hidden layer has none; use network.hidden_layers = 2 or more"
            )));
        }
        Scope::Ensemble if problem.ensemble.is_none() => {
            return Err(field.error(format!("`{name}` is defined over an ensemble; add the section `[ensemble]`")));
        }
        _ => {}
    }
    if let (Quantity::Decomposition, Some(obstacle)) = (quantity, undecomposed(problem)) {
        return Err(field.error(format!(
            "`{name}` splits the output of networks with one hidden layer, an activation that is homogeneous (identity, relu, \
             leaky_relu, abs), no biases and one output; this problem has {obstacle}"
        )));
    }
    let samples = data.train.inputs.nrows();
    let side = match quantity {
        Quantity::TangentKernel => samples * data.output_dimension(),
        Quantity::MeanTangentKernel | Quantity::NngpKernel => samples,
        Quantity::TestOutputCovariance => data.test.as_ref().map_or(0, |test| test.inputs.nrows()),
        _ => 0,
    };
    if side.saturating_mul(side) > MAX_KERNEL_ENTRIES {
        return Err(field.error(format!(
            "`{name}` has {side} × {side} entries here and at most {MAX_KERNEL_ENTRIES} are recorded; use fewer samples{}",
            if quantity == Quantity::TestOutputCovariance {
                ", or test_output_std"
            } else {
                ", or a quantity that is one number, such as tangent_kernel_change"
            }
        )));
    }
    Ok(quantity)
}

/// Why the output of a problem's networks has no decomposition.
fn undecomposed(problem: &Problem) -> Option<String> {
    let (network, outputs) = (problem.network, problem.data.output_dimension());
    if network.hidden_layers != 1 {
        return Some(format!("network.hidden_layers = {}", network.hidden_layers));
    }
    if network.activation.slopes().is_none() {
        return Some(format!("network.activation = \"{}\"", network.activation.name()));
    }
    if problem.scaling().biases.iter().any(Option::is_some) {
        return Some("biases (parameterization.sigma_b)".into());
    }
    (outputs != 1).then(|| format!("{outputs} outputs"))
}

/// The engines of deep linear networks do not record what perceptrons do, and the other way round.
fn exclude_both_kinds(field: &Field, quantities: &[Quantity]) -> Result<()> {
    let first = |scope| quantities.iter().find(|quantity| quantity.scope() == scope);
    match (first(Scope::DeepLinear), first(Scope::Mlp).or(first(Scope::Classifier))) {
        (Some(linear), Some(mlp)) => Err(field.error(format!(
            "`{}` is recorded by the engines of deep linear networks and `{}` by that of multilayer perceptrons; record them in \
             two runs",
            linear.name(),
            mlp.name()
        ))),
        _ => Ok(()),
    }
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
        Rule::Descent { .. } | Rule::RmsProp { .. } => (field.whole()? as f64, "steps"),
        Rule::Flow { .. } => (field.non_negative()?, "time"),
        Rule::MomentumFlow { .. } => (field.non_negative()?, "steps"),
    };
    let horizon = optimizer.horizon();
    if moment > horizon {
        return Err(field.must_be(&format!("at most {horizon}, the {unit} of the optimizer")));
    }
    Ok(moment)
}

fn spacing(field: &Field, optimizer: &Optimizer) -> Result<f64> {
    let spacing = if optimizer.has_steps() { field.count()? as f64 } else { field.positive()? };
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
    let mut at: Vec<f64> = match optimizer.has_steps() {
        true => spaced(1.0).map(f64::round).collect(),
        false => spaced(FIRST_TIME * horizon).collect(),
    };
    at.extend([0.0, horizon]);
    at
}
