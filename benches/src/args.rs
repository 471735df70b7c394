//! The command line, of users and of the children that `run` starts.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

const USAGE: &str = "usage: gort-benches [FILTER] [--rounds N] [--millis N] [--quick] [--json FILE] [--list]";

const ROUNDS: usize = 5;
/// How long a reading lasts at least.
const TARGET: Duration = Duration::from_millis(200);
const QUICK_TARGET: Duration = Duration::from_millis(20);

/// How to measure which cases.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Only cases whose id contains it.
    pub(crate) filter: String,
    pub(crate) rounds: usize,
    /// How long a reading lasts at least.
    pub(crate) target: Duration,
    pub(crate) json: Option<PathBuf>,
}

/// What the process is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Measure(Options),
    List,
    /// One reading of the case of that id, or its server; for `run`.
    Child {
        case: String,
        target: Duration,
    },
}

/// What `run` calls a child with: `--child CASE MILLIS`.
pub(crate) const CHILD: &str = "--child";

/// # Errors
/// What is wrong with the arguments, in a line or two.
pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut args = args;
    let mut options = Options {
        filter: String::new(),
        rounds: ROUNDS,
        target: TARGET,
        json: None,
    };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            CHILD => {
                let case = value(&mut args, CHILD, USAGE)?;
                let target = Duration::from_millis(value(&mut args, CHILD, USAGE)?);
                return Ok(Command::Child { case, target });
            }
            "--rounds" => options.rounds = value(&mut args, &arg, USAGE)?,
            "--millis" => options.target = Duration::from_millis(value(&mut args, &arg, USAGE)?),
            "--quick" => options.target = QUICK_TARGET,
            "--json" => options.json = Some(value(&mut args, &arg, USAGE)?),
            "--list" => return Ok(Command::List),
            _ if arg.starts_with('-') || !options.filter.is_empty() => {
                return Err(format!("unknown argument {arg}\n{USAGE}"));
            }
            _ => options.filter = arg,
        }
    }
    if options.rounds == 0 {
        return Err("--rounds must be at least 1".to_owned());
    }
    Ok(Command::Measure(options))
}

/// The value of the option `of`, which comes next.
///
/// # Errors
///
/// In one line and the usage, when there is none or it cannot be that.
pub fn value<T: FromStr>(
    args: &mut impl Iterator<Item = String>,
    of: &str,
    usage: &str,
) -> Result<T, String> {
    let value = args
        .next()
        .ok_or_else(|| format!("{of} needs a value\n{usage}"))?;
    value
        .parse()
        .map_err(|_| format!("{of} cannot be {value}\n{usage}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn nothing_said_is_everything_five_times() {
        let all = Options {
            filter: String::new(),
            rounds: 5,
            target: TARGET,
            json: None,
        };
        assert_eq!(parsed(""), Ok(Command::Measure(all)));
    }

    #[test]
    fn all_that_can_be_said() {
        let options = Options {
            filter: "yield".to_owned(),
            rounds: 7,
            target: QUICK_TARGET,
            json: Some("out.json".into()),
        };
        assert_eq!(
            parsed("--quick yield --rounds 7 --json out.json"),
            Ok(Command::Measure(options))
        );
    }

    #[test]
    fn mistakes_are_named() {
        for line in [
            "--rounds",
            "--rounds x",
            "--rounds 0",
            "--rnds 3",
            "one two",
            "--child x",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
