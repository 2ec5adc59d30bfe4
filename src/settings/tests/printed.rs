//! Settings as they would have to be written to be what they are: every one of them, so that a new one is not forgotten here.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::*;
use super::written::Value;
use crate::inbox::delivery::OnDeadLetter;
use crate::thales::dialect::WrongKey;
use crate::thales::operation::KeyOwner;
use crate::thales::routes::OperationOverride;
use crate::traces::Ratio;

/// Keys and values. What is not set, or cannot be written, is not there.
pub(super) fn printed(settings: &Settings) -> BTreeMap<String, Value> {
    let Settings {
        server,
        admin,
        log,
        traces,
        reload,
        inbox,
        products_dir,
        backends,
        environments,
        warnings: _,
        origins: _,
    } = settings;
    let mut printed = Printed(BTreeMap::new());
    printed.server(server);
    printed.admin(admin);
    let LogSettings { level, format, access, access_sample } = *log;
    printed.text("log.level", level.name());
    printed.text("log.format", if format == LogFormat::Json { "json" } else { "human" });
    printed.put("log.access", Value::Flag(access));
    printed.number("log.access_sample", access_sample.get());
    let TraceSettings { otlp_url, ca, sample, service_name } = traces;
    printed.put("traces.otlp_url", otlp_url.as_deref().map(Value::text));
    printed.pem("traces.ca", ca.as_ref());
    let part = [0.0, 0.25, 0.5, 1.0].into_iter().find(|part| Ratio::new(*part) == Some(*sample)).unwrap();
    printed.put("traces.sample", Value::Part(part));
    printed.text("traces.service_name", service_name);
    let ReloadSettings { watch, poll } = *reload;
    printed.put("reload.watch", Value::Flag(watch));
    printed.lasting("reload.poll", poll.unwrap_or_default());
    if let Some(inbox) = inbox {
        printed.inbox(inbox);
    }
    printed.put("products_dir", products_dir.as_deref().map(path));
    for (name, backend) in backends {
        printed.backend(&format!("backends.{name}"), backend);
    }
    for environment in environments {
        printed.environment(environment);
    }
    printed.0
}

struct Printed(BTreeMap<String, Value>);

fn path(path: &Path) -> Value {
    Value::text(path.to_str().unwrap())
}

fn moment(time: SystemTime) -> Value {
    Value::text(&OffsetDateTime::from(time).format(&Rfc3339).unwrap())
}

fn list<T: ToString>(items: &[T]) -> Value {
    Value::List(items.iter().map(ToString::to_string).collect())
}

impl Printed {
    fn put(&mut self, key: impl Into<String>, value: impl Into<Option<Value>>) {
        self.0.extend(value.into().map(|value| (key.into(), value)));
    }

    fn text(&mut self, key: impl Into<String>, text: &str) {
        self.put(key, Value::text(text));
    }

    fn number(&mut self, key: impl Into<String>, number: impl TryInto<u64>) {
        self.put(key, number.try_into().ok().map(Value::Number));
    }

    fn lasting(&mut self, key: impl Into<String>, duration: Duration) {
        self.put(key, Value::Lasting(duration));
    }

    fn pem(&mut self, key: impl Into<String>, source: Option<&PemSource>) {
        self.put(key, source.map(|source| path(source.path().expect("a file"))));
    }

    fn secret(&mut self, key: &str, source: Option<&SecretSource>) {
        match source {
            None => {}
            Some(SecretSource::Text(text)) => self.text(key, text),
            Some(SecretSource::File(file)) => self.put(format!("{key}_file"), path(file)),
            Some(SecretSource::Sha256(digest)) => {
                self.text(format!("{key}_sha256"), &digest.map(|byte| format!("{byte:02x}")).concat());
            }
        }
    }

