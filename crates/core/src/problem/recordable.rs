//! Says which quantities a problem has, and which of them to record.

use widenet_document::{Result, shape::Located};

use super::{
    activation::Activation,
    definition::{DEEP_LINEAR, Problem},
    quantity::{Need, Quantity, Scope, Shape},
    record::{RecordPlan, RecordSection, default_moments},
    stop::Stop,
};
use crate::error::Error;

/// Most entries of a recorded kernel.
const MAX_KERNEL_ENTRIES: usize = 1_000_000;

/// The plan of a problem that has none yet; `listed` are the moments that the optimizer's section lists.
pub(super) fn plan(section: Option<&RecordSection>, problem: &Problem, listed: Option<Vec<f64>>) -> Result<RecordPlan> {
    let moments = section.map(|section| section.moments(&problem.optimizer)).transpose()?.flatten();
    let mut at = moments.unwrap_or_else(|| default_moments(&problem.optimizer, listed));
    let mut quantities = match section.and_then(|section| section.quantities.as_ref()) {
        None => default_quantities(problem),
        Some(asked) => {
            let quantities = asked.value.iter().map(|asked| checked(asked, problem)).collect::<Result<Vec<_>>>()?;
            exclude_both_kinds(asked, &quantities, problem)?;
            quantities
        }
    };
    // The end of training is recorded, whatever is listed.
    at.push(problem.optimizer.horizon());
    at.sort_by(f64::total_cmp);
    at.dedup();
    quantities.extend(problem.stop.into_iter().flat_map(Stop::quantities));
    quantities.sort();
    quantities.dedup();
    Ok(RecordPlan { at, quantities })
}

fn default_quantities(problem: &Problem) -> Vec<Quantity> {
    let mut quantities = vec![Quantity::TrainLoss];
    if problem.is_deep_linear() {
        quantities.push(Quantity::Predictor);
    }
    if problem.data.test.is_some() {
        quantities.push(Quantity::TestLoss);
    }
    quantities
}

/// A quantity, if the problem has it.
fn checked(asked: &Located<Quantity>, problem: &Problem) -> Result<Quantity> {
    let (data, quantity) = (&problem.data, asked.value);
    let name = quantity.name();
    if quantity.needs(Need::TestOutputs) && data.test.is_none() {
        return Err(asked.error(format!("`{name}` needs test data, and `data` has none; give it test samples")));
    }
    match quantity.scope() {
        Scope::DeepLinear if !problem.is_deep_linear() => {
            return Err(asked.error(format!("`{name}` is defined for {DEEP_LINEAR}; this problem is another")));
        }
        Scope::Linear if problem.network.image.is_some() => {
            return Err(asked.error(format!(
                "`{name}` is that of fully connected networks of equal layers, and this one is {}; record outputs instead",
                problem.network.list_in_words().unwrap_or_default()
            )));
        }
        Scope::Linear if problem.network.activation != Activation::Identity => {
            return Err(asked.error(format!(
                "`{name}` is defined for networks with network.activation = \"identity\", which are an affine map; this one has \"{}\"",
                problem.network.activation.name()
            )));
        }
        Scope::Linear
            if !problem.is_deep_linear()
                && (problem.network.centered || problem.parameterization.corrects_initial_function()) =>
        {
            return Err(asked.error(format!(
                "`{name}` is that of the network itself, and here its outputs are corrected by those at the start (network.centered, \
                 parameterization.initial_correction); record outputs instead"
            )));
        }
        Scope::Explored if problem.network.hidden_layers == 1 => {
            return Err(asked.error(format!(
                "`{name}` is of the matrices between hidden layers, and one hidden layer has none; use network.hidden_layers = 2 or more"
            )));
        }
        Scope::Ensemble if problem.ensemble.is_none() => {
            return Err(asked.error(format!("`{name}` is defined over an ensemble; add the section `[ensemble]`")));
        }
        _ => {}
    }
    let accuracy = match quantity {
        Quantity::TrainAccuracy | Quantity::TrainAccuracyOfMean => Some(&data.train.targets),
        Quantity::TestAccuracy | Quantity::TestAccuracyOfMean => data.test.as_ref().map(|test| &test.targets),
        _ => None,
    };
    if let Some(targets) = accuracy {
        let known = problem.labels().and_then(|labels| match labels.has(targets) {
            true => Ok(()),
            false => Err("the test targets are none of the classes of the training targets".into()),
        });
        known.map_err(|why| {
            asked.error::<widenet_document::Error>(format!(
                "`{name}` is the share of right classes, and {why}; record a loss instead"
            ))
        })?;
    }
    if let (Quantity::Decomposition, Some(obstacle)) = (quantity, undecomposed(problem)) {
        return Err(asked.error(format!(
            "`{name}` splits the output of networks with one hidden layer, an activation that is homogeneous (identity, relu, \
             leaky_relu, abs), no biases and one output; this problem has {obstacle}"
        )));
    }
    let samples = data.train.inputs.nrows();
    let side = match quantity.shape() {
        Shape::Matrix | Shape::Matrices if quantity.needs(Need::OutputKernel) => samples * data.output_dimension(),
        Shape::Matrix | Shape::Matrices if quantity.needs(Need::SampleKernel) => samples,
        Shape::Matrix if quantity.needs(Need::Covariance) => data.test.as_ref().map_or(0, |test| test.inputs.nrows()),
        _ => 0,
    };
    if side.saturating_mul(side) > MAX_KERNEL_ENTRIES {
        return Err(asked.error(format!(
            "`{name}` has {side} × {side} entries here and at most {MAX_KERNEL_ENTRIES} are recorded; use fewer samples{}",
            if quantity.needs(Need::Covariance) {
                ", or test_output_std"
            } else {
                ", or a quantity that is one number, such as tangent_kernel_change"
            }
        )));
    }
    Ok(quantity)
}

impl Problem {
    /// Refuses quantities that convolutional networks, and other lists of layers, do not have at finite widths.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the quantity.
    pub fn check_records_of_lists(&self) -> crate::error::Result<()> {
        let of_perceptrons = |quantity: &&Quantity| {
            matches!(quantity, Quantity::FeatureKernels | Quantity::GradientKernels | Quantity::Sharpness)
        };
        match (self.record.quantities.iter().find(of_perceptrons), self.network.list_in_words()) {
            (Some(quantity), Some(list)) => Err(Error::Invalid(format!(
                "record.quantities: `{}` is that of fully connected networks of equal layers at finite widths, and this one is {list}; leave it out",
                quantity.name()
            ))),
            _ => Ok(()),
        }
    }
}

/// Why the output of a problem's networks has no decomposition.
fn undecomposed(problem: &Problem) -> Option<String> {
    let (network, outputs) = (&problem.network, problem.data.output_dimension());
    if let Some(list) = network.list_in_words() {
        return Some(format!("a network that is {list}"));
    }
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
fn exclude_both_kinds<T>(asked: &Located<T>, quantities: &[Quantity], problem: &Problem) -> Result<()> {
    let first = |scope| quantities.iter().find(|quantity| quantity.scope() == scope);
    let linear = first(Scope::Linear).filter(|_| problem.is_deep_linear());
    match (first(Scope::DeepLinear).or(linear), first(Scope::Mlp).or(first(Scope::Classifier))) {
        (Some(linear), Some(mlp)) => Err(asked.error(format!(
            "`{}` is recorded by the engines of deep linear networks and `{}` by that of multilayer perceptrons; record them in \
             two runs",
            linear.name(),
            mlp.name()
        ))),
        _ => Ok(()),
    }
}
