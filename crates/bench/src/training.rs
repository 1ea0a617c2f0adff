//! Times very wide training from end to end: one long run, and how its time grows with the width.
//!
//! ```text
//! two hidden layers of m tanh neurons, mean field, 8 inputs in R^10, 16 steps of descent;      4 steps: t(m) = c m^a
//! ```
//!
//! The data are a fixed formula, `x_ij = sin(1.7 (10 i + j))` and `y_i = sin(0.9 i)`, so the run needs no file. The exponent a is fitted by
//! [`widenet_statistics::fit`]; conditioning promises 1 (docs/theory/conditioning.md §2).

use std::{fs, time::Instant};

use serde::Serialize;
use widenet_core::{
    Matrix, Problem,
    data::{Dataset, Samples},
    humanized,
    problem::{Activation, EntryLaw, Loss, Network, Optimizer, Parameterization, Quantity, RecordPlan, Rule, Schedule},
    training::Control,
    trajectory::Status,
};
use widenet_model::{
    DeviceInfo, DeviceKind, Hidden, HiddenMatrix, Matrices, OpenDevice, Precision, ResponseStorage, Run, WideEstimate,
    default_tolerance, guarded, solve_on_device,
};
use widenet_statistics::fit::{PowerLaw, Sample, power_law};

/// Fewest neurons of the long run: a tenth of it is the narrowest network trained.
pub(crate) const SMALLEST: u64 = 10;
/// Of the long run, and of those that show the growth, which also fit at ten times its width.
const STEPS: u64 = 16;
const GROWTH_STEPS: u64 = 4;
const SAMPLES: usize = 8;
const INPUTS: usize = 10;
const STORED: HiddenMatrix = HiddenMatrix::Conditioned(ResponseStorage::Stored);
/// Widths of the growth over that of the long run, in tenths.
const TENTHS: [u64; 5] = [1, 3, 10, 30, 100];
/// Seconds that one of its runs may be expected to take.
const PATIENCE: f64 = 240.0;
/// Memory beyond the estimate that must be available: what is freed is not always given back.
const HEADROOM: f64 = 1.25;

/// A finished run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WideTraining {
    /// m.
    pub width: u64,
    /// Optimiser steps.
    pub steps: u64,
    /// Of the whole run, its start included.
    pub seconds: f64,
    /// Largest rank of a side of the hidden matrix.
    pub rank: f64,
    /// Loss before and after.
    pub losses: [f64; 2],
    /// Bytes expected.
    pub estimate: u64,
    /// Largest resident memory of the process during the run in bytes, where Linux tells.
    pub peak: Option<u64>,
}

/// Runs at several widths.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Growth {
    /// Finished runs, by width.
    pub runs: Vec<WideTraining>,
    /// Widths that were left out, and why.
    pub left_out: Vec<(u64, String)>,
}

impl Growth {
    /// Returns the power law of seconds over widths; `None` for fewer than two widths.
    pub fn fit(&self) -> Option<PowerLaw> {
        let samples: Vec<Sample> =
            self.runs.iter().map(|run| Sample { x: run.width as f64, seed: 0, y: run.seconds, error: 0.0 }).collect();
        power_law(&samples)
    }
}

/// m of the long run.
pub(crate) fn default_width(info: &DeviceInfo, quick: bool) -> u64 {
    match (quick, info.kind) {
        (true, _) => 1000,
        (false, DeviceKind::SoftwareGpu) => 20_000,
        (false, DeviceKind::Cpu | DeviceKind::Gpu) => 1_000_000,
    }
}

/// The problem (module formula).
pub(crate) fn problem(steps: u64) -> Problem {
    let wave = |columns, frequency: f64| {
        Matrix::from_fn(SAMPLES, columns, |i, j| ((i * columns + j) as f64 * frequency).sin())
    };
    Problem {
        network: Network {
            hidden_layers: 2,
            activation: Activation::Tanh,
            entry_law: EntryLaw::Gaussian,
            centered: false,
            image: None,
        },
        parameterization: Parameterization::MeanField { richness: 1.0, sigma_in: 1.0, sigma_out: 1.0, sigma_b: None },
        data: Dataset {
            train: Samples { inputs: wave(INPUTS, 1.7), targets: wave(1, 0.9) },
            test: None,
            provenance: Default::default(),
        },
        loss: Loss::SQUARED,
        optimizer: Optimizer {
            rule: Rule::Descent { learning_rate: 0.2, steps, momentum: 0.0, nesterov: false, batch_size: None },
            weight_decay: 0.0,
            schedule: Schedule::CONSTANT,
        },
        record: RecordPlan {
            at: vec![0.0, steps as f64],
            quantities: vec![Quantity::TrainLoss, Quantity::ExploredRanks],
        },
        ensemble: None,
        stop: None,
    }
}

/// The long run, and the growth around it.
pub(crate) fn run(
    device: &OpenDevice,
    precision: Precision,
    width: u64,
    quick: bool,
    watch: &dyn Fn(&str),
) -> (Result<WideTraining, String>, Growth) {
    let long = match obstacle(device, precision, (width, STEPS), None) {
        Some(Obstacle::Time(text) | Obstacle::Memory(text)) => Err(text),
        None => train(device, precision, (width, STEPS), watch),
    };
    let mut growth = Growth::default();
    let tenths = if quick { &TENTHS[..3] } else { &TENTHS[..] };
    for m in tenths.iter().map(|tenths| width * tenths / 10) {
        let known = growth.runs.last().map(|run| (run.width, run.seconds));
        let outcome = match obstacle(device, precision, (m, GROWTH_STEPS), known) {
            Some(Obstacle::Time(text) | Obstacle::Memory(text)) => Err(text),
            None => train(device, precision, (m, GROWTH_STEPS), watch),
        };
        match outcome {
            Ok(run) => growth.runs.push(run),
            Err(reason) => growth.left_out.push((m, reason)),
        }
    }
    (long, growth)
}

