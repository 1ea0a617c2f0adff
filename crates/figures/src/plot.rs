//! The same code draws a plot as SVG and as PNG.

use std::{path::Path, sync::OnceLock};

use plotters::{
    coord::Shift,
    prelude::*,
    style::{FontStyle, register_font, text_anchor::HPos},
};

use widenet_output::{Error, Result, escape::one_line, write_changed};

use crate::{
    canvas::{BLACK_INK, Canvas, LABEL, Marker},
    crosses::Crosses,
    ticks::{AxisScale, Range, is_drawable},
};

/// What is drawn of a series.
#[derive(Debug, Clone)]
pub enum Mark {
    /// A line through points, with a width in pixels.
    Line {
        /// In the order in which they are joined.
        points: Vec<(f64, f64)>,
        /// Width in pixels.
        width: f64,
        /// Whether it is dashed.
        dashed: bool,
    },
    /// Markers.
    Points(Vec<(f64, f64)>, Marker),
    /// Markers with a white middle: something is missing from these points.
    OpenPoints(Vec<(f64, f64)>, Marker),
    /// Abscissas at which there is no value: crosses on the upper edge, those of later series under those of earlier ones where they would meet.
    Lost(Vec<f64>),
    /// The area between two curves: (x, low, high).
    Band(Vec<(f64, f64, f64)>),
    /// Words at a place; not in the legend.
    Text((f64, f64), String),
}

impl Mark {
    /// What is left of it below a height, on axes of these scales: lines end where they cross it. Also says whether anything was cut off.
    pub fn below(self, max: f64, scales: (AxisScale, AxisScale)) -> (Vec<Mark>, bool) {
        let is_above = |points: &[(f64, f64)]| points.iter().any(|(_, y)| *y > max);
        match self {
            Mark::Line { points, width, dashed } => {
                let is_cut = is_above(&points);
                let pieces = pieces_below(&points, max, scales);
                (pieces.into_iter().map(|points| Mark::Line { points, width, dashed }).collect(), is_cut)
            }
            Mark::Points(mut points, marker) => {
                let is_cut = is_above(&points);
                points.retain(|(_, y)| *y <= max);
                (vec![Mark::Points(points, marker)], is_cut)
            }
            Mark::OpenPoints(mut points, marker) => {
                let is_cut = is_above(&points);
                points.retain(|(_, y)| *y <= max);
                (vec![Mark::OpenPoints(points, marker)], is_cut)
            }
            Mark::Band(mut band) => {
                let is_cut = band.iter().any(|(_, _, high)| *high > max);
                band.retain(|(_, low, _)| *low <= max);
                band.iter_mut().for_each(|(_, _, high)| *high = high.min(max));
                (vec![Mark::Band(band)], is_cut)
            }
            Mark::Text((_, y), _) if y > max => (Vec::new(), true),
            mark @ (Mark::Text(..) | Mark::Lost(_)) => (vec![mark], false),
        }
    }
}

/// The parts of a line that are not above a height.
fn pieces_below(points: &[(f64, f64)], max: f64, (x_scale, y_scale): (AxisScale, AxisScale)) -> Vec<Vec<(f64, f64)>> {
    let on = |value: f64, scale: AxisScale| if scale == AxisScale::Log { value.ln() } else { value };
    let crossing = |a: (f64, f64), b: (f64, f64)| {
        let share = (on(max, y_scale) - on(a.1, y_scale)) / (on(b.1, y_scale) - on(a.1, y_scale));
        let x = on(a.0, x_scale) * (1.0 - share) + on(b.0, x_scale) * share;
        (if x_scale == AxisScale::Log { x.exp() } else { x }, max)
    };
    let mut pieces: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut piece = Vec::new();
    for (position, &point) in points.iter().enumerate() {
        let previous = position.checked_sub(1).map(|before| points[before]);
        match (previous.filter(|previous| (previous.1 > max) != (point.1 > max)), point.1 > max) {
            (Some(previous), true) => {
                piece.push(crossing(previous, point));
                pieces.push(std::mem::take(&mut piece));
            }
            (Some(previous), false) => piece.extend([crossing(previous, point), point]),
            (None, false) => piece.push(point),
            (None, true) => {}
        }
    }
    pieces.push(piece);
    pieces.retain(|piece| piece.len() > 1);
    pieces
}

