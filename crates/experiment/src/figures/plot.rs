//! A plot, drawn by the same code as SVG and as PNG.

use std::{path::Path, sync::OnceLock};

use plotters::{
    coord::Shift,
    element::DashedPathElement,
    prelude::*,
    style::{
        FontStyle, FontTransform, register_font,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::ticks::{Range, is_drawable};
use crate::{Error, Result, run_directory::write_whole, study::AxisScale};

/// Shape of a marker, so that series differ in more than colour.
#[derive(Debug, Clone, Copy)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
}

impl Marker {
    pub(super) const ALL: [Marker; 4] = [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond];

    /// Corners on a circle of radius 1, y pointing down; a circle has none.
    fn corners(self) -> &'static [(f64, f64)] {
        match self {
            Marker::Circle => &[],
            Marker::Square => &[(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
            Marker::Triangle => &[(0.0, -1.2), (1.04, 0.6), (-1.04, 0.6)],
            Marker::Diamond => &[(0.0, -1.2), (1.2, 0.0), (0.0, 1.2), (-1.2, 0.0)],
        }
    }
}

/// What is drawn of a series.
#[derive(Debug, Clone)]
pub(super) enum Mark {
    /// A line through points, with a width in pixels.
    Line { points: Vec<(f64, f64)>, width: f64, dashed: bool },
    /// Markers.
    Points(Vec<(f64, f64)>, Marker),
    /// The area between two curves: (x, low, high).
    Band(Vec<(f64, f64, f64)>),
}

/// Marks of one colour, with the lines of their entry in the legend.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) legend: Vec<String>,
    pub(super) colour: RGBColor,
    pub(super) marks: Vec<Mark>,
}

/// An axis.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    pub(super) label: String,
    pub(super) scale: AxisScale,
}

/// A plot; later series are drawn over earlier ones.
#[derive(Debug, Clone)]
pub(super) struct Plot {
    pub(super) title: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
    /// Lines of small print under the legend.
    pub(super) remarks: Vec<String>,
}

/// Size of the data area in pixels, before magnification.
const AREA: (f64, f64) = (470.0, 380.0);
/// Space around it for ticks, labels and title.
const LEFT: f64 = 92.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 66.0;
/// Space between the data area and the legend, and its line.
const GAP: f64 = 18.0;
const SAMPLE: f64 = 30.0;
const LINE_HEIGHT: f64 = 20.0;
/// Opacity of all bands together, where they overlap.
const BAND_OPACITY: f64 = 0.6;
/// Radius of markers.
const RADIUS: f64 = 4.5;
/// Font sizes.
const TITLE: f64 = 16.0;
const LABEL: f64 = 16.0;
const TEXT: f64 = 14.0;
const SMALL: f64 = 12.0;
/// Magnification of the PNG.
const PNG_SCALE: f64 = 2.0;
/// The bitmap backend centres the font's line, not its letters.
const PNG_TEXT_DROP: f64 = 0.18;

const BLACK_INK: RGBColor = RGBColor(25, 25, 25);
const GRID: RGBColor = RGBColor(225, 225, 225);

/// Registers the bundled font once; the message says why it cannot be used.
fn font() -> std::result::Result<(), String> {
    static FONT: OnceLock<bool> = OnceLock::new();
    let load = || register_font("sans-serif", FontStyle::Normal, include_bytes!("../../assets/DejaVuSans.ttf")).is_ok();
    if *FONT.get_or_init(load) { Ok(()) } else { Err("the bundled font cannot be read".into()) }
}

