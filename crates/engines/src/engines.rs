//! The engines behind [`Solver`]: limit and law from the limits crate (`closed_form`), dense, conditioned and regenerated from the model
//! crate (`device`). What an engine does not have is refused (`options`).
//!
//! Deep linear networks have all of them, and so have networks of one hidden layer, whose law is by what their neurons do on the data. Other
//! perceptrons have the engines of the device at finite widths and, in the kernel regime and in mean-field scaling, the limit.

use std::{path::Path, sync::atomic::AtomicU64, time::Duration};

use widenet_core::{
    Matrix, Problem, Trajectory, Width,
    problem::{EntryLaw, Scope},
    training::Progress,
    trajectory::Engine,
};
use widenet_limits::{Regime, Theory, kernel, mean_field, nonlinear, records_as_classifier};
use widenet_model::DeviceChoice;

use crate::{
    closed_form::{left_out, plan_classifier, plan_coordinates, plan_kernels, plan_neurons, solve_perceptron},
    device::DeviceEngines,
    law,
    mean_field::{plan_mean_field, solve_mean_field},
    memory, options,
    solver::{
        Alternative, EngineChoice, InitialFunction, Plan, Reference, ReferenceRequest, Request, Solution, SolveError,
        Solver, Watch,
    },
};

/// All engines, with a device for those of real and of explored matrices.
pub struct Engines {
    device: DeviceEngines,
}

impl Engines {
    /// Engines with this device; runs on it keep a checkpoint every minute where they are given a place for it. A
    /// device that is named is opened at once, `auto` when a run on it is planned.
    ///
    /// # Errors
    /// [`SolveError::Refused`] if the named device is not there.
    pub fn new(device: DeviceChoice) -> Result<Self, SolveError> {
        Ok(Self { device: DeviceEngines::new(device)? })
    }

    /// Keeps checkpoints this often.
    #[must_use]
    pub fn checkpoint_every(self, interval: Duration) -> Self {
        Self { device: self.device.checkpoint_every(interval) }
    }

    /// Keeps one at the next step of every run on the device, too, when this count grows.
    #[must_use]
    pub fn checkpoint_when(self, asked: &'static AtomicU64) -> Self {
        Self { device: self.device.checkpoint_when(asked) }
    }
}

/// How a request wants its limit by quadrature.
fn limit_options(request: &Request<'_>) -> nonlinear::Options {
    let options = request.limit.resolved();
    nonlinear::Options { tolerance: request.hidden.tolerance.unwrap_or(options.tolerance), ..options }
}

impl Engines {
    /// The engine of a deep linear network.
    fn plan_linear(&self, request: &Request<'_>, choice: EngineChoice) -> Result<Plan, SolveError> {
        let problem = request.problem;
        let Width::Finite(width) = request.width else {
            if choice != EngineChoice::Auto {
                return Err(needs_finite_width(choice));
            }
            problem.scaling().limit()?;
            return plan_coordinates(problem, request.width, &limit_reason(&Regime::DeepLinear));
        };
        let needs_entries = law::needs_entries(problem);
        if let Some(quantity) = needs_entries.filter(|_| choice != EngineChoice::Law && width < 4) {
            let name = quantity.name();
            return Err(SolveError::Refused(format!("{name} is defined for 4 neurons and more, not at width {width}")));
        }
        let by_law =
            || plan_coordinates(problem, request.width, "exact in law, at a cost that does not depend on the width");
        match (choice, law::check(problem)) {
            (EngineChoice::Law, checked) => checked.and_then(|()| by_law()),
            (EngineChoice::Auto, Ok(())) => by_law(),
            (EngineChoice::Auto, Err(_)) => match needs_entries {
                Some(quantity) if problem.network.entry_law == EntryLaw::Gaussian && !records_explored(problem) => {
                    let reason = format!("{} needs the entries of the weights", quantity.name());
                    self.device.plan_on_device(request, Engine::Dense, &reason)
                }
                _ => {
                    let (engine, reason) = self.device.choose(request)?;
                    self.device.plan_on_device(request, engine, &reason)
                }
            },
            (choice, _) => self.plan_asked(request, choice),
        }
    }

