//! Prints tables as plain text.

/// Rows of text under a header, two spaces apart: columns aligned to the right, the last one to the left.
pub(crate) fn aligned(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let last = header.len() - 1;
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let pad = |(column, (cell, width)): (usize, (&str, &usize))| {
            if column == last { cell.to_string() } else { format!("{cell:>width$}") }
        };
        let padded: Vec<String> = cells.zip(&widths).enumerate().map(pad).collect();
        format!("{}\n", padded.join("  "))
    };
    let mut text = line(&mut header.iter().copied());
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

/// A number for people: four significant digits.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 || (1e-3..1e5).contains(&value.abs()) { format!("{value:.5}") } else { format!("{value:.3e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_numbers_are_short() {
        let text = aligned(&["width", "loss"], &[vec!["64".into(), number(0.125)], vec!["inf".into(), number(1e-9)]]);
        assert_eq!(text, "width  loss\n   64  0.12500\n  inf  1.000e-9\n");
    }
}
