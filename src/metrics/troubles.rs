//! What failed of late, and how often: what the first screen tells. There is one record for each thing that can fail, which closed lists
//! and the configuration bound; what goes well touches none of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// How long a failure counts as one of now.
pub const RECENT: Duration = Duration::from_secs(15 * 60);
/// How long one of calls does that has happened before in that time: who calls seldom fails seldom. As the alerts have it.
pub const HOUR: Duration = Duration::from_secs(60 * 60);
/// Failures are counted by the minute.
const MINUTE: u64 = 60;
/// Most characters that are kept of what was said of a failure.
const LONGEST_WORDS: usize = 300;

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TroubleKind {
    /// There was no permit for a connection.
    Permits,
    /// The system gave us no connection.
    Accept,
    /// An unfinished handshake gave way.
    Displaced,
    /// Somebody showed a wrong token to the admin listener.
    Admin,
    /// A verified client had no valid second key.
    SecondKey,
    /// A verified client got no access token.
    Token,
    /// The keys of an identity provider could not be fetched.
    Keys,
    /// A backend gave no answer.
    Backend,
    /// The store of the inbox did not do what it was asked for.
    Store,
}

impl TroubleKind {
    /// Whether it comes of calls, so that it is as frequent as they are.
    fn is_of_calls(self) -> bool {
        matches!(self, Self::SecondKey | Self::Token | Self::Backend)
    }
}

/// What failed, where, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trouble {
    /// What.
    pub kind: TroubleKind,
    /// The environment; empty where it is that of the whole server.
    pub environment: String,
    /// The product or the backend, by its name; else empty.
    pub of: String,
    /// One of a closed list, as metrics say it; may be empty.
    pub reason: &'static str,
}

/// How it failed of late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentTrouble {
    /// What.
    pub trouble: Trouble,
    /// When, the last time.
    pub last: SystemTime,
    /// How many times within [`RECENT`]; 0 = it is told for the hour.
    pub times: u64,
    /// How many times within [`HOUR`].
    pub hourly: u64,
    /// What was said of it, where something was; printable.
    pub words: String,
}

/// All that failed. Cheap to clone; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Troubles(Arc<Mutex<BTreeMap<Trouble, Record>>>);

#[derive(Debug)]
struct Record {
    last: SystemTime,
    words: String,
    /// Minutes since 1970 with what was counted in them, the newest last; as many as [`HOUR`] has, and the one that runs.
    minutes: VecDeque<(u64, u64)>,
}

impl Troubles {
    /// Something failed at `now`. `words` is asked once a second at most.
    pub fn happened(&self, trouble: Trouble, words: impl FnOnce() -> String, now: SystemTime) {
        let mut all = self.all();
        if let Some(record) = all.get_mut(&trouble) {
            record.count(words, now);
        } else {
            let minutes = VecDeque::from([(minute(now), 1)]);
            all.insert(trouble, Record { last: now, words: printable(&words()), minutes });
        }
    }

    /// What failed within [`RECENT`] before `now`, and what has failed with calls twice within [`HOUR`], in the order of what it is.
    #[must_use]
    pub fn recent(&self, now: SystemTime) -> Vec<RecentTrouble> {
        let is_of_now = |trouble: &Trouble, record: &Record| {
            is_within(RECENT, record.last, now)
                || trouble.kind.is_of_calls() && is_within(HOUR, record.last, now) && record.times(HOUR, now) > 1
        };
        self.all().iter().filter(|(trouble, record)| is_of_now(trouble, record)).map(|of| told(of, now)).collect()
    }

    /// How a backend failed last, however long that is ago.
    #[must_use]
    pub fn last_of_backend(&self, environment: &str, backend: &str, now: SystemTime) -> Option<RecentTrouble> {
        let is_of = |trouble: &Trouble| {
            trouble.kind == TroubleKind::Backend && trouble.environment == environment && trouble.of == backend
        };
        let all = self.all();
        all.iter().filter(|(trouble, _)| is_of(trouble)).max_by_key(|(_, record)| record.last).map(|of| told(of, now))
    }

