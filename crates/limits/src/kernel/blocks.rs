//! Computes the blocks of both kernels that a question about a problem needs.

use rand::distr::Distribution;
use rand_distr::StandardNormal;
use widenet_core::{
    Matrix, Problem,
    data::Dataset,
    scaling::KernelNetwork,
    seed::{Purpose, stream},
    training::Control,
};

use super::{
    ensemble::Prior,
    error::{Result, invalid},
    factorization::{Named, square_root},
    gram::{diagonals, kernels},
    matrices::Which,
    start::Start,
};
use crate::linear_algebra::product;

/// A training kernel: that by which residuals move the outputs.
#[derive(Debug, Clone)]
pub(super) struct TrainingKernel {
    /// G, N × N.
    pub(super) train: Matrix,
    /// T × N, where there are test inputs.
    pub(super) test_train: Option<Matrix>,
}

/// What is needed of the law of the outputs at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// Variances of test outputs.
    Variances,
    /// Their covariance.
    Covariance,
}

/// Training inputs in rows, and test inputs where there are any.
pub(super) type Inputs<'a> = (&'a Matrix, Option<&'a Matrix>);

/// The inputs of a data set.
pub(super) fn inputs_of(data: &Dataset) -> Inputs<'_> {
    (&data.train.inputs, data.test.as_ref().map(|test| &test.inputs))
}

/// Computes the tangent kernel and, where needed, the law of the outputs at the start.
pub(super) fn compute(
    network: &KernelNetwork,
    (x, test): Inputs<'_>,
    need: Need,
    watch: &mut dyn FnMut(f64) -> Control,
) -> Result<(TrainingKernel, Option<Prior>)> {
    let which = if need == Need::Nothing { Which::Tangent } else { Which::Both };
    // Shares of the time by the entries that are computed.
    let (n, t) = (x.nrows() as f64, test.map_or(0.0, |test| test.nrows() as f64));
    let among_test = need == Need::Covariance && test.is_some();
    let total = 0.5 * n * n + n * t + if among_test { 0.5 * t * t } else { 0.0 };
    let train = kernels(network, x, None, which, &mut |share| watch(share * 0.5 * n * n / total))?;
    let cross = test
        .map(|test| kernels(network, test, Some(x), which, &mut |share| watch((0.5 * n * n + share * n * t) / total)))
        .transpose()?;
    let (test_nngp, test_tangent) = cross.map(|cross| (cross.nngp, cross.tangent)).unzip();
    let prior = match train.nngp {
        Some(nngp) => Some(Prior {
            train: nngp,
            test_train: test_nngp.flatten(),
            test_diagonal: test.map(|test| diagonals(network, test)).transpose()?.map(|diagonals| diagonals.nngp),
            test: match test {
                Some(test) if among_test => {
                    let done = total - 0.5 * t * t;
                    let watch = &mut |share: f64| watch((done + share * 0.5 * t * t) / total);
                    kernels(network, test, None, Which::Nngp, watch)?.nngp
                }
                _ => None,
            },
        }),
        None => None,
    };
    let training = TrainingKernel { train: train.tangent.unwrap_or_default(), test_train: test_tangent.flatten() };
    Ok((training, prior))
}

/// Functions drawn from the law of the outputs at the start, jointly on training and test inputs.
pub(super) struct Sampler {
    /// Symmetric root of the joint covariance.
    root: Matrix,
    train: usize,
}

impl Sampler {
    pub(super) fn new(prior: &Prior, problem: &Problem) -> Result<Sampler> {
        let named = Named::of("the NNGP kernel", problem);
        let n = prior.train.nrows();
        let Some(cross) = &prior.test_train else {
            return Ok(Sampler { root: square_root(&prior.train, named)?, train: n });
        };
        let Some(test) = &prior.test else {
            return Err(invalid("a sampled start needs the NNGP kernel among test inputs".into()));
        };
        let t = test.nrows();
        let mut joint = Matrix::zeros(n + t, n + t);
        joint.view_mut((0, 0), (n, n)).copy_from(&prior.train);
        joint.view_mut((n, 0), (t, n)).copy_from(cross);
        joint.view_mut((0, n), (n, t)).copy_from(&cross.transpose());
        joint.view_mut((n, n), (t, t)).copy_from(test);
        Ok(Sampler { root: square_root(&joint, named)?, train: n })
    }

    /// The function of a seed, with `outputs` independent outputs.
    pub(super) fn sample(&self, seed: u64, outputs: usize) -> Start {
        let total = self.root.nrows();
        let mut normals = Matrix::zeros(total, outputs);
        for (output, mut column) in normals.column_iter_mut().enumerate() {
            let mut rng = stream(seed, Purpose::SampleFunction, output as u64);
            column.iter_mut().for_each(|x| *x = StandardNormal.sample(&mut rng));
        }
        let values = product(&self.root, &normals);
        let test = total - self.train;
        Start {
            train: values.rows(0, self.train).into_owned(),
            test: (test > 0).then(|| values.rows(self.train, test).into_owned()),
        }
    }
}
