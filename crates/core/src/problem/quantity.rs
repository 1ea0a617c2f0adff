//! Quantities are what can be recorded; each has a name, a shape and the networks that it is defined for.

use widenet_document::{Word, schema::one_line};

/// Form of a recorded value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A number.
    Scalar,
    /// A list of numbers.
    List,
    /// A matrix.
    Matrix,
    /// One list per layer.
    Lists,
    /// One matrix per layer.
    Matrices,
}

/// The networks a quantity is defined for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    Any,
    /// Deep linear networks under squared loss, which are a predictor β.
    DeepLinear,
    /// Networks with identity activations, biases or not, which are an affine map `f(x) = β x + c`.
    Linear,
    /// Multilayer perceptrons; a deep linear network of which one is recorded is trained as a perceptron
    /// ([`crate::problem::Problem::is_solved_as_predictor`]).
    Mlp,
    /// Ensembles of multilayer perceptrons.
    Ensemble,
    /// Classifiers of one hidden layer and one output, in Gram space (the law engine) and in their limits.
    Classifier,
    /// Networks whose hidden matrices are known by their answers (the conditioned and regenerated engines).
    Explored,
}

/// What it takes to record a quantity. Engines read their costs, and what they cannot record, from these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The outputs on the training inputs.
    Outputs,
    /// The outputs on test inputs, so that there must be some.
    TestOutputs,
    /// The predictor of a deep linear network.
    Predictor,
    /// All d input directions, sent through a deep linear network.
    Features,
    /// Signals of all training samples and outputs: a kernel of P k rows.
    OutputKernel,
    /// Signals of all training samples: a kernel of P rows.
    SampleKernel,
    /// The pre-activations of all layers.
    Activations,
    /// Those at the start, kept.
    InitialActivations,
    /// The weights, as a whole.
    Weights,
    /// The weights at the start, kept beside those of now.
    InitialWeights,
    /// The entries of the weights, which only stored matrices have.
    Entries,
    /// Another network of the same shape, a direction in which it moves, and passes of all samples in that direction.
    Tangents,
    /// The network linearized at its start, trained beside it.
    Linearization,
    /// Deviations over the networks of an ensemble.
    Spread,
    /// The covariance between test inputs over the networks of an ensemble.
    Covariance,
    /// Matrices that are known by their answers.
    Exploration,
    /// Units of the limit.
    LimitUnits,
    /// The network's own units, in which it may vanish or diverge with the outputs of wide networks.
    OwnUnits,
    /// The variance of the outputs on the training inputs, where it is an average over infinitely many networks.
    Variances,
    /// The same on the test inputs.
    TestVariances,
}

/// A row of the table of quantities.
struct Row {
    quantity: Quantity,
    name: &'static str,
    about: &'static str,
    shape: Shape,
    scope: Scope,
    needs: &'static [Need],
}