    fn server(&mut self, settings: &ServerSettings) {
        let ServerSettings {
            listen,
            workers,
            max_connections,
            max_handshakes,
            max_handshakes_per_source,
            handshake_timeout,
            header_timeout,
            body_timeout,
            request_timeout,
            keep_alive_idle,
            max_connection_age,
            drain_delay,
            drain_timeout,
            retire_grace,
            max_body_size,
            max_header_size,
            max_headers,
            http2: Http2Settings { max_concurrent_streams, initial_stream_window, initial_connection_window },
            proxy_protocol: ProxyProtocolSettings { from },
        } = settings;
        self.put("server.listen", list(listen));
        for (name, number) in [
            ("workers", workers),
            ("max_connections", max_connections),
            ("max_handshakes", max_handshakes),
            ("max_handshakes_per_source", max_handshakes_per_source),
            ("max_headers", max_headers),
        ] {
            self.number(format!("server.{name}"), *number);
        }
        for (name, duration) in [
            ("handshake_timeout", *handshake_timeout),
            ("header_timeout", *header_timeout),
            ("body_timeout", *body_timeout),
            ("request_timeout", *request_timeout),
            ("keep_alive_idle", *keep_alive_idle),
            ("max_connection_age", max_connection_age.unwrap_or_default()),
            ("drain_delay", *drain_delay),
            ("drain_timeout", *drain_timeout),
            ("retire_grace", *retire_grace),
        ] {
            self.lasting(format!("server.{name}"), duration);
        }
        self.put("server.max_body_size", Value::Size(*max_body_size));
        self.put("server.max_header_size", Value::Size(u64::try_from(*max_header_size).unwrap()));
        self.number("server.http2.max_concurrent_streams", *max_concurrent_streams);
        self.put("server.http2.initial_stream_window", Value::Size((*initial_stream_window).into()));
        self.put("server.http2.initial_connection_window", Value::Size((*initial_connection_window).into()));
        self.put("server.proxy_protocol.from", list(from));
    }

    fn admin(&mut self, settings: &AdminSettings) {
        let AdminSettings { listen, token, tls, hosts, protected_metrics } = settings;
        self.text("admin.listen", &listen.to_string());
        self.secret("admin.token", token.as_ref());
        if let Some(AdminTlsSettings { certificate_chain, private_key, client_ca }) = tls {
            self.pem("admin.tls.certificate_chain", Some(certificate_chain));
            self.pem("admin.tls.private_key", Some(private_key));
            self.pem("admin.tls.client_ca", client_ca.as_ref());
        }
        self.put("admin.hosts", list(hosts));
        self.text("admin.metrics", if *protected_metrics { "protected" } else { "open" });
    }

    fn inbox(&mut self, settings: &InboxSettings) {
        let InboxSettings {
            store,
            key_file,
            retention,
            deduplication_window,
            max_size,
            commit_timeout,
            connections,
            delivery,
        } = settings;
        match store {
            StoreSettings::Sqlite(file) => self.text("inbox.url", &format!("sqlite://{}", file.display())),
            StoreSettings::Postgres(url) => self.secret("inbox.url", Some(url)),
        }
        self.put("inbox.key_file", key_file.as_deref().map(path));
        self.lasting("inbox.retention", *retention);
        self.lasting("inbox.deduplication_window", *deduplication_window);
        self.put("inbox.max_size", max_size.map(Value::Size));
        self.lasting("inbox.commit_timeout", *commit_timeout);
        self.number("inbox.connections", *connections);
        let DeliverySettings {
            max_in_flight,
            lease,
            attempt_timeout,
            first_backoff,
            max_backoff,
            max_age,
            on_dead_letter,
        } = *delivery;
        self.number("inbox.delivery.max_in_flight", max_in_flight);
        for (name, duration) in [
            ("lease", lease),
            ("attempt_timeout", attempt_timeout),
            ("first_backoff", first_backoff),
            ("max_backoff", max_backoff),
            ("max_age", max_age),
        ] {
            self.lasting(format!("inbox.delivery.{name}"), duration);
        }
        let word = if on_dead_letter == OnDeadLetter::Block { "block" } else { "continue" };
        self.text("inbox.delivery.on_dead_letter", word);
    }

