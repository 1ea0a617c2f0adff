//! Ways to make particles against each other, and what is refused.

use std::f64::consts::PI;

use widenet_core::{Error, Matrix, problem::Activation};
use widenet_limits::{
    classifiers::models::{
        Constants, Inputs, KernelRecord, Model, ParticleClassifier, ParticleSystem, Rates, ReferenceNetwork, Source,
        StartKernels, StepBatches, Training, solve_particles, solve_stationary,
    },
    scaling::LimitClass,
};

use super::{CONSTANTS, LABELS, LeakySoftplus, START, at_step, go, inputs, solve, start_kernels, training};

const RATES: Rates = Rates { readout: CONSTANTS.readout_rate, input: CONSTANTS.input_rate };

#[test]
fn drawn_particles_agree_with_the_quadrature_within_their_standard_errors() {
    let plan = training(6, &[0, 1, 6]);
    for model in [Model::Class(LimitClass::Mf), Model::CorrectedMeanField] {
        let exact = solve(model, &Source::Quadrature { nodes: 32 }, &START, &plan);
        let sources = [
            Source::Independent { particles: 8192, replicas: 16, seed: 5 },
            Source::Antithetic { pairs: 4096, replicas: 16, seed: 5 },
        ];
        for (source, at_start) in sources.into_iter().zip([false, true]) {
            let found = solve(model, &source, &START, &plan);
            for step in [1, 6] {
                let (found, exact) = (at_step(&found, step), &at_step(&exact, step).outputs);
                let errors = found.standard_errors.as_ref().expect("standard errors");
                for ((found, exact), error) in found.outputs.iter().zip(exact).zip(errors) {
                    // Student's t with 15 degrees of freedom is beyond 4.5 once in 2500 times; there are 28 correlated numbers per source.
                    assert!((found - exact).abs() < 4.5 * error, "{source:?}, step {step}: {found} {exact} ± {error}");
                    // S/√(16 · 8192) = 0.011 is the size of an average over particles.
                    assert!(*error < 0.03 && *error > 1e-4, "{error}");
                }
            }
            let start = at_step(&found, 0);
            let expected = if model.keeps_start() { START } else { [0.0; 7] };
            assert_eq!(start.outputs == expected, at_start, "pairs cancel exactly, independent particles do not");
        }
    }
}

#[test]
fn numbers_do_not_depend_on_the_threads() {
    let mut plan = training(3, &[0, 3]);
    plan.kernels = KernelRecord::Whole;
    let source = Source::Antithetic { pairs: 2000, replicas: 2, seed: 1 };
    let [one, two] = [1, 2].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            let distribution = start_kernels(&inputs()).distribution().expect("distribution");
            solve(Model::CorrectedMeanField, &source, &distribution.sample(2, 7), &plan)
        })
    });
    assert_eq!(one, two);
}

#[test]
fn dual_activations_of_leaky_relus_are_those_of_the_page_and_of_particles() {
    let (inputs, c) = (inputs(), 0.1);
    let activation = Activation::LeakyRelu { negative_slope: c };
    let constants = Constants { input_std: 0.7, ..CONSTANTS };
    let kernels = StartKernels::new(activation, &inputs, constants, &mut go).expect("kernels");
    let gram = inputs.gram();
    let j = |theta: f64| (theta.sin() + (PI - theta) * theta.cos()) / (2.0 * PI);
    for (p, q) in (0..7).flat_map(|p| (0..7).map(move |q| (p, q))) {
        let lengths = (gram[(p, p)] * gram[(q, q)]).sqrt();
        let theta = if p == q { 0.0 } else { (gram[(p, q)] / lengths).acos() };
        let feature = 0.49 * lengths * ((1.0 + c * c) * j(theta) - 2.0 * c * j(PI - theta));
        let slope = (1.0 + c * c) * (PI - theta) / (2.0 * PI) + 2.0 * c * theta / (2.0 * PI);
        assert!((kernels.features()[(p, q)] - feature).abs() < 1e-14);
        assert!((kernels.tangent()[(p, q)] - 2.0 * (feature + slope * gram[(p, q)])).abs() < 1e-13);
    }
    let source = Source::Independent { particles: 200_000, replicas: 1, seed: 3 };
    let particles = source.particles(&inputs, constants, 0).expect("particles");
    let system = ParticleSystem::new(&activation, &inputs, RATES, particles).expect("system");
    let (found, exact) = (system.kernel(), kernels.by_layer());
    for (found, exact) in [(&found.readout, &exact.readout), (&found.input, &exact.input)] {
        // Entries of size up to 3.4 with relative deviations of order 1 per particle, â² of variance 2 among them.
        let difference = (found - exact).amax();
        assert!(difference < 6.0 * 3.4 * 3f64.sqrt() / 200_000f64.sqrt() && difference > 0.0, "{difference}");
    }
    // The quadrature of a smooth unit and the series of the same named activation.
    let named = StartKernels::new(Activation::Softplus, &inputs, constants, &mut go).expect("kernels");
    let summed = StartKernels::by_quadrature(&Activation::Softplus, &inputs, constants, 48).expect("kernels");
    assert!((named.tangent() - summed.tangent()).amax() < 1e-11);
}