impl Plot {
    /// Writes `stem.svg` and `stem.png` into a directory.
    pub(super) fn write(&self, directory: &Path, stem: &str) -> Result<()> {
        let path = directory.join(format!("{stem}.svg"));
        font().map_err(|reason| Error::file("draw", &path, reason))?;
        let mut svg = String::new();
        let size = self.size();
        self.draw(&SVGBackend::with_string(&mut svg, pixels(size, 1.0)).into_drawing_area(), (1.0, 0.0))
            .map_err(|reason| Error::file("draw", &path, reason))?;
        write_whole(&path, svg.as_bytes())?;

        let path = directory.join(format!("{stem}.png"));
        // The encoder writes to a path only, and chooses the format by its extension.
        let aside = directory.join(format!(".{stem}.{}.png", std::process::id()));
        self.draw(&BitMapBackend::new(&aside, pixels(size, PNG_SCALE)).into_drawing_area(), (PNG_SCALE, PNG_TEXT_DROP))
            .map_err(|reason| Error::file("draw", &path, reason))?;
        let bytes = std::fs::read(&aside).map_err(|error| Error::file("read", &aside, error))?;
        std::fs::remove_file(&aside).map_err(|error| Error::file("remove", &aside, error))?;
        write_whole(&path, &bytes)
    }

    /// The size that holds the longest line of the legend.
    fn size(&self) -> (f64, f64) {
        let width = |text: &String, size: f64| {
            let font = ("sans-serif", size).into_font();
            font.box_size(text).map_or(0.0, |(width, _)| f64::from(width))
        };
        let legend = self.series.iter().flat_map(|series| &series.legend).map(|line| width(line, TEXT) + SAMPLE + 8.0);
        let remarks = self.remarks.iter().map(|line| width(line, SMALL));
        let column = legend.chain(remarks).fold(0.0, f64::max);
        (LEFT + AREA.0 + GAP + column + 16.0, TOP + AREA.1 + BOTTOM)
    }

    fn ranges(&self) -> Option<(Range, Range)> {
        let mut points = Vec::new();
        for mark in self.series.iter().flat_map(|series| &series.marks) {
            match mark {
                Mark::Line { points: line, .. } | Mark::Points(line, _) => points.extend(line.iter().copied()),
                Mark::Band(band) => points.extend(band.iter().flat_map(|&(x, low, high)| [(x, low), (x, high)])),
            }
        }
        points.retain(|&(x, y)| is_drawable(self.x.scale, x) && is_drawable(self.y.scale, y));
        let x = Range::of(self.x.scale, points.iter().map(|point| point.0))?;
        let y = Range::of(self.y.scale, points.iter().map(|point| point.1))?;
        Some((x, y))
    }

    fn draw<DB: DrawingBackend>(
        &self,
        root: &DrawingArea<DB, Shift>,
        (scale, text_drop): (f64, f64),
    ) -> std::result::Result<(), String> {
        let canvas = Canvas { root, scale, text_drop };
        root.fill(&WHITE).map_err(|error| error.to_string())?;
        canvas.text(&self.title, (LEFT + AREA.0 / 2.0, TOP / 2.0), TITLE, HPos::Center)?;
        canvas.text(&self.x.label, (LEFT + AREA.0 / 2.0, TOP + AREA.1 + 48.0), LABEL, HPos::Center)?;
        canvas.vertical_text(&self.y.label, (18.0, TOP + AREA.1 / 2.0))?;
        match self.ranges() {
            None => canvas.text("nothing to draw", (LEFT + AREA.0 / 2.0, TOP + AREA.1 / 2.0), TEXT, HPos::Center)?,
            Some((x, y)) => {
                draw_axes(&canvas, x, y)?;
                // Bands lie under all lines.
                let is_band = |mark: &Mark| matches!(mark, Mark::Band(_));
                self.draw_marks(&canvas, (x, y), is_band)?;
                self.draw_marks(&canvas, (x, y), |mark| !is_band(mark))?;
            }
        }
        canvas.rectangle((LEFT, TOP), (LEFT + AREA.0, TOP + AREA.1))?;
        self.draw_legend(&canvas)?;
        root.present().map_err(|error| error.to_string())
    }

