//! All that is configured, and what each file holds, told to people.

mod calls;

use std::fmt;

use rustls_pki_types::UnixTime;

use crate::cli::wrapping::wrapped;
use crate::http::Interpreter;
use crate::pki::facts::{CertificateFacts, minute};
use crate::pki::pem;
use crate::settings::{
    AdminSettings, BackendProtocol, BackendSettings, EnvironmentSettings, PemSource, Resumption, RevocationMode,
    Settings, StoreSettings, format_size,
};
use crate::tls::TlsMaterial;

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;
/// Columns before a value.
const MARGIN: usize = 16;

/// Text for people, built up line by line.
pub(super) struct Explanation {
    text: String,
    now: UnixTime,
}

impl Explanation {
    pub(super) fn new(now: UnixTime) -> Self {
        Self { text: String::new(), now }
    }

    /// Tells an environment.
    pub(super) fn environment(
        &mut self,
        environment: &EnvironmentSettings,
        material: &TlsMaterial,
        interpreter: Option<&Interpreter>,
    ) {
        self.heading(&format!("environment {}", environment.name));
        self.line("product", &joined(environment.products.iter().map(|product| product.name())));
        self.line("customer", &environment.customer_id);
        if environment.issuer_ids != [environment.customer_id.as_str()] {
            self.line("issuer ids", &joined(&environment.issuer_ids));
        }
        self.line("host", environment.host.as_deref().unwrap_or("any (alone on its listeners)"));
        self.line("listens on", &joined(&environment.listen));
        self.line("client CA", &environment.client_ca.shown());
        for anchor in material.anchors.anchors() {
            self.certificate(&anchor.facts);
        }
        self.callers(environment);
        self.revocation(environment, material);
        self.resumption(environment);
        self.line("server chain", &environment.certificate_chain.shown());
        self.server_chain(material.credential.facts());
        self.line("private key", &format!("{}, belongs to the chain", environment.private_key.shown()));
        self.endorsed(environment, material);
        if let Some(interpreter) = interpreter {
            self.calls(environment, interpreter);
        }
        self.backend(&environment.backend);
        if environment.forward_client_certificate {
            self.line("gets", "the caller's whole certificate and chain (RFC 9440), beside its identity");
        }
        self.text.push('\n');
    }

    fn callers(&mut self, environment: &EnvironmentSettings) {
        if environment.require_client_auth_eku {
            self.line("callers", "their certificates must name clientAuth");
        }
        for (rule, patterns) in
            [("must be", &environment.client_subject.allow), ("must not be", &environment.client_subject.deny)]
        {
            if !patterns.is_empty() {
                self.line("callers", &format!("the subject {rule} {}", patterns.join(" or ")));
            }
        }
    }

    fn revocation(&mut self, environment: &EnvironmentSettings, material: &TlsMaterial) {
        self.line(
            "revocation",
            match environment.revocation {
                RevocationMode::Off => "off: no revocation list is looked at",
                RevocationMode::IfCovered => {
                    "if-covered: whoever is on a list is refused, issuers without a list are taken"
                }
                RevocationMode::Require => "require: every certificate needs a current list of its issuer",
            },
        );
        for list in material.revocation.lists.lists() {
            self.line("", &format!("{}, {} revoked, next by {}", list.issuer, list.revoked, minute(list.next_update)));
            self.line("", &format!("  SHA-256 {}", list.sha256));
        }
    }

    fn resumption(&mut self, environment: &EnvironmentSettings) {
        let text = match environment.resumption {
            Resumption::Off => "off: every connection proves its key and is judged anew".to_owned(),
            Resumption::Reverified => format!(
                "reverified: for {} at most, and the certificate is judged again each time",
                humantime::format_duration(environment.session_lifetime)
            ),
        };
        self.line("resumption", &text);
    }

    fn endorsed(&mut self, environment: &EnvironmentSettings, material: &TlsMaterial) {
        let Some((source, endorsed)) = environment.endorsed_chain.as_ref().zip(material.endorsed.as_ref()) else {
            return;
        };
        self.line("endorsed", &format!("{}, and the server chain ends there", source.shown()));
        for authority in endorsed.authorities() {
            self.certificate(&authority.facts);
        }
    }

    fn server_chain(&mut self, chain: &[CertificateFacts]) {
        for (at, facts) in chain.iter().enumerate() {
            self.certificate(facts);
            if at == 0 {
                self.line("", &format!("  covers {}", joined(&facts.subject_alt_names)));
            }
        }
        if let Some(last) = chain.last().filter(|last| !last.self_issued) {
            self.line("", &format!("issued by {}, which callers must have: Thales endorses it (O8)", last.issuer));
        }
    }

    fn backend(&mut self, backend: &BackendSettings) {
        let authority = backend.url.authority().map_or("", |authority| authority.as_str());
        let https = backend.url.scheme_str() == Some("https");
        let version = match (backend.protocol, https) {
            (BackendProtocol::Auto, true) => "HTTP/2 or HTTP/1.1",
            (BackendProtocol::Auto, false) | (BackendProtocol::Http1, _) => "HTTP/1.1",
            (BackendProtocol::Http2, _) => "HTTP/2",
        };
        self.line("backend", &format!("http{}://{authority}, {version}", if https { "s" } else { "" }));
        if https {
            match &backend.ca {
                None => self.line("backend CA", "the CAs that Mozilla trusts"),
                Some(ca) => self.file("backend CA", ca),
            }
        }
        if let Some(credential) = &backend.client_credential {
            self.file("shown to it", &credential.certificate);
            self.line("", &format!("key: {}, belongs to the certificate", credential.key.shown()));
        }
    }