/// Declares every quantity once: what it is, its name in files, tables and JSON, its shape, the networks that have it, and what it takes to
/// record it. What engines and limits compute, cost and refuse follows from the needs.
macro_rules! quantities {
    ($( $(#[doc = $about:literal])+ $variant:ident = $name:literal: $shape:ident, $scope:ident, [$($need:ident),+]; )+) => {
        /// A recorded quantity. `L` hidden layers, input dimension d, output dimension k, P training and T test samples.
        ///
        /// For deep linear networks weights and hidden vectors are meant in the normalised coordinates of [`crate::scaling`]: `U`, `V` with
        /// entries of standard deviation `s_l` and hidden matrices with variance `s_l²/m` at time 0, whatever the parameterisation. For
        /// the mean-field parameterisation they are the `U`, `W`, `V` of docs/theory/mean-field.md. With an [`super::Ensemble`] every
        /// quantity is the mean over its networks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Quantity {
            $( $(#[doc = $about])+ $variant, )+
        }

        impl Quantity {
            /// Every quantity, in the order of the variants.
            const TABLE: &[Row] = &[ $( Row {
                quantity: Quantity::$variant,
                name: $name,
                about: concat!($($about, "\n"),+),
                shape: Shape::$shape,
                scope: Scope::$scope,
                needs: &[$(Need::$need),+],
            }, )+ ];
        }
    };
}

quantities! {
    /// Training loss (scalar).
    TrainLoss = "train_loss": Scalar, Any, [Outputs, OwnUnits, Variances];
    /// Test loss (scalar); needs test data.
    TestLoss = "test_loss": Scalar, Any, [TestOutputs, OwnUnits, TestVariances];
    /// Share of training samples whose class is right (scalar). Of one output with two target values the output is on the right side of
    /// their midpoint, of one-hot targets the largest output is the right one; other targets are of a regression, which has none.
    TrainAccuracy = "train_accuracy": Scalar, Any, [Outputs, Variances];
    /// The same of the test samples.
    TestAccuracy = "test_accuracy": Scalar, Any, [TestOutputs, TestVariances];
    /// Predictor β, k × d, with `f(x) = β x + c`.
    Predictor = "predictor": Matrix, Linear, [Predictor];
    /// `c = f(0)`, with `f(x) = β x + c`: what biases add (k numbers).
    PredictorOffset = "predictor_offset": List, Linear, [Predictor];
    /// Singular values of the predictor β, largest first (as many as the smaller of k and d).
    PredictorSingularValues = "predictor_singular_values": List, Linear, [Predictor];
    /// `f` on the training inputs, P × k.
    Outputs = "outputs": Matrix, Any, [Outputs, OwnUnits];
    /// `f` on the test inputs, T × k.
    TestOutputs = "test_outputs": Matrix, Any, [TestOutputs, OwnUnits];
    /// Standard deviation of `f` over the networks of an ensemble, on the training inputs, P × k.
    OutputStd = "output_std": Matrix, Ensemble, [Outputs, Spread, Variances];
    /// The same on the test inputs, T × k.
    TestOutputStd = "test_output_std": Matrix, Ensemble, [TestOutputs, Spread, TestVariances];
    /// Covariance of `f` over the networks of an ensemble between test inputs, T × T, averaged over outputs.
    TestOutputCovariance = "test_output_covariance": Matrix, Ensemble, [TestOutputs, Covariance, TestVariances];
    /// Excess kurtosis of `f` over the networks of an ensemble, averaged over the training inputs and outputs that differ between
    /// networks (scalar; NaN if none does; unbiased for independent networks with Gaussian outputs, for which it is 0). Needs 4 networks.
    FunctionKurtosis = "function_kurtosis": Scalar, Ensemble, [Outputs, Spread];
    /// Training loss of the mean of `f` over the networks of an ensemble (scalar), where `train_loss` is the mean of their losses.
    TrainLossOfMean = "train_loss_of_mean": Scalar, Ensemble, [Outputs];
    /// The same on the test inputs.
    TestLossOfMean = "test_loss_of_mean": Scalar, Ensemble, [TestOutputs];
    /// Training accuracy of the mean of `f` over the networks of an ensemble (scalar), where `train_accuracy` is the mean of their
    /// accuracies.
    TrainAccuracyOfMean = "train_accuracy_of_mean": Scalar, Ensemble, [Outputs];
    /// The same on the test inputs.
    TestAccuracyOfMean = "test_accuracy_of_mean": Scalar, Ensemble, [TestOutputs];
    /// `‖β − β_min-norm‖_F`, distance to the minimal-norm minimiser `(X⁺Y)ᵀ` (scalar).
    MinNormDistance = "min_norm_distance": Scalar, DeepLinear, [Predictor];
    /// `F_lᵀ F_l / m` for l = 1 … L, each d × d, where `h_l = F_l x`: the feature kernel is `xᵀ (F_lᵀF_l/m) x'`.
    FeatureGram = "feature_gram": Matrices, DeepLinear, [Features];
    /// `G_lᵀ G_l / m` for l = 1 … L, each k × k, backward vectors of docs/theory/mean-field.md §1.
    GradientGram = "gradient_gram": Matrices, DeepLinear, [Predictor];
    /// `‖Θ_t − Θ_0‖_F / ‖Θ_0‖_F` of the tangent kernel on the training inputs (scalar).
    TangentKernelChange = "tangent_kernel_change": Scalar, Any, [Features, OutputKernel];
    /// `‖Θ_t‖_F / P` of the tangent kernel on the training inputs (scalar).
    TangentKernelNorm = "tangent_kernel_norm": Scalar, Any, [Features, OutputKernel, OwnUnits];
    /// Tangent kernel on the training inputs, P k × P k: entry (p k + i, q k + j) is `Θ_ij(x_p, x_q)` per unit learning rate, so
    /// that to first order `f ← f − η Θ ∂R/∂f`; at most 10^6 entries.
    TangentKernel = "tangent_kernel": Matrix, Any, [Features, OutputKernel, OwnUnits];
    /// Tangent kernel on the training inputs averaged over outputs, `(1/k) Σ_i Θ_ii`, P × P; at most 10^6 entries.
    MeanTangentKernel = "mean_tangent_kernel": Matrix, Mlp, [SampleKernel, OwnUnits];
    /// NNGP kernel on the training inputs, P × P: `σ_w² a·a'/m + σ_b²` of the last hidden layer's activations a; at most 10^6 entries.
    NngpKernel = "nngp_kernel": Matrix, Mlp, [SampleKernel];
    /// `‖K_t − K_0‖_F / ‖K_0‖_F` of the NNGP kernel on the training inputs (scalar).
    NngpKernelChange = "nngp_kernel_change": Scalar, Mlp, [SampleKernel];
    /// `Φ^l = φ(h_l)·φ(h_l)/m` on the training inputs, of every hidden layer (L matrices P × P; at most 10^6 entries each).
    FeatureKernels = "feature_kernels": Matrices, Mlp, [SampleKernel];
    /// What the weights of every hidden layer contribute to the tangent kernel is `G^l` times the products of their inputs: `Φ^{l−1}`, or x·x' in
    /// layer 1 (docs/theory/nonlinear-mean-field.md §5; L matrices P k × P k with samples outermost; at most 10^6 entries each).
    GradientKernels = "gradient_kernels": Matrices, Mlp, [OutputKernel];
    /// `‖W_t − W_0‖_F / ‖W_0‖_F` of every weight matrix (L + 1 numbers).
    WeightChange = "weight_change": List, Mlp, [Weights];
    /// Root mean square over neurons and training samples of the pre-activations `h_1 … h_{L+1}`, the outputs last (L + 1 numbers),
    /// without an initial correction.
    ActivationNorms = "activation_norms": List, Mlp, [Activations];
    /// The same of `h_l(t) − h_l(0)`.
    ActivationChanges = "activation_changes": List, Mlp, [Activations, InitialActivations];
    /// Root mean square of `f_t − f_0` over the training samples and outputs (scalar).
    OutputChange = "output_change": Scalar, Mlp, [Outputs];
    /// Standard deviations over the test inputs (training inputs where there are none) of the four parts `f_∅`, `f_a`, `f_w`, `f_aw` of the
    /// output of one hidden layer: of the initial weights, the increments of the readout's, of the input's, and of both, all under the
    /// derivatives `φ'` of the trained network (docs/theory/scaling-limits.md §7.2). Needs φ(u) = φ'(u) u, one output and no biases.
    Decomposition = "decomposition": List, Mlp, [InitialWeights];
    /// `‖θ_t − θ_0‖` over all weights and biases `w`, `b` as the parameterisation has them (scalar).
    ParameterDistance = "parameter_distance": Scalar, Mlp, [Weights];
    /// Largest eigenvalue of the Hessian of the training loss by all parameters that learn, each in units of its learning rate, so that
    /// descent with a rate η is stable where it is below 2/η (scalar): by power iteration, to 10⁻³ and never above it. Of networks with stored
    /// matrices.
    Sharpness = "sharpness": Scalar, Mlp, [Entries, Tangents];
    /// `f_lin` on the training inputs, P × k: the network linearised at its start, trained beside it (docs/theory/ntk.md §3).
    LinearisedOutputs = "linearised_outputs": Matrix, Mlp, [Linearization];
    /// `f_lin` on the test inputs, T × k.
    LinearisedTestOutputs = "linearised_test_outputs": Matrix, Mlp, [Linearization, TestOutputs];
    /// Training loss of `f_lin` (scalar).
    LinearisedTrainLoss = "linearised_train_loss": Scalar, Mlp, [Linearization, Variances];
    /// Test loss of `f_lin` (scalar).
    LinearisedTestLoss = "linearised_test_loss": Scalar, Mlp, [Linearization, TestOutputs, TestVariances];
    /// Root mean square of `f − f_lin` over the test samples and outputs (training samples where there are no test samples).
    LinearisationDistance = "linearisation_distance": Scalar, Mlp, [Linearization];
    /// `U_tᵀ U_t / m`, d × d: covariance of the rows of the input weights (neurons).
    InputCovariance = "input_covariance": Matrix, DeepLinear, [Weights];
    /// `U_0ᵀ U_t / m`, d × d: covariance of the rows between the start and now.
    InputAutocovariance = "input_autocovariance": Matrix, DeepLinear, [Weights];
    /// `V_tᵀ V_t / m`, k × k: covariance of the rows of the readout weights.
    OutputCovariance = "output_covariance": Matrix, DeepLinear, [Weights];
    /// `V_0ᵀ V_t / m`, k × k.
    OutputAutocovariance = "output_autocovariance": Matrix, DeepLinear, [Weights];
    /// Excess kurtosis of the neurons' input weights: over the rows of `U_t`, averaged over its d columns (scalar; unbiased for
    /// Gaussian rows, for which it is 0). Needs the entries and m ≥ 4.
    InputKurtosis = "input_kurtosis": Scalar, DeepLinear, [Entries];
    /// The same of the readout weights: over the rows of `V_t`, averaged over its k columns.
    OutputKurtosis = "output_kurtosis": Scalar, DeepLinear, [Entries];
    /// Singular values of the learned part `W_t − s W_0` of each hidden matrix, largest first (L − 1 lists), where s is what
    /// weight decay leaves of the initial weights (1 without). Values below 1e-12 of the largest are left out; the dense engine
    /// finds the 24 largest, above its rounding.
    LearnedSingularValues = "learned_singular_values": Lists, DeepLinear, [Weights];
    /// Explored dimension of each hidden space (L numbers); the width for the dense engine.
    EffectiveDimensions = "effective_dimensions": List, DeepLinear, [Weights];
    /// `f/n^B` on the training inputs, P × 1: outputs in the units of their limit, with the exponent B of the tangent kernels and the
    /// width n in units of the reference width (docs/theory/scaling-limits.md §3.3).
    NormalisedOutputs = "normalised_outputs": Matrix, Classifier, [Outputs, LimitUnits];
    /// The same on the test inputs, T × 1.
    NormalisedTestOutputs = "normalised_test_outputs": Matrix, Classifier, [TestOutputs, LimitUnits];
    /// Directions that each explored matrix has been asked about: of the matrix, and of its transpose (one pair per matrix).
    ExploredRanks = "explored_ranks": Lists, Explored, [Exploration];
    /// Largest entry of `|QᵀQ − I|` over the bases of explored directions (scalar).
    OrthogonalityLoss = "orthogonality_loss": Scalar, Explored, [Exploration];
    /// Longest part of a question that was left out so far, relative to the question (scalar): at most the engine's tolerance.
    TruncationError = "truncation_error": Scalar, Explored, [Exploration];
}

impl Quantity {
    fn row(self) -> &'static Row {
        &Self::TABLE[self as usize]
    }

    /// Returns the name in files, tables and JSON.
    pub fn name(self) -> &'static str {
        self.word()
    }

    /// Says what it is, in one line.
    pub fn about(self) -> String {
        one_line(self.row().about)
    }

    /// Returns the form of its values.
    pub fn shape(self) -> Shape {
        self.row().shape
    }

    /// Returns the networks that have it.
    pub fn scope(self) -> Scope {
        self.row().scope
    }

    /// Says whether something is needed to record it.
    pub fn needs(self, need: Need) -> bool {
        self.row().needs.contains(&need)
    }

    /// Says whether it is a function of a perceptron's outputs, so that it takes no more than them to record it.
    pub fn is_of_outputs(self) -> bool {
        let of_outputs = |need: &Need| {
            matches!(need, Need::Outputs | Need::TestOutputs | Need::OwnUnits | Need::Variances | Need::TestVariances)
        };
        self.row().needs.iter().all(of_outputs)
    }
}

impl Word for Quantity {
    const WORDS: &'static [(&'static str, Quantity)] = &words();
}

const fn words() -> [(&'static str, Quantity); Quantity::TABLE.len()] {
    let mut words = [("", Quantity::TrainLoss); Quantity::TABLE.len()];
    let mut i = 0;
    while i < words.len() {
        words[i] = (Quantity::TABLE[i].name, Quantity::TABLE[i].quantity);
        i += 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_variants_and_names_differ() {
        for (position, quantity) in Quantity::all().enumerate() {
            assert_eq!(quantity as usize, position);
            assert!(!quantity.row().needs.is_empty(), "{}", quantity.name());
            assert_eq!(Quantity::from_word(quantity.name()), Ok(quantity));
        }
    }
}