    fn draw_marks<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        (x, y): (Range, Range),
        wanted: impl Fn(&Mark) -> bool,
    ) -> std::result::Result<(), String> {
        let drawable = |point: &(f64, f64)| is_drawable(self.x.scale, point.0) && is_drawable(self.y.scale, point.1);
        let place = |point: (f64, f64)| position(x, y, point);
        let opacity = (BAND_OPACITY / self.series.len() as f64).clamp(0.05, 0.2);
        let marks = self.series.iter().flat_map(|series| series.marks.iter().map(|mark| (mark, series.colour)));
        for (mark, colour) in marks.filter(|(mark, _)| wanted(mark)) {
            match mark {
                Mark::Line { points, width, dashed } => {
                    let path = points.iter().copied().filter(drawable).map(place).collect();
                    canvas.line(path, colour, *width, *dashed)?;
                }
                Mark::Points(points, marker) => {
                    for point in points.iter().copied().filter(drawable) {
                        canvas.marker(*marker, place(point), colour)?;
                    }
                }
                Mark::Band(band) => {
                    let sides: Vec<_> =
                        band.iter().filter(|(x, low, high)| drawable(&(*x, *low)) && drawable(&(*x, *high))).collect();
                    let low = sides.iter().map(|(x, low, _)| place((*x, *low)));
                    let high = sides.iter().rev().map(|(x, _, high)| place((*x, *high)));
                    canvas.area(low.chain(high).collect(), colour, opacity)?;
                }
            }
        }
        Ok(())
    }

    fn draw_legend<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> std::result::Result<(), String> {
        let lines: usize = self.series.iter().map(|series| series.legend.len()).sum();
        // Many entries share the height of the data area.
        let height = LINE_HEIGHT.min((AREA.1 - 14.0 * self.remarks.len() as f64) / lines.max(1) as f64);
        let left = LEFT + AREA.0 + GAP;
        let mut y = TOP + height / 2.0;
        for series in &self.series {
            for (number, line) in series.legend.iter().enumerate() {
                if number == 0 {
                    for mark in &series.marks {
                        match mark {
                            Mark::Line { width, dashed, .. } => {
                                canvas.line(vec![(left, y), (left + SAMPLE, y)], series.colour, *width, *dashed)?;
                            }
                            Mark::Points(_, marker) => {
                                canvas.marker(*marker, (left + SAMPLE / 2.0, y), series.colour)?
                            }
                            Mark::Band(_) => {}
                        }
                    }
                }
                canvas.text(line, (left + SAMPLE + 8.0, y), TEXT, HPos::Left)?;
                y += height;
            }
        }
        for remark in &self.remarks {
            canvas.text(remark, (left, y + 8.0), SMALL, HPos::Left)?;
            y += 16.0;
        }
        Ok(())
    }
}

fn position(x: Range, y: Range, point: (f64, f64)) -> (f64, f64) {
    (LEFT + AREA.0 * x.position(point.0), TOP + AREA.1 * (1.0 - y.position(point.1)))
}

fn draw_axes<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, x: Range, y: Range) -> std::result::Result<(), String> {
    let (bottom, right) = (TOP + AREA.1, LEFT + AREA.0);
    let length = |major: bool| if major { 6.0 } else { 3.0 };
    for tick in x.ticks() {
        let place = LEFT + AREA.0 * x.position(tick.value);
        if let Some(label) = &tick.label {
            canvas.line(vec![(place, TOP), (place, bottom)], GRID, 1.0, false)?;
            canvas.text(label, (place, bottom + 18.0), TEXT, HPos::Center)?;
        }
        canvas.line(vec![(place, bottom), (place, bottom - length(tick.label.is_some()))], BLACK_INK, 1.0, false)?;
    }
    for tick in y.ticks() {
        let place = TOP + AREA.1 * (1.0 - y.position(tick.value));
        if let Some(label) = &tick.label {
            canvas.line(vec![(LEFT, place), (right, place)], GRID, 1.0, false)?;
            canvas.text(label, (LEFT - 8.0, place), TEXT, HPos::Right)?;
        }
        canvas.line(vec![(LEFT, place), (LEFT + length(tick.label.is_some()), place)], BLACK_INK, 1.0, false)?;
    }
    Ok(())
}

