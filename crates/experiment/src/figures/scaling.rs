//! Metrics against an axis, on logarithmic axes, with fitted and predicted exponents.

use std::collections::BTreeMap;

use super::{
    axis_label, metric_label, palette,
    plot::{Axis, Mark, Marker, Plot, Series},
    words,
};
use crate::{CheckKind, Exponent, Finding, check::samples, fit::quantile, measure::Results, study::AxisScale};

/// Mean of logarithms, as a value.
fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp()
}

/// Metrics against an axis: geometric means over seeds with 10–90 % bands, fits dashed, predicted slopes grey. Several metrics share
/// the plot, each with its groups.
pub(super) fn scaling(results: &Results<'_>, findings: &[Finding], metrics: &[String], x: &str) -> Plot {
    let predictions: Vec<_> = metrics.iter().flat_map(|metric| predictions(results, metric, x)).collect();
    let mut curves = Vec::new();
    for metric in metrics {
        for (group, trials) in results.groups(&[x]) {
            let samples = samples(results, &trials, metric, x, (0.0, f64::MAX));
            let name = match (metrics.len(), group.as_str()) {
                (1, "all") | (2.., "all") => words(metric),
                (1, _) => words(&group),
                _ => format!("{}, {}", words(metric), words(&group)),
            };
            if !samples.is_empty() {
                curves.push((metric, group, name, samples));
            }
        }
    }
    let colours = palette::groups(curves.len());
    let (mut series, mut all_points) = (Vec::new(), Vec::new());
    for ((metric, group, name, samples), (colour, marker)) in
        curves.iter().zip(colours.into_iter().zip(Marker::ALL.into_iter().cycle()))
    {
        let mut by_x: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for sample in samples {
            // The bits of positive floats are in their order.
            by_x.entry(sample.x.to_bits()).or_default().push(sample.y);
        }
        by_x.values_mut().for_each(|values| values.sort_by(f64::total_cmp));
        let at = |(bits, values): (&u64, &Vec<f64>)| (f64::from_bits(*bits), geometric_mean(values));
        let band =
            |(bits, values): (&u64, &Vec<f64>)| (f64::from_bits(*bits), quantile(values, 0.1), quantile(values, 0.9));
        let mut marks = Vec::new();
        if by_x.values().any(|values| values.len() > 1) {
            marks.push(Mark::Band(by_x.iter().map(band).collect()));
        }
        let mut legend = vec![name.clone()];
        for prediction in predictions.iter().filter(|prediction| prediction.metric == **metric) {
            let finding = findings.iter().find(|finding| finding.check == prediction.check && finding.group == *group);
            let Some((fit, finding)) = finding.and_then(|finding| Some((finding.fit?, finding))) else { continue };
            let (first, last) = prediction.range;
            let fitted = by_x.keys().map(|bits| f64::from_bits(*bits)).filter(|x| (first..=last).contains(x));
            let points = fitted.map(|x| (x, fit.constant * x.powf(fit.exponent))).collect();
            marks.push(Mark::Line { points, width: 1.5, dashed: true });
            let interval = finding.interval.map(|(low, high)| format!(" [{low:.3}, {high:.3}]")).unwrap_or_default();
            legend.push(format!("{:.3}{interval}", fit.exponent).replace('-', "−"));
        }
        let points: Vec<_> = by_x.iter().map(at).collect();
        all_points.extend(points.iter().copied());
        marks.push(Mark::Points(points, marker));
        series.push(Series { legend, colour, marks });
    }
    series.splice(0..0, reference_slopes(&all_points, &predictions));
    let mut remarks = Vec::new();
    if results.study.seeds.len() > 1 {
        remarks.extend(["point: geometric mean over seeds", "band: 10–90 % of seeds"].map(String::from));
    }
    if !predictions.is_empty() {
        remarks.push("numbers: exponent [95 % interval]".into());
    }
    let metric = |name: &String| results.study.metrics.iter().find(|metric| metric.name == *name);
    let y_label = match metrics {
        [one] => metric(one).map(metric_label).unwrap_or_default(),
        _ => "value of the metric".into(),
    };
    Plot {
        title: String::new(),
        x: Axis { label: axis_label(x), scale: AxisScale::Log },
        y: Axis { label: y_label, scale: AxisScale::Log },
        series,
        remarks,
    }
}

/// What a check says about a metric as a function of an axis.
struct Prediction<'s> {
    check: &'s str,
    metric: &'s str,
    exponent: Exponent,
    range: (f64, f64),
}

fn predictions<'s>(results: &Results<'s>, metric: &str, x: &str) -> Vec<Prediction<'s>> {
    let of_check = |check: &'s crate::Check| match &check.kind {
        CheckKind::PowerLaw { metric: m, x: key, exponent, range, .. } if m == metric && key == x => {
            Some(Prediction { check: &check.name, metric: m, exponent: *exponent, range: *range })
        }
        _ => None,
    };
    results.study.checks.iter().filter_map(of_check).collect()
}

/// Grey lines of the predicted exponents, below all points that they are about.
fn reference_slopes(points: &[(f64, f64)], predictions: &[Prediction<'_>]) -> Vec<Series> {
    let mut lines: Vec<Series> = Vec::new();
    for prediction in predictions {
        let Exponent::Near { exponent, .. } = prediction.exponent else { continue };
        let legend = vec![format!("predicted slope {exponent}").replace('-', "−")];
        let (min_x, max_x) = prediction.range;
        let fitted: Vec<_> = points.iter().filter(|point| (min_x..=max_x).contains(&point.0)).collect();
        if lines.iter().any(|line| line.legend == legend) || fitted.is_empty() {
            continue;
        }
        let constant = fitted.iter().map(|(x, y)| y / x.powf(exponent)).fold(f64::INFINITY, f64::min) / 2.0;
        let first = fitted.iter().map(|point| point.0).fold(f64::INFINITY, f64::min);
        let last = fitted.iter().map(|point| point.0).fold(0.0, f64::max);
        let ends = [first, last].map(|x| (x, constant * x.powf(exponent))).into();
        let marks = vec![Mark::Line { points: ends, width: 1.5, dashed: false }];
        lines.push(Series { legend, colour: palette::GREY, marks });
    }
    lines
}
