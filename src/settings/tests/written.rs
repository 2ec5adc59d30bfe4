//! Configurations that are good, whatever is in them, and the ways to write each.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::super::{format_size, key};

/// A value, apart from how it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(u64),
    Part(f64),
    Flag(bool),
    List(Vec<String>),
    Lasting(Duration),
    Size(u64),
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// As a file has it. `otherwise` = the other way, where there are two.
    pub(super) fn in_file(&self, otherwise: bool) -> String {
        let quoted = |text: &str| toml_edit::Value::from(text).to_string();
        match self {
            Self::Text(text) => quoted(text),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(|item| quoted(item)).collect();
                // A single value is a list of one.
                if otherwise && items.len() == 1 { items.concat() } else { format!("[{}]", items.join(", ")) }
            }
            Self::Size(_) | Self::Lasting(_) => quoted(&self.as_text(otherwise)),
            _ if otherwise => quoted(&self.as_text(false)),
            _ => self.as_text(false),
        }
    }

    /// As a variable has it; `key` says what separates the elements of a list.
    pub(super) fn in_variable(&self, key: &str, otherwise: bool) -> String {
        match self {
            Self::List(items) => items.join(match key.rsplit('.').next() {
                Some("allow" | "deny") => "; ",
                Some("headers") => "|",
                _ => ",",
            }),
            _ => self.as_text(otherwise),
        }
    }

    fn as_text(&self, otherwise: bool) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Part(part) => format!("{part:?}"),
            Self::Flag(flag) => flag.to_string(),
            Self::Lasting(duration) if otherwise => format!("{}ms", duration.as_millis()),
            Self::Lasting(duration) => humantime::format_duration(*duration).to_string(),
            Self::Size(bytes) if otherwise => bytes.to_string(),
            Self::Size(bytes) => format_size(*bytes),
            Self::List(_) => unreachable!("a list depends on where it stands"),
        }
    }

    /// Whether text that is no value of this kind is a problem, and the only one.
    pub(super) fn can_be_wrong(&self) -> bool {
        matches!(self, Self::Number(_) | Self::Part(_) | Self::Flag(_) | Self::Lasting(_) | Self::Size(_))
    }
}

/// A configuration: its keys, in no order, and whether each is written the other way.
pub(super) type Written = BTreeMap<String, (Value, bool)>;

/// A setting, and when it is written: those of a group are so together or not at all.
struct Setting {
    key: String,
    group: &'static str,
    is_needed: bool,
    value: BoxedStrategy<Value>,
}

const GROUPS: [&str; 7] = ["admin tls", "crl", "inbox", "client certificate", "api key", "tokens", "operation"];

/// Good configurations whose files are in the directory `here`.
pub(super) fn good(here: &str) -> impl Strategy<Value = Written> + use<> {
    let settings = settings(here);
    let shape: Vec<(String, &str, bool)> =
        settings.iter().map(|setting| (setting.key.clone(), setting.group, setting.is_needed)).collect();
    let values: Vec<_> = settings.into_iter().map(|setting| (setting.value, any::<[bool; 2]>())).collect();
    (values, subsequence(GROUPS.to_vec(), 0..=GROUPS.len())).prop_map(move |(values, groups)| {
        let mut written = Written::new();
        for ((key, group, is_needed), (value, [coin, otherwise])) in std::iter::zip(&shape, values) {
            if (group.is_empty() || groups.contains(group)) && (*is_needed || coin) {
                written.insert(key.clone(), (value, otherwise));
            }
        }
        written
    })
}

/// The patterns of all keys that may be written.
pub(super) fn patterns() -> impl Iterator<Item = String> {
    settings("").into_iter().map(|setting| key::pattern(&setting.key))
}

fn lasting(millis: std::ops::RangeInclusive<u64>) -> BoxedStrategy<Value> {
    millis.prop_map(|millis| Value::Lasting(Duration::from_millis(millis))).boxed()
}

fn number(range: std::ops::RangeInclusive<u64>) -> BoxedStrategy<Value> {
    range.prop_map(Value::Number).boxed()
}

fn size(range: std::ops::RangeInclusive<u64>) -> BoxedStrategy<Value> {
    range.prop_map(Value::Size).boxed()
}

fn flag() -> BoxedStrategy<Value> {
    any::<bool>().prop_map(Value::Flag).boxed()
}

fn word(words: &[&str]) -> BoxedStrategy<Value> {
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    select(words).prop_map(Value::Text).boxed()
}

fn text(pattern: &'static str) -> BoxedStrategy<Value> {
    pattern.prop_map(Value::Text).boxed()
}

fn some(least: usize, of: &[&str]) -> BoxedStrategy<Value> {
    let of: Vec<String> = of.iter().map(ToString::to_string).collect();
    let most = of.len();
    subsequence(of, least..=most).prop_shuffle().prop_map(Value::List).boxed()
}