    fn backend(&mut self, at: &str, settings: &BackendSettings) {
        let BackendSettings {
            url,
            ca,
            client_credential,
            connect_timeout,
            response_timeout,
            max_idle_connections,
            idle_timeout,
            protocol,
            events: EventSettings { url: events_url, subject, credentials, signing_secret },
        } = settings;
        let key = |name: &str| format!("{at}.{name}");
        self.text(key("url"), &url.to_string());
        self.pem(key("ca"), ca.as_ref());
        if let Some(BackendCredential { certificate, key: private_key }) = client_credential {
            self.pem(key("client_certificate"), Some(certificate));
            self.pem(key("client_key"), Some(private_key));
        }
        self.lasting(key("connect_timeout"), *connect_timeout);
        self.lasting(key("response_timeout"), *response_timeout);
        self.number(key("max_idle_connections"), *max_idle_connections);
        self.lasting(key("idle_timeout"), *idle_timeout);
        let protocol = match protocol {
            BackendProtocol::Auto => "auto",
            BackendProtocol::Http1 => "http1",
            BackendProtocol::Http2 => "http2",
        };
        self.text(key("protocol"), protocol);
        self.put(key("events_url"), events_url.as_ref().map(|url| Value::text(&url.to_string())));
        if settings.events.is_nats() {
            self.text(key("events_subject"), subject);
        }
        self.put(key("events_credentials"), credentials.as_deref().map(path));
        self.secret(&key("signing_secret"), signing_secret.as_ref());
    }

    fn environment(&mut self, settings: &EnvironmentSettings) {
        let EnvironmentSettings {
            name,
            products,
            customer_id,
            issuer_ids,
            host,
            listen,
            client_ca,
            crl,
            revocation,
            certificate_chain,
            private_key,
            endorsed_chain,
            resumption,
            session_lifetime,
            require_client_auth_eku,
            allow_public_client_ca,
            allow_sample_certificates,
            client_subject: ClientSubjectSettings { allow, deny },
            forward_client_certificate,
            backend,
            interpreter,
        } = settings;
        let at = format!("environments.{name}");
        let key = |name: &str| format!("{at}.{name}");
        self.put(key("product"), list(products));
        self.text(key("customer_id"), customer_id);
        self.put(key("issuer_ids"), list(issuer_ids));
        self.put(key("host"), host.as_deref().map(Value::text));
        self.put(key("listen"), list(listen));
        self.pem(key("client_ca"), Some(client_ca));
        let crl: Vec<_> = crl.iter().map(|file| file.to_str().unwrap()).collect();
        self.put(key("crl"), list(&crl));
        self.text(key("revocation"), revocation.name());
        self.pem(key("certificate_chain"), Some(certificate_chain));
        self.pem(key("private_key"), Some(private_key));
        self.pem(key("endorsed_chain"), endorsed_chain.as_ref());
        self.text(key("resumption"), if *resumption == Resumption::Off { "off" } else { "reverified" });
        self.lasting(key("session_lifetime"), *session_lifetime);
        for (name, flag) in [
            ("require_client_auth_eku", require_client_auth_eku),
            ("allow_public_client_ca", allow_public_client_ca),
            ("allow_sample_certificates", allow_sample_certificates),
            ("forward_client_certificate", forward_client_certificate),
        ] {
            self.put(key(name), Value::Flag(*flag));
        }
        self.put(key("client_subject.allow"), list(allow));
        self.put(key("client_subject.deny"), list(deny));
        self.backend(&key("backend"), backend);
        self.interpreter(&at, interpreter);
    }

