//! How much is told, and how that changes while the process runs: for a while, or by another configuration.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::task::AbortHandle;
use tracing::{info, warn};

use super::events;

/// How long a level stays that was set by hand and of which nothing else was said: longer than it takes to watch something fail, and
/// short enough that a level that somebody forgot fills no disk.
pub const DEFAULT_STAY: Duration = Duration::from_secs(30 * 60);
/// The longest that it may stay; what is wanted for longer belongs into the configuration.
pub const MAX_STAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Severity of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed that an operator must look at.
    Error,
    /// Something is about to fail.
    Warn,
    /// What happens in regular service.
    #[default]
    Info,
    /// How it happens.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// All, the most severe first.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// Its name, as `tracing` filters know it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    /// The level is that of our own events: what libraries have to say about frames and pools is no part of the service's log, and
    /// we do not answer for what it holds.
    fn filter(self) -> String {
        let (others, watches, audit) = (self.min(Self::Info), self.min(Self::Warn), self.max(Self::Info));
        // notify tells, at `info`, of each watch that ended together with its directory: every rotation by Kubernetes.
        // Whoever may change the level must not be able to act unseen by that.
        format!(
            "{},notify={},issuer_host={},issuer_host::admin::audit={}",
            others.name(),
            watches.name(),
            self.name(),
            audit.name()
        )
    }
}

/// A text is no level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no log level: use error, warn, info, debug or trace")]
pub struct NoLevel;

impl FromStr for Level {
    type Err = NoLevel;

    fn from_str(text: &str) -> Result<Self, NoLevel> {
        Self::ALL.into_iter().find(|level| level.name() == text).ok_or(NoLevel)
    }
}

/// What is told: by the name that it has for people, and as `tracing` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verbosity {
    pub(super) name: String,
    pub(super) filter: String,
}

impl From<Level> for Verbosity {
    fn from(level: Level) -> Self {
        Self { name: level.name().to_owned(), filter: level.filter() }
    }
}

impl From<&str> for Verbosity {
    /// The name of a level, or a filter by module.
    fn from(text: &str) -> Self {
        let filter = || Self { name: text.to_owned(), filter: text.to_owned() };
        text.parse::<Level>().map_or_else(|_| filter(), Self::from)
    }
}

/// The level of the process' log. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct LogLevel(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Puts a filter in force.
    apply: Box<dyn Fn(&str) + Send + Sync>,
}

struct State {
    configured: Verbosity,
    /// What was set by hand, and until when it stays.
    set: Option<(Level, SystemTime)>,
    /// How often something was set by hand: an end that was meant for an earlier one comes to nothing.
    times: u64,
    /// What waits for that end. There is one at most, however often somebody sets a level.
    end: Option<AbortHandle>,
}

/// What is told at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelReport {
    /// The level in force, or the filter.
    pub level: String,
    /// The one that the configuration says.
    pub configured: String,
    /// When the configured one is in force again, where another one was set by hand.
    pub until: Option<SystemTime>,
}

impl LogLevel {
    pub(super) fn new(configured: Verbosity, apply: impl Fn(&str) + Send + Sync + 'static) -> Self {
        let state = Mutex::new(State { configured, set: None, times: 0, end: None });
        Self(Arc::new(Shared { state, apply: Box::new(apply) }))
    }

    /// What is told at the moment.
    #[must_use]
    pub fn report(&self) -> LevelReport {
        let state = self.state();
        LevelReport {
            level: state.in_force().name,
            configured: state.configured.name.clone(),
            until: state.set.map(|(_, until)| until),
        }
    }

    /// Sets the level of the server's own events, until `stay` is over, at most [`MAX_STAY`]. The configured one ends what was set
    /// before. Needs a tokio runtime.
    pub fn set(&self, level: Level, stay: Duration) {
        let stay = stay.min(MAX_STAY);
        let mut state = self.state();
        let before = state.in_force();
        state.times += 1;
        if let Some(earlier) = state.end.take() {
            earlier.abort();
        }
        state.set = (state.configured != level.into()).then(|| (level, SystemTime::now() + stay));
        let (name, configured, for_s) = (level.name(), state.configured.name.clone(), stay.as_secs());
        let for_s = state.set.is_some().then_some(for_s);
        self.switch(&before, &level.into(), || {
            warn!(event = events::LOG_LEVEL_CHANGED, level = name, configured, for_s, "the log's level was set");
        });
        if state.set.is_none() {
            return;
        }
        let (this, times) = (self.clone(), state.times);
        let waiting = tokio::spawn(async move {
            tokio::time::sleep(stay).await;
            this.restore(times);
        });
        state.end = Some(waiting.abort_handle());
    }

    /// The configuration says another level. What was set by hand stays until its end.
    pub fn configure(&self, level: Level) {
        let mut state = self.state();
        let configured = Verbosity::from(level);
        if state.configured == configured {
            return;
        }
        let before = state.in_force();
        state.configured = configured;
        let after = state.in_force();
        self.switch(&before, &after, || {
            let (level, configured) = (after.name.as_str(), level.name());
            warn!(event = events::LOG_LEVEL_CHANGED, level, configured, "the configuration has another level");
        });
    }

    /// The end of what was set by hand, unless something else was set since.
    fn restore(&self, times: u64) {
        let mut state = self.state();
        if state.times != times {
            return;
        }
        let before = state.in_force();
        state.set = None;
        state.end = None;
        let after = state.in_force();
        self.switch(&before, &after, || {
            let level = after.name.as_str();
            info!(event = events::LOG_LEVEL_RESTORED, level, "the log's level is the configured one again");
        });
    }

    /// Puts `after` in force, and tells of it before and not after where it would not be heard any more.
    fn switch(&self, before: &Verbosity, after: &Verbosity, tell: impl FnOnce()) {
        let quieter = matches!((before.name.parse::<Level>(), after.name.parse::<Level>()), (Ok(b), Ok(a)) if a < b);
        if quieter {
            tell();
            (self.0.apply)(&after.filter);
        } else {
            (self.0.apply)(&after.filter);
            tell();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn in_force(&self) -> Verbosity {
        self.set.map_or_else(|| self.configured.clone(), |(level, _)| level.into())
    }
}

impl fmt::Debug for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogLevel").field(&self.report()).finish()
    }
}

#[cfg(test)]
mod tests;
