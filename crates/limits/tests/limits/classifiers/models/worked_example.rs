//! The worked example of docs/theory/scaling-limits.md §4.6, made by an independent prototype.

use std::cmp::Ordering::{Equal, Greater, Less};

use widenet_limits::{
    classifiers::models::{End, KernelRecord, Model, Source, StepBatches, loss_gradient},
    scaling::LimitClass,
};

use super::{LABELS, START, at_step, inputs, largest_difference, solve, start_kernels, training};

/// Digits of docs/theory/scaling-limits.md §4.6.
const PRINTED: f64 = 1e-6;

const NODES: Source = Source::Quadrature { nodes: 32 };

const ROWS: [(Model, &[u64], [f64; 7]); 10] = [
    (Model::Class(LimitClass::Ntk), &[1], [0.765999, 0.024928, -0.142492, -0.675190, 0.537085, 0.544141, -0.424286]),
    (Model::Class(LimitClass::Ntk), &[6], [2.196782, 0.698770, -0.964853, -1.588831, 1.406746, 1.749616, -1.503475]),
    (Model::Class(LimitClass::Mf), &[1], [0.504564, 0.240134, -0.267450, -0.312394, 0.309052, 0.427273, -0.359757]),
    (Model::Class(LimitClass::Mf), &[6], [2.140517, 0.983903, -1.252768, -1.420879, 1.288588, 1.804768, -1.641284]),
    (Model::CorrectedMeanField, &[1], [0.766073, 0.024941, -0.142449, -0.675127, 0.537092, 0.544198, -0.424185]),
    (Model::CorrectedMeanField, &[6], [2.308711, 0.748271, -1.050782, -1.671673, 1.449316, 1.833592, -1.601099]),
    (
        Model::Class(LimitClass::SymDefault),
        &[1, 2, 6],
        [0.466073, 0.224941, -0.242449, -0.275127, 0.287092, 0.394198, -0.324185],
    ),
    (Model::Class(LimitClass::MfNtk), &[6], [2.009716, 0.931735, -1.152906, -1.318587, 1.230111, 1.702262, -1.525140]),
    (Model::Class(LimitClass::PostMf), &[6], [3.583392, 1.654990, -1.981613, -2.263824, 2.105260, 3.002466, -2.596547]),
    (Model::Class(LimitClass::PreNtk), &[6], [1.165657, 0.428114, -0.125117, -0.916302, 0.525548, 0.764135, -0.582015]),
];

#[test]
fn outputs_of_every_limit() {
    for (model, steps, expected) in ROWS {
        let solution = solve(model, &NODES, &START, &training(6, &[0, 1, 2, 6]));
        assert_eq!(solution.end, End::Done);
        for step in steps {
            let found = &at_step(&solution, *step).outputs;
            let difference = largest_difference(found, &expected);
            assert!(difference < PRINTED, "{} at step {step}: {found:?}, off by {difference:e}", model.name());
        }
        let kept = if model.keeps_start() { START } else { [0.0; 7] };
        assert_eq!(at_step(&solution, 0).outputs, kept, "{}", model.name());
        let stops = model == Model::Class(LimitClass::SymDefault);
        assert!(!stops || solution.settled == Some(1));
    }
}

