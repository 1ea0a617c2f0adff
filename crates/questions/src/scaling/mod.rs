//! `widenet scaling` asks which limit a scaling of widths leads to.
//!
//! ```text
//! A = q_σ + 1/2,   B = 2 q_σ + q̃ + 1,   s = q_σ + q̃         stable: −1/2 ≤ s ≤ 0, with one of 13 limits
//! r = min(w_{L+1}, e_{L+1}) − 1 + min_l(e_l + [l = 1])      feature learning or kernel regime, at any depth
//! ```
//!
//! (docs/theory/scaling-limits.md §3.1, §5.2, Eq. counting, Eq. stable, Eq. feature.)

mod map;

use std::{cmp::Ordering, sync::Arc};

use serde_json::{Map, Value, json};
use widenet_core::document::{Word, excerpt};
use widenet_core::{
    Error, Problem, Result,
    document::{
        self, Document, Written,
        keys::{optional, or},
        schema, section,
        shape::{choice, count, list, number as any_number, text},
    },
    problem::{Loss, NormalizedLists},
    scaling::{AbcExponents, EffectiveExponents, GolikovExponents, NamedScaling, power_of_width},
};
use widenet_limits::scaling::{
    Classification, Condition, DeepExponents, DeepLearning, DeepScaling, Growth, Layer, LimitClass, PredictedExponents,
    RmsPropClassification, Stability, Update, YangHu, YangHuVerdict,
};
use widenet_limits::{Regime, Theory, classifiers::models::Model};

use crate::{
    answer::{AnswerTree, number, numbers},
    error::QuestionResult,
    question::{Answered, Kind, Question, QuestionPlan, Run},
};

pub use map::scaling_map;

/// What a study of scalings gives.
const ONE_OF: &str = "give one of `name`, `q_sigma` (with `q`, or `q_a` and `q_w`), and `a` (with `b` and `c`)";

section! {
    /// A scaling by its name, by Golikov's exponents, or by those of Yang and Hu: the table `scaling` of a study.
    struct ScalingSection {
        /// The loss of the networks.
        loss: Loss = or(choice(&[("logistic", Loss::Logistic), ("squared", Loss::SQUARED)]), "logistic"),
        /// The name of the scaling.
        name: Option<String> = optional(text()),
        /// Number of hidden layers of a named scaling; 1 where nothing is given.
        hidden_layers: Option<usize> = optional(count()),
        /// q_σ of one hidden layer, with `q`, or `q_a` and `q_w`.
        q_sigma: Option<f64> = optional(any_number()),
        /// q̃ of both layers.
        q: Option<f64> = optional(any_number()),
        /// q̃_a of the readout.
        q_a: Option<f64> = optional(any_number()),
        /// q̃_w of the input layer.
        q_w: Option<f64> = optional(any_number()),
        /// a_l of Yang and Hu, with `b` and `c`.
        a: Option<Vec<f64>> = optional(list(any_number())),
        /// b_l.
        b: Option<Vec<f64>> = optional(list(any_number())),
        /// c.
        c: Option<f64> = optional(any_number()),
    }
    check = check;
}

/// One of three ways to say what a scaling is, with all of its keys and none of the others'.
fn check(section: &ScalingSection, table: &Written<'_>) -> document::Result<()> {
    let given = [section.name.is_some(), section.q_sigma.is_some(), section.a.is_some()];
    let (needed, others): (&[&str], &[&str]) = match given {
        [true, false, false] => (&[], &["q", "q_a", "q_w", "b", "c"]),
        [false, true, false] if section.q.is_some() => (&[], &["hidden_layers", "q_a", "q_w", "b", "c"]),
        [false, true, false] => (&["q_a", "q_w"], &["hidden_layers", "b", "c"]),
        [false, false, true] => (&["b", "c"], &["hidden_layers", "q", "q_a", "q_w"]),
        _ => return Err(table.error(ONE_OF)),
    };
    if let Some(key) = needed.iter().find(|key| table.given(key).is_none()) {
        return Err(table.missing(key));
    }
    others.iter().try_for_each(|key| table.refuse(key, ONE_OF))
}

