//! `widenet bench` measures a device and prints what it does.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::json;
use widenet_bench::{Bench, BenchReport, MeasuredRate};
use widenet_core::humanized;
use widenet_output::{Format, OutputFile, Table};

use crate::{
    answer::{give, leave},
    arguments::BenchArguments,
    exit::{Exit, Failure},
    say::{line, note},
};

/// Measures a device; with a report also checks it and trains on it. Exits with 1 if a check or a rate fails.
pub(crate) fn run(arguments: &BenchArguments) -> Result<Exit, Failure> {
    let file = arguments.report.as_deref().map(|path| OutputFile::new(path, &[Format::Text])).transpose()?;
    let bench = Bench::open(arguments.device, arguments.precision(), arguments.quick)?;
    note(bench.note());
    let watch = |what: &str| line(&format!("running: {what}"));
    let (so_far, json) = (Arc::new(Mutex::new(Vec::new())), arguments.json);
    let left = Arc::clone(&so_far);
    leave(move |out| write(out, &left.lock().unwrap_or_else(PoisonError::into_inner), json));
    let measured = |rate: &MeasuredRate| so_far.lock().unwrap_or_else(PoisonError::into_inner).push(rate.clone());
    let Some(file) = file else {
        let watch = |what: &str| {
            if arguments.verbose {
                watch(what)
            }
        };
        let rates = bench.rates(&watch, &measured);
        print(&rates, json)?;
        return Ok(exit(true, &rates));
    };
    let report = bench.report(arguments.width, &watch, &measured)?;
    file.write(|out| out.write_all(report.to_markdown().as_bytes()))?;
    print(&report.rates, json)?;
    summarise(&report, &file);
    Ok(exit(report.passed(), &report.rates))
}

/// What a device that passed its checks or not, and ran at these rates, amounts to: what it cannot do is a finding, not bad usage.
fn exit(passed: bool, rates: &[MeasuredRate]) -> Exit {
    let measured = rates.iter().all(|rate| rate.failure.is_none());
    if passed && measured { Exit::Done } else { Exit::CheckFailed }
}

fn print(rates: &[MeasuredRate], json: bool) -> Result<(), Failure> {
    give(|out| write(out, rates, json))?;
    rates.iter().filter_map(|rate| rate.failure.as_ref()).for_each(|failure| line(&format!("failed: {failure}")));
    Ok(())
}

fn write(out: &mut dyn Write, rates: &[MeasuredRate], json: bool) -> io::Result<()> {
    if json {
        return writeln!(out, "{}", serde_json::to_string_pretty(&json!(rates))?);
    }
    let rows = rates.iter().map(|rate| {
        let fraction = rate.fraction_of_copy.map_or("-".into(), |fraction| format!("{fraction:.2}"));
        vec![rate.text(), fraction, rate.what.clone()]
    });
    out.write_all(Table::new(["rate", "of copy", "what"], rows).to_text().as_bytes())
}

/// The report in a few lines, on standard error: standard output may be JSON.
fn summarise(report: &BenchReport, file: &OutputFile) {
    let passed = report.checks.iter().filter(|checked| checked.passed()).count();
    line(&format!("{passed} of {} checks passed", report.checks.len()));
    if let Ok(run) = &report.training {
        let time = humanized::seconds(run.seconds);
        let memory = run.peak.map_or_else(|| "unknown".into(), humanized::bytes);
        line(&format!("{} steps at width {} took {time}, peak memory {memory}", run.steps, run.width));
    }
    if let Some(fit) = report.growth.fit() {
        line(&format!("time grows as m^{:.3}", fit.exponent));
    }
    report.failures().iter().for_each(|failure| line(&format!("failed: {failure}")));
    line(&format!("wrote {}", file.path().display()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_fails_is_a_finding_with_and_without_a_report() {
        let rate = |failure: Option<&str>| MeasuredRate {
            what: "W x".into(),
            value: failure.is_none().then_some(1.0),
            unit: "s",
            fraction_of_copy: None,
            failure: failure.map(str::to_owned),
        };
        assert_eq!(exit(true, &[rate(None)]), Exit::Done);
        assert_eq!(exit(true, &[rate(None), rate(Some("W x: the device failed: out of memory"))]), Exit::CheckFailed);
        assert_eq!(exit(false, &[rate(None)]), Exit::CheckFailed);
    }
}
