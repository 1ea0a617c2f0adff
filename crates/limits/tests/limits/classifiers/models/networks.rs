//! Finite networks in Gram space: against training of their weights, and against the limits they should have.

use widenet_core::{
    Matrix,
    problem::{Annealing, LearningRates, Schedule},
};
use widenet_limits::{
    classifiers::models::{
        End, KernelRecord, Model, ParticleSystem, Particles, Rates, Source, StepBatches, Training, Unit, Weights,
        train_network,
    },
    scaling::LimitClass,
};

use super::{CONSTANTS, LABELS, LeakySoftplus, at_step, go, inputs, largest_difference, solve, training};

/// σ* and η̂* (of both layers) of the reference network whose S, α, β are those of the worked example.
const REFERENCE_STD: f64 = CONSTANTS.output_scale / 16.0;
const REFERENCE_RATE: f64 = CONSTANTS.readout_rate / REFERENCE_STD;

/// The obvious network: weights, and gradients by the chain rule.
struct PlainNetwork {
    std: f64,
    rates: (f64, f64),
    readouts: Vec<f64>,
    weights: Matrix,
}

impl PlainNetwork {
    fn pre_activation(&self, r: usize, x: &Matrix, i: usize) -> f64 {
        self.weights.row(r).dot(&x.row(i))
    }

    fn output(&self, x: &Matrix, i: usize) -> f64 {
        let unit = |(r, readout): (usize, &f64)| readout * LeakySoftplus.value(self.pre_activation(r, x, i));
        self.std * self.readouts.iter().enumerate().map(unit).sum::<f64>()
    }

    /// With a share of the learning rate.
    fn step(&mut self, x: &Matrix, batch: &[usize], share: f64) {
        let gradients: Vec<f64> = batch
            .iter()
            .map(|i| -share * LABELS[*i] / (1.0 + (LABELS[*i] * self.output(x, *i)).exp()) / batch.len() as f64)
            .collect();
        for r in 0..self.readouts.len() {
            let (mut readout, mut weight) = (0.0, Matrix::zeros(1, x.ncols()));
            for (i, g) in batch.iter().zip(&gradients) {
                let z = self.pre_activation(r, x, *i);
                readout += g * LeakySoftplus.value(z);
                weight += x.rows(*i, 1) * (g * self.readouts[r] * LeakySoftplus.derivative(z));
            }
            self.readouts[r] -= self.rates.0 * self.std * readout;
            let moved = self.weights.rows(r, 1) - weight * (self.rates.1 * self.std);
            self.weights.rows_mut(r, 1).copy_from(&moved);
        }
    }

    fn tangent(&self, x: &Matrix, i: usize, j: usize) -> (f64, f64) {
        let (mut features, mut slopes) = (0.0, 0.0);
        for (r, readout) in self.readouts.iter().enumerate() {
            let [u, v] = [i, j].map(|i| self.pre_activation(r, x, i));
            features += LeakySoftplus.value(u) * LeakySoftplus.value(v);
            slopes += readout.powi(2) * LeakySoftplus.derivative(u) * LeakySoftplus.derivative(v);
        }
        let square = self.std * self.std;
        (self.rates.0 * square * features, self.rates.1 * square * slopes * x.row(i).dot(&x.row(j)))
    }
}

#[test]
fn networks_in_gram_space_are_networks_trained_by_their_weights() {
    is_trained_by_its_weights(Schedule::CONSTANT);
    is_trained_by_its_weights(Schedule { warmup: 3, annealing: Annealing::Linear { end_factor: 0.2 } });
}

fn is_trained_by_its_weights(schedule: Schedule) {
    let inputs = inputs();
    let (width, std, rates) = (37, 0.2, (1.5, 2.5));
    let readouts: Vec<f64> = (0..width).map(|r| (r as f64 * 1.3).sin()).collect();
    let weights = Matrix::from_fn(width, 2, |r, d| (r as f64 * 0.7 + d as f64 * 2.0).cos());
    let particles =
        Particles::from_weights(readouts.clone(), &weights, Weights::Equal(std), &inputs).expect("particles");
    let learning = Rates { readout: rates.0 * std, input: rates.1 * std };
    let mut system = ParticleSystem::new(&LeakySoftplus, &inputs, learning, particles).expect("system");
    let batches: Vec<Vec<usize>> = (0..10).map(|k| if k % 3 == 0 { vec![4, 1] } else { (0..5).collect() }).collect();
    let plan = Training {
        batches: Some(StepBatches::Listed(&batches)),
        kernels: KernelRecord::Whole,
        schedule,
        ..training(10, &[0, 10])
    };
    let found = train_network(&mut system, None, &plan, &mut go).expect("solution");

    let mut plain = PlainNetwork { std, rates, readouts, weights };
    for step in [0, 10] {
        if step == 10 {
            let scheduled = LearningRates { peak: 1.0, schedule, steps: 10 };
            let steps = (0..10).zip(&batches);
            steps.for_each(|(step, batch)| plain.step(inputs.rows(), batch, scheduled.scale(step)));
        }
        let record = at_step(&found, step);
        let kernel = record.kernel.as_ref().expect("kernel");
        for i in 0..7 {
            assert!((record.outputs[i] - plain.output(inputs.rows(), i)).abs() < 1e-13);
            for j in 0..7 {
                let (readout, input) = plain.tangent(inputs.rows(), i, j);
                assert!((kernel.readout[(i, j)] - readout).abs() < 1e-13);
                assert!((kernel.input[(i, j)] - input).abs() < 1e-13);
            }
        }
    }
    let moved = largest_difference(&at_step(&found, 0).outputs, &at_step(&found, 10).outputs);
    assert!(moved > 0.5, "training did something: {moved}");
    assert!(system.step(&[widenet_limits::classifiers::models::Push { sample: 5, gradient: 1.0 }]).is_err());
}

