//! These types declare what a user may type about scalings of widths.

use std::path::PathBuf;

use clap::Args;
use widenet_core::Width;
use widenet_experiment::coordinate_check::{CoordinateOptions, TableOptions};
use widenet_model::{DeviceChoice, Precision};

use super::shared::{AnswerArguments, precision};

#[derive(Debug, Args)]
pub(crate) struct ScalingArguments {
    /// Problem file (.toml or .json) whose parameterisation is asked about, instead of exponents.
    #[arg(conflicts_with_all = ["name", "abc", "q_sigma"])]
    pub(crate) problem: Option<PathBuf>,
    /// Exponent of the output weights of one hidden layer (Golikov), with --q or both of --q-a and --q-w.
    #[arg(long, allow_hyphen_values = true, conflicts_with_all = ["name", "abc"])]
    pub(crate) q_sigma: Option<f64>,
    /// Exponent of both learning rates.
    #[arg(long, allow_hyphen_values = true, requires = "q_sigma", conflicts_with_all = ["q_a", "q_w"])]
    pub(crate) q: Option<f64>,
    /// Exponent of the readout's learning rate.
    #[arg(long, allow_hyphen_values = true, requires_all = ["q_sigma", "q_w"])]
    pub(crate) q_a: Option<f64>,
    /// Exponent of the input layer's learning rate.
    #[arg(long, allow_hyphen_values = true, requires_all = ["q_sigma", "q_a"])]
    pub(crate) q_w: Option<f64>,
    /// A named scaling: mf, ntk, sym_default, intermediate, default and an example of every other class (one hidden layer), or sp,
    /// sp_over_width, ntp, mup, mfp, golikov_mf.
    #[arg(long, conflicts_with = "abc")]
    pub(crate) name: Option<String>,
    /// Hidden layers of a named scaling.
    #[arg(long, default_value_t = 1, requires = "name")]
    pub(crate) hidden_layers: usize,
    /// Exponents of Yang and Hu, input layer first: a / b / c, for example --abc 0,1/0,0/-1.
    #[arg(long, allow_hyphen_values = true, value_name = "A,…/B,…/C")]
    pub(crate) abc: Option<String>,
    /// Loss of the network: logistic or squared [default: logistic, or that of the problem].
    #[arg(long, value_parser = ["logistic", "squared"], conflicts_with = "problem")]
    pub(crate) loss: Option<String>,
    /// Draw the plane of exponents with the stable band, its 13 cells and this scaling into this folder.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) map: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) answer: AnswerArguments,
}

fn tolerance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(tolerance) if tolerance > 0.0 && tolerance.is_finite() => Ok(tolerance),
        _ => Err("give a number > 0".into()),
    }
}

/// Reads `-0.5` or `output=-0.5`.
fn exponent_of(text: &str) -> Result<(Option<String>, f64), String> {
    let (layer, exponent) = text.rsplit_once('=').map_or((None, text), |(layer, exponent)| (Some(layer), exponent));
    match exponent.trim().parse::<f64>() {
        Ok(exponent) if exponent.is_finite() => Ok((layer.map(|layer| layer.trim().into()), exponent)),
        _ => Err("give an exponent, for example 0, or LAYER=EXPONENT, for example output=-0.5".into()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct CoordCheckArguments {
    /// Problem file (.toml or .json); its steps and its section record do not count.
    #[arg(required_unless_present = "from")]
    pub(crate) problem: Option<PathBuf>,
    /// Judge a table of measurements of any networks instead (.csv or .parquet) with columns width, seed, step (or t), layer (or module) and sizes.
    #[arg(long, value_name = "TABLE", conflicts_with_all = ["problem", "width", "seeds", "steps", "device", "precision", "set"])]
    pub(crate) from: Option<PathBuf>,
    /// Columns of the table that are judged, separated by commas [default: value, l1, l2, rms, std, norm, those that there are].
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', requires = "from")]
    value: Vec<String>,
    /// Predicted exponent of all layers of the table (µP: 0), or of one, as --predict output=-0.5; may be repeated [default: 0].
    #[arg(long, value_name = "[LAYER=]EXPONENT", value_parser = exponent_of, allow_hyphen_values = true, requires = "from")]
    predict: Vec<(Option<String>, f64)>,
    /// A layer of the table without prediction: it must not grow; may be repeated.
    #[arg(long, value_name = "LAYER", requires = "from")]
    exempt: Vec<String>,
    /// At least three widths, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "256,512,1024,2048,4096", allow_hyphen_values = true)]
    width: Vec<Width>,
    /// Networks per width: seeds 1 … N.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seeds: u64,
    /// Steps of training, measured one by one.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=1000))]
    steps: u64,
    /// Confirmed: the exponent is within this of the prediction and its 95 % interval within twice this; refuted: the interval
    /// is outside this altogether. What has no prediction must have an exponent of at most this.
    #[arg(long, default_value_t = 0.1, value_parser = tolerance, allow_hyphen_values = true)]
    tolerance: f64,
    #[command(flatten)]
    pub(crate) answer: AnswerArguments,
    /// Write figures (SVG and PNG) into this folder.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) figure: Option<PathBuf>,
    /// Device: auto, cpu (flex), flex, ndarray, wgpu or vulkan.
    #[arg(long, default_value = "auto")]
    pub(crate) device: DeviceChoice,
    /// Floating-point type: f32 or f64 [default: f32].
    #[arg(long, value_parser = precision)]
    precision: Option<Precision>,
}

impl CoordCheckArguments {
    pub(crate) fn table_options(&self) -> TableOptions {
        let of_all = self.predict.iter().rev().find(|(layer, _)| layer.is_none());
        let own = self.predict.iter().filter_map(|(layer, exponent)| Some((layer.clone()?, *exponent)));
        TableOptions {
            tolerance: self.tolerance,
            quantities: self.value.clone(),
            exponent: of_all.map_or(0.0, |(_, exponent)| *exponent),
            exponents: own.collect(),
            exempt: self.exempt.clone(),
        }
    }

    pub(crate) fn options(&self) -> CoordinateOptions {
        CoordinateOptions {
            widths: self.width.clone(),
            seeds: self.seeds,
            steps: self.steps,
            tolerance: self.tolerance,
            precision: self.precision.unwrap_or(Precision::F32),
        }
    }
}
