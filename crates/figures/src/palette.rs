//! The palette has colors that people with color-vision deficiencies can tell apart.

pub use plotters::style::RGBColor;

/// The limit.
pub const BLACK: RGBColor = RGBColor(0, 0, 0);
/// Predictions.
pub const GREY: RGBColor = RGBColor(150, 150, 150);

/// Unordered colours of M. Okabe and K. Ito, *Color Universal Design* (2008), without black and yellow.
const OKABE_ITO: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// Matplotlib's viridis at 0, 1/4, …, 1 of its range, reversed, without its brightest part: light to dark.
const VIRIDIS: [(f64, f64, f64); 4] =
    [(150.0, 206.0, 70.0), (33.0, 145.0, 140.0), (59.0, 82.0, 139.0), (68.0, 1.0, 84.0)];

/// Returns ordered colors, from light to dark.
pub fn sequence(count: usize) -> Vec<RGBColor> {
    let colour = |index: usize| {
        let position = index as f64 / (count.max(2) - 1) as f64 * (VIRIDIS.len() - 1) as f64;
        let below = (position as usize).min(VIRIDIS.len() - 2);
        let share = position - below as f64;
        let (a, b) = (VIRIDIS[below], VIRIDIS[below + 1]);
        let mix = |a: f64, b: f64| (a + share * (b - a)).round() as u8;
        RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
    };
    (0..count).map(colour).collect()
}

/// Colours of groups: distinct hues while there are enough.
pub fn groups(count: usize) -> Vec<RGBColor> {
    if count <= OKABE_ITO.len() { OKABE_ITO[..count].to_vec() } else { sequence(count) }
}
