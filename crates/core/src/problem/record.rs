//! What is recorded, and when.

/// A recorded quantity. `L` hidden layers, input dimension d, output dimension k, P training samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// Training loss (scalar).
    TrainLoss,
    /// Test loss (scalar); needs test data.
    TestLoss,
    /// Predictor β, k × d, with `f(x) = β x`.
    Predictor,
    /// `f` on the training inputs, P × k.
    Outputs,
    /// `f` on the test inputs.
    TestOutputs,
    /// `‖β − β_min-norm‖_F`, distance to the minimal-norm minimiser `(X⁺Y)ᵀ` (scalar).
    MinNormDistance,
    /// `F_lᵀ F_l / m` for l = 1 … L, each d × d, where `h_l = F_l x`: the feature kernel is `xᵀ (F_lᵀF_l/m) x'`.
    FeatureGram,
    /// `G_lᵀ G_l / m` for l = 1 … L, each k × k, backward vectors of the mean-field page §1.
    GradientGram,
    /// `‖Θ_t − Θ_0‖_F / ‖Θ_0‖_F` of the tangent kernel on the training inputs (scalar).
    TangentKernelChange,
    /// `‖Θ_t‖_F / P` of the tangent kernel on the training inputs (scalar).
    TangentKernelNorm,
    /// `U_tᵀ U_t / m`, d × d: covariance of the rows of the input weights (neurons).
    InputCovariance,
    /// `U_0ᵀ U_t / m`, d × d: covariance of the rows between the start and now.
    InputAutocovariance,
    /// `V_tᵀ V_t / m`, k × k: covariance of the rows of the readout weights.
    OutputCovariance,
    /// `V_0ᵀ V_t / m`, k × k.
    OutputAutocovariance,
    /// Excess kurtosis of the entries of `U_t`, standardised by their columns (scalar); 0 for Gaussian rows.
    InputKurtosis,
    /// Singular values of the learned part `W_t − W_0` of each hidden matrix (L − 1 lists; finite-width: in the
    /// normalisation where `W_0` has entries of variance 1/m).
    LearnedSingularValues,
    /// Explored dimension of each hidden space (L numbers); the width for the dense engine.
    EffectiveDimensions,
}

impl Quantity {
    /// All quantities.
    pub const ALL: [Quantity; 17] = [
        Quantity::TrainLoss,
        Quantity::TestLoss,
        Quantity::Predictor,
        Quantity::Outputs,
        Quantity::TestOutputs,
        Quantity::MinNormDistance,
        Quantity::FeatureGram,
        Quantity::GradientGram,
        Quantity::TangentKernelChange,
        Quantity::TangentKernelNorm,
        Quantity::InputCovariance,
        Quantity::InputAutocovariance,
        Quantity::OutputCovariance,
        Quantity::OutputAutocovariance,
        Quantity::InputKurtosis,
        Quantity::LearnedSingularValues,
        Quantity::EffectiveDimensions,
    ];

    /// The name in files, tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Quantity::TrainLoss => "train_loss",
            Quantity::TestLoss => "test_loss",
            Quantity::Predictor => "predictor",
            Quantity::Outputs => "outputs",
            Quantity::TestOutputs => "test_outputs",
            Quantity::MinNormDistance => "min_norm_distance",
            Quantity::FeatureGram => "feature_gram",
            Quantity::GradientGram => "gradient_gram",
            Quantity::TangentKernelChange => "tangent_kernel_change",
            Quantity::TangentKernelNorm => "tangent_kernel_norm",
            Quantity::InputCovariance => "input_covariance",
            Quantity::InputAutocovariance => "input_autocovariance",
            Quantity::OutputCovariance => "output_covariance",
            Quantity::OutputAutocovariance => "output_autocovariance",
            Quantity::InputKurtosis => "input_kurtosis",
            Quantity::LearnedSingularValues => "learned_singular_values",
            Quantity::EffectiveDimensions => "effective_dimensions",
        }
    }

    /// The quantity of a name.
    pub fn from_name(name: &str) -> Option<Quantity> {
        Quantity::ALL.into_iter().find(|quantity| quantity.name() == name)
    }
}

/// When and what to record. Moments are sorted, distinct and within the horizon.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordPlan {
    /// Steps (descent, whole numbers) or times (flow).
    pub at: Vec<f64>,
    /// Quantities, sorted.
    pub quantities: Vec<Quantity>,
}