    /// An environment is gone, and with it what failed there.
    pub(super) fn forget(&self, environment: &str) {
        self.all().retain(|trouble, _| trouble.environment != environment);
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Trouble, Record>> {
        // A record is whole after each step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn count(&mut self, words: impl FnOnce() -> String, now: SystemTime) {
        if seconds(self.last) != seconds(now) {
            self.words = printable(&words());
        }
        self.last = now;
        let this = minute(now);
        match self.minutes.back_mut() {
            Some((minute, count)) if *minute == this => *count = count.saturating_add(1),
            _ => self.minutes.push_back((this, 1)),
        }
        while self.minutes.len() as u64 > HOUR.as_secs() / MINUTE + 1 {
            self.minutes.pop_front();
        }
    }

    /// How many times within that time before `now`.
    fn times(&self, within: Duration, now: SystemTime) -> u64 {
        let first = minute(now).saturating_sub(within.as_secs() / MINUTE);
        self.minutes.iter().filter(|(minute, _)| *minute >= first).map(|(_, count)| count).sum()
    }
}

fn told((trouble, record): (&Trouble, &Record), now: SystemTime) -> RecentTrouble {
    let (times, hourly) = (record.times(RECENT, now), record.times(HOUR, now));
    RecentTrouble { trouble: trouble.clone(), last: record.last, times, hourly, words: record.words.clone() }
}

/// A clock that was set back makes nothing old.
fn is_within(time: Duration, then: SystemTime, now: SystemTime) -> bool {
    now.duration_since(then).map_or(true, |age| age < time)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn minute(time: SystemTime) -> u64 {
    seconds(time) / MINUTE
}

/// A part of it may be what a peer sent.
fn printable(words: &str) -> String {
    let shown = |character: char| if character.is_control() { char::REPLACEMENT_CHARACTER } else { character };
    words.chars().take(LONGEST_WORDS).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_020 + seconds)
    }

    fn backend(reason: &'static str) -> Trouble {
        Trouble { kind: TroubleKind::Backend, environment: "preprod".into(), of: "own".into(), reason }
    }

    #[test]
    fn a_failure_counts_for_a_quarter_of_an_hour_and_is_known_as_the_last_one_after_that() {
        let troubles = Troubles::default();
        for second in [0, 1, 600] {
            troubles.happened(backend("unavailable"), || format!("refused at {second}"), at(second));
        }
        troubles.happened(backend("timeout"), String::new, at(30));
        let told =
            |now| troubles.recent(at(now)).into_iter().map(|one| (one.trouble.reason, one.times)).collect::<Vec<_>>();
        assert_eq!(told(600), [("timeout", 1), ("unavailable", 3)]);
        assert_eq!(told(1_000), [("unavailable", 1)], "what is older is counted no more");
        assert_eq!(told(1_560), [("unavailable", 0)], "three times within the hour");
        assert_eq!(told(4_200), []);
        let last = troubles.last_of_backend("preprod", "own", at(9_000)).unwrap();
        assert_eq!((last.trouble.reason, last.words.as_str(), last.last), ("unavailable", "refused at 600", at(600)));
        assert_eq!(troubles.last_of_backend("preprod", "", at(9_000)), None, "of another backend");
        troubles.forget("other");
        assert!(troubles.last_of_backend("preprod", "own", at(9_000)).is_some(), "control");
        troubles.forget("preprod");
        assert_eq!(troubles.last_of_backend("preprod", "own", at(9_000)), None);
    }

    #[test]
    fn what_is_kept_has_bounds_however_often_and_long_something_fails() {
        let troubles = Troubles::default();
        for minute in 0..1_000 {
            troubles.happened(backend("broken"), || "a\r\n\u{1b}".repeat(1_000), at(minute * MINUTE));
        }
        let told = troubles.recent(at(999 * MINUTE));
        assert_eq!((told.len(), told[0].times, told[0].hourly), (1, 16, 61));
        assert_eq!(told[0].words.chars().count(), LONGEST_WORDS);
        assert!(!told[0].words.chars().any(char::is_control));
        assert!(troubles.all().values().all(|record| record.minutes.len() == 61));
    }

    #[test]
    fn what_fails_seldom_with_calls_is_told_all_the_time_and_what_failed_once_is_not() {
        let troubles = Troubles::default();
        let displaced = Trouble { kind: TroubleKind::Displaced, ..backend("") };
        for minute in [0, 20, 40] {
            troubles.happened(backend("unavailable"), String::new, at(minute * MINUTE));
            troubles.happened(displaced.clone(), String::new, at(minute * MINUTE));
        }
        troubles.happened(backend("timeout"), String::new, at(40 * MINUTE));
        let told = |minutes: u64| {
            let told = troubles.recent(at(minutes * MINUTE)).into_iter();
            told.map(|one| (one.trouble.kind, one.trouble.reason, one.times, one.hourly)).collect::<Vec<_>>()
        };
        assert_eq!(told(59), [(TroubleKind::Backend, "unavailable", 0, 3)], "the others are control");
        assert_eq!(told(75), [(TroubleKind::Backend, "unavailable", 0, 2)]);
        assert_eq!(told(81), [], "one within the hour is left");
        assert_eq!(told(41).len(), 3, "control");
    }
}
