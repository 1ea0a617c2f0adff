//! Writes the report on a device as one Markdown file.

use std::{
    env::consts::{ARCH, OS},
    fmt::Write,
    path::{Path, PathBuf},
    thread,
};

use widenet_core::humanized;
use widenet_model::{DeviceInfo, Precision};
use widenet_output::{Result, check_writable, write_whole};

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

/// A place for a report that can be written to.
#[derive(Debug, Clone)]
pub struct ReportFile(PathBuf);

impl ReportFile {
    /// Opens the file now, so that a fault is found before minutes of measurement.
    ///
    /// # Errors
    /// A folder, or a file in one that is not there or not writable.
    pub fn new(path: &Path) -> Result<Self> {
        check_writable(path)?;
        Ok(Self(path.to_owned()))
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes the report so that it appears whole.
    ///
    /// # Errors
    /// [`widenet_output::Error`].
    pub fn write(&self, report: &BenchReport) -> Result<()> {
        write_whole(&self.0, report.to_markdown().as_bytes())
    }
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
        writeln!(text, "| | |\n|---|---|")?;
        writeln!(text, "| widenet | {} |", self.version)?;
        writeln!(text, "| device | {choice}: {adapter} ({interface}) |")?;
        writeln!(text, "| float type | {} |", self.precision)?;
        writeln!(text, "| available memory | {} |", memory(*available_memory))?;
        writeln!(text, "| largest buffer | {} |", largest_buffer.map_or("any".into(), humanized::bytes))?;
        writeln!(text, "| host | {OS} {ARCH}, {threads} threads |")?;
        let failures = self.failures();
        writeln!(text, "\n## Failures\n")?;
        if failures.is_empty() {
            writeln!(text, "None.")?;
        }
        for failure in &failures {
            writeln!(text, "* {}", failure.replace('\n', " "))?;
        }
        let passed = self.checks.iter().filter(|checked| checked.passed()).count();
        writeln!(text, "\n## Correctness: {passed} of {} passed\n", self.checks.len())?;
        writeln!(text, "| what | error | tolerance | |\n|---|---|---|---|")?;
        for checked in &self.checks {
            let error = checked.error.map_or("–".into(), |error| format!("{error:.2e}"));
            let verdict = if checked.passed() { "pass" } else { "**fail**" };
            writeln!(text, "| {} | {error} | {:.2e} | {verdict} |", checked.what, checked.tolerance)?;
        }
        writeln!(text, "\n## Rates\n\n| what | rate | of copy |\n|---|---|---|")?;
        for rate in &self.rates {
            let fraction = rate.fraction_of_copy.map_or(String::new(), |fraction| format!("{fraction:.2}"));
            writeln!(text, "| {} | {} | {fraction} |", rate.what, rate.text())?;
        }
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
        writeln!(text, "| m | ms per step | rank | estimate | peak resident memory |\n|---|---|---|---|---|")?;
        for run in &self.growth.runs {
            let step = run.seconds * 1e3 / run.steps as f64;
            let (estimate, peak) = (humanized::bytes(run.estimate), memory(run.peak));
            writeln!(text, "| {} | {step:.2} | {} | {estimate} | {peak} |", run.width, run.rank)?;
        }
        writeln!(text)?;
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

    #[test]
    fn a_report_file_that_cannot_be_written_is_named_beforehand() {
        let folder = tempfile::tempdir().unwrap();
        let error = ReportFile::new(folder.path()).unwrap_err().to_string();
        assert!(error.contains("it is a folder"), "{error}");
        let error = ReportFile::new(&folder.path().join("missing/report.md")).unwrap_err().to_string();
        assert!(error.contains("missing/report.md"), "{error}");
        let file = ReportFile::new(&folder.path().join("report.md")).unwrap();
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "the probe is gone");
        file.write(&report(Some(0.0))).unwrap();
        assert!(std::fs::read_to_string(file.path()).unwrap().starts_with("# widenet on "));
    }
}
