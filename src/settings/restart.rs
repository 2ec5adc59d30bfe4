//! Which changes of a configuration a running server cannot follow.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::{InboxSettings, Settings, StoreSettings};

/// Whether this differs between the settings in force and the next ones.
type Differs = fn(&Settings, &Settings) -> bool;

/// What a process is started with and keeps, besides its listeners.
const STARTED_WITH: &[(&str, Differs)] = &[
    ("admin.listen", |now, next| now.admin.listen != next.admin.listen),
    ("inbox.url", |now, next| now.store() != next.store()),
    ("inbox.connections", |now, next| now.differs(next, |inbox| inbox.connections)),
    ("inbox.deduplication_window", |now, next| now.differs(next, |inbox| inbox.deduplication_window)),
    ("server.workers", |now, next| now.server.workers != next.server.workers),
    ("log.format", |now, next| now.log.format != next.log.format),
    ("traces", |now, next| now.traces != next.traces),
];

/// What addresses come from, with `*` for a name that an operator chose.
const OPENED: &[&str] = &["server.listen", "environments.*.listen"];

/// Whether a change of a setting needs a restart: `pattern` is its key with `*` for names that an operator chose. Where the key
/// of a table is listed, all that stands in it counts.
pub(super) fn is_started_with(pattern: &str) -> bool {
    let of = |key: &str| pattern == key || pattern.strip_prefix(key).is_some_and(|below| below.starts_with('.'));
    listed().any(of)
}

/// The keys, or tables, whose change needs a restart, as patterns.
pub(super) fn listed() -> impl Iterator<Item = &'static str> {
    STARTED_WITH.iter().map(|(key, _)| *key).chain(OPENED.iter().copied())
}

impl Settings {
    /// The keys whose change from these settings to `next` needs a restart, in a stable order; everything else can be applied to
    /// a running server. Addresses are opened once, so what counts of listeners is which addresses are open, not who
    /// listens on them.
    #[must_use]
    pub fn needs_restart(&self, next: &Self) -> Vec<String> {
        let mut keys = self.listeners_that_differ(next);
        let started_with = STARTED_WITH.iter().filter(|(_, differs)| differs(self, next));
        keys.extend(started_with.map(|(key, _)| (*key).to_owned()));
        keys
    }

    /// Whether an inbox that stays would have to be opened in another way.
    fn differs<T: PartialEq>(&self, next: &Self, what: impl Fn(&InboxSettings) -> T) -> bool {
        self.inbox.as_ref().zip(next.inbox.as_ref()).is_some_and(|(now, then)| what(now) != what(then))
    }

    /// What holds notifications.
    fn store(&self) -> Option<&StoreSettings> {
        self.inbox.as_ref().map(|inbox| &inbox.store)
    }

