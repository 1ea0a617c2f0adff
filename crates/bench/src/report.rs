//! Writes the report on a device as one Markdown file.

use std::{
    env::consts::{ARCH, OS},
    fmt::Write,
    thread,
};

use widenet_core::humanized;
use widenet_model::{DeviceInfo, Precision};
use widenet_output::{Table, escape::markdown};

use crate::{
    checks::Checked,
    rates::MeasuredRate,
    training::{Growth, WideTraining},
};

/// What was found on a device.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchReport {
    /// Version of the program.
    pub version: &'static str,
    /// The device.
    pub device: DeviceInfo,
    /// Float type.
    pub precision: Precision,
    /// Comparisons.
    pub checks: Vec<Checked>,
    /// Rates.
    pub rates: Vec<MeasuredRate>,
    /// The long run, or why there is none.
    pub training: std::result::Result<WideTraining, String>,
    /// How its time grows.
    pub growth: Growth,
}

impl BenchReport {
    /// Says whether every comparison is within its tolerance.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(Checked::passed)
    }

    /// Says what failed: comparisons, rates and runs, in words.
    pub fn failures(&self) -> Vec<String> {
        let checks = self.checks.iter().filter(|checked| !checked.passed()).map(|checked| match &checked.failure {
            Some(failure) => failure.clone(),
            None => {
                let error = checked.error.unwrap_or(f64::NAN);
                format!("{}: error {error:.2e} is beyond the tolerance {:.2e}", checked.what, checked.tolerance)
            }
        });
        let rates = self.rates.iter().filter_map(|rate| rate.failure.clone());
        let training = self.training.as_ref().err().map(|reason| format!("the long run: {reason}"));
        checks.chain(rates).chain(training).collect()
    }

    /// Returns all of it.
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let DeviceInfo { choice, adapter, interface, available_memory, largest_buffer, .. } = &self.device;
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let memory = |bytes: Option<u64>| bytes.map_or("unknown".into(), humanized::bytes);
        writeln!(text, "# widenet on {adapter}\n")?;
        let facts = [
            ("widenet", self.version.to_owned()),
            ("device", format!("{choice}: {adapter} ({interface})")),
            ("float type", self.precision.to_string()),
            ("available memory", memory(*available_memory)),
            ("largest buffer", largest_buffer.map_or("any".into(), humanized::bytes)),
            ("host", format!("{OS} {ARCH}, {threads} threads")),
        ];
        let facts = facts.map(|(name, value)| vec![name.to_owned(), value]);
        text.push_str(&Table::new(["", ""], facts).to_markdown());
        let failures = self.failures();
        writeln!(text, "\n## Failures\n")?;
        if failures.is_empty() {
            writeln!(text, "None.")?;
        }
        for failure in &failures {
            writeln!(text, "* {}", markdown(&failure.replace('\n', " ")))?;
        }
        let passed = self.checks.iter().filter(|checked| checked.passed()).count();
        writeln!(text, "\n## Correctness: {passed} of {} passed\n", self.checks.len())?;
        let checks = self.checks.iter().map(|checked| {
            vec![
                checked.what.clone(),
                checked.error.map_or("–".into(), |error| format!("{error:.2e}")),
                format!("{:.2e}", checked.tolerance),
                if checked.passed() { "pass".into() } else { "**fail**".into() },
            ]
        });
        text.push_str(&Table::new(["what", "error", "tolerance", ""], checks).to_markdown());
        let rates = self.rates.iter().map(|rate| {
            let fraction = rate.fraction_of_copy.map_or(String::new(), |fraction| format!("{fraction:.2}"));
            vec![rate.what.clone(), rate.text(), fraction]
        });
        writeln!(text, "\n## Rates\n\n{}", Table::new(["what", "rate", "of copy"], rates).to_markdown().trim_end())?;
        writeln!(text, "\n## Training\n")?;
        writeln!(
            text,
            "Two hidden layers of m tanh neurons, mean field, 8 inputs, conditioned on what training asks.\n"
        )?;
        match &self.training {
            Ok(run) => writeln!(
                text,
                "m = {}: {} steps in {:.2} s, rank {}, loss {:.4} → {:.4}, estimate {}, peak resident memory {}.\n",
                run.width,
                run.steps,
                run.seconds,
                run.rank,
                run.losses[0],
                run.losses[1],
                humanized::bytes(run.estimate),
                memory(run.peak)
            )?,
            Err(reason) => writeln!(text, "The long run did not end: {}.\n", reason.replace('\n', " "))?,
        }
        let runs = self.growth.runs.iter().map(|run| {
            let step = run.seconds * 1e3 / run.steps as f64;
            vec![
                run.width.to_string(),
                format!("{step:.2}"),
                run.rank.to_string(),
                humanized::bytes(run.estimate),
                memory(run.peak),
            ]
        });
        let header = ["m", "ms per step", "rank", "estimate", "peak resident memory"];
        writeln!(text, "{}", Table::new(header, runs).to_markdown())?;
        for (width, reason) in &self.growth.left_out {
            writeln!(text, "* m = {width}: {}", reason.replace('\n', " "))?;
        }
        if let Some(fit) = self.growth.fit() {
            let interval =
                fit.interval.map_or(String::new(), |(low, high)| format!(" (95 % interval {low:.3} … {high:.3})"));
            writeln!(text, "\nTime grows as m^{:.3}{interval}.", fit.exponent)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use widenet_model::DeviceChoice;

    use super::*;

    fn report(error: Option<f64>) -> BenchReport {
        let failure = error.is_none().then(|| "W x: the device failed: lost\nfor good".to_owned());
        BenchReport {
            version: "0",
            device: DeviceChoice::Flex.open().unwrap().info,
            precision: Precision::F32,
            checks: vec![Checked { what: "W x".into(), error, tolerance: 1e-3, failure }],
            rates: vec![MeasuredRate {
                what: "copy".into(),
                value: Some(2e9),
                unit: "bytes/s",
                fraction_of_copy: None,
                failure: None,
            }],
            training: Err("out of memory".into()),
            growth: Growth { runs: vec![], left_out: vec![(7, "too slow".into())] },
        }
    }

    #[test]
    fn a_report_tells_everything_and_what_failed() {
        let good = report(Some(1e-4));
        let text = good.to_markdown();
        assert!(good.passed() && text.contains("1 of 1 passed") && text.contains("2.00 GB/s"), "{text}");
        assert!(text.contains("out of memory") && text.contains("* m = 7: too slow"), "{text}");
        let wrong = report(Some(1e-2));
        assert!(!wrong.passed() && wrong.to_markdown().contains("* W x: error 1.00e-2 is beyond"));
        let lost = report(None);
        assert!(!lost.passed() && lost.to_markdown().contains("* W x: the device failed: lost for good"));
    }
}
