//! Draws the plane of Golikov's exponents: the stable band, its 13 cells, and given scalings.
//!
//! ```text
//! unstable above q̃ = −q_σ,   stagnant below q̃ = −q_σ − 1/2;      A = 0: q_σ = −1/2,   B = 0: q̃ = −1 − 2 q_σ
//! ```
//!
//! (docs/theory/scaling-limits.md §3.1, §3.2, Eq. stable.)

use std::path::{Path, PathBuf};

use widenet_core::{problem::Loss, scaling::GolikovExponents};
use widenet_figures::{Axis, AxisScale, Mark, Marker, Plot, Series, palette};
use widenet_limits::scaling::{Classification, LimitClass};

use widenet_output::{Result, create_directory};

/// File names without their extension.
const STEM: &str = "scaling-map";

/// Draws the band with these scalings, by name, as `scaling-map.svg` and `scaling-map.png`; returns the files.
///
/// # Errors
/// Those of writing.
pub fn scaling_map(directory: &Path, scalings: &[(String, GolikovExponents)]) -> Result<Vec<PathBuf>> {
    create_directory(directory)?;
    let of_points = scalings.iter().map(|(_, exponents)| exponents.q_sigma());
    let left = of_points.clone().fold(-1.75, f64::min);
    let right = of_points.fold(0.25, f64::max);
    // Edges differ in width and dashed lines in colour, so that the legend tells them apart.
    let edge = |legend: &str, offset: f64, width: f64| Series {
        legend: vec![legend.into()],
        colour: palette::BLACK,
        marks: vec![Mark::Line { points: vec![(left, offset - left), (right, offset - right)], width, dashed: false }],
    };
    let inside = Series {
        legend: vec!["stable".into()],
        colour: palette::GREY,
        marks: vec![Mark::Band(vec![(left, -0.5 - left, -left), (right, -0.5 - right, -right)])],
    };
    let boundary = |legend: &str, points: [(f64, f64); 2], colour| Series {
        legend: vec![legend.into()],
        colour,
        marks: vec![Mark::Line { points: points.into(), width: 1.5, dashed: true }],
    };
    let mut series = vec![
        inside,
        edge("s = 0: kernels evolve", 0.0, 3.0),
        edge("s = −1/2: the start is kept", -0.5, 1.0),
        boundary("A = 0: logits of order 1", [(-0.5, 0.0), (-0.5, 0.5)], palette::GREY),
        boundary("B = 0: kernels of order 1", [(-1.0, 1.0), (-0.5, 0.0)], palette::BLACK),
    ];
    let colours = palette::sequence(LimitClass::ALL.len());
    for (number, (class, colour)) in LimitClass::ALL.into_iter().zip(colours).enumerate() {
        let examples = GolikovExponents::NAMED.iter().map(|(_, exponents)| exponents);
        let of_class =
            |exponents: &&GolikovExponents| Classification::of(**exponents, Loss::Logistic).class() == Some(class);
        // Beside the example, not on the lines that it may lie on.
        let beside = |exponents: &GolikovExponents| (exponents.q_sigma() + 0.05, exponents.q_a() + 0.07);
        let mut marks = Vec::new();
        for exponents in examples.filter(of_class) {
            marks.push(Mark::Points(vec![(exponents.q_sigma(), exponents.q_a())], Marker::Circle));
            marks.push(Mark::Text(beside(exponents), (number + 1).to_string()));
        }
        series.push(Series { legend: vec![format!("{}  {}", number + 1, class.name())], colour, marks });
    }
    let given = palette::groups(scalings.len());
    for (((name, exponents), colour), marker) in scalings.iter().zip(given).zip(Marker::ALL.into_iter().cycle()) {
        let mut points = vec![(exponents.q_sigma(), exponents.q_a())];
        if !exponents.has_equal_rates() {
            points.push((exponents.q_sigma(), exponents.q_w()));
        }
        let class = Classification::of(*exponents, Loss::Logistic).class();
        let legend = match class {
            Some(class) => format!("{name}: {}", class.name()),
            None => format!("{name}: no limit"),
        };
        series.push(Series { legend: vec![legend], colour, marks: vec![Mark::Points(points, marker)] });
    }
    let unequal = scalings.iter().any(|(_, exponents)| !exponents.has_equal_rates());
    let plot = Plot {
        title: "stable scalings of one hidden layer".into(),
        x: Axis { label: "exponent of the output scale σ".into(), scale: AxisScale::Linear },
        y: Axis { label: "exponent of the learning rates".into(), scale: AxisScale::Linear },
        series,
        remarks: if unequal { vec!["two markers: rates of readout and input".into()] } else { Vec::new() },
    };
    plot.write(directory, STEM)?;
    Ok(["svg", "png"].map(|extension| directory.join(format!("{STEM}.{extension}"))).into())
}
