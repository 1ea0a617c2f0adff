//! Gives Yang and Hu's verdict on a scaling of networks of any depth.
//!
//! ```text
//! r = min(w_{L+1}, e_{L+1}) − 1 + min_{l ≤ L} (e_l + [l = 1])          last hidden features move by d^(-r)
//! stable:            w_1 = 0,  w_l = 1/2 (2 ≤ l ≤ L),  w_{L+1} ≥ 1/2,  r ≥ 0,  e_{L+1} ≥ 1,  w_{L+1} + r ≥ 1
//! non-trivial:       e_{L+1} = 1  or  w_{L+1} + r = 1
//! feature learning:  r = 0;      kernel regime:  r > 0
//! ```
//!
//! (docs/theory/scaling-limits.md §5.2, Eq. feature.) They ask for finite outputs; [`super::Classification`] only for a meaningful
//! classifier.

use widenet_core::scaling::EffectiveExponents;

use super::condition::Condition;

/// The dichotomy, and what is outside of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum YangHuVerdict {
    /// Features or outputs grow with the width, or features vanish at the start.
    Unstable,
    /// Stable, but outputs do not learn.
    Trivial,
    /// Outputs learn and features do not.
    KernelRegime,
    /// Outputs and features learn.
    FeatureLearning,
}

/// The verdict and what it follows from.
#[derive(Debug, Clone, PartialEq)]
pub struct YangHu {
    /// `r`.
    pub r: f64,
    /// The verdict.
    pub verdict: YangHuVerdict,
    /// A scaling is stable if all of these hold.
    pub stability: Vec<Condition>,
    /// A stable scaling is non-trivial if one of these holds.
    pub learning: [Condition; 2],
    /// A non-trivial scaling learns features if this holds.
    pub features: Condition,
}

impl YangHu {
    /// Judges a scaling.
    pub fn of(exponents: &EffectiveExponents) -> Self {
        let (w, e, hidden) = (exponents.weights(), exponents.rates(), exponents.hidden_layers());
        let slowest = e[..hidden]
            .iter()
            .enumerate()
            .map(|(l, e)| if l == 0 { e + 1.0 } else { *e })
            .fold(f64::INFINITY, f64::min);
        let r = w[hidden].min(e[hidden]) - 1.0 + slowest;

        let readout = hidden + 1;
        let [readout_weights, readout_rate] = [format!("w_{readout}"), format!("e_{readout}")];
        let mut stability = vec![Condition::equal("w_1", w[0], 0.0)];
        let inner = w[..hidden].iter().enumerate().skip(1);
        stability.extend(inner.map(|(l, w)| Condition::equal(&format!("w_{}", l + 1), *w, 0.5)));
        stability.extend([
            Condition::at_least(&readout_weights, w[hidden], 0.5),
            Condition::at_least("r", r, 0.0),
            Condition::at_least(&readout_rate, e[hidden], 1.0),
            Condition::at_least(&format!("{readout_weights} + r"), w[hidden] + r, 1.0),
        ]);
        let learning = [
            Condition::equal(&readout_rate, e[hidden], 1.0),
            Condition::equal(&format!("{readout_weights} + r"), w[hidden] + r, 1.0),
        ];
        let features = Condition::equal("r", r, 0.0);

        let all = |conditions: &[Condition]| conditions.iter().all(|condition| condition.holds);
        let verdict = match (all(&stability), learning.iter().any(|condition| condition.holds), features.holds) {
            (false, _, _) => YangHuVerdict::Unstable,
            (true, false, _) => YangHuVerdict::Trivial,
            (true, true, false) => YangHuVerdict::KernelRegime,
            (true, true, true) => YangHuVerdict::FeatureLearning,
        };
        Self { r, verdict, stability, learning, features }
    }
}
