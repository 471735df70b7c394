//! The table on stdout.

use super::{Options, Outcome, Row};

const HEADER: [&str; 10] = [
    "subject",
    "runtime",
    "wall ns/op",
    "min",
    "max",
    "cpu ns/op",
    "min",
    "max",
    "wall x gort",
    "cpu x gort",
];
/// The columns that hold words, and so are aligned to the left.
const WORDS: usize = 2;

/// Prints it, the first figure of each clock being the median.
#[expect(clippy::print_stdout, reason = "the result")]
pub(crate) fn table(rows: &[Row], options: &Options) {
    println!(
        "median, min and max of {} rounds, interleaved, each reading at least {:?}; ratios: medians of the rounds'",
        options.rounds, options.target
    );
    print!("{}", render(rows));
}

fn render(rows: &[Row]) -> String {
    let lines: Vec<Line> = rows.iter().map(|row| line(row, rows)).collect();
    let mut widths = HEADER.map(str::len);
    for Line { cells, .. } in &lines {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.len());
        }
    }
    let mut text = laid_out(&HEADER, &widths);
    let mut subject = None;
    for (row, Line { cells, note }) in rows.iter().zip(&lines) {
        if subject.replace(row.case.subject) != Some(row.case.subject) {
            text.push('\n');
        }
        text.push_str(&laid_out(cells, &widths));
        if let Some(note) = note {
            text.pop();
            text.push_str("  ");
            text.push_str(note);
            text.push('\n');
        }
    }
    text
}

struct Line {
    cells: Vec<String>,
    /// Stands where the figures would.
    note: Option<String>,
}

fn line(row: &Row, rows: &[Row]) -> Line {
    let mut cells = vec![row.case.subject.to_owned(), row.case.runtime.to_owned()];
    let note = match &row.outcome {
        Outcome::Readings(_) => {
            if let Some(figures) = row.figures(rows) {
                let (wall, cpu) = (figures.wall, figures.cpu);
                cells.extend([wall.median, wall.min, wall.max, cpu.median, cpu.min, cpu.max].map(nanos));
                cells.extend([figures.wall_ratio, figures.cpu_ratio].map(ratio));
            }
            None
        }
        Outcome::Skipped(why) => Some(format!("SKIPPED: {}", why.trim_end())),
        Outcome::Failed(why) => Some(format!("FAILED: {}", why.trim_end())),
    };
    Line { cells, note }
}

fn nanos(nanos: f64) -> String {
    /// From here on a decimal is noise.
    const LARGE: f64 = 100.0;
    let decimals = usize::from(nanos < LARGE);
    format!("{nanos:.decimals$}")
}

fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"))
}

fn laid_out(cells: &[impl AsRef<str>], widths: &[usize]) -> String {
    let mut line = String::new();
    for (column, (cell, &width)) in cells.iter().zip(widths).enumerate() {
        let cell = cell.as_ref();
        if column > 0 {
            line.push_str("  ");
        }
        if column < WORDS {
            line.push_str(&format!("{cell:width$}"));
        } else {
            line.push_str(&format!("{cell:>width$}"));
        }
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::case;
    use crate::measure::Reading;

    #[test]
    fn columns_are_aligned_and_ratios_are_to_gort() {
        let reading = |ns| Reading {
            ops: 10,
            wall: Duration::from_nanos(ns),
            cpu: Duration::from_nanos(2 * ns),
        };
        let mut rows: Vec<Row> = case::all()
            .into_iter()
            .filter(|case| case.subject == "goroutine-yield")
            .map(Row::new)
            .collect();
        rows[0].outcome = Outcome::Readings(vec![reading(100), reading(200), reading(300)]);
        rows[1].outcome = Outcome::Readings(vec![reading(300), reading(200), reading(600)]);
        rows[2].outcome = Outcome::Skipped("no toolchain\n".to_owned());
        let text = render(&rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert_eq!(lines[2].len(), lines[0].len(), "{text}");
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let gort = ["20.0", "10.0", "30.0", "40.0", "20.0", "60.0", "1.00", "1.00"];
        assert_eq!(words(lines[2])[2..], gort);
        assert_eq!(words(lines[3])[8..], ["2.00", "2.00"]);
        assert!(lines[4].ends_with("SKIPPED: no toolchain"), "{text}");
    }
}
