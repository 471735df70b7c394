//! The command line: `SECONDS [SEED]`.

use std::ffi::OsString;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A day: more is a slip of the pen.
const MOST_SECONDS: u64 = 86_400;

pub(crate) struct Args {
    pub(crate) duration: Duration,
    pub(crate) seed: u64,
}

/// Reads what stands behind the program's name.
///
/// # Errors
/// What is wrong and what would be right, in one line.
pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Args, String> {
    let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let (seconds, seed) = match words.as_slice() {
        [seconds] => (seconds, None),
        [seconds, seed] => (seconds, Some(seed)),
        _ => {
            return Err(format!(
                "takes SECONDS and perhaps a SEED, not {} arguments",
                words.len()
            ));
        }
    };
    let seconds = match seconds.parse() {
        Ok(seconds @ 1..=MOST_SECONDS) => seconds,
        _ => {
            return Err(format!(
                "SECONDS is a whole number from 1 to {MOST_SECONDS}, not {seconds:?}"
            ));
        }
    };
    let seed = match seed {
        Some(seed) => seed
            .parse()
            .map_err(|_| format!("SEED is a whole number of 64 bits, not {seed:?}"))?,
        None => any_seed(),
    };
    Ok(Args {
        duration: Duration::from_secs(seconds),
        seed,
    })
}

/// Another one each time, and short enough to be typed again.
fn any_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (now.as_nanos() % 1_000_000_007) as u64
}