    /// A file of certificates that is used as it is.
    fn file(&mut self, label: &str, source: &PemSource) {
        self.line(label, &source.shown());
        let certificates = source.read().ok().and_then(|pem| pem::certificates(&pem).ok()).unwrap_or_default();
        for facts in certificates.iter().filter_map(|der| CertificateFacts::from_der(der).ok()) {
            self.certificate(&facts);
        }
    }

    fn certificate(&mut self, facts: &CertificateFacts) {
        self.line("", &facts.subject);
        let until = minute(facts.not_after);
        match facts.not_after.as_secs().checked_sub(self.now.as_secs()) {
            Some(left) => self.line("", &format!("  {}, until {until} ({} days)", facts.key, left / SECONDS_PER_DAY)),
            None => self.line("", &format!("  {}, EXPIRED at {until}", facts.key)),
        }
        self.line("", &format!("  SHA-256 {}", facts.sha256));
    }

    /// Where notifications are kept, and how they are delivered.
    fn inbox(&mut self, settings: &Settings, state: &str) {
        let duration = humantime::format_duration;
        let Some(inbox) = &settings.inbox else {
            self.line("inbox", "none: notifications are forwarded");
            return;
        };
        let store = match &inbox.store {
            StoreSettings::Sqlite(path) => format!("SQLite, {}", path.display()),
            StoreSettings::Postgres(_) => "PostgreSQL".to_owned(),
        };
        let sealed =
            inbox.key_file.as_ref().map_or("in clear".to_owned(), |path| format!("sealed with {}", path.display()));
        self.line("inbox", &format!("{store}, {sealed}; what is delivered is kept for {}", duration(inbox.retention)));
        self.line("", state);
        let delivery = &inbox.delivery;
        self.line(
            "deliveries",
            &format!(
                "{} at once to each destination, tried for {}, pauses of up to {}",
                delivery.max_in_flight,
                duration(delivery.max_age),
                duration(delivery.max_backoff)
            ),
        );
    }

    /// What all environments share; `inbox` = what is to be said of its store.
    pub(super) fn server(&mut self, settings: &Settings, inbox: &str) {
        let server = &settings.server;
        let duration = humantime::format_duration;
        self.heading("server");
        self.line(
            "at once",
            &format!(
                "{} connections; {} unfinished handshakes, {} of them from one address",
                server.max_connections, server.max_handshakes, server.max_handshakes_per_source
            ),
        );
        self.line(
            "at most",
            &format!(
                "{} of body; {} of head, {} fields",
                format_size(server.max_body_size),
                format_size(u64::try_from(server.max_header_size).unwrap_or(u64::MAX)),
                server.max_headers
            ),
        );
        self.line(
            "deadlines",
            &format!(
                "handshake {}, head {}, body {}, request {}, idle {}, drain {}",
                duration(server.handshake_timeout),
                duration(server.header_timeout),
                duration(server.body_timeout),
                duration(server.request_timeout),
                duration(server.keep_alive_idle),
                duration(server.drain_timeout)
            ),
        );
        if !server.drain_delay.is_zero() {
            let delay = duration(server.drain_delay);
            self.line("", &format!("callers are served for {delay} after a signal to stop, then the drain begins"));
        }
        if let Some(age) = server.max_connection_age {
            self.line("", &format!("connections are closed after {}", duration(age)));
        }
        self.line(
            "retirement",
            &format!(
                "what is in flight for a client that does not pass any more gets {}",
                duration(server.retire_grace)
            ),
        );
        self.inbox(settings, inbox);
        let reload = &settings.reload;
        let poll = reload.poll.map(|poll| format!("the files are compared every {}", duration(poll)));
        let triggers = reload.watch.then(|| "their directories are watched".to_owned());
        let triggers: Vec<_> =
            poll.into_iter().chain(triggers).chain(["SIGHUP".into(), "POST /reload".into()]).collect();
        self.line("reload", &triggers.join("; "));
        if !server.proxy_protocol.from.is_empty() {
            let from = joined(&server.proxy_protocol.from);
            self.line("PROXY header", &format!("demanded from {from}; all others are closed"));
        }
        self.admin(settings);
        self.text.push('\n');
    }

    /// The admin listener: what it answers to, and to whom.
    fn admin(&mut self, settings: &Settings) {
        let AdminSettings { listen, tls, protected_metrics, .. } = &settings.admin;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let metrics = if *protected_metrics { "" } else { " /metrics" };
        self.line("admin", &format!("{scheme}://{listen}, for everybody: /livez /readyz{metrics}"));
        let metrics = if *protected_metrics { "/metrics " } else { "" };
        let inbox = if settings.inbox.is_some() { " /inbox" } else { "" };
        let who = settings.admin.administrators().unwrap_or("nobody");
        self.line("", &format!("for {who}: {metrics}/status /reload{inbox}"));
        if let Some(tls) = tls {
            self.file("  shows", &tls.certificate_chain);
            if let Some(authorities) = &tls.client_ca {
                self.file("  takes", authorities);
            }
        }
    }

    fn heading(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// A value behind its label.
    fn line(&mut self, label: &str, value: &str) {
        self.text.push_str(&wrapped(&format!("  {label:<13} {value}"), MARGIN + 2));
        self.text.push('\n');
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn joined<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}