    /// Perceptrons: the limit of the kernel regime, or real matrices.
    fn plan_mlp(&self, request: &Request<'_>, choice: EngineChoice) -> Result<Plan, SolveError> {
        let problem = request.problem;
        let in_gram_space = records_as_classifier(problem);
        match (request.width, choice) {
            (Width::Infinite, EngineChoice::Auto) => {
                let regime = Regime::of(problem)?;
                match regime {
                    Regime::Classifier(limit) => {
                        let reason = format!("{}; class {}", limit_reason(&regime), limit.model.name());
                        plan_classifier(problem, request.width, &reason)
                    }
                    Regime::Kernel | Regime::DeepLinear => plan_kernels(problem, &limit_reason(&regime)),
                    Regime::MeanField => plan_mean_field(problem, request.limit, &limit_options(request)),
                }
            }
            (Width::Infinite, _) => Err(needs_finite_width(choice)),
            (Width::Finite(m), EngineChoice::Law) => {
                law::check(problem)?;
                if law::is_by_neurons(problem) {
                    return plan_neurons(problem, m);
                }
                plan_classifier(problem, request.width, "exact in law, by projections on the data")
            }
            (Width::Finite(_), EngineChoice::Auto) if in_gram_space => {
                plan_classifier(problem, request.width, "normalised outputs are recorded by projections on the data")
            }
            (Width::Finite(_), choice) if in_gram_space => Err(SolveError::Unfit {
                reason: format!(
                    "normalised outputs are not recorded by the {} engine; use the law engine or auto",
                    choice.name()
                ),
                fitting: vec!["law", "auto"],
            }),
            (Width::Finite(_), EngineChoice::Auto) => {
                let (engine, reason) = self.device.choose(request)?;
                self.device.plan_on_device(request, engine, &reason)
            }
            (Width::Finite(_), choice) => self.plan_asked(request, choice),
        }
    }

    /// An engine of the device that was asked for by name.
    fn plan_asked(&self, request: &Request<'_>, choice: EngineChoice) -> Result<Plan, SolveError> {
        let (engine, what) = match choice {
            EngineChoice::Conditioned => (Engine::Conditioned, "asked for: hidden matrices known by their answers"),
            EngineChoice::Regenerated => (Engine::Regenerated, "asked for: hidden matrices made inside the product"),
            EngineChoice::Auto | EngineChoice::Law | EngineChoice::Dense => (Engine::Dense, "asked for: real matrices"),
        };
        self.device.plan_on_device(request, engine, what)
    }
}

/// Which theory has the limit and how exactly, as a plan says it; what it costs stands beside it.
fn limit_reason(regime: &Regime) -> String {
    let Theory { name, page, accuracy, .. } = regime.theory();
    format!("{name} ({page}), {accuracy}")
}

/// Whether the limit is by quadrature, with an error bar.
fn is_mean_field(problem: &Problem) -> bool {
    matches!(Regime::of(problem), Ok(Regime::MeanField))
}

/// Whether a quantity of matrices known by their answers is recorded.
fn records_explored(problem: &Problem) -> bool {
    problem.record.quantities.iter().any(|quantity| quantity.scope() == Scope::Explored)
}

fn needs_finite_width(choice: EngineChoice) -> SolveError {
    let engine = choice.name();
    SolveError::Unfit {
        reason: format!(
            "the {engine} engine needs a finite width; width inf is solved by the limit engine, which auto takes"
        ),
        fitting: vec!["auto", "limit"],
    }
}

impl Solver for Engines {
    fn plan(&self, request: &Request<'_>, choice: EngineChoice) -> Result<Plan, SolveError> {
        let problem = request.problem;
        let explored = problem.record.quantities.iter().find(|quantity| quantity.scope() == Scope::Explored);
        if let (Width::Infinite, Some(quantity)) = (request.width, explored)
            && !is_mean_field(problem)
        {
            return Err(SolveError::Refused(format!(
                "{} is a quantity of the conditioned and regenerated engines, which take finite widths; record it in another run",
                quantity.name()
            )));
        }
        let mut plan = match problem.is_solved_as_predictor() {
            true => self.plan_linear(request, choice)?,
            false => self.plan_mlp(request, choice)?,
        };
        options::check(request, choice, plan.engine)?;
        plan.bytes = plan.bytes.saturating_add(memory::of_records(request)?);
        plan.reason.push_str(&options::words(request.hidden));
        Ok(plan)
    }