/// Marks of one colour, with the lines of their entry in the legend.
#[derive(Debug, Clone)]
pub struct Series {
    /// Lines of the entry in the legend.
    pub legend: Vec<String>,
    /// Colour of all marks.
    pub colour: RGBColor,
    /// What is drawn.
    pub marks: Vec<Mark>,
}

impl Series {
    /// Whether there is a point or a line.
    fn has_values(&self) -> bool {
        self.marks.iter().any(|mark| match mark {
            Mark::Line { points, .. } | Mark::Points(points, _) | Mark::OpenPoints(points, _) => !points.is_empty(),
            Mark::Lost(_) | Mark::Band(_) | Mark::Text(..) => false,
        })
    }
}

/// An axis.
#[derive(Debug, Clone)]
pub struct Axis {
    /// What stands at the axis.
    pub label: String,
    /// Linear or logarithmic.
    pub scale: AxisScale,
}

/// A plot; later series are drawn over earlier ones.
#[derive(Debug, Clone)]
pub struct Plot {
    /// Above the plot; empty for none.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn.
    pub series: Vec<Series>,
    /// Lines of small print under the legend.
    pub remarks: Vec<String>,
}

/// Size of the data area in pixels, before magnification.
const AREA: (f64, f64) = (470.0, 380.0);
/// Space around it for ticks, labels and title.
const LEFT: f64 = 92.0;
const TOP: f64 = 44.0;
const TITLE_BAND: f64 = 30.0;
const BOTTOM: f64 = 66.0;
/// Space between the data area and the legend, and its line.
const GAP: f64 = 18.0;
const SAMPLE: f64 = 30.0;
const LINE_HEIGHT: f64 = 20.0;
/// Opacity of all bands together, where they overlap.
const BAND_OPACITY: f64 = 0.6;
/// Font sizes.
const TITLE: f64 = 16.0;
const TEXT: f64 = 14.0;
const SMALL: f64 = 12.0;
/// Magnification of the PNG, and of the coordinates in the SVG.
const PNG_SCALE: f64 = 2.0;
const SVG_SCALE: f64 = 10.0;
/// The bitmap backend centres the font's line, not its letters.
const PNG_TEXT_DROP: f64 = 0.18;

const GRID: RGBColor = RGBColor(225, 225, 225);

/// Registers the bundled font once; the message says why it cannot be used.
fn font() -> std::result::Result<(), String> {
    static FONT: OnceLock<bool> = OnceLock::new();
    let load = || register_font("sans-serif", FontStyle::Normal, include_bytes!("../assets/DejaVuSans.ttf")).is_ok();
    if *FONT.get_or_init(load) { Ok(()) } else { Err("the bundled font cannot be read".into()) }
}

impl Plot {
    /// Writes `stem.svg` and `stem.png` into a directory.
    ///
    /// # Errors
    /// [`Error`] if a file cannot be drawn or written.
    pub fn write(&self, directory: &Path, stem: &str) -> Result<()> {
        let path = directory.join(format!("{stem}.svg"));
        font().map_err(|reason| Error::new("draw", &path, reason))?;
        let svg = self.svg().map_err(|reason| Error::new("draw", &path, reason))?;
        write_changed(&path, svg.as_bytes())?;

        let path = directory.join(format!("{stem}.png"));
        let png = self.png().map_err(|reason| Error::new("draw", &path, reason))?;
        write_changed(&path, &png)
    }

    /// Backends draw at whole coordinates: drawn magnified, shown at its size.
    fn svg(&self) -> std::result::Result<String, String> {
        let mut svg = String::new();
        let size = self.size();
        let (large, shown) = (pixels(size, SVG_SCALE), pixels(size, 1.0));
        self.draw(&SVGBackend::with_string(&mut svg, large).into_drawing_area(), (SVG_SCALE, 0.0))?;
        let attributes = |(width, height): (u32, u32)| format!("width=\"{width}\" height=\"{height}\" viewBox");
        Ok(svg.replacen(&attributes(large), &attributes(shown), 1))
    }

