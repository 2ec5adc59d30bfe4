//! How NATS is reached, and what can be wrong with it.

use std::fmt;
use std::time::Duration;

use async_nats::{ConnectOptions, ServerAddr};
use rustls::ClientConfig;
use zeroize::Zeroizing;

use crate::outgoing::connect::{self, ConnectOptions as TlsOptions, Versions};
use crate::outgoing::{ClientCredentialPem, ConnectError, digest_of};

/// Between pings, so that a server that vanished without a word is noticed.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// Messages that may wait in the client for the connection; a delivery that finds no room waits itself.
const MOST_WAITING: usize = 256;

/// How to reach NATS, and what to publish under.
#[derive(Clone)]
pub struct NatsOptions {
    /// `nats://HOST:PORT` or `tls://HOST:PORT`, of one cluster. User and password, or a token, may stand before the host, alike in
    /// all of them.
    pub servers: Vec<String>,
    /// The subject, with `{environment}`, `{product}` and `{operation}` in it.
    pub subject: String,
    /// The contents of a credentials file (a JWT and a seed).
    pub credentials: Option<Zeroizing<String>>,
    /// PEM certificates that the server's certificate must chain to. They *replace* the public roots.
    pub ca_pem: Option<Vec<u8>>,
    /// What this server shows to a NATS server that asks for a client certificate.
    pub client_credential: Option<ClientCredentialPem>,
    /// Name resolution, TCP, TLS and the protocol's own greeting together.
    pub connect_timeout: Duration,
    /// From publishing to the stream's acknowledgement.
    pub ack_timeout: Duration,
}

impl NatsOptions {
    /// NATS at `server`, with the defaults of the configuration.
    pub fn new(server: impl Into<String>) -> Self {
        Self {
            servers: vec![server.into()],
            subject: "thales.{environment}.{product}.{operation}".into(),
            credentials: None,
            ca_pem: None,
            client_credential: None,
            connect_timeout: Duration::from_secs(5),
            ack_timeout: Duration::from_secs(5),
        }
    }
}

impl NatsOptions {
    /// Of everything in it.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        let Self { servers, subject, credentials, ca_pem, client_credential, connect_timeout, ack_timeout } = self;
        let credential = client_credential.as_ref();
        digest_of(&[
            servers.join("\n").as_bytes(),
            subject.as_bytes(),
            credentials.as_ref().map_or(&[][..], |text| text.as_bytes()),
            ca_pem.as_deref().unwrap_or_default(),
            credential.map_or(&[][..], |credential| &credential.chain),
            credential.map_or(&[][..], |credential| &credential.key),
            format!("{connect_timeout:?} {ack_timeout:?}").as_bytes(),
        ])
    }
}