/// Every setting that can stand beside the others, with values that are good.
#[allow(clippy::too_many_lines, reason = "a table")]
fn settings(here: &str) -> Vec<Setting> {
    const ENVIRONMENT: &str = "environments.preprod";
    let file = |name: &str| word(&[&format!("{here}/{name}")]);
    let pem = || word(&[&format!("{here}/ca.pem"), &format!("{here}/chain.pem"), &format!("{here}/key.pem")]);
    let secret = || text("[!-~]([ -~]{0,20}[!-~])?");
    let deadline = || lasting(10..=3_600_000);
    let connections = || number(1..=1_000_000);
    let expires = || word(&["2027-01-31T00:00:00Z", "2031-12-01T23:59:59Z"]);
    let keys = || some(0, &["operation", "header:x-correlation-id", "body:a.b", "digest"]);
    let mut all = Vec::new();
    let mut add = |group: &'static str, is_needed: bool, table: &str, settings: Vec<(&str, BoxedStrategy<Value>)>| {
        all.extend(settings.into_iter().map(|(name, value)| Setting {
            key: if table.is_empty() { name.to_owned() } else { format!("{table}.{name}") },
            group,
            is_needed,
            value,
        }));
    };
    add("", false, "", vec![("products_dir", word(&[here]))]);
    let listen = || some(1, &["0.0.0.0:8443", "192.0.2.1:443", "[::1]:9443", "127.0.0.1:10443"]);
    add(
        "",
        false,
        "server",
        vec![
            ("listen", listen()),
            ("workers", number(0..=1024)),
            ("max_connections", connections()),
            ("max_handshakes", connections()),
            ("max_handshakes_per_source", connections()),
            ("handshake_timeout", deadline()),
            ("header_timeout", lasting(10..=60_000)),
            ("body_timeout", lasting(10..=60_000)),
            ("request_timeout", lasting(60_000..=3_600_000)),
            ("keep_alive_idle", deadline()),
            ("max_connection_age", lasting(0..=604_800_000)),
            ("drain_delay", lasting(0..=3_600_000)),
            ("drain_timeout", lasting(0..=3_600_000)),
            ("retire_grace", lasting(0..=60_000)),
            ("max_body_size", size(1..=1 << 30)),
            ("max_header_size", size(8 << 10..=1 << 20)),
            ("max_headers", number(16..=1000)),
            ("http2.max_concurrent_streams", number(1..=10_000)),
            ("http2.initial_stream_window", size(65_535..=0x7fff_ffff)),
            ("http2.initial_connection_window", size(65_535..=0x7fff_ffff)),
            ("proxy_protocol.from", some(0, &["10.0.0.0/8", "192.0.2.1/32", "fd00::/8"])),
        ],
    );
    add(
        "",
        false,
        "admin",
        vec![
            ("listen", word(&["127.0.0.1:9090", "[::1]:9191", "192.0.2.7:9090"])),
            ("token", secret()),
            ("hosts", some(0, &["admin.bank.example", "localhost.bank.example"])),
            ("metrics", word(&["open", "protected"])),
        ],
    );
    add("admin tls", true, "admin.tls", vec![("certificate_chain", pem()), ("private_key", pem())]);
    add("admin tls", false, "admin.tls", vec![("client_ca", pem())]);
    add(
        "",
        false,
        "log",
        vec![
            ("level", word(&["error", "warn", "info", "debug", "trace"])),
            ("format", word(&["human", "json"])),
            ("access", flag()),
            ("access_sample", connections()),
        ],
    );
    add(
        "",
        false,
        "traces",
        vec![
            ("otlp_url", word(&["https://collector.internal:4318"])),
            ("ca", pem()),
            ("sample", select(vec![0.0, 0.25, 0.5, 1.0]).prop_map(Value::Part).boxed()),
            ("service_name", text("[a-z]([ -~]{0,20}[a-z])?")),
        ],
    );
    let poll = prop_oneof![1 => Just(0), 3 => 1_000..=3_600_000_u64];
    let poll = poll.prop_map(|millis| Value::Lasting(Duration::from_millis(millis))).boxed();
    add("", false, "reload", vec![("watch", flag()), ("poll", poll)]);
    let urls = [&format!("sqlite://{here}/inbox.db"), "postgres://user:p%40ss@db.internal/inbox"];
    add("inbox", true, "inbox", vec![("url", word(&urls))]);
    add(
        "inbox",
        false,
        "inbox",
        vec![
            ("key_file", file("key.pem")),
            ("retention", lasting(0..=31_557_600_000)),
            ("deduplication_window", lasting(60_000..=31_557_600_000)),
            ("max_size", size(1 << 20..=1 << 50)),
            ("commit_timeout", lasting(10..=60_000)),
            ("connections", number(1..=1000)),
            ("delivery.max_in_flight", number(1..=10_000)),
            ("delivery.lease", lasting(1_000..=3_600_000)),
            ("delivery.attempt_timeout", deadline()),
            ("delivery.first_backoff", lasting(10..=60_000)),
            ("delivery.max_backoff", lasting(60_000..=86_400_000)),
            ("delivery.max_age", lasting(1_000..=31_557_600_000)),
            ("delivery.on_dead_letter", word(&["continue", "block"])),
        ],
    );
    let products = Just(["tsh", "d1", "cof"].map(str::to_owned).to_vec()).prop_shuffle().prop_map(Value::List).boxed();
    add(
        "",
        true,
        ENVIRONMENT,
        vec![
            ("product", products),
            ("customer_id", text("[!-.0-~]{1,20}")),
            ("client_ca", pem()),
            ("certificate_chain", pem()),
            ("private_key", pem()),
            ("backend.url", word(&["https://backend.internal:8443/", "https://192.0.2.8/"])),
        ],
    );
    let subjects = || prop::collection::vec("CN=[a-z ,*]{0,10}[a-z]", 0..3).prop_map(Value::List).boxed();
    let ids = prop::collection::vec("[!-+.0-~-]{1,12}", 1..4).prop_map(Value::List).boxed();
    add(
        "",
        false,
        ENVIRONMENT,
        vec![
            ("host", word(&["tsh.bank.example", "*.bank.example", "xn--bcher-kva.example"])),
            ("listen", listen()),
            ("issuer_ids", ids),
            ("endorsed_chain", pem()),
            ("resumption", word(&["off", "reverified"])),
            ("session_lifetime", lasting(1_000..=3_600_000)),
            ("require_client_auth_eku", flag()),
            ("allow_public_client_ca", flag()),
            ("allow_sample_certificates", flag()),
            ("forward_client_certificate", flag()),
            ("client_subject.allow", subjects()),
            ("client_subject.deny", subjects()),
            ("unknown", word(&["forward", "reject"])),
            ("wrong_key", word(&["401", "503"])),
            ("deadlines.notification", deadline()),
            ("deadlines.query", deadline()),
            ("deadlines.command", deadline()),
            ("base_paths.cof", word(&["", "/gateway/tsh-cof"])),
        ],
    );
    add("crl", true, ENVIRONMENT, vec![("crl", some(1, &[&format!("{here}/ca.pem"), &format!("{here}/key.pem")]))]);
    add("crl", false, ENVIRONMENT, vec![("revocation", word(&["off", "if-covered", "require"]))]);
    for (group, table) in [("", "environments.preprod.backend"), ("operation", "backends.otp")] {
        add(
            group,
            false,
            table,
            vec![
                ("ca", pem()),
                ("connect_timeout", deadline()),
                ("response_timeout", deadline()),
                ("max_idle_connections", number(0..=10_000)),
                ("idle_timeout", deadline()),
                ("protocol", word(&["auto", "http1", "http2"])),
                ("events_url", word(&["https://events.internal/thales?a=b"])),
                ("signing_secret", secret()),
            ],
        );
    }
    let certificate = || vec![("client_certificate", pem()), ("client_key", pem())];
    add("client certificate", true, "environments.preprod.backend", certificate());
    add("api key", true, "environments.preprod.api_keys.main", vec![("key", secret())]);
    let username = text("[!-9;-~]([ -9;-~]{0,9}[!-9;-~])?");
    add("api key", false, "environments.preprod.api_keys.main", vec![("username", username), ("expires", expires())]);
    let tokens = "environments.preprod.tokens";
    add("tokens", true, tokens, vec![("signing_key", pem()), ("clients.thales.secrets.current.secret", secret())]);
    add(
        "tokens",
        false,
        tokens,
        vec![
            ("audience", text("[a-z]([ -~]{0,20}[a-z])?")),
            ("scope", some(0, &["one", "two"])),
            ("lifetime", lasting(60_000..=86_400_000)),
            ("credentials_in_body", flag()),
            ("clients.thales.id", text("[!-~]([ -~]{0,20}[!-~])?")),
            ("clients.thales.scopes", some(3, &["one", "two", "three"])),
            ("clients.thales.secrets.current.expires", expires()),
        ],
    );
    let operation = "environments.preprod.operations.sendotp";
    add("operation", true, "backends.otp", vec![("url", word(&["https://otp.internal/"]))]);
    add("operation", true, operation, vec![("method", word(&["POST", "PUT"]))]);
    add(
        "operation",
        false,
        operation,
        vec![
            ("product", word(&["tsh", "d1"])),
            ("base_path", word(&["", "/issuer/v2"])),
            ("path", word(&["/sendOTP/{id}"])),
            ("kind", word(&["notification", "query", "command"])),
            ("status", number(200..=299)),
            ("body", text("([!-~][ -~]{0,20}[!-~])?")),
            ("headers", some(0, &["content-type: text/plain; charset=utf-8", "x-a: 1, 2"])),
            ("deduplication", keys()),
            ("deduplication_owner", word(&["thales", "ours"])),
            ("ordering", keys()),
            ("secrets", some(0, &["otpValue", "otp.value"])),
            ("backend", word(&["otp"])),
            ("deadline", deadline()),
        ],
    );
    all
}
