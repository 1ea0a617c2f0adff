//! These types say what can be asked about the predictions of infinitely wide networks, and hold the answer.

use widenet_core::Matrix;

/// What is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trained {
    /// All layers, as the parameterisation says: the tangent kernel.
    All,
    /// The readout alone: the NNGP kernel.
    ReadoutOnly,
}

/// A moment of training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Moment {
    /// Steps (descent; with fractions momentum flow) or flow time.
    At(f64),
    /// The end of training.
    Infinity,
}

/// What is said about the spread over initialisations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Nothing.
    None,
    /// Standard deviations.
    Std,
    /// Standard deviations and covariances (T × T and P × P).
    Covariance,
}

/// A ridge r ≥ 0 added to the diagonal of the training kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ridge {
    /// r.
    Absolute(f64),
    /// ρ, with `r = ρ trace/N` of each kernel's own trace.
    Relative(f64),
}

/// Where training starts.
#[derive(Debug, Clone, PartialEq)]
pub enum Initial {
    /// The law of infinitely many networks: means and spreads over it.
    Ensemble,
    /// `f_0 = 0`.
    Zero,
    /// Functions drawn from the law, each trained for itself.
    Samples {
        /// Keys of the draws.
        seeds: Vec<u64>,
    },
    /// These outputs.
    Outputs {
        /// P × k.
        train: Matrix,
        /// T × k.
        test: Option<Matrix>,
    },
}

/// A kernel given as matrices. The tangent kernel of one network may have a row for every sample and output, P k × P k with samples outermost.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenKernel {
    /// Among training inputs, P × P.
    pub train: Matrix,
    /// Between test and training inputs, T × P.
    pub test_train: Option<Matrix>,
    /// Among test inputs, T × T; needed for spreads and sampled starts.
    pub test_test: Option<Matrix>,
}

/// Kernels given by the caller instead of computed from the problem's network. A block of test inputs is used even where the
/// problem has no test data.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GivenKernels {
    /// Needed when only the readout is trained, for spreads and for sampled starts.
    pub nngp: Option<GivenKernel>,
    /// Needed when all layers are trained.
    pub tangent: Option<GivenKernel>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// What is trained.
    pub trained: Trained,
    /// When, in any order; beyond the optimiser's horizon too.
    pub moments: Vec<Moment>,
    /// Spread over initialisations; of [`Initial::Ensemble`] only.
    pub spread: Spread,
    /// Ridge, squared loss only.
    pub ridge: Option<Ridge>,
    /// At t = ∞: drop eigenvalues below `N ε λ_max` instead of an error where the kernel is singular.
    pub cutoff: bool,
    /// Where training starts.
    pub initial: Initial,
    /// Key of the order of minibatches.
    pub seed: u64,
    /// Test inputs (T × d) instead of those of the problem, whose targets are not known.
    pub test_inputs: Option<Matrix>,
    /// Kernels to use instead of the network's own.
    pub given: Option<GivenKernels>,
}

/// The answer at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The moment asked for.
    pub moment: Moment,
    /// Key of the function at the start, of [`Initial::Samples`].
    pub seed: Option<u64>,
    /// Training time there (`η t`, `√η t`, flow time; ∞).
    pub time: f64,
    /// Whether the linear model has diverged: some number below is infinite or NaN, and none of them means anything.
    pub diverged: bool,
    /// On the training inputs.
    pub train: Moments,
    /// On the test inputs.
    pub test: Option<Moments>,
    /// At t = ∞ with [`Question::cutoff`]: the number of eigenvalues dropped.
    pub dropped: Option<usize>,
    /// At t = ∞ of [`Trained::ReadoutOnly`] and [`Initial::Ensemble`], which is the posterior of a Gaussian process.
    pub likelihood: Option<Likelihood>,
}

/// How likely the targets are under a Gaussian process, or why that is not known (docs/theory/ntk.md §5, Eq. evidence, Eq.
/// test-likelihood).
#[derive(Debug, Clone, PartialEq)]
pub struct Likelihood {
    /// Of the training targets, summed over samples and outputs.
    pub log_evidence: Result<f64, String>,
    /// Of the test targets given the training targets, summed over outputs and averaged over samples.
    pub test: Option<Result<f64, String>>,
}

impl Prediction {
    /// Whether all outputs and their spreads are numbers.
    pub(super) fn has_finite_outputs(&self) -> bool {
        self.train.is_finite() && self.test.as_ref().is_none_or(Moments::is_finite)
    }
}

/// Mean and spread of outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// N × k.
    pub mean: Matrix,
    /// Standard deviation per sample; the same for every output.
    pub std: Option<Vec<f64>>,
    /// Covariance, N × N; the same for every output.
    pub covariance: Option<Matrix>,
}

impl Moments {
    /// Whether all numbers are.
    fn is_finite(&self) -> bool {
        let spread = self.std.iter().flatten().chain(self.covariance.iter().flat_map(Matrix::iter));
        self.mean.iter().chain(spread).all(|x| x.is_finite())
    }
}
