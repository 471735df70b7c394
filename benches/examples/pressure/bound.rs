//! What gort has set itself.

use crate::server::{GORT_BLOCKING, GORT_IN_PLACE, GORT_SPAWN, GORT_TASKS, TOKIO_IN_PLACE, TOKIO_SPAWN};
use crate::summary::Summary;
use crate::trouble::Trouble;

/// How much worse than tokio annotated code may be.
const TIMES: f64 = 1.2;

/// Milliseconds.
#[derive(Default)]
pub(crate) struct Bound {
    p99: Option<f64>,
    p999: Option<f64>,
    /// Its p99 is at most [`TIMES`] that of this server.
    peer: Option<&'static str>,
}

impl Bound {
    /// Of a server with that trouble. None: it has none.
    pub(crate) fn of(server: &str, trouble: Trouble) -> Option<Bound> {
        let peer = match server {
            GORT_TASKS => None,
            GORT_IN_PLACE => Some(TOKIO_IN_PLACE),
            GORT_SPAWN | GORT_BLOCKING => Some(TOKIO_SPAWN),
            _ => return None,
        };
        match trouble {
            Trouble::None => None,
            Trouble::Sleep => Some(Bound {
                p99: Some(1.0),
                p999: Some(5.0),
                peer: None,
            }),
            Trouble::Burn(_) if peer.is_some() => Some(Bound {
                peer,
                ..Bound::default()
            }),
            Trouble::Burn(_) => Some(Bound {
                p99: Some(6.0),
                ..Bound::default()
            }),
        }
    }

    /// What is asked for, and whether it is so. `of_peer` finds another server's figures.
    pub(crate) fn verdict<'a>(
        &self,
        summary: &Summary,
        of_peer: impl Fn(&str) -> Option<&'a Summary>,
    ) -> String {
        let mut parts = Vec::new();
        let mut kept = true;
        for (name, value, limit) in [("p99", summary.p99, self.p99), ("p99.9", summary.p999, self.p999)] {
            if let Some(limit) = limit {
                kept &= value <= limit;
                parts.push(format!("{name} <= {limit}"));
            }
        }
        if let Some(name) = self.peer {
            let Some(peer) = of_peer(name) else {
                return format!("({name} has not run)");
            };
            kept &= summary.p99 <= TIMES * peer.p99;
            parts.push(format!("p99 is {:.2} of {name}'s", summary.p99 / peer.p99));
        }
        let word = if kept { "ok" } else { "MISSED" };
        format!("{word}: {}", parts.join(", "))
    }
}