/// A scaling that is asked about.
#[derive(Debug, Clone)]
pub struct ScalingQuestion {
    exponents: EffectiveExponents,
    loss: Loss,
    /// IC: the function at the start is added to outputs.
    is_corrected: bool,
    /// Where the optimizer divides gradients by their size, and verdicts of gradient descent do not hold: the rates that it needs.
    normalized: Option<NormalizedLists>,
    /// Which theory has the limit, or why none has it.
    limit: Result<&'static Theory>,
}

impl ScalingQuestion {
    /// Asks about exponents, for networks trained on `loss`.
    pub fn new(exponents: EffectiveExponents, loss: Loss) -> Self {
        let limit = Theory::of_scaling(&exponents, loss);
        Self { exponents, loss, is_corrected: false, normalized: None, limit }
    }

    /// Returns the same with the initial function added to outputs.
    #[must_use]
    pub fn corrected(self) -> Self {
        Self { is_corrected: true, ..self }
    }

    /// Asks about a problem's parameterization and loss.
    ///
    /// # Errors
    /// A network without hidden layers; a convolutional network.
    pub fn of_problem(problem: &Problem) -> Result<Self> {
        problem.network.check_fully_connected("the class of a scaling")?;
        Ok(Self {
            exponents: EffectiveExponents::of(&problem.scaling())?,
            loss: problem.loss,
            is_corrected: problem.parameterization.corrects_initial_function(),
            normalized: NormalizedLists::of(problem),
            limit: Regime::of(problem).map(|regime| regime.theory()),
        })
    }

    /// Returns Golikov's exponents, of one hidden layer with input weights of order 1.
    pub fn golikov(&self) -> Option<GolikovExponents> {
        GolikovExponents::try_from(&self.exponents).ok()
    }

    /// What must not be overlooked: that there is no limit, and why.
    fn warning(&self) -> Option<String> {
        if let Some(NormalizedLists { kind, .. }) = &self.normalized {
            return Some(format!(
                "optimizer.kind = \"{kind}\": verdicts of gradient descent do not hold and are left out"
            ));
        }
        let classification = Classification::of(self.golikov()?, self.loss);
        let failing = || {
            let reasons = classification.reasons.iter().filter(|reason| !reason.holds);
            reasons.map(|reason| reason.text.as_str()).collect::<Vec<_>>().join(", ")
        };
        match classification.verdict {
            Stability::Stable { .. } => None,
            verdict => Some(format!("{}; fails: {}", verdict_text(verdict), failing())),
        }
    }

    /// Asks about a named scaling; Golikov's names mean one hidden layer, and `ic_mf` the mean-field scaling with the initial function
    /// added.
    ///
    /// # Errors
    /// A name that is not known, or that is not known at this depth.
    pub fn named(name: &str, hidden_layers: usize, loss: Loss) -> Result<Self> {
        if name == "ic_mf" && hidden_layers == 1 {
            return Ok(Self::new(GolikovExponents::MF.effective(), loss).corrected());
        }
        let exponents = match GolikovExponents::named(name) {
            Ok(exponents) => match (hidden_layers, name) {
                (1, _) => exponents.effective(),
                (_, "mf") => NamedScaling::GolikovMeanField.effective(hidden_layers)?,
                (_, "ntk") => NamedScaling::NeuralTangent.effective(hidden_layers)?,
                _ => {
                    return Err(Error::Invalid(format!(
                        "\"{name}\" is a scaling of 1 hidden layer, not of {hidden_layers}; deep ones are mf, ntk, sp, ntp, mup, golikov_mf"
                    )));
                }
            },
            Err(_) => {
                let known = NamedScaling::from_word(name).map_err(|_| {
                    let any: Vec<_> = NamedScaling::WORDS.iter().map(|(word, _)| format!("\"{word}\"")).collect();
                    let one: Vec<_> = GolikovExponents::NAMED.iter().map(|(word, _)| format!("\"{word}\"")).collect();
                    Error::Invalid(format!(
                        "parameterization `{}` is not known; it must be one of {}, or with one hidden layer {}",
                        excerpt(name),
                        any.join(", "),
                        one.join(", ")
                    ))
                })?;
                known.effective(hidden_layers)?
            }
        };
        Ok(Self::new(exponents, loss))
    }