    fn alternatives(&self, request: &Request<'_>, chosen: Engine) -> Vec<Alternative> {
        if request.width == Width::Infinite {
            return Vec::new();
        }
        let law = (chosen != Engine::Law).then(|| match self.plan(request, EngineChoice::Law) {
            Ok(plan) => Alternative { engine: Engine::Law, cost: Some((plan.bytes, plan.seconds)), obstacle: None },
            Err(error) => Alternative { engine: Engine::Law, cost: None, obstacle: Some(error.to_string()) },
        });
        law.into_iter().chain(self.device.other_engines(request, chosen)).collect()
    }

    fn take_notes(&self) -> Vec<String> {
        self.device.take_notes()
    }

    fn solve(
        &self,
        request: &Request<'_>,
        engine: Engine,
        checkpoint: Option<&Path>,
        watch: &Watch<'_>,
    ) -> Result<Solution, SolveError> {
        let Request { problem, width, seed, .. } = *request;
        match (engine, width) {
            (Engine::Dense | Engine::Conditioned | Engine::Regenerated, Width::Finite(_)) => {
                self.device.solve_on_device(request, engine, checkpoint, watch)
            }
            (Engine::Dense | Engine::Conditioned | Engine::Regenerated, Width::Infinite) => Err(SolveError::Refused(
                format!("the {} engine needs a finite width; inf is solved by auto", engine.name()),
            )),
            (Engine::Limit, Width::Infinite) if is_mean_field(problem) => {
                solve_mean_field(problem, seed, &limit_options(request), watch)
            }
            (Engine::Law | Engine::Limit, _) if !problem.is_solved_as_predictor() => {
                let trajectory = solve_perceptron(problem, width, seed, None, watch)?;
                Ok(Solution { trajectory, notes: left_out(problem, width).into_iter().collect() })
            }
            (Engine::Law | Engine::Limit, _) => {
                let tolerance = request.hidden.tolerance.unwrap_or(mean_field::TOLERANCE);
                let options = mean_field::Options { tolerance, ..mean_field::Options::default() };
                let trajectory = mean_field::solve(problem, width, seed, &options, &mut |progress| watch(progress))?;
                Ok(Solution { trajectory, notes: Vec::new() })
            }
        }
    }

