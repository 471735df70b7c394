//! The same as JSON, with every reading, for whoever compares two runs.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::summary::Summary;
use super::{Options, Outcome, Row};

/// Writes it.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn json(rows: &[Row], options: &Options, path: &Path) -> Result<(), String> {
    let cases: Vec<Value> = rows.iter().map(|row| case(row, rows)).collect();
    let all = json!({
        "rounds": options.rounds,
        "target_ms": options.target.as_millis() as u64,
        "cases": cases,
    });
    fs::write(path, format!("{all:#}\n")).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn case(row: &Row, rows: &[Row]) -> Value {
    let mut value = json!({ "subject": row.case.subject, "runtime": row.case.runtime });
    match &row.outcome {
        Outcome::Readings(readings) => {
            if let Some(figures) = row.figures(rows) {
                value["wall_ns"] = summary(figures.wall);
                value["cpu_ns"] = summary(figures.cpu);
                value["wall_ratio"] = json!(figures.wall_ratio);
                value["cpu_ratio"] = json!(figures.cpu_ratio);
            }
            let readings = readings
                .iter()
                .map(|reading| json!([reading.ops, reading.wall_ns(), reading.cpu_ns()]));
            value["readings"] = readings.collect();
        }
        Outcome::Skipped(why) => value["skipped"] = json!(why),
        Outcome::Failed(why) => value["failed"] = json!(why),
    }
    value
}

fn summary(summary: Summary) -> Value {
    json!({ "median": summary.median, "min": summary.min, "max": summary.max })
}