    /// Reads the table `scaling` of a study.
    ///
    /// # Errors
    /// The first mistake.
    pub fn parse(document: &Document) -> Result<Self> {
        let ScalingSection { loss, name, hidden_layers, q_sigma, q, q_a, q_w, a, b, c } = document.read()?;
        let exponents = match (name, q_sigma, a, b, c) {
            (Some(name), ..) => return Self::named(&name, hidden_layers.unwrap_or(1), loss),
            (None, Some(q_sigma), ..) => {
                let rates = q.map(|q| (q, q)).or(q_a.zip(q_w));
                let (q_a, q_w) = rates.unwrap_or((f64::NAN, f64::NAN));
                GolikovExponents::new(q_sigma, q_a, q_w)?.effective()
            }
            (None, None, Some(a), Some(b), Some(c)) => AbcExponents::new(a, b, c)?.effective(),
            _ => return Err(Error::Invalid(ONE_OF.into())),
        };
        Ok(Self::new(exponents, loss))
    }

    /// Exponents, verdicts, reasons, predictions.
    fn tree(&self) -> Result<AnswerTree> {
        let mut answer = Map::new();
        answer.insert("exponents".into(), self.exponents()?);
        answer.insert("infinite_width".into(), infinite_width(&self.limit));
        if let Some(NormalizedLists { a, b, c, are_own, .. }) = &self.normalized {
            let [a, b, c] = [a, b, c].map(|list| numbers(list.iter().copied()));
            answer.insert("normalized_rates".into(), json!({ "a": a, "b": b, "c": c, "are_own": are_own }));
            if let Some(exponents) = self.golikov() {
                // Increments of the hats are what the rates say (docs/theory/scaling-limits.md §5.4): of ŵ that of the weights, of â that
                // of the readout over σ.
                let increments = (exponents.q_a() + exponents.q_sigma()).max(exponents.q_w());
                answer.insert("rms_prop".into(), rms_prop(exponents.q_sigma(), increments)?);
            }
            return Ok(AnswerTree(answer));
        }
        if let Some(exponents) = self.golikov() {
            let classification = Classification::of(exponents, self.loss);
            let mut verdict = golikov(&exponents, &classification);
            if self.is_corrected {
                correct(&mut verdict, &classification);
            }
            answer.insert("golikov".into(), verdict);
            answer.insert("conditions".into(), conditions(&classification.reasons));
            answer.insert("properties".into(), properties(&classification));
            let table = PredictedExponents::of(&exponents).table();
            let (names, values): (Vec<_>, Vec<_>) = table.into_iter().unzip();
            answer.insert("predictions".into(), json!({ "quantity": names, "exponent": numbers(values) }));
            if exponents.has_equal_rates() {
                // Of a network whose hats have these rates under RMSProp.
                answer.insert("rms_prop_of_the_same_hats".into(), rms_prop(exponents.q_sigma(), exponents.q_a())?);
            }
        }
        if let Some(deep) = self.golikov_deep() {
            answer.insert("golikov_deep".into(), learning(deep, self.exponents.hidden_layers())?);
        }
        answer.insert("yang_hu".into(), yang_hu(&YangHu::of(&self.exponents)));
        answer.insert("start".into(), start(&DeepExponents::of(&self.exponents)));
        Ok(AnswerTree(answer))
    }

    /// Golikov's scaling of several hidden layers that has these exponents.
    fn golikov_deep(&self) -> Option<DeepScaling> {
        let hidden_layers = self.exponents.hidden_layers();
        let q = *self.exponents.weights().last()?;
        let between = DeepScaling::intermediate(q).ok();
        let candidates = [DeepScaling::MF, DeepScaling::NTK].into_iter().chain(between);
        let same = |deep: &DeepScaling| deep.effective(hidden_layers).is_ok_and(|own| own.is_same(&self.exponents));
        if hidden_layers > 1 { candidates.into_iter().find(same) } else { None }
    }

