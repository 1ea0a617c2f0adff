//! `widenet devices` lists the devices that this build can use.

use widenet_core::humanized;
use widenet_model::{Precision, list_devices};
use widenet_output::Table;

use crate::{
    answer::give,
    exit::{Exit, Failure},
};

/// Prints what each device is and what it can hold, or why it is not there.
pub(crate) fn run() -> Result<Exit, Failure> {
    let rows: Vec<Vec<String>> = list_devices()
        .into_iter()
        .map(|(choice, info)| match info {
            Ok(info) => {
                let widest =
                    |precision| info.widest_matrix(precision).map_or_else(|| "unknown".into(), |m| m.to_string());
                vec![
                    choice.to_string(),
                    info.available_memory.map_or_else(|| "unknown".into(), humanized::bytes),
                    info.largest_buffer.map_or_else(|| "any".into(), humanized::bytes),
                    widest(Precision::F32),
                    if info.supports_f64 { widest(Precision::F64) } else { "no f64".into() },
                    format!("{} ({})", info.adapter, info.interface),
                ]
            }
            Err(reason) => {
                let absent = || "-".to_string();
                vec![choice.to_string(), absent(), absent(), absent(), absent(), reason.to_string()]
            }
        })
        .collect();
    let header = ["device", "memory", "largest buffer", "widest f32 matrix", "widest f64 matrix", "what it is"];
    give(|out| out.write_all(Table::new(header, rows).to_text().as_bytes()))?;
    Ok(Exit::Done)
}
