//! These types declare what a user may type about fluctuations around limits.

use std::{num::NonZeroUsize, path::PathBuf, thread::available_parallelism};

use clap::Args;
use widenet_core::{Width, document::Word, problem::Quantity};
use widenet_engines::FluctuationOptions;

use super::shared::{AnswerArguments, LimitArguments};

#[derive(Debug, Args)]
pub(crate) struct FluctuationsArguments {
    /// Problem file (.toml or .json).
    pub(crate) problem: PathBuf,
    /// Predict mean and standard deviation at these finite widths, separated by commas; none is trained, but for --figure.
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) width: Vec<Width>,
    /// Say from which width on spread and offset of a quantity stay below a number in its units, for example train_loss=1e-3; may be
    /// repeated.
    #[arg(long, value_name = "QUANTITY=TOLERANCE", value_parser = tolerance_on, allow_hyphen_values = true)]
    pub(crate) tolerance_on: Vec<(Quantity, f64)>,
    /// Small networks to train at each of the widths m_0 and 2 m_0.
    #[arg(long, default_value_t = 400, allow_hyphen_values = true)]
    networks: usize,
    /// m_0, the width of the small networks.
    #[arg(long, default_value_t = 64, allow_hyphen_values = true)]
    small_width: u64,
    /// Seed of the limit; the networks have those that follow it.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Draw what is predicted at each --width as a band against time (SVG and PNG) into this folder, under --draw networks of that width.
    #[arg(long, value_name = "FOLDER", requires = "width")]
    pub(crate) figure: Option<PathBuf>,
    /// Networks of each --width that are trained to be drawn; 0 draws the bands alone.
    #[arg(long, default_value_t = 3, requires = "figure", allow_hyphen_values = true)]
    pub(crate) draw: usize,
    #[command(flatten)]
    pub(crate) limit: LimitArguments,
    #[command(flatten)]
    pub(crate) answer: AnswerArguments,
}

impl FluctuationsArguments {
    pub(crate) fn options(&self) -> FluctuationOptions {
        FluctuationOptions {
            small_width: self.small_width,
            networks: self.networks,
            seed: self.seed,
            limit: self.limit.options(),
            threads: available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }
}

fn tolerance_on(text: &str) -> Result<(Quantity, f64), String> {
    let Some((word, number)) = text.split_once('=') else {
        return Err("give QUANTITY=TOLERANCE, for example train_loss=1e-3".into());
    };
    let quantity = Quantity::from_word(word.trim())?;
    match number.trim().parse::<f64>() {
        Ok(tolerance) if tolerance > 0.0 && tolerance.is_finite() => Ok((quantity, tolerance)),
        _ => Err(format!("the tolerance of {} is {}; give a number > 0", quantity.name(), number.trim())),
    }
}
