//! Plain twin of a regenerated matrix, which is stored here.

use std::ops::Range;

use super::normals::box_muller;
use crate::{
    philox::philox4x32,
    regenerated::{EntryLaw, RegeneratedMatrix},
};

/// Returns some rows and columns of W (rows.len() × columns.len()) before they are scaled to variance 1: integers, but for Gaussian
/// entries.
pub fn regenerated_integers(w: &RegeneratedMatrix, rows: Range<usize>, columns: Range<usize>) -> Vec<f64> {
    let mut entries = Vec::new();
    for i in rows {
        for j in columns.clone() {
            let words = |columns, law| philox4x32([(j / columns) as u32, (i / 4) as u32, law, w.tag], w.key);
            entries.push(match w.law {
                EntryLaw::Gaussian => box_muller(words(1, 0), i % 4),
                EntryLaw::Rademacher => f64::from(words(32, 1)[i % 4] >> (j % 32) & 1) * 2.0 - 1.0,
                EntryLaw::C8 => {
                    let n = f64::from(words(4, 2)[i % 4].to_le_bytes()[j % 4]) * 2.0 - 255.0;
                    ((n * (n * n + 22_956.0) + 131_072.0) / 262_144.0).floor()
                }
            });
        }
    }
    entries
}

/// Returns some rows and columns of W (rows.len() × columns.len()).
pub fn regenerated_entries(w: &RegeneratedMatrix, rows: Range<usize>, columns: Range<usize>) -> Vec<f64> {
    let deviation = if w.law == EntryLaw::C8 { 1327.125_f64.sqrt() } else { 1.0 };
    regenerated_integers(w, rows, columns).into_iter().map(|entry| entry / deviation).collect()
}