/// Without the servers: a password may stand in their URLs.
impl fmt::Debug for NatsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsOptions").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Why NATS cannot be used as configured. URLs and credentials are not repeated.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// A URL is not one, or of another kind.
    #[error("the url of the NATS server {0}; write it as nats://HOST:PORT or tls://HOST:PORT")]
    Server(&'static str),
    /// TLS settings that a connection without TLS would leave unused.
    #[error("the url is nats://, so the CA and the client certificate might not be used: use tls:// or remove them")]
    TlsWithoutTls,
    /// The subject cannot be one.
    #[error("the subject {0}; write it like thales.{{environment}}.{{product}}.{{operation}}")]
    Subject(&'static str),
    /// The credentials are none.
    #[error("the NATS credentials cannot be read: expected a .creds file with a user JWT and a seed")]
    Credentials,
    /// There are several.
    #[error("there are NATS credentials in the url and in a file: remove one of them")]
    TwoCredentials,
    /// About the CA or the client credential.
    #[error(transparent)]
    Tls(#[from] ConnectError),
}

/// Options that have been understood.
pub(super) struct Connection {
    servers: Vec<ServerAddr>,
    login: Login,
    tls: ClientConfig,
    requires_tls: bool,
    connect_timeout: Duration,
}

/// By what the server knows us.
enum Login {
    Nobody,
    File(Zeroizing<String>),
    Password(Zeroizing<String>, Zeroizing<String>),
    Token(Zeroizing<String>),
}

impl Connection {
    pub(super) fn new(options: NatsOptions) -> Result<Self, NatsError> {
        let NatsOptions { servers, credentials, ca_pem, client_credential, connect_timeout, .. } = options;
        let servers = servers.iter().map(|url| Server::parse(url)).collect::<Result<Vec<_>, _>>()?;
        let first = servers.first().ok_or(NatsError::Server("is missing"))?;
        if servers.iter().any(|server| server.tls != first.tls) {
            return Err(NatsError::Server("has another scheme than the others"));
        }
        if servers.iter().any(|server| server.login != first.login) {
            return Err(NatsError::Server("has another user, password or token than the others"));
        }
        let requires_tls = first.tls;
        if !requires_tls && (ca_pem.is_some() || client_credential.is_some()) {
            return Err(NatsError::TlsWithoutTls);
        }
        let login = match (credentials, &first.login) {
            (Some(_), Some(_)) => return Err(NatsError::TwoCredentials),
            (Some(file), None) => {
                // The last line has to have an end, which whoever read the file has taken off.
                let file = Zeroizing::new(format!("{}\n", file.trim_end()));
                ConnectOptions::with_credentials(&file).map_err(|_| NatsError::Credentials)?;
                Login::File(file)
            }
            (None, Some((user, Some(password)))) => Login::Password(user.clone(), password.clone()),
            (None, Some((token, None))) => Login::Token(token.clone()),
            (None, None) => Login::Nobody,
        };
        // Always ours: a server may ask for TLS under nats:// too.
        let tls = connect::client_config(TlsOptions {
            ca_pem: ca_pem.as_deref(),
            client_credential: client_credential.as_ref().map(|pair| (pair.chain.as_slice(), pair.key.as_slice())),
            timeout: connect_timeout,
            versions: Versions::All,
        })?;
        let servers = servers.into_iter().map(|server| server.address).collect();
        Ok(Self { servers, login, tls, requires_tls, connect_timeout })
    }

    /// Scheme, host and port of every server.
    pub(super) fn name(&self) -> String {
        let names = self.servers.iter().map(|server| {
            let host = server.host();
            let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
            format!("{}://{host}:{}", server.scheme(), server.port())
        });
        names.collect::<Vec<_>>().join(",")
    }

    pub(super) fn servers(&self) -> &[ServerAddr] {
        &self.servers
    }

    /// What the client is made with. `None` when the credentials, which were read once, cannot be read again.
    pub(super) fn connect_options(&self) -> Option<ConnectOptions> {
        let options = match &self.login {
            Login::Nobody => ConnectOptions::new(),
            Login::File(file) => ConnectOptions::with_credentials(file).ok()?,
            Login::Password(user, password) => {
                ConnectOptions::with_user_and_password(user.to_string(), password.to_string())
            }
            Login::Token(token) => ConnectOptions::with_token(token.to_string()),
        };
        Some(
            options
                .name("issuer-host")
                .require_tls(self.requires_tls)
                .tls_client_config(self.tls.clone())
                .connection_timeout(self.connect_timeout)
                .ping_interval(PING_INTERVAL)
                .client_capacity(MOST_WAITING),
        )
    }
}

/// A server's URL, taken apart.
struct Server {
    /// Without user, password or token, so that no log can have them.
    address: ServerAddr,
    tls: bool,
    /// User and password, or a token alone.
    login: Option<(Zeroizing<String>, Option<Zeroizing<String>>)>,
}

impl Server {
    fn parse(url: &str) -> Result<Self, NatsError> {
        let malformed = NatsError::Server("is malformed");
        let tls = match url.split_once("://") {
            Some(("nats", _)) => false,
            Some(("tls", _)) => true,
            _ => return Err(NatsError::Server("is neither nats:// nor tls://")),
        };
        let address: ServerAddr = url.parse().map_err(|_| malformed)?;
        if address.host().is_empty() {
            return Err(NatsError::Server("has no host"));
        }
        let login = match (address.username(), address.password()) {
            (None, None) => None,
            (None, Some(_)) => return Err(NatsError::Server("has a password without a user")),
            (Some(user), password) => Some((decoded(user)?, password.map(decoded).transpose()?)),
        };
        let mut url = address.into_inner();
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(NatsError::Server("has more than a host and a port"));
        }
        let emptied = url.set_username("").and_then(|()| url.set_password(None));
        emptied.map_err(|()| NatsError::Server("is malformed"))?;
        let address = ServerAddr::from_url(url).map_err(|_| NatsError::Server("is malformed"))?;
        Ok(Self { address, tls, login })
    }
}

/// RFC 3986 section 2.1.
fn decoded(text: &str) -> Result<Zeroizing<String>, NatsError> {
    let malformed = || NatsError::Server("has a user, password or token that is not percent-encoded as it should be");
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let (byte, behind) = match (first, behind) {
            (b'%', [high, low, behind @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                (digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low).ok_or_else(malformed)?, behind)
            }
            (b'%', _) => return Err(malformed()),
            (byte, behind) => (*byte, behind),
        };
        bytes.push(byte);
        rest = behind;
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| malformed())?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(servers: &[&str]) -> NatsOptions {
        NatsOptions { servers: servers.iter().map(|&url| url.to_owned()).collect(), ..NatsOptions::new("") }
    }

    fn error(options: NatsOptions) -> NatsError {
        let Err(error) = Connection::new(options) else { panic!("this can be connected to") };
        error
    }

    #[test]
    fn a_name_has_no_credential() {
        for (servers, expected) in [
            (&["nats://broker"][..], "nats://broker:4222"),
            (&["nats://us%65r:s3cr%3At@broker:1"], "nats://broker:1"),
            (&["tls://s3cret@[::1]:1", "tls://s3cret@b"], "tls://[::1]:1,tls://b:4222"),
        ] {
            let connection = Connection::new(of(servers)).unwrap();
            assert_eq!(connection.name(), expected);
            assert!(!format!("{:?}", connection.servers()).contains("s3cr"));
            assert!(!format!("{:?}", of(servers)).contains("s3cr"));
        }
    }

    #[test]
    fn user_password_and_token_are_decoded() {
        let Login::Password(user, password) = Connection::new(of(&["nats://us%65r:p%40%C3%A9@b"])).unwrap().login
        else {
            panic!("neither user nor password")
        };
        assert_eq!((user.as_str(), password.as_str()), ("user", "p@\u{e9}"));
        let Login::Token(token) = Connection::new(of(&["nats://t%2F@b"])).unwrap().login else { panic!("no token") };
        assert_eq!(token.as_str(), "t/");
    }

    #[test]
    fn what_cannot_be_connected_to_is_refused_without_being_repeated() {
        for servers in [
            &[][..],
            &[""],
            &["broker:4222"],
            &["http://s3cret@broker"],
            &["wss://broker"],
            &["nats://"],
            &["nats://s3cret@broker/path"],
            &["nats://broker?s3cret"],
            &["nats://:s3cret@broker"],
            &["nats://s3cret%2@broker"],
            &["nats://s3cret%ff@broker"],
            &["nats://s3cret@broker", "nats://other@broker"],
            &["nats://broker", "tls://broker"],
        ] {
            let error = error(of(servers));
            assert!(matches!(error, NatsError::Server(_)), "{servers:?}: {error:?}");
            assert!(error.to_string().contains("nats://HOST:PORT") && !error.to_string().contains("s3cr"), "{error}");
        }
    }

    #[test]
    fn settings_that_would_not_be_used_are_refused() {
        let file = Some(Zeroizing::new("nothing".to_owned()));
        assert!(matches!(
            error(NatsOptions { credentials: file.clone(), ..of(&["nats://b"]) }),
            NatsError::Credentials
        ));
        assert!(matches!(
            error(NatsOptions { credentials: file, ..of(&["nats://token@b"]) }),
            NatsError::TwoCredentials
        ));
        let ca_pem = Some(Vec::new());
        assert!(matches!(error(NatsOptions { ca_pem: ca_pem.clone(), ..of(&["nats://b"]) }), NatsError::TlsWithoutTls));
        // Control: under tls:// it is used, and looked at.
        assert!(matches!(error(NatsOptions { ca_pem, ..of(&["tls://b"]) }), NatsError::Tls(ConnectError::NoCa)));
    }
}