#[test]
fn initial_functions_have_the_covariance_of_the_limit() {
    let inputs = inputs();
    let kernels = start_kernels(&inputs);
    let distribution = kernels.distribution().expect("distribution");
    let draws = 20_000;
    let mut sum = Matrix::zeros(7, 7);
    for index in 0..draws {
        let f = nalgebra::DVector::from_vec(distribution.sample(11, index));
        sum += &f * f.transpose() / draws as f64;
    }
    // Products of two Gaussians of variance 1.3 at most: standard error 1.3 √2/√draws = 0.013.
    assert!((sum - kernels.covariance()).amax() < 0.052);
    assert_eq!(distribution.sample(11, 3), distribution.sample(11, 3));
    assert_ne!(distribution.sample(11, 3), distribution.sample(11, 4));
}

#[test]
fn many_dimensions_and_repeated_inputs_are_no_obstacle() {
    // 4 inputs of dimension 30, two of them equal: z has a covariance of rank 3.
    let rows = Matrix::from_fn(4, 30, |i, j| ((i.min(2) * 31 + j * 7) as f64).sin() / 4.0);
    let inputs = Inputs::new(&rows, None).expect("inputs");
    let constants = Constants { input_std: 0.5, ..CONSTANTS };
    let source = Source::Independent { particles: 50_000, replicas: 1, seed: 9 };
    let particles = source.particles(&inputs, constants, 0).expect("particles");
    let second = &particles.projections * particles.projections.transpose() / 50_000.0;
    let expected = inputs.gram() * 0.25;
    assert!((&second - &expected).amax() < 5.0 * expected.amax() * 2f64.sqrt() / 50_000f64.sqrt());
    assert!((particles.projections.row(2) - particles.projections.row(3)).amax() == 0.0);
    let kernels = StartKernels::new(Activation::Relu, &inputs, constants, &mut go).expect("kernels");
    let sample = kernels.distribution().expect("distribution").sample(1, 0);
    assert!((sample[2] - sample[3]).abs() < 1e-3);
}

#[test]
fn perceptrons_settle_and_runs_can_be_stopped() {
    use widenet_core::training::Control;
    use widenet_limits::classifiers::models::End;
    let inputs = inputs();
    let kernels = start_kernels(&inputs);
    let mut calls = 0;
    let mut stop = |_| {
        calls += 1;
        if calls == 3 { Control::Stop } else { Control::Continue }
    };
    let ntk = Model::Class(LimitClass::Ntk);
    let solution = solve_stationary(ntk, &kernels, Some(&START), &training(6, &[0, 6]), &mut stop).expect("solution");
    assert_eq!((solution.end, solution.records.len(), solution.settled), (End::Stopped { step: 3 }, 1, None));
    let wrong = START.map(|f| -3.0 * f);
    let late = solve(Model::Class(LimitClass::PreNtk), &Source::Quadrature { nodes: 4 }, &wrong, &training(60, &[60]));
    let settled = late.settled.expect("settled");
    assert!(settled > 1 && settled < 60, "{settled}");
    assert!(late.records[0].outputs.iter().zip(LABELS).all(|(f, y)| f * y > 0.0));
}