    /// An encoded PNG.
    fn png(&self) -> std::result::Result<Vec<u8>, String> {
        let ((width, height), pixels) = self.pixels()?;
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().map_err(|error| error.to_string())?;
        writer.write_image_data(&pixels).map_err(|error| error.to_string())?;
        writer.finish().map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    /// Size and red, green and blue of every pixel, rows first: drawn at twice its size and averaged, for smooth lines.
    fn pixels(&self) -> std::result::Result<((u32, u32), Vec<u8>), String> {
        let (width, height) = pixels(self.size(), PNG_SCALE);
        let large = (2 * width, 2 * height);
        let mut buffer = vec![0; 3 * (large.0 * large.1) as usize];
        let scale = (2.0 * PNG_SCALE, PNG_TEXT_DROP);
        self.draw(&BitMapBackend::with_buffer(&mut buffer, large).into_drawing_area(), scale)?;
        let value = |x: u32, y: u32, channel: u32| u32::from(buffer[(3 * (y * large.0 + x) + channel) as usize]);
        let mean = |x: u32, y: u32, channel: u32| {
            let corners = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(i, j)| value(2 * x + i, 2 * y + j, channel));
            (corners.iter().sum::<u32>() / 4) as u8
        };
        let row = |y| (0..width).flat_map(move |x| (0..3).map(move |channel| (x, y, channel)));
        let averaged = (0..height).flat_map(row).map(|(x, y, channel)| mean(x, y, channel)).collect();
        Ok(((width, height), averaged))
    }

    /// The size that holds the longest line of the legend.
    fn size(&self) -> (f64, f64) {
        let width = |text: &String, size: f64| {
            let font = ("sans-serif", size).into_font();
            font.box_size(&one_line(text)).map_or(0.0, |(width, _)| f64::from(width))
        };
        let legend = self.series.iter().flat_map(|series| &series.legend).map(|line| width(line, TEXT) + SAMPLE + 8.0);
        let remarks = self.remarks.iter().map(|line| width(line, SMALL));
        let column = legend.chain(remarks).fold(0.0, f64::max);
        (LEFT + AREA.0 + GAP + column + 16.0, TOP + AREA.1 + BOTTOM - self.cut())
    }

    /// Height of the band for the title, if there is none.
    fn cut(&self) -> f64 {
        if self.title.is_empty() { TITLE_BAND } else { 0.0 }
    }

    fn ranges(&self) -> Option<(Range, Range)> {
        let (mut points, mut lost) = (Vec::new(), Vec::new());
        for mark in self.series.iter().flat_map(|series| &series.marks) {
            match mark {
                Mark::Line { points: line, .. } | Mark::Points(line, _) | Mark::OpenPoints(line, _) => {
                    points.extend(line.iter().copied())
                }
                Mark::Lost(places) => {
                    lost.extend(places.iter().copied().filter(|place| is_drawable(self.x.scale, *place)));
                }
                Mark::Band(band) => points.extend(band.iter().flat_map(|&(x, low, high)| [(x, low), (x, high)])),
                Mark::Text(place, _) => points.push(*place),
            }
        }
        points.retain(|&(x, y)| is_drawable(self.x.scale, x) && is_drawable(self.y.scale, y));
        let x = Range::of(self.x.scale, points.iter().map(|point| point.0).chain(lost))?;
        let y = Range::of(self.y.scale, points.iter().map(|point| point.1))?;
        Some((x, y))
    }

