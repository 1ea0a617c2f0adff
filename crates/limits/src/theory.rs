//! Lists the theories of infinite width: where each is written, what its limits cost, and how exact they are.
//!
//! ```text
//! r > 0: kernel regime,   r = 0: features learn (mean field),   one hidden layer and bounded gradients: −1/2 ≤ s ≤ 0
//! ```
//!
//! (docs/theory/scaling-limits.md §3.1, §5.2, Eq. stable, Eq. feature.)

use widenet_core::{
    Error, Result,
    problem::Loss,
    scaling::{EffectiveExponents, GolikovExponents, NamedScaling, sign},
};

use crate::scaling::{Classification, Condition, Stability, YangHu, YangHuVerdict};

/// A theory of infinite width, in words for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theory {
    /// What it evaluates.
    pub name: &'static str,
    /// The page of its formulas.
    pub page: &'static str,
    /// What a limit costs.
    pub cost: &'static str,
    /// How exact it is.
    pub accuracy: &'static str,
}

impl Theory {
    /// Deep linear networks, mean-field or lazy.
    pub const DEEP_LINEAR: Theory = Theory {
        name: "the limit of deep linear networks in closed form",
        page: "docs/theory/mean-field.md",
        cost: "grows with the steps and with the square of the directions that training explores, at most the input dimension a layer \
               and two per step and output",
        accuracy: "exact up to the tolerance on directions",
    };
    /// Perceptrons in the kernel regime.
    pub const KERNEL: Theory = Theory {
        name: "the kernel regime in closed form",
        page: "docs/theory/ntk.md",
        cost: "the square of all samples for kernels, the cube of the training samples for their spectrum",
        accuracy: "exact up to rounding",
    };
    /// Classifiers of one hidden layer.
    pub const CLASSIFIERS: Theory = Theory {
        name: "the limit of classifiers of one hidden layer",
        page: "docs/theory/scaling-limits.md",
        cost: "a kernel that stays, or 2^12 to 2^18 particles on all inputs at every step",
        accuracy: "exact where the kernel stays; particles: 1e-3 of the largest output by quadrature, else their sampling error",
    };
    /// Other perceptrons in mean-field scaling.
    pub const MEAN_FIELD: Theory = Theory {
        name: "the mean-field limit by quadrature",
        page: "docs/theory/nonlinear-mean-field.md",
        cost: "linear in nodes and replicates: to 1e-3 about 2^11 nodes a layer with smooth activations and 2^15 with kinks, 32 times more \
               for each further digit",
        accuracy: "`--accuracy`, relative to the largest number of each quantity, with 95 % confidence and standard errors",
    };

    /// Finds the theory of networks with these exponents that are not deep linear and are trained by gradient descent.
    ///
    /// # Errors
    /// [`Error::NoLimit`] for scalings that are unstable or trivial, with the conditions that fail; [`Error::LimitNotComputed`] for stable
    /// ones whose limit no theory here has.
    pub fn of_scaling(exponents: &EffectiveExponents, loss: Loss) -> Result<&'static Theory> {
        let yang_hu = YangHu::of(exponents);
        let last = exponents.weights().len() - 1;
        // A readout of smaller weights starts from 0.
        let starts_at_random = sign(exponents.weights()[last] - 0.5).is_eq();
        if yang_hu.verdict == YangHuVerdict::KernelRegime && starts_at_random {
            return Ok(&Theory::KERNEL);
        }
        let hidden_layers = exponents.hidden_layers();
        if NamedScaling::MaximalUpdate.effective(hidden_layers).is_ok_and(|own| own.is_same(exponents)) {
            return Ok(if hidden_layers == 1 && loss == Loss::Logistic {
                &Theory::CLASSIFIERS
            } else {
                &Theory::MEAN_FIELD
            });
        }
        if let Ok(golikov) = GolikovExponents::try_from(exponents) {
            let found = Classification::of(golikov, loss);
            match found.verdict {
                Stability::Stable { .. } if loss == Loss::Logistic => return Ok(&Theory::CLASSIFIERS),
                Stability::Stable { .. } => {}
                Stability::Unstable(_) => return Err(unstable(&found.reasons)),
                Stability::Stagnant => return Err(trivial(&found.reasons)),
            }
        } else if yang_hu.verdict == YangHuVerdict::Unstable {
            return Err(unstable(&yang_hu.stability));
        } else if yang_hu.verdict == YangHuVerdict::Trivial {
            return Err(trivial(&yang_hu.learning));
        }
        Err(Error::LimitNotComputed(
            "the scaling is stable, and is neither in the kernel regime with outputs of order 1 at the start, nor the mean-field one, nor that \
             of classifiers of one hidden layer with logistic loss"
                .into(),
        ))
    }
}

fn unstable(conditions: &[Condition]) -> Error {
    Error::NoLimit(format!(
        "unstable: outputs or features grow with the width, or features vanish at the start: {}",
        failing(conditions)
    ))
}

fn trivial(conditions: &[Condition]) -> Error {
    Error::NoLimit(format!(
        "trivial: wide networks stay what they are in any fixed number of steps, and steps that grow with the width have limits that no theory \
         here computes: {}",
        failing(conditions)
    ))
}

fn failing(conditions: &[Condition]) -> String {
    let texts = conditions.iter().filter(|condition| !condition.holds).map(|condition| condition.text.as_str());
    format!("fails {}", texts.collect::<Vec<_>>().join(", "))
}