/// A scaling (q_σ, q̃) and the model that it should have.
struct Scaling {
    model: Model,
    exponents: (f64, f64),
}

impl Scaling {
    /// The rate of convergence of docs/theory/scaling-limits.md §3.3, in powers of 1/n.
    fn rate(&self) -> f64 {
        let (q, rate) = self.exponents;
        let (a, b, s) = (q + 0.5, 2.0 * q + rate + 1.0, q + rate);
        // The corrected network has logits of order 1 at all times.
        let (a, b) = if self.model == Model::CorrectedMeanField { (0.0, 0.0) } else { (a, b) };
        let terms = [(s > -0.5, s + 0.5), (s < 0.0, -2.0 * s), (a != 0.0, a.abs()), (b != 0.0, b.abs())];
        terms.into_iter().filter(|(counts, _)| *counts).fold(0.5, |least, (_, term)| least.min(term))
    }

    /// Root mean square over inputs of the difference between a network of width d and the limit `of` that starts from its own initial
    /// function, after 4 steps.
    fn error(&self, of: Model, width: u64, seed: u64) -> f64 {
        let inputs = inputs();
        let (q, rate) = self.exponents;
        let n = width as f64 / CONSTANTS.reference_width;
        let std = REFERENCE_STD * n.powf(q);
        let drawn = Source::Independent { particles: width, replicas: 1, seed };
        let particles = drawn.particles(&inputs, CONSTANTS, 0).expect("particles");
        let particles = Particles { weights: Weights::Equal(std), ..particles };
        let learning = REFERENCE_RATE * n.powf(rate) * std;
        let rates = Rates { readout: learning, input: learning };
        let mut system = ParticleSystem::new(&LeakySoftplus, &inputs, rates, particles).expect("system");
        let initial = system.outputs().to_vec();
        let corrected = self.model == Model::CorrectedMeanField;
        let offset: Option<Vec<f64>> = corrected.then(|| initial.iter().map(|f| (n.sqrt() - 1.0) * f).collect());
        let plan = training(4, &[4]);
        let network = train_network(&mut system, offset.as_deref(), &plan, &mut go).expect("solution");

        let start: Vec<f64> = initial.iter().map(|f| f / n.powf(q + 0.5)).collect();
        let limit = solve(of, &Source::Quadrature { nodes: 14 }, &start, &plan);
        let scale = if corrected { 1.0 } else { n.powf(-(2.0 * q + rate + 1.0)) };
        let pairs = at_step(&network, 4).outputs.iter().zip(&at_step(&limit, 4).outputs);
        (pairs.map(|(f, limit)| (scale * f - limit).powi(2)).sum::<f64>() / 7.0).sqrt()
    }