    fn draw<DB: DrawingBackend>(
        &self,
        root: &DrawingArea<DB, Shift>,
        (scale, text_drop): (f64, f64),
    ) -> std::result::Result<(), String> {
        let canvas = Canvas { root, scale, text_drop, cut: self.cut() };
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
        let mut crosses = Crosses::new(TOP);
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
                Mark::OpenPoints(points, marker) => {
                    for point in points.iter().copied().filter(drawable) {
                        canvas.open_marker(*marker, place(point), colour)?;
                    }
                }
                Mark::Lost(places) => {
                    for at in places.iter().copied().filter(|at| is_drawable(self.x.scale, *at)) {
                        canvas.cross(crosses.place(LEFT + AREA.0 * x.position(at)), colour)?;
                    }
                }
                Mark::Band(band) => {
                    let sides: Vec<_> =
                        band.iter().filter(|(x, low, high)| drawable(&(*x, *low)) && drawable(&(*x, *high))).collect();
                    let low = sides.iter().map(|(x, low, _)| place((*x, *low)));
                    let high = sides.iter().rev().map(|(x, _, high)| place((*x, *high)));
                    canvas.area(low.chain(high).collect(), colour, opacity)?;
                }
                Mark::Text(at, words) => canvas.text(words, place(*at), TEXT, HPos::Center)?,
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
                            // Every series has a star of its own colour.
                            Mark::Points(_, Marker::Star) => {}
                            Mark::Points(_, marker) => {
                                canvas.marker(*marker, (left + SAMPLE / 2.0, y), series.colour)?
                            }
                            // Of a series that has nothing else.
                            Mark::Lost(places) if !places.is_empty() && !series.has_values() => {
                                canvas.cross((left + SAMPLE / 2.0, y), series.colour)?;
                            }
                            Mark::OpenPoints(..) | Mark::Lost(_) | Mark::Band(_) | Mark::Text(..) => {}
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

/// Returns a name in words, for labels and legends.
pub fn words(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(label: &str) -> Plot {
        let axis = |label: &str| Axis { label: label.into(), scale: AxisScale::Linear };
        let marks = vec![Mark::Points(vec![(0.0, 1.0), (1.0, 2.0)], Marker::Circle)];
        Plot {
            title: String::new(),
            x: axis("x"),
            y: axis(label),
            series: vec![Series { legend: vec![label.into()], colour: BLACK_INK, marks }],
            remarks: Vec::new(),
        }
    }

    /// On logarithmic axes a line from (1, 1) to (100, 100) leaves through (10, 10) and comes back likewise.
    #[test]
    fn what_is_above_a_height_is_cut_off() {
        let log = (AxisScale::Log, AxisScale::Log);
        let points = || vec![(0.1, 1.0), (1.0, 1.0), (100.0, 100.0), (1e4, 1.0), (1e5, 1.0)];
        let (lines, is_cut) = Mark::Line { points: points(), width: 1.0, dashed: false }.below(10.0, log);
        let pieces: Vec<_> = lines
            .iter()
            .flat_map(|mark| match mark {
                Mark::Line { points, .. } => points.clone(),
                _ => Vec::new(),
            })
            .collect();
        let expected = [(0.1, 1.0), (1.0, 1.0), (10.0, 10.0), (1e3, 10.0), (1e4, 1.0), (1e5, 1.0)];
        assert!(is_cut && lines.len() == 2 && pieces.len() == expected.len());
        for (found, expected) in pieces.iter().zip(expected) {
            assert!((found.0 / expected.0 - 1.0).abs() < 1e-12 && found.1 == expected.1, "{found:?} {expected:?}");
        }
        let (same, is_cut) = Mark::Line { points: points(), width: 1.0, dashed: false }.below(100.0, log);
        assert!(!is_cut && matches!(&same[..], [Mark::Line { points: all, .. }] if *all == points()));
        let (markers, is_cut) = Mark::Points(points(), Marker::Circle).below(10.0, log);
        assert!(is_cut && matches!(&markers[..], [Mark::Points(points, _)] if points.len() == 4));
        let (bands, is_cut) = Mark::Band(vec![(1.0, 0.5, 4.0), (2.0, 4.0, 6.0)]).below(3.0, log);
        assert!(is_cut && matches!(&bands[..], [Mark::Band(band)] if band == &[(1.0, 0.5, 3.0)]));
    }

    #[test]
    fn a_png_holds_the_pixels_that_were_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let plot = plot("y");
        plot.write(folder.path(), "one").unwrap();
        let mut names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["one.png", "one.svg"]);
        let bytes = std::fs::read(folder.path().join("one.png")).unwrap();
        let mut reader = png::Decoder::new(bytes.as_slice()).read_info().unwrap();
        let mut found = vec![0; reader.output_buffer_size()];
        let info = reader.next_frame(&mut found).unwrap();
        let (size, drawn) = plot.pixels().unwrap();
        assert!((info.width, info.height) == size && found == drawn);
        assert!(drawn.iter().any(|value| *value < 60) && drawn.contains(&255), "ink on white");
    }

    #[test]
    fn text_of_strangers_cannot_break_a_drawing() {
        font().unwrap();
        let svg = plot("</text><script>x</script> \u{1b}[31m \0").svg().unwrap();
        assert!(!svg.contains("<script") && svg.contains("\\u{1b}[31m \\u{0}"), "{svg}");
        assert!(svg.chars().all(|c| !c.is_control() || c == '\n'), "{svg}");
    }
}