#[track_caller]
fn refused<T>(result: Result<T, Error>, words: &str) {
    match result {
        Err(Error::Invalid(message)) => assert!(message.contains(words), "{message}"),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("accepted; expected: {words}"),
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_its_value() {
    let inputs = inputs();
    let kernels = start_kernels(&inputs);
    let (ntk, mf) = (Model::Class(LimitClass::Ntk), Model::Class(LimitClass::Mf));
    let stationary =
        |start: Option<&[f64]>, training: &Training<'_>| solve_stationary(ntk, &kernels, start, training, &mut go);
    let plan = training(3, &[3]);
    refused(stationary(None, &plan), "depends on the initial function");
    refused(stationary(Some(&START[..5]), &plan), "has 5 values");
    refused(stationary(Some(&START), &Training { labels: &LABELS[..4], ..plan }), "4 labels for 5");
    refused(
        stationary(Some(&START), &Training { labels: &[1.0, 0.0, 1.0, 1.0, 1.0], ..plan }),
        "training input 2 is 0",
    );
    refused(stationary(Some(&START), &Training { at: &[4], ..plan }), "end at 3");
    let batches = |batch: &[usize]| vec![batch.to_vec(); 3];
    refused(
        stationary(Some(&START), &Training { batches: Some(StepBatches::Listed(&batches(&[5]))), ..plan }),
        "sample 5 of 5",
    );
    refused(stationary(Some(&START), &Training { batches: Some(StepBatches::Listed(&batches(&[]))), ..plan }), "empty");
    refused(
        stationary(Some(&START), &Training { batches: Some(StepBatches::Listed(&batches(&[1])[1..])), ..plan }),
        "2 batches for 3",
    );
    refused(solve_stationary(mf, &kernels, None, &plan, &mut go), "needs particles");

    let classifier = ParticleClassifier { unit: &LeakySoftplus, inputs: &inputs, constants: CONSTANTS };
    let particles = |model, source| solve_particles(model, &classifier, &source, None, &plan, &mut go);
    refused(particles(ntk, Source::Quadrature { nodes: 4 }), "no particles");
    refused(particles(Model::CorrectedMeanField, Source::Quadrature { nodes: 4 }), "depends on the initial function");
    refused(particles(mf, Source::Quadrature { nodes: 1000 }), "1 to 256");
    refused(particles(mf, Source::Independent { particles: 0, replicas: 1, seed: 0 }), "no particles");
    refused(particles(mf, Source::Independent { particles: 9, replicas: 0, seed: 0 }), "0 replicas");
    // 2^32 bytes are 7 numbers each of 76 695 844 particles.
    let absurd = Source::Antithetic { pairs: 1 << 40, replicas: 1, seed: 0 };
    refused(particles(mf, absurd), "at most 76695844 particles fit");
    let wide = Inputs::new(&Matrix::from_element(2, 4, 0.5), None).expect("inputs");
    refused(Source::Quadrature { nodes: 4 }.particles(&wide, CONSTANTS, 0), "dimension 4");
    refused(Inputs::new(&Matrix::zeros(2, 2), Some(&Matrix::zeros(1, 3))), "must be the same");

    let reference =
        ReferenceNetwork { width: 128.0, output_std: 0.05, readout_rate: 8.0, input_rate: 0.02, input_std: 0.01 };
    let constants = Constants::of(&reference).expect("constants");
    assert!((constants.output_scale - 6.4).abs() < 1e-14 && (constants.readout_rate - 0.4).abs() < 1e-15);
    refused(Constants::of(&ReferenceNetwork { width: 0.5, ..reference }), "d* is 0.5");
    refused(Constants::of(&ReferenceNetwork { input_std: -1.0, ..reference }), "σ_w is -1");
    refused(Constants::of(&ReferenceNetwork { input_rate: f64::NAN, ..reference }), "β is NaN");
}