fn pixels((width, height): (f64, f64), scale: f64) -> (u32, u32) {
    ((width * scale).ceil() as u32, (height * scale).ceil() as u32)
}

/// A drawing area measured in unmagnified pixels.
struct Canvas<'a, DB: DrawingBackend> {
    root: &'a DrawingArea<DB, Shift>,
    scale: f64,
    /// How far text must be moved down, in font sizes, for its middle to be at its place.
    text_drop: f64,
}

impl<DB: DrawingBackend> Canvas<'_, DB> {
    fn point(&self, (x, y): (f64, f64)) -> (i32, i32) {
        ((x * self.scale).round() as i32, (y * self.scale).round() as i32)
    }

    fn style(&self, colour: RGBColor, width: f64) -> ShapeStyle {
        ShapeStyle {
            color: colour.to_rgba(),
            filled: false,
            stroke_width: (width * self.scale).round().max(1.0) as u32,
        }
    }

    fn line(
        &self,
        path: Vec<(f64, f64)>,
        colour: RGBColor,
        width: f64,
        dashed: bool,
    ) -> std::result::Result<(), String> {
        let style = self.style(colour, width);
        let path: Vec<_> = path.into_iter().map(|point| self.point(point)).collect();
        let drawn = match dashed {
            true => {
                let (dash, gap) = ((7.0 * self.scale) as u32, (4.0 * self.scale) as u32);
                self.root.draw(&DashedPathElement::new(path, dash, gap, style))
            }
            false => self.root.draw(&PathElement::new(path, style)),
        };
        drawn.map_err(|error| error.to_string())
    }

    fn marker(&self, marker: Marker, place: (f64, f64), colour: RGBColor) -> std::result::Result<(), String> {
        let corners = marker.corners();
        let drawn = match corners.is_empty() {
            true => {
                self.root.draw(&Circle::new(self.point(place), (RADIUS * self.scale).round() as i32, colour.filled()))
            }
            false => {
                let corner = |(x, y): &(f64, f64)| self.point((place.0 + RADIUS * x, place.1 + RADIUS * y));
                self.root.draw(&Polygon::new(corners.iter().map(corner).collect::<Vec<_>>(), colour.filled()))
            }
        };
        drawn.map_err(|error| error.to_string())
    }

    fn area(&self, outline: Vec<(f64, f64)>, colour: RGBColor, opacity: f64) -> std::result::Result<(), String> {
        let outline: Vec<_> = outline.into_iter().map(|point| self.point(point)).collect();
        self.root.draw(&Polygon::new(outline, colour.mix(opacity).filled())).map_err(|error| error.to_string())
    }

    fn rectangle(&self, from: (f64, f64), to: (f64, f64)) -> std::result::Result<(), String> {
        let corners = [self.point(from), self.point(to)];
        self.root.draw(&Rectangle::new(corners, self.style(BLACK_INK, 1.0))).map_err(|error| error.to_string())
    }

    fn text(&self, text: &str, place: (f64, f64), size: f64, align: HPos) -> std::result::Result<(), String> {
        let style = ("sans-serif", size * self.scale).into_font().color(&BLACK_INK).pos(Pos::new(align, VPos::Center));
        let place = (place.0, place.1 + self.text_drop * size);
        self.root.draw_text(text, &style, self.point(place)).map_err(|error| error.to_string())
    }

    fn vertical_text(&self, text: &str, place: (f64, f64)) -> std::result::Result<(), String> {
        let font = ("sans-serif", LABEL * self.scale).into_font().transform(FontTransform::Rotate270);
        let style = font.color(&BLACK_INK).pos(Pos::new(HPos::Center, VPos::Center));
        self.root.draw_text(text, &style, self.point(place)).map_err(|error| error.to_string())
    }
}
