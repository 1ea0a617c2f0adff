//! `widenet fluctuations` says from small networks how wide ones spread around their limit.

use std::path::Path;

use widenet_core::{Problem, Width};
use widenet_engines::{Engines, Fluctuations, fluctuations, load_problem, wide_networks};
use widenet_experiment::{coordinate_check::make_folder, draw_fluctuations};
use widenet_model::DeviceChoice;
use widenet_output::{Format, OutputFile};

use crate::{
    answer::give,
    arguments::FluctuationsArguments,
    engine::with_option,
    exit::{Exit, Failure},
    fluctuation_table::{Asked, csv, json, text},
    interrupt, progress,
    question::say_written,
    say::note,
};

/// Measures fluctuations and writes them to a file, as JSON, or as tables.
pub(crate) fn run(arguments: &FluctuationsArguments) -> Result<Exit, Failure> {
    let output = arguments.answer.output.as_deref();
    let output = output.map(|path| OutputFile::new(path, &[Format::Json, Format::Csv])).transpose()?;
    let problem = load_problem(&arguments.problem, &arguments.answer.overrides.set)?;
    let options = arguments.options();
    options.check(&problem).map_err(with_option)?;
    let asked = asked(arguments, &problem, options.small_width)?;
    options.limit.check(&problem, &[Width::Infinite]).map_err(with_option)?;
    arguments.figure.as_deref().map(make_folder).transpose()?;
    // Small networks are faster on a processor than on any other device.
    let engines = Engines::new(DeviceChoice::Cpu)?;
    problem.warnings().iter().for_each(|said| note(said));
    let bar = progress::single("fluctuations");
    let found = fluctuations(&engines, &problem, &options, &|share| {
        bar.update(share);
        interrupt::control()
    });
    bar.finish();
    let Some(found) = found.map_err(with_option)? else { return Ok(Exit::Interrupted) };
    found.notes.iter().for_each(|said| note(said));
    match output {
        Some(output) => {
            match output.format() {
                Format::Json => output.write(|out| json(out, &found, &asked))?,
                _ => {
                    let table = csv(&found, &asked).to_csv()?;
                    output.write(|out| out.write_all(&table))?;
                }
            }
            say_written(&[output.path().to_owned()])?;
        }
        None if arguments.answer.json => give(|out| json(out, &found, &asked))?,
        None => give(|out| out.write_all(text(&found, &asked).as_bytes()))?,
    }
    if !found.is_complete {
        return Ok(Exit::Interrupted);
    }
    match &arguments.figure {
        Some(folder) => draw(arguments, (&engines, &problem), (&found, &asked.widths), folder),
        None => Ok(Exit::Done),
    }
}

/// Trains the networks that are drawn over the bands, and draws both.
fn draw(
    arguments: &FluctuationsArguments,
    (engines, problem): (&Engines, &Problem),
    (found, widths): (&Fluctuations, &[u64]),
    folder: &Path,
) -> Result<Exit, Failure> {
    let mut networks = Vec::new();
    for &width in widths.iter().filter(|_| arguments.draw > 0) {
        let bar = progress::single(&format!("{} networks of width {width}", arguments.draw));
        let trained = wide_networks(engines, problem, &arguments.options(), (width, arguments.draw), &|share| {
            bar.update(share);
            interrupt::control()
        });
        bar.finish();
        networks.extend(trained?);
        if interrupt::is_stopped() {
            return Ok(Exit::Interrupted);
        }
    }
    say_written(&draw_fluctuations(found, widths, &networks, folder)?)?;
    Ok(Exit::Done)
}

/// What is asked beside spread and offset, which must be finite widths, no smaller than those of the networks, and recorded quantities.
fn asked(arguments: &FluctuationsArguments, problem: &Problem, small_width: u64) -> Result<Asked, Failure> {
    let mut widths = Vec::new();
    for width in &arguments.width {
        match *width {
            Width::Finite(width) if width < small_width => {
                return Err(format!(
                    "--width {width} is below the width {small_width} of the small networks; predictions are for wider networks \
                     (--small-width)"
                )
                .into());
            }
            Width::Finite(width) => widths.push(width),
            Width::Infinite => {
                return Err(
                    "--width inf: infinitely wide networks do not fluctuate; give finite widths, or use widenet solve"
                        .into(),
                );
            }
        }
    }
    for (quantity, tolerance) in &arguments.tolerance_on {
        if !problem.record.quantities.contains(quantity) {
            let recorded: Vec<&str> = problem.record.quantities.iter().map(|quantity| quantity.name()).collect();
            return Err(format!(
                "--tolerance-on {}={tolerance:?}: it is not recorded; record.quantities has {}",
                quantity.name(),
                recorded.join(", ")
            )
            .into());
        }
    }
    Ok(Asked { widths, tolerances: arguments.tolerance_on.clone() })
}
