//! The limit of open files. Systems give a process few (1024) and let it have many: each connection takes one, and one more to its
//! backend.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

use crate::telemetry::events;

/// Takes as many as the system lets this process have, and warns where that is too few for so many connections.
pub(super) fn raise(max_connections: usize) {
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // Refused: as it was.
    let limit = if limit.current != limit.maximum && setrlimit(Resource::Nofile, all).is_ok() { all } else { limit };
    let Some(missing) = missing(max_connections, limit.current) else { return };
    warn!(
        event = events::CONFIGURATION_WARNING,
        "this process may have {} files open, and `max_connections = {max_connections}` can take {missing} more: raise the limit \
         (ulimit -n, LimitNOFILE of systemd, --ulimit nofile of Docker), or take fewer connections",
        limit.current.unwrap_or(0)
    );
}

/// How many more it would take; `None` = it is enough.
fn missing(max_connections: usize, limit: Option<u64>) -> Option<u64> {
    let needed = u64::try_from(max_connections).ok()?.saturating_mul(2);
    needed.checked_sub(limit?).filter(|missing| *missing > 0)
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn each_connection_may_need_two() {
        assert_eq!(missing(10_000, None), None, "no limit");
        assert_eq!(missing(10_000, Some(20_000)), None);
        assert_eq!(missing(10_000, Some(1024)), Some(18_976));
    }
}
