//! `widenet scaling` says which limit a scaling of widths leads to.

use widenet_core::{
    problem::Loss,
    scaling::{AbcExponents, GolikovExponents},
};
use widenet_engines::load_problem;
use widenet_model::{DeviceChoice, Precision};
use widenet_questions::{Question, ScalingQuestion, scaling_map};

use crate::{
    arguments::ScalingArguments,
    exit::{Exit, Failure},
    prior::{open, say},
    question::{say_written, watched},
    say::note,
};

/// Says what a scaling leads to, and draws it.
pub(crate) fn run(arguments: &ScalingArguments) -> Result<Exit, Failure> {
    let output = open(arguments.answer.output.as_ref())?;
    let question = question(arguments)?;
    if let Some(folder) = &arguments.map {
        let points = question.iter().filter_map(|(name, question)| Some((name.clone(), question.golikov()?)));
        let points: Vec<_> = points.collect();
        if let (true, Some((name, _))) = (points.is_empty(), &question) {
            note(&format!("{name} is no scaling of one hidden layer: it is not in the map"));
        }
        say_written(&scaling_map(folder, &points)?)?;
    }
    let Some((_, question)) = question else { return Ok(Exit::Done) };
    for warning in question.warnings()? {
        note(&warning);
    }
    let answered = watched("scaling", (DeviceChoice::Cpu, Precision::F64), |run| question.answer(run))?;
    say(answered.map(|answered| answered.tree), output, arguments.answer.json)
}

/// What is asked about, with its name; nothing if only the map is.
fn question(arguments: &ScalingArguments) -> Result<Option<(String, ScalingQuestion)>, Failure> {
    let loss = if arguments.loss.as_deref() == Some("squared") { Loss::SQUARED } else { Loss::Logistic };
    if let Some(file) = &arguments.problem {
        let problem = load_problem(file, &arguments.answer.overrides.set)?;
        return Ok(Some((file.display().to_string(), ScalingQuestion::of_problem(&problem)?)));
    }
    if !arguments.answer.overrides.set.is_empty() {
        return Err("--set changes keys of a problem file; give one".into());
    }
    if let Some(name) = &arguments.name {
        return Ok(Some((name.clone(), ScalingQuestion::named(name, arguments.hidden_layers, loss)?)));
    }
    let (name, exponents) = match (&arguments.abc, arguments.q_sigma) {
        (Some(abc), _) => (format!("abc {abc}"), parse_abc(abc)?.effective()),
        (None, Some(q_sigma)) => {
            let (q_a, q_w) = match (arguments.q, arguments.q_a, arguments.q_w) {
                (Some(q), ..) => (q, q),
                (_, Some(q_a), Some(q_w)) => (q_a, q_w),
                _ => return Err("--q-sigma needs --q, or --q-a and --q-w".into()),
            };
            let exponents = GolikovExponents::new(q_sigma, q_a, q_w)?;
            let rates = if q_a == q_w { format!("q̃ = {q_a}") } else { format!("q̃_a = {q_a}, q̃_w = {q_w}") };
            (format!("q_σ = {q_sigma}, {rates}"), exponents.effective())
        }
        _ if arguments.map.is_some() => return Ok(None),
        _ => return Err(
            "give a problem file, --q-sigma with --q, --name, or --abc; or only --map for the plane of all scalings"
                .into(),
        ),
    };
    Ok(Some((name, ScalingQuestion::new(exponents, loss))))
}

fn parse_abc(text: &str) -> Result<AbcExponents, Failure> {
    let wrong =
        |part: &str| format!("--abc {text}: \"{part}\" is no list of numbers; give a / b / c, for example 0,1/0,0/-1");
    let numbers = |part: &str| -> Result<Vec<f64>, String> {
        part.split(',').map(|number| number.trim().parse::<f64>().map_err(|_| wrong(part))).collect()
    };
    let [a, b, c] = text.split('/').collect::<Vec<_>>()[..] else {
        return Err(format!(
            "--abc {text}: it has {} parts; give a / b / c, for example 0,1/0,0/-1",
            text.split('/').count()
        )
        .into());
    };
    let c = match numbers(c)?[..] {
        [c] => c,
        _ => return Err(format!("--abc {text}: c is one number, not \"{c}\"").into()),
    };
    Ok(AbcExponents::new(numbers(a)?, numbers(b)?, c)?)
}
