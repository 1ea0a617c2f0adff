//! A canvas draws lines, markers and text on a backend, in pixels before magnification.

use plotters::{
    coord::Shift,
    element::DashedPathElement,
    prelude::*,
    style::{
        FontTransform,
        text_anchor::{HPos, Pos, VPos},
    },
};
use widenet_output::escape::one_line;

/// Radius of markers.
const RADIUS: f64 = 4.5;
/// Radius of the white middle of an open marker, in radii of the marker.
const OPEN: f64 = 0.55;
/// Font size of the labels of axes.
pub(crate) const LABEL: f64 = 16.0;
/// Text and frames.
pub(crate) const BLACK_INK: RGBColor = RGBColor(25, 25, 25);

/// Shape of a marker, so that series differ in more than colour.
#[derive(Debug, Clone, Copy)]
pub enum Marker {
    /// A disc.
    Circle,
    /// A square.
    Square,
    /// A triangle that points up.
    Triangle,
    /// A square on its corner.
    Diamond,
    /// A star, larger than the others: the best point of a series.
    Star,
}

impl Marker {
    /// Those of series, in the order in which series take them.
    pub const ALL: [Marker; 4] = [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond];

    /// Corners on a circle of radius 1, y pointing down; a circle has none.
    fn corners(self) -> &'static [(f64, f64)] {
        match self {
            Marker::Circle => &[],
            Marker::Square => &[(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
            Marker::Triangle => &[(0.0, -1.2), (1.04, 0.6), (-1.04, 0.6)],
            Marker::Diamond => &[(0.0, -1.2), (1.2, 0.0), (0.0, 1.2), (-1.2, 0.0)],
            // Tips on a circle of radius 2, every other corner on one of 0.8.
            Marker::Star => &[
                (0.0, -2.0),
                (0.47, -0.647),
                (1.902, -0.618),
                (0.761, 0.247),
                (1.176, 1.618),
                (0.0, 0.8),
                (-1.176, 1.618),
                (-0.761, 0.247),
                (-1.902, -0.618),
                (-0.47, -0.647),
            ],
        }
    }
}

/// A drawing area measured in unmagnified pixels.
pub(crate) struct Canvas<'a, DB: DrawingBackend> {
    pub(crate) root: &'a DrawingArea<DB, Shift>,
    pub(crate) scale: f64,
    /// How far text must be moved down, in font sizes, for its middle to be at its place.
    pub(crate) text_drop: f64,
    /// Height that is cut off at the top.
    pub(crate) cut: f64,
}

impl<DB: DrawingBackend> Canvas<'_, DB> {
    fn point(&self, (x, y): (f64, f64)) -> (i32, i32) {
        ((x * self.scale).round() as i32, ((y - self.cut) * self.scale).round() as i32)
    }

    fn style(&self, colour: RGBColor, width: f64) -> ShapeStyle {
        ShapeStyle {
            color: colour.to_rgba(),
            filled: false,
            stroke_width: (width * self.scale).round().max(1.0) as u32,
        }
    }

    pub(crate) fn line(
        &self,
        path: Vec<(f64, f64)>,
        colour: RGBColor,
        width: f64,
        dashed: bool,
    ) -> std::result::Result<(), String> {
        let style = self.style(colour, width);
        let path: Vec<_> = path.into_iter().map(|point| self.point(point)).collect();
        let drawn = if dashed {
            let (dash, gap) = ((7.0 * self.scale) as u32, (4.0 * self.scale) as u32);
            self.root.draw(&DashedPathElement::new(path, dash, gap, style))
        } else {
            self.root.draw(&PathElement::new(path, style))
        };
        drawn.map_err(|error| error.to_string())
    }

    pub(crate) fn marker(
        &self,
        marker: Marker,
        place: (f64, f64),
        colour: RGBColor,
    ) -> std::result::Result<(), String> {
        self.marker_of_radius(marker, place, colour, RADIUS)
    }

    /// A marker with a white middle.
    pub(crate) fn open_marker(
        &self,
        marker: Marker,
        place: (f64, f64),
        colour: RGBColor,
    ) -> std::result::Result<(), String> {
        self.marker_of_radius(marker, place, colour, RADIUS)?;
        self.marker_of_radius(marker, place, WHITE, OPEN * RADIUS)
    }

    fn marker_of_radius(
        &self,
        marker: Marker,
        place: (f64, f64),
        colour: RGBColor,
        radius: f64,
    ) -> std::result::Result<(), String> {
        let corners = marker.corners();
        let drawn = if corners.is_empty() {
            self.root.draw(&Circle::new(self.point(place), (radius * self.scale).round() as i32, colour.filled()))
        } else {
            let corner = |(x, y): &(f64, f64)| self.point((place.0 + radius * x, place.1 + radius * y));
            self.root.draw(&Polygon::new(corners.iter().map(corner).collect::<Vec<_>>(), colour.filled()))
        };
        drawn.map_err(|error| error.to_string())
    }

    /// Two strokes that cross.
    pub(crate) fn cross(&self, (x, y): (f64, f64), colour: RGBColor) -> std::result::Result<(), String> {
        for side in [-1.0, 1.0] {
            self.line(vec![(x - RADIUS, y - side * RADIUS), (x + RADIUS, y + side * RADIUS)], colour, 2.0, false)?;
        }
        Ok(())
    }

    pub(crate) fn area(
        &self,
        outline: Vec<(f64, f64)>,
        colour: RGBColor,
        opacity: f64,
    ) -> std::result::Result<(), String> {
        let outline: Vec<_> = outline.into_iter().map(|point| self.point(point)).collect();
        self.root.draw(&Polygon::new(outline, colour.mix(opacity).filled())).map_err(|error| error.to_string())
    }

    pub(crate) fn rectangle(&self, from: (f64, f64), to: (f64, f64)) -> std::result::Result<(), String> {
        let corners = [self.point(from), self.point(to)];
        self.root.draw(&Rectangle::new(corners, self.style(BLACK_INK, 1.0))).map_err(|error| error.to_string())
    }

    pub(crate) fn text(
        &self,
        text: &str,
        place: (f64, f64),
        size: f64,
        align: HPos,
    ) -> std::result::Result<(), String> {
        let style = ("sans-serif", size * self.scale).into_font().color(&BLACK_INK).pos(Pos::new(align, VPos::Center));
        let place = (place.0, place.1 + self.text_drop * size);
        self.root.draw_text(&one_line(text), &style, self.point(place)).map_err(|error| error.to_string())
    }

    pub(crate) fn vertical_text(&self, text: &str, place: (f64, f64)) -> std::result::Result<(), String> {
        let font = ("sans-serif", LABEL * self.scale).into_font().transform(FontTransform::Rotate270);
        let style = font.color(&BLACK_INK).pos(Pos::new(HPos::Center, VPos::Center));
        self.root.draw_text(&one_line(text), &style, self.point(place)).map_err(|error| error.to_string())
    }
}