/// Why a width should not be tried.
enum Obstacle {
    Memory(String),
    Time(String),
}

/// `known` are a smaller width and its seconds.
fn obstacle(
    device: &OpenDevice,
    precision: Precision,
    (width, steps): (u64, u64),
    known: Option<(u64, f64)>,
) -> Option<Obstacle> {
    let bytes = HEADROOM * WideEstimate::new(&problem(steps), width, STORED, precision).bytes as f64;
    // What is available now, not when the device was opened.
    let available = device.info.choice.open().ok().and_then(|device| device.info.available_memory);
    if let Some(available) = available.filter(|available| bytes > *available as f64) {
        return Some(Obstacle::Memory(format!(
            "needs {} with room to spare, {} are available",
            humanized::bytes(bytes as u64),
            humanized::bytes(available)
        )));
    }
    let (smaller, seconds) = known?;
    let expected = seconds * width as f64 / smaller as f64;
    (expected > PATIENCE)
        .then(|| Obstacle::Time(format!("would take about {expected:.0} s, more than {PATIENCE:.0} s")))
}

fn train(
    device: &OpenDevice,
    precision: Precision,
    (width, steps): (u64, u64),
    watch: &dyn Fn(&str),
) -> Result<WideTraining, String> {
    let what = format!("{steps} steps at width {width}");
    watch(&what);
    let problem = problem(steps);
    let hidden = Hidden { matrix: STORED, tolerance: default_tolerance(precision) };
    let run = Run {
        problem: &problem,
        width,
        seed: 0,
        matrices: Matrices::Explored(hidden),
        device,
        precision,
        checkpoints: None,
    };
    reset_peak();
    let start = Instant::now();
    let solution = guarded(&what, || solve_on_device(&run, &mut |_| Control::Continue));
    let seconds = start.elapsed().as_secs_f64();
    let solution = solution.map_err(|failure| failure.to_string())?;
    let trajectory = solution.map_err(|error| format!("{what}: {error}"))?.trajectory;
    let ([first, last], Status::Done) = (&trajectory.records[..], trajectory.status) else {
        return Err(format!("{what}: training ended as {:?}", trajectory.status));
    };
    let numbers = |quantity| last.values[&quantity].flatten();
    let loss = |record: &widenet_core::trajectory::Record| {
        record.values[&Quantity::TrainLoss].flatten().first().copied().unwrap_or(f64::NAN)
    };
    Ok(WideTraining {
        width,
        steps,
        seconds,
        rank: numbers(Quantity::ExploredRanks).into_iter().fold(0.0, f64::max),
        losses: [loss(first), loss(last)],
        estimate: WideEstimate::new(&problem, width, STORED, precision).bytes,
        peak: peak(&fs::read_to_string("/proc/self/status").unwrap_or_default()),
    })
}

/// Lets the peak of the resident memory start again from what is resident now.
fn reset_peak() {
    // Where this cannot be written, the peak is that of the process so far.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The peak of the resident memory in bytes, from a Linux report on a process.
fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use widenet_model::DeviceChoice;

    use super::*;

    #[test]
    fn reads_the_peak_of_a_linux_report() {
        assert_eq!(peak("VmPeak:\t  9 kB\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n"), Some(2 << 20));
        assert_eq!(peak("VmRSS:\t 1 kB\n"), None);
    }

    #[test]
    fn training_learns_at_every_width_and_its_time_has_an_exponent() {
        let device = DeviceChoice::Flex.open().unwrap();
        let (long, growth) = run(&device, Precision::F32, 1000, true, &|_| {});
        let widths: Vec<u64> = growth.runs.iter().map(|run| run.width).collect();
        assert_eq!(widths, [100, 300, 1000]);
        for run in &growth.runs {
            assert!(run.losses[1] < run.losses[0] && run.seconds > 0.0 && run.rank >= 8.0, "{run:?}");
        }
        let long = long.unwrap();
        assert_eq!((long.width, long.steps), (1000, STEPS));
        assert!(long.losses[1] < growth.runs[2].losses[1], "four times as many steps");
        assert!(growth.fit().unwrap().exponent.is_finite());
    }

    #[test]
    fn widths_that_are_too_large_or_too_slow_are_left_out_with_a_reason() {
        let device = DeviceChoice::Flex.open().unwrap();
        if device.info.available_memory.is_some() {
            let found = obstacle(&device, Precision::F32, (1 << 40, STEPS), None);
            assert!(matches!(found, Some(Obstacle::Memory(text)) if text.contains("GiB")));
        }
        let found = obstacle(&device, Precision::F32, (1000, STEPS), Some((100, 100.0)));
        assert!(matches!(found, Some(Obstacle::Time(text)) if text.contains("1000 s")));
        assert!(obstacle(&device, Precision::F32, (1000, STEPS), Some((100, 1.0))).is_none());
    }
}