    fn exponents(&self) -> Result<Value> {
        // Golikov's symbols where they exist: a = (0, −q_σ), b = 0.
        let abc = self.exponents.abc(self.exponents.rates()[0])?;
        let list = |values: &[f64]| numbers(values.iter().map(|value| value + 0.0));
        Ok(json!({
            "hidden_layers": self.exponents.hidden_layers(),
            "w": list(self.exponents.weights()),
            "e": list(self.exponents.rates()),
            "a": list(abc.a()),
            "b": list(abc.b()),
            "c": number(abc.c() + 0.0),
        }))
    }
}

impl Question for ScalingQuestion {
    fn warnings(&self) -> QuestionResult<Vec<String>> {
        Ok(self.warning().into_iter().collect())
    }

    fn plan(&self) -> QuestionPlan {
        QuestionPlan { reason: "algebra of exponents".into(), exclusive: false }
    }

    fn answer(&self, _: &mut Run<'_>) -> QuestionResult<Answered> {
        Ok(Answered { tree: self.tree()?, unreliable: None })
    }
}

/// Scalings in studies.
pub(crate) static KIND: Kind = Kind {
    name: "scaling",
    results_version: 2,
    width_key: None,
    has_precision: false,
    seeded: |_| Vec::new(),
    unanswered: None,
    schema: schema::table::<ScalingSection>,
    parse: |document, _, _| Ok(Arc::new(ScalingQuestion::parse(document)?)),
};

/// Which theory has the limit, at what cost and accuracy, or why none has it.
fn infinite_width(limit: &Result<&'static Theory>) -> Value {
    match limit {
        Ok(Theory { name, page, cost, accuracy }) => {
            json!({ "theory": name, "page": page, "cost": cost, "accuracy": accuracy })
        }
        Err(error) => json!({ "obstacle": error.to_string() }),
    }
}

fn golikov(exponents: &GolikovExponents, classification: &Classification) -> Value {
    let mut golikov = json!({
        "q_sigma": number(exponents.q_sigma()),
        "q_a": number(exponents.q_a()),
        "q_w": number(exponents.q_w()),
        "A": number(classification.logits),
        "B": number(classification.kernels),
        "s": number(classification.increments),
        "verdict": verdict_text(classification.verdict),
    });
    if let Some(class) = classification.class() {
        golikov["class"] = json!(class.name());
        golikov["class_number"] = json!(LimitClass::ALL.iter().position(|known| *known == class).map(|i| i + 1));
        golikov["limit"] = json!(limit_text(Model::Class(class)));
    }
    if let Some(rate) = classification.rate {
        golikov["convergence_exponent"] = number(-rate);
    }
    golikov
}

fn verdict_text(verdict: Stability) -> String {
    let layer = |layer| match layer {
        Layer::Input => "input layer",
        Layer::Readout => "readout",
    };
    match verdict {
        Stability::Stable { class, frozen: None } => format!("stable, with the limit {}", class.name()),
        Stability::Stable { class, frozen: Some(frozen) } => {
            format!("stable, with the limit {}; the {} is frozen", class.name(), layer(frozen))
        }
        Stability::Unstable(Growth::AtStart) => {
            "UNSTABLE: outputs diverge at the start, and squared loss with them".into()
        }
        Stability::Unstable(Growth::FirstStep) => {
            "UNSTABLE: kernels jump by a power of the width at the first step, and keep their order from then on".into()
        }
        Stability::Unstable(Growth::EveryStep) => "UNSTABLE: exponents grow with every step".into(),
        Stability::Stagnant => "STAGNANT: wide networks stay what they are at the start".into(),
    }
}

/// How the limit is made (docs/theory/scaling-limits.md §3.3).
fn limit_text(model: Model) -> String {
    let push = |sign| match sign {
        Ordering::Less => "a constant push −y/2",
        Ordering::Equal => "the gradient of the logistic loss",
        Ordering::Greater => "the perceptron rule",
    };
    let (first, later) = model.signs();
    let dynamics = if model.evolves() { "particles that move" } else { "a tangent kernel that stays" };
    let start = match (model.keeps_start(), model.needs_start()) {
        (true, _) => "on top of the initial function",
        (false, true) => "without the initial function, which the first step sees",
        (false, false) => "without the initial function",
    };
    match first == later {
        true => format!("{dynamics}, {start}; driven by {}", push(first)),
        false => format!("{dynamics}, {start}; driven by {} first, then by {}", push(first), push(later)),
    }
}