    fn reference(&self, request: &ReferenceRequest<'_>, watch: &Watch<'_>) -> Result<Trajectory, SolveError> {
        let ReferenceRequest { reference, problem, seed, initial, limit } = *request;
        // What is compared may stop later than its reference would.
        let problem = &problem.without_stop();
        // In the kernel regime the limit is the linearised dynamics; elsewhere it is another.
        let is_linearised = problem.is_solved_as_predictor() || matches!(Regime::of(problem), Ok(Regime::Kernel));
        if reference == Reference::Lazy && !is_linearised {
            return Err(SolveError::Refused(
                "the linearised dynamics of perceptrons outside the kernel regime are known beside their own network only: record \
                 `linearisation_distance` or `linearised_outputs`, and take no metric against them"
                    .into(),
            ));
        }
        if is_mean_field(problem) {
            return Ok(solve_mean_field(problem, seed, &limit.resolved(), watch)?.trajectory);
        }
        if !problem.is_solved_as_predictor() {
            let start = match initial {
                Some(InitialFunction::Outputs { train, test }) => {
                    Some(kernel::Start { train: train.clone(), test: test.clone() })
                }
                _ => None,
            };
            return solve_perceptron(problem, Width::Infinite, seed, start.as_ref(), watch);
        }
        let watch = &mut |progress: &Progress<'_>| watch(progress);
        let start = match initial {
            Some(InitialFunction::Predictor(predictor)) => predictor.clone(),
            _ => Matrix::zeros(problem.data.output_dimension(), problem.data.input_dimension()),
        };
        Ok(match reference {
            Reference::Limit => {
                let options = mean_field::Options { initial_predictor: Some(start), ..mean_field::Options::default() };
                mean_field::solve(problem, Width::Infinite, seed, &options, watch)?
            }
            Reference::Lazy => mean_field::solve_lazy(problem, &start, seed, watch)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use widenet_core::{document::Document, problem::Parameterization, training::Control};
    use widenet_model::Precision;

    use super::*;
    use crate::{limit_options::LimitOptions, rule::EngineRule, solver::HiddenOptions};

    fn problem(network: &str, quantities: &str) -> Problem {
        let text = format!(
            "[network]\nhidden_layers = 2\n{network}\n[parameterization]\nkind = \"ntk\"\n[data]\nkind = \"inline\"\n\
             inputs = [[1, 0], [0, 1]]\ntargets = [[1], [-1]]\n[optimizer]\nkind = \"gd\"\nlearning_rate = 0.1\nsteps = 2\n\
             [record]\nquantities = [{quantities}]\n"
        );
        Problem::from_document(&Document::from_toml("problem.toml", &text).unwrap(), Path::new("")).unwrap()
    }

    /// The mean-field limit of a perceptron moves its features, and was once given as its linearised dynamics.
    #[test]
    fn the_linearised_dynamics_are_not_another_limit() {
        let engines = Engines::new(DeviceChoice::Flex).unwrap();
        let kernel = problem("activation = \"tanh\"", "\"outputs\"");
        let mut mean_field = kernel.clone();
        mean_field.parameterization =
            Parameterization::MeanField { richness: 1.0, sigma_in: 1.0, sigma_out: 1.0, sigma_b: None };
        let ask = |problem: &Problem, reference| {
            let limit = LimitOptions { nodes: Some(64), ..LimitOptions::default() };
            let request = ReferenceRequest { reference, problem, seed: 1, initial: None, limit };
            engines.reference(&request, &|_| Control::Continue).map(|trajectory| trajectory.records.len())
        };
        assert!(ask(&kernel, Reference::Lazy).is_ok() && ask(&mean_field, Reference::Limit).is_ok());
        let said = ask(&mean_field, Reference::Lazy).unwrap_err().to_string();
        assert!(said.contains("`linearisation_distance`"), "{said}");
    }

    /// Whatever is recorded, the rule of `dense_up_to` names an engine that takes the problem, and so does `auto`.
    #[test]
    fn rules_name_engines_that_take_the_problem() {
        let engines = Engines::new(DeviceChoice::Flex).unwrap();
        let width = Width::Finite(128);
        for (network, quantities, by_rule) in [
            ("", "\"train_loss\"", Engine::Law),
            ("", "\"input_kurtosis\"", Engine::Conditioned),
            ("", "\"explored_ranks\"", Engine::Conditioned),
            ("entry_law = \"rademacher\"", "\"train_loss\"", Engine::Regenerated),
            ("activation = \"tanh\"", "\"train_loss\"", Engine::Conditioned),
        ] {
            let problem = problem(network, quantities);
            let (hidden, limit) = (HiddenOptions::default(), LimitOptions::default());
            let request = Request { problem: &problem, width, seed: 1, precision: Precision::F64, hidden, limit };
            let plan = |choice| engines.plan(&request, choice).map(|plan| plan.engine);
            assert_eq!(plan(EngineRule::DenseUpTo(64).at(&problem, width)), Ok(by_rule), "{network} {quantities}");
            assert!(plan(EngineChoice::Auto).is_ok(), "{network} {quantities}");
            let law = engines.alternatives(&request, by_rule).into_iter().find(|other| other.engine == Engine::Law);
            let is_free = law.is_some_and(|law| law.cost.is_some());
            assert!(!is_free, "{network} {quantities}");
        }
        // A deep linear network that was asked to be stored says what its law would take.
        let problem = problem("", "\"train_loss\"");
        let (hidden, limit) = (HiddenOptions::default(), LimitOptions::default());
        let request = Request { problem: &problem, width, seed: 1, precision: Precision::F64, hidden, limit };
        let words: Vec<_> = engines.alternatives(&request, Engine::Dense).iter().map(|other| other.engine).collect();
        assert_eq!(words, [Engine::Law, Engine::Conditioned, Engine::Regenerated]);
    }
}