    /// The keys that an address to open, or to close, comes from.
    fn listeners_that_differ(&self, next: &Self) -> Vec<String> {
        let (now, then) = (self.listeners(), next.listeners());
        let changed: BTreeSet<&SocketAddr> = now.symmetric_difference(&then).collect();
        let of_server = self.server.listen != next.server.listen;
        let mut server = BTreeSet::new();
        let mut environments = BTreeSet::new();
        for environment in self.environments.iter().chain(&next.environments) {
            if !environment.listen.iter().any(|address| changed.contains(address)) {
                continue;
            }
            let key = format!("environments.{}.listen", environment.name);
            // An environment that has no listeners of its own follows those of the server, where these are what changed.
            if of_server && ![self, next].iter().any(|settings| settings.origins.shape(&key).is_some()) {
                server.insert("server.listen".to_owned());
            } else {
                environments.insert(key);
            }
        }
        server.into_iter().chain(environments).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{MINIMAL, Place, load};

    /// The keys that need a restart from one configuration to the other.
    #[track_caller]
    fn keys(from: &str, to: &str) -> Vec<String> {
        let place = Place::new();
        load(&place, from).needs_restart(&load(&place, to))
    }

    fn environment(name: &str, more: &str) -> String {
        format!("{}\nhost = \"{name}.bank.example\"\n{more}\n", MINIMAL.replace("preprod", name))
    }

    #[test]
    fn what_is_the_same_needs_no_restart() {
        assert_eq!(keys(MINIMAL, MINIMAL), [""; 0]);
        // Written in another way, and in another order.
        let one = format!("server.listen = [\"0.0.0.0:443\", \"0.0.0.0:8443\"]\n{MINIMAL}");
        let other = format!("{MINIMAL}\nlisten = [\"0.0.0.0:8443\", \"0.0.0.0:443\"]");
        assert_eq!(keys(&one, &other), [""; 0]);
    }

    #[test]
    fn a_setting_that_lives_in_the_process_needs_a_restart() {
        for (setting, key) in [
            ("admin.listen = \"127.0.0.1:9091\"", "admin.listen"),
            ("inbox.url = \"sqlite:inbox.db\"", "inbox.url"),
            ("server.workers = 2", "server.workers"),
            ("server.listen = \"0.0.0.0:443\"", "server.listen"),
            ("log.format = \"json\"", "log.format"),
            ("traces.sample = 0.5", "traces"),
        ] {
            assert_eq!(keys(MINIMAL, &format!("{setting}\n{MINIMAL}")), [key], "{setting}");
            assert_eq!(keys(&format!("{setting}\n{MINIMAL}"), MINIMAL), [key], "{setting}, taken out");
        }
    }

    #[test]
    fn what_an_inbox_is_opened_with_needs_a_restart() {
        let inbox = |more: &str| format!("[inbox]\nurl = \"sqlite:inbox.db\"\n{more}\n{MINIMAL}");
        assert_eq!(keys(&inbox(""), &inbox("connections = 3")), ["inbox.connections"]);
        assert_eq!(keys(&inbox(""), &inbox("deduplication_window = \"1h\"")), ["inbox.deduplication_window"]);
        assert_eq!(keys(&inbox(""), &inbox("retention = \"1h\"\ndelivery.lease = \"2s\"")), [""; 0], "control");
    }

    #[test]
    fn several_are_all_named_listeners_first() {
        let text = format!("log.format = \"json\"\nserver.listen = \"0.0.0.0:443\"\nserver.workers = 1\n{MINIMAL}");
        assert_eq!(keys(MINIMAL, &text), ["server.listen", "server.workers", "log.format"]);
    }

    #[test]
    fn everything_else_is_applied_to_a_running_server() {
        let text = format!(
            "[server]\nmax_connections = 5\ndrain_delay = \"9s\"\nretire_grace = \"0s\"\nheader_timeout = \"1s\"\nproxy_protocol.from = \"10.0.0.0/8\"\n\
             [log]\naccess = false\naccess_sample = 10\nlevel = \"debug\"\n[reload]\npoll = \"1m\"\n{}\nhost = \"a.example\"\nresumption = \"off\"\ncrl = \"ca.pem\"\n\
             unknown = \"reject\"\ndeadlines.query = \"5s\"\nbase_paths.d1 = \"/d1\"\noperations.x.path = \"/x\"\n\
             tokens.issuer = \"https://idp.example\"\ntokens.audience = \"a\"\n[backends.other]\nurl = \"http://127.0.0.1:1\"",
            MINIMAL.replace("\"tsh\"", "\"d1\"").replace("8080", "8081")
        );
        assert_eq!(keys(MINIMAL, &text), [""; 0]);
    }

    #[test]
    fn an_environment_may_come_and_go_on_addresses_that_stay_open() {
        let one = environment("a", "");
        let two = format!("{one}{}", environment("b", ""));
        assert_eq!(keys(&one, &two), [""; 0]);
        assert_eq!(keys(&two, &one), [""; 0]);
    }

    #[test]
    fn an_environment_that_opens_or_closes_an_address_is_named() {
        let one = environment("a", "");
        let two = format!("{one}{}", environment("b", "listen = \"0.0.0.0:9443\""));
        assert_eq!(keys(&one, &two), ["environments.b.listen"]);
        assert_eq!(keys(&two, &one), ["environments.b.listen"]);
        // Without an address of its own it opens those of the server, which did not change.
        let own = environment("a", "listen = \"0.0.0.0:9443\"");
        assert_eq!(keys(&own, &format!("{own}{}", environment("b", ""))), ["environments.b.listen"]);
    }

    #[test]
    fn an_environment_may_move_to_an_address_that_is_open_already() {
        let (a, b) = (environment("a", ""), environment("b", "listen = \"0.0.0.0:9443\""));
        let one = format!("{a}{b}{}", environment("c", ""));
        let other = format!("{a}{b}{}", environment("c", "listen = \"0.0.0.0:9443\""));
        assert_eq!(keys(&one, &other), [""; 0]);
    }

    #[test]
    fn an_environment_with_its_own_listeners_does_not_blame_those_of_the_server() {
        let own = environment("a", "listen = \"0.0.0.0:9443\"");
        assert_eq!(keys(&own, &format!("server.listen = \"0.0.0.0:443\"\n{own}")), [""; 0]);
        let moved = environment("a", "listen = \"0.0.0.0:9444\"");
        assert_eq!(keys(&own, &format!("server.listen = \"0.0.0.0:443\"\n{moved}")), ["environments.a.listen"]);
    }
}