#[test]
fn kernels_at_the_start_and_along_training() {
    let inputs = inputs();
    let kernels = start_kernels(&inputs);
    let row = |matrix: &widenet_core::Matrix| matrix.row(0).iter().copied().collect::<Vec<_>>();
    let tangent = [2.367692, 1.816085, 0.559987, -0.116832, 1.304072, 1.905208, 0.069000];
    let covariance = [0.846209, 0.714024, 0.423342, 0.233546, 0.590160, 0.722764, 0.279098];
    assert!(largest_difference(&row(kernels.tangent()), &tangent) < PRINTED);
    assert!(largest_difference(&row(&kernels.covariance()), &covariance) < PRINTED);

    let mut plan = training(6, &[0, 6]);
    plan.kernels = KernelRecord::Whole;
    let solution = solve(Model::Class(LimitClass::Mf), &NODES, &START, &plan);
    let diagonal = [2.996166, 2.678953, 4.115449, 3.367511, 2.770817, 2.182913, 3.209871];
    let last = at_step(&solution, 6);
    let found = last.diagonals.as_ref().expect("diagonals").total();
    assert!(largest_difference(&found, &diagonal) < PRINTED, "{found:?}");
    let whole = last.kernel.as_ref().expect("kernel").total();
    assert!(largest_difference(whole.diagonal().as_slice(), &found) < 1e-12);
    // Particles at the start have the kernel of the kernel limits, layer by layer.
    let first = at_step(&solution, 0).kernel.as_ref().expect("kernel");
    let by_layer = kernels.by_layer();
    for (found, expected) in [(&first.readout, &by_layer.readout), (&first.input, &by_layer.input)] {
        assert!((found - expected).amax() < 1e-11, "{:e}", (found - expected).amax());
    }
}

#[test]
fn two_numbers_of_nodes_agree() {
    let plan = training(6, &[6]);
    for class in [LimitClass::Mf, LimitClass::SymDefaultMf, LimitClass::PostMf] {
        let [fewer, more] = [24, 32].map(|nodes| {
            let solution = solve(Model::Class(class), &Source::Quadrature { nodes }, &START, &plan);
            at_step(&solution, 6).outputs.clone()
        });
        let difference = largest_difference(&fewer, &more);
        assert!(difference < 1e-10 && difference > 0.0, "{}: {difference:e}", class.name());
    }
}

#[test]
fn batches_of_all_samples_are_the_full_batch_and_others_are_not() {
    let all: Vec<Vec<usize>> = vec![(0..5).collect(); 4];
    let halves: Vec<Vec<usize>> = (0..4).map(|step| vec![step % 2, 2, 4]).collect();
    for model in [LimitClass::Ntk, LimitClass::PreNtkSymDefault, LimitClass::Mf].map(Model::Class) {
        let [full, listed, partial] =
            [None, Some(&all[..]), Some(&halves[..])].map(|batches| batches.map(StepBatches::Listed)).map(|batches| {
                let mut plan = training(4, &[4]);
                plan.batches = batches;
                at_step(&solve(model, &NODES, &START, &plan), 4).outputs.clone()
            });
        assert_eq!(full, listed);
        assert!(largest_difference(&full, &partial) > 1e-2, "{}", model.name());
    }
    // One step on the batch {1, 2, 4} of the kernel recursion, written out.
    let inputs = inputs();
    let kernels = start_kernels(&inputs);
    let mut plan = training(1, &[1]);
    plan.batches = Some(StepBatches::Listed(&halves[1..]));
    let found = solve(Model::Class(LimitClass::Ntk), &NODES, &START, &plan);
    for (j, output) in at_step(&found, 1).outputs.iter().enumerate() {
        let pushes = [1, 2, 4].map(|i| {
            let y = LABELS[i];
            y / (1.0 + (y * START[i]).exp()) * kernels.tangent()[(i, j)] / 3.0
        });
        assert!((output - START[j] - pushes.iter().sum::<f64>()).abs() < 1e-14);
    }
}

#[test]
fn loss_gradients_have_three_rules_and_do_not_overflow() {
    for y in [-1.0, 1.0] {
        assert_eq!([Less, Equal, Greater].map(|sign| loss_gradient(sign, y, 1e9 * y)), [-0.5 * y, -y * 0.0, 0.0]);
        assert_eq!([Less, Equal, Greater].map(|sign| loss_gradient(sign, y, -1e9 * y)), [-0.5 * y, -y, -y]);
        // 0 is 0 at every width, however outputs grow with it.
        assert_eq!([Less, Equal, Greater].map(|sign| loss_gradient(sign, y, 0.0)), [-0.5 * y; 3]);
        // −y e^{−40} to all digits, which 1 − sigmoid would lose.
        assert!((loss_gradient(Equal, y, 40.0 * y) / (-y * (-40.0_f64).exp()) - 1.0).abs() < 1e-15);
    }
}
