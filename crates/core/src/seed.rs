//! Randomness is keyed: every stream is addressed by (seed, purpose, index), never by the order of calls.
//!
//! The same address gives the same numbers on any thread count. Streams are ChaCha8 keyed by the seed and the
//! purpose's words; `index` selects one of 2^64 independent streams under that key. Long vectors of the conditioned and regenerated
//! engines are made on the device by Philox, at the address of [`counter_key`].

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// What a stream of random numbers is for. One variant per use, so that no two uses share numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Entries of the initial weights of layer `.0` (dense engine; index = row).
    Weights(u32),
    /// Fresh responses of layer `.0` to probes `W q` (law engine; index = probe).
    Responses(u32),
    /// Fresh responses of layer `.0` to probes `Wᵀ q` (law engine; index = probe).
    TransposeResponses(u32),
    /// Initial predictor of a lazy limit.
    InitialPredictor,
    /// Order of the samples in epoch `index`.
    Batches,
    /// Inputs of a synthetic data set (index = row).
    Inputs,
    /// Teacher weights of a synthetic data set.
    Teacher,
    /// Label noise of a synthetic data set (index = row).
    Noise,
    /// Bootstrap resampling (index = resample).
    Bootstrap,
    /// Random start of a range finder.
    Sketch,
    /// Entries of the initial biases of layer `.0` (dense engine; index = 0).
    Biases(u32),
    /// Seeds of the networks of an ensemble (index = network).
    Ensemble,
    /// Sample functions of a Gaussian process (index = output).
    SampleFunction,
    /// Draws of a prior from its exact law or limit (index = draw).
    PriorDraw,
    /// Particles of a posterior at temperature `.0` (index = particle).
    Particle(u32),
    /// Resampling of the particles of a posterior at temperature `.0` (index = 0).
    Resampling(u32),
    /// Weights of layer `.0` of networks sampled for their prior (index = network).
    PriorWeights(u32),
    /// Initial functions of the limits of classifiers (index = function).
    ClassifierStart,
    /// Readout and input weights of the particles of a limit of classifiers, in replica `.0` (index = particle, or pair of them).
    LimitParticle(u32),
    /// Seeds of the replicates of a mean-field limit on 2^`.0` nodes per layer (index = replicate).
    Replicate(u32),
    /// Coordinates of the nodes of hidden layer `.0` of a replicate (index = coordinate).
    Nodes(u32),
    /// Order of the samples of a file, before training and test samples are chosen (index = 0).
    Split,
}

impl Purpose {
    fn words(self) -> (u32, u32) {
        match self {
            Purpose::Weights(layer) => (1, layer),
            Purpose::Responses(layer) => (2, layer),
            Purpose::TransposeResponses(layer) => (3, layer),
            Purpose::InitialPredictor => (4, 0),
            Purpose::Batches => (5, 0),
            Purpose::Inputs => (6, 0),
            Purpose::Teacher => (7, 0),
            Purpose::Noise => (8, 0),
            Purpose::Bootstrap => (9, 0),
            Purpose::Sketch => (10, 0),
            Purpose::Biases(layer) => (11, layer),
            Purpose::Ensemble => (12, 0),
            Purpose::SampleFunction => (13, 0),
            Purpose::PriorDraw => (14, 0),
            Purpose::Particle(temperature) => (15, temperature),
            Purpose::Resampling(temperature) => (16, temperature),
            Purpose::PriorWeights(layer) => (17, layer),
            Purpose::ClassifierStart => (18, 0),
            Purpose::LimitParticle(replica) => (19, replica),
            Purpose::Replicate(log2) => (20, log2),
            Purpose::Nodes(layer) => (21, layer),
            Purpose::Split => (22, 0),
        }
    }
}

/// Returns the address of counter-based random numbers (Philox): their key and the counter's word that tells purposes apart.
pub fn counter_key(seed: u64, purpose: Purpose) -> ([u32; 2], u32) {
    let (kind, layer) = purpose.words();
    ([seed as u32, (seed >> 32) as u32], kind << 24 | layer)
}

/// Returns the seed of network `index` of an ensemble.
pub fn member(seed: u64, index: u64) -> u64 {
    stream(seed, Purpose::Ensemble, index).next_u64()
}

/// Returns the random stream at an address.
pub fn stream(seed: u64, purpose: Purpose, index: u64) -> ChaCha8Rng {
    let (kind, layer) = purpose.words();
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..12].copy_from_slice(&kind.to_le_bytes());
    key[12..16].copy_from_slice(&layer.to_le_bytes());
    key[16..23].copy_from_slice(b"widenet");
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(index);
    rng
}
