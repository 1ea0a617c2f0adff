//! One table in three forms: aligned text for a terminal, Markdown for a report, CSV for programs.

use std::path::Path;

use crate::{
    error::{Error, Result},
    escape::{markdown, one_line},
};

/// A header and rows of as many cells.
///
/// Cells may hold anything: every form escapes what it cannot show ([`crate::escape`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table of rows; every row has as many cells as the header.
    pub fn new<H: Into<String>>(
        header: impl IntoIterator<Item = H>,
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> Table {
        Table { header: header.into_iter().map(Into::into).collect(), rows: rows.into_iter().collect() }
    }

    /// Rows of text under the header, two spaces apart: columns are aligned to the right, the last one to the left.
    pub fn to_text(&self) -> String {
        let lines: Vec<Vec<String>> =
            self.lines().map(|line| line.iter().map(|cell| one_line(cell).into_owned()).collect()).collect();
        let mut widths = vec![0; self.header.len()];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for line in lines {
            let columns = line.len();
            for (column, (cell, width)) in line.into_iter().zip(&widths).enumerate() {
                if column + 1 == columns {
                    text.push_str(&cell);
                } else {
                    text.push_str(&format!("{cell:>width$}  "));
                }
            }
            text.push('\n');
        }
        text
    }

    /// A Markdown table. Markup in cells stays, HTML, links and `|` become text.
    pub fn to_markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut lines =
            self.lines().map(|cells| line(cells.iter().map(|cell| markdown(cell).replace('|', "\\|")).collect()));
        let mut text = lines.next().unwrap_or_default();
        text.push_str(&line(self.header.iter().map(|_| "---".into()).collect()));
        text.extend(lines);
        text
    }

    /// The table as CSV; cells with commas or quotation marks are quoted.
    ///
    /// # Errors
    /// [`Error`] if a row has another number of cells than the header.
    pub fn to_csv(&self) -> Result<Vec<u8>> {
        let failed = |error: String| Error::new("write", Path::new("table"), error);
        let mut writer = csv::Writer::from_writer(Vec::new());
        for line in self.lines() {
            let cells = line.iter().map(|cell| one_line(cell).into_owned());
            writer.write_record(cells).map_err(|error| failed(error.to_string()))?;
        }
        writer.into_inner().map_err(|error| failed(error.to_string()))
    }

    fn lines(&self) -> impl Iterator<Item = &Vec<String>> {
        std::iter::once(&self.header).chain(&self.rows)
    }
}

/// The cell of a number with all its digits; empty if there is none.
pub fn cell(number: Option<f64>) -> String {
    number.map(|number| format!("{number:?}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(cells: [&str; 2]) -> Table {
        Table::new(["width", "loss"], [vec!["64".into(), "0.125".into()], cells.map(String::from).into()])
    }

    #[test]
    fn the_three_forms_of_one_table() {
        let table = table(["inf", "a|b, c"]);
        assert_eq!(table.to_text(), "width  loss\n   64  0.125\n  inf  a|b, c\n");
        assert_eq!(table.to_markdown(), "| width | loss |\n| --- | --- |\n| 64 | 0.125 |\n| inf | a\\|b, c |\n");
        assert_eq!(table.to_csv().unwrap(), b"width,loss\n64,0.125\ninf,\"a|b, c\"\n");
    }

    #[test]
    fn a_cell_stays_in_its_line_and_commands_no_terminal() {
        let table = table(["\u{1b}[31mred", "two\nlines"]);
        for text in [table.to_text(), table.to_markdown(), String::from_utf8(table.to_csv().unwrap()).unwrap()] {
            assert!(text.lines().count() <= 4 && !text.contains('\u{1b}'), "{text}");
            assert!(text.contains("\\u{1b}[31mred") && text.contains("two\\nlines"), "{text}");
        }
    }

    #[test]
    fn a_row_of_another_length_is_an_error() {
        assert!(Table::new(["a", "b"], [vec!["1".into()]]).to_csv().is_err());
    }
}