    /// Logarithms of the errors of some networks.
    fn log_errors(&self, of: Model, width: u64, networks: u64) -> Vec<f64> {
        (0..networks).map(|seed| self.error(of, width, 1000 + seed).ln()).collect()
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn class(class: LimitClass, std: f64, rate: f64) -> Scaling {
    Scaling { model: Model::Class(class), exponents: (std, rate) }
}

/// Widths of narrow and wide networks, and how many of each.
struct Widths {
    narrow: u64,
    wide: u64,
    networks: u64,
}

/// Where the slope of the errors is measured.
const FAST: Widths = Widths { narrow: 512, wide: 8192, networks: 24 };

/// Interior cells, which converge slowly.
const SLOW: Widths = Widths { narrow: 512, wide: 32768, networks: 10 };

/// What narrow networks may add to the slope besides its standard errors.
const CORRECTIONS: f64 = 0.05;

#[test]
fn networks_converge_to_the_limits_of_their_classes() {
    // The examples of docs/theory/scaling-limits.md §3.2, and whether a cell is an interior one, where convergence is slow.
    let scalings = [
        (class(LimitClass::PreNtk, 0.0, -0.5), false),
        (class(LimitClass::Ntk, -0.5, 0.0), false),
        (class(LimitClass::PostNtk, -1.0, 0.5), false),
        (class(LimitClass::PreNtkSymDefault, 0.0, -0.25), true),
        (class(LimitClass::NtkSymDefault, -0.5, 0.25), true),
        (class(LimitClass::Barycentre, -0.66, 0.5), true),
        (class(LimitClass::MfNtk, -0.75, 0.5), true),
        (class(LimitClass::PostMfNtk, -1.0, 0.75), true),
        (class(LimitClass::PreSymDefault, 0.0, 0.0), false),
        (class(LimitClass::SymDefault, -0.5, 0.5), false),
        (class(LimitClass::SymDefaultMf, -0.75, 0.75), true),
        (class(LimitClass::Mf, -1.0, 1.0), false),
        (class(LimitClass::PostMf, -1.5, 1.5), false),
        (Scaling { model: Model::CorrectedMeanField, exponents: (-1.0, 1.0) }, false),
    ];
    for (scaling, interior) in &scalings {
        let widths = if *interior { SLOW } else { FAST };
        let [narrow, wide] =
            [widths.narrow, widths.wide].map(|width| scaling.log_errors(scaling.model, width, widths.networks));
        let ratio = (widths.wide as f64 / widths.narrow as f64).ln();
        let slopes: Vec<f64> = narrow.iter().zip(&wide).map(|(narrow, wide)| (wide - narrow) / ratio).collect();
        let slope = mean(&slopes);
        let deviations: Vec<f64> = slopes.iter().map(|found| (found - slope).powi(2)).collect();
        let error = (mean(&deviations) / (widths.networks - 1) as f64).sqrt();
        let name = scaling.model.name();
        let what = format!("{name}: slope {slope:.3} ± {error:.3} for {:.2}", -scaling.rate());
        if *interior {
            assert!(mean(&wide) < mean(&narrow) + 0.75f64.ln(), "{what}");
        } else {
            assert!((slope + scaling.rate()).abs() < CORRECTIONS + 3.0 * error && error < 0.12, "{what}");
            assert!(slope < -3.0 * error, "{what}");
        }
    }
}

/// In the interior cells too the limit of the own class is nearer than that of another, by a fifth at least. Among perceptron limits (B > 0)
/// networks of 2^15 neurons do not decide yet: their logits are of order n^B, and n^0.18 of the barycentre is 4.
#[test]
fn slow_networks_are_nearer_to_their_own_limit_than_to_others() {
    use LimitClass::{
        Barycentre, Mf, MfNtk, Ntk, NtkSymDefault, PostMf, PostMfNtk, PreNtk, PreNtkSymDefault, SymDefaultMf,
    };
    for (own, (std, rate), others) in [
        (PreNtkSymDefault, (0.0, -0.25), [PreNtk, NtkSymDefault]),
        (NtkSymDefault, (-0.5, 0.25), [Ntk, MfNtk]),
        (Barycentre, (-0.66, 0.5), [Ntk, PostMfNtk]),
        (MfNtk, (-0.75, 0.5), [Ntk, PostMfNtk]),
        (PostMfNtk, (-1.0, 0.75), [MfNtk, PostMf]),
        (SymDefaultMf, (-0.75, 0.75), [Mf, MfNtk]),
    ] {
        let scaling = class(own, std, rate);
        let error = |limit| mean(&scaling.log_errors(Model::Class(limit), SLOW.wide, SLOW.networks)).exp();
        let found = error(own);
        for (other, distance) in others.map(|other| (other, error(other))) {
            assert!(found < 0.8 * distance, "{}: {found}, and {distance} to {}", own.name(), other.name());
        }
    }
}

#[test]
fn networks_do_not_converge_to_limits_of_other_classes() {
    let pairs = [
        (class(LimitClass::Ntk, -0.5, 0.0), LimitClass::MfNtk),
        (class(LimitClass::MfNtk, -0.75, 0.5), LimitClass::Ntk),
        (class(LimitClass::SymDefault, -0.5, 0.5), LimitClass::Mf),
        (class(LimitClass::Mf, -1.0, 1.0), LimitClass::PostMf),
        (class(LimitClass::PostMf, -1.5, 1.5), LimitClass::Mf),
        (class(LimitClass::PreNtk, 0.0, -0.5), LimitClass::Ntk),
    ];
    for (scaling, other) in pairs {
        let [narrow, wide] = [FAST.narrow, FAST.wide]
            .map(|width| mean(&scaling.log_errors(Model::Class(other), width, FAST.networks)).exp());
        // Against their own limits the same wide networks are within 0.07.
        assert!(
            wide > 0.2 && wide > 0.8 * narrow,
            "{} against {}: {narrow} {wide}",
            scaling.model.name(),
            other.name()
        );
    }
}

/// One neuron whose readout makes outputs of this size: they are a result up to 1e100.
#[test]
fn outputs_beyond_1e100_have_diverged() {
    for (size, end) in [(1e99, End::Done), (1e101, End::Diverged { step: 0 }), (f64::NAN, End::Diverged { step: 0 })] {
        let inputs = inputs();
        let projections = Matrix::from_element(inputs.count(), 1, 1.0);
        let particles = Particles { readouts: vec![size], projections, weights: Weights::Equal(1.0) };
        let rates = Rates { readout: 0.0, input: 0.0 };
        let mut system = ParticleSystem::new(&LeakySoftplus, &inputs, rates, particles).expect("a network");
        let solution = train_network(&mut system, None, &training(1, &[0, 1]), &mut go).expect("a solution");
        assert_eq!(solution.end, end, "{size:e}");
    }
}