    fn interpreter(&mut self, at: &str, settings: &InterpreterSettings) {
        let InterpreterSettings { unknown, wrong_key, deadlines, base_paths, api_keys, tokens, operations } = settings;
        let key = |name: &str| format!("{at}.{name}");
        self.text(key("unknown"), if *unknown == UnknownCall::Reject { "reject" } else { "forward" });
        self.text(key("wrong_key"), if *wrong_key == WrongKey::Unauthorized { "401" } else { "503" });
        let DeadlineSettings { notification, query, command } = *deadlines;
        for (name, duration) in [("notification", notification), ("query", query), ("command", command)] {
            self.lasting(key(&format!("deadlines.{name}")), duration);
        }
        for (product, path) in base_paths {
            self.text(key(&format!("base_paths.{product}")), path);
        }
        for ApiKeySettings { name, key: secret, username, expires } in api_keys {
            let at = key(&format!("api_keys.{name}"));
            self.secret(&format!("{at}.key"), Some(secret));
            self.put(format!("{at}.username"), username.as_deref().map(Value::text));
            self.put(format!("{at}.expires"), expires.map(moment));
        }
        if let Some(tokens) = tokens {
            self.tokens(&key("tokens"), tokens);
        }
        for operation in operations {
            self.operation(&key("operations"), operation);
        }
    }

    fn tokens(&mut self, at: &str, settings: &TokenSettings) {
        let TokenSettings { audience, scope, issuer } = settings;
        let key = |name: &str| format!("{at}.{name}");
        self.text(key("audience"), audience);
        self.put(key("scope"), list(scope));
        match issuer {
            TokenIssuerSettings::IdentityProvider(IdentityProviderSettings { issuer, jwks_url, jwks_ca }) => {
                self.text(key("issuer"), issuer);
                self.put(key("jwks_url"), jwks_url.as_deref().map(Value::text));
                self.pem(key("jwks_ca"), jwks_ca.as_ref());
            }
            TokenIssuerSettings::TokenEndpoint(endpoint) => {
                let TokenEndpointSettings { signing_key, lifetime, credentials_in_body, clients } = endpoint;
                self.pem(key("signing_key"), Some(signing_key));
                self.lasting(key("lifetime"), *lifetime);
                self.put(key("credentials_in_body"), Value::Flag(*credentials_in_body));
                for TokenClientSettings { name, id, scopes, secrets } in clients {
                    let at = key(&format!("clients.{name}"));
                    self.text(format!("{at}.id"), id);
                    self.put(format!("{at}.scopes"), list(scopes));
                    for ClientSecretSettings { name, secret, expires } in secrets {
                        self.secret(&format!("{at}.secrets.{name}.secret"), Some(secret));
                        self.put(format!("{at}.secrets.{name}.expires"), expires.map(moment));
                    }
                }
            }
        }
    }

    fn operation(&mut self, at: &str, operation: &OperationOverride) {
        let OperationOverride {
            name,
            product,
            base_path,
            method,
            path,
            kind,
            status,
            body,
            headers,
            deduplication,
            deduplication_owner,
            ordering,
            secrets,
            backend,
            deadline,
        } = operation;
        let key = |setting: &str| format!("{at}.{name}.{setting}");
        let texts = [
            ("product", product.map(Product::name)),
            ("base_path", base_path.as_deref()),
            ("method", method.as_deref()),
            ("path", path.as_deref()),
            ("kind", kind.map(crate::thales::Kind::name)),
            ("body", body.as_deref()),
            (
                "deduplication_owner",
                deduplication_owner.map(|of| if of == KeyOwner::Thales { "thales" } else { "ours" }),
            ),
            ("backend", backend.as_deref()),
        ];
        for (setting, text) in texts {
            self.put(key(setting), text.map(Value::text));
        }
        self.put(key("status"), status.map(|status| Value::Number(status.into())));
        let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        self.put(key("headers"), list(&headers));
        for (setting, parts) in [("deduplication", deduplication), ("ordering", ordering), ("secrets", secrets)] {
            self.put(key(setting), parts.as_deref().map(list));
        }
        self.put(key("deadline"), deadline.map(Value::Lasting));
    }
}