/// Conditions as two lists, which print as a table.
fn conditions(conditions: &[Condition]) -> Value {
    let texts: Vec<_> = conditions.iter().map(|condition| condition.text.as_str()).collect();
    let holds: Vec<_> = conditions.iter().map(|condition| condition.holds).collect();
    json!({ "condition": texts, "holds": holds })
}

fn properties(classification: &Classification) -> Value {
    let each = |of: &dyn Fn(&widenet_limits::scaling::Property) -> Value| {
        classification.properties.iter().map(of).collect::<Vec<_>>()
    };
    json!({
        "name": each(&|property| json!(property.name)),
        "property": each(&|property| json!(property.text)),
        "condition": each(&|property| json!(property.condition.text)),
        "holds": each(&|property| json!(property.condition.holds)),
    })
}

/// What is left of learning under either rule, each with its own rates (docs/theory/scaling-limits.md §5.4).
fn learning(deep: DeepScaling, hidden_layers: usize) -> Result<Value> {
    let text = |update| {
        Ok::<_, widenet_core::Error>(match deep.learning(update, hidden_layers)? {
            Some(DeepLearning::NonTrivial) => "outputs learn at any width".to_owned(),
            Some(DeepLearning::Vanishing { exponent }) => {
                let power = power_of_width(exponent);
                format!("NO LIMIT THAT LEARNS: kernels and changes of outputs vanish like {power}")
            }
            None => "not known".into(),
        })
    };
    Ok(json!({ "gradient_descent": text(Update::GradientDescent)?, "rms_prop": text(Update::RmsProp)? }))
}

/// The initial function on top (docs/theory/scaling-limits.md §4.4).
fn correct(verdict: &mut Value, classification: &Classification) {
    match classification.class() {
        Some(LimitClass::Mf) => {
            verdict["class"] = json!(Model::CorrectedMeanField.name());
            verdict["limit"] = json!(limit_text(Model::CorrectedMeanField));
            verdict["verdict"] = json!("stable, with the limit IC-MF, which has all of P1 to P4");
        }
        _ => {
            verdict["verdict"] =
                json!("initial_correction belongs to the mean-field scaling; with this one its limit is not computed")
        }
    }
}

fn rms_prop(q_sigma: f64, increments: f64) -> Result<Value> {
    let found = RmsPropClassification::of(q_sigma, increments)?;
    let verdict = match (found.is_stable(), found.is_stagnant()) {
        (true, _) => "stable",
        (false, true) => "STAGNANT",
        (false, false) => "UNSTABLE",
    };
    Ok(json!({
        "verdict": verdict,
        "increments": number(found.increments),
        "output_change": number(found.output_change),
    }))
}

fn yang_hu(found: &YangHu) -> Value {
    let verdict = match found.verdict {
        YangHuVerdict::Unstable => "unstable",
        YangHuVerdict::Trivial => "stable and trivial",
        YangHuVerdict::KernelRegime => "kernel regime",
        YangHuVerdict::FeatureLearning => "feature learning",
    };
    let all: Vec<Condition> = found.stability.iter().chain(&found.learning).chain([&found.features]).cloned().collect();
    let role = |i: usize| match i.checked_sub(found.stability.len()) {
        None => "stable if all hold",
        Some(0 | 1) => "non-trivial if one holds",
        Some(_) => "features learn if it holds",
    };
    let mut answer = conditions(&all);
    answer["means"] = (0..all.len()).map(|i| json!(role(i))).collect();
    answer["r"] = number(found.r);
    answer["verdict"] = json!(verdict);
    answer
}

/// Powers of the width at the start, layer by layer.
fn start(found: &DeepExponents) -> Value {
    let list = |values: &[f64]| numbers(values.iter().map(|value| value + 0.0));
    json!({
        "outputs": number(found.logits),
        "tangent_kernel": number(found.kernel()),
        "pre_activations": list(&found.forward),
        "gradients": list(&found.backward),
        "feature_changes": list(&found.feature_changes),
        "tangent_kernel_parts": list(&found.kernels),
    })
}
