//! Two environments, their certificates, their backends, and what holds of them at a moment.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustls_pki_types::CertificateDer;
use tempfile::TempDir;

use crate::era::Era;
use crate::program::backend::Backend;
use crate::program::client::{Client, Http};
use crate::program::pki::{Authority, Identity, Spec};
use crate::program::serving::Program;
use crate::program::{Error, HOST};

/// The host of the second environment.
pub(crate) const MERCHANT: &str = "merchant.bank.test";

/// Whether the second client CA is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    Admitted,
    /// From before its file is written until the program has said that it was read.
    Changing,
    Removed,
}

/// Whether the backends are well; from before they are not until a second after they are again, they are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Well,
    Unwell,
}

/// The API keys of the second environment.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// What honest callers show.
    pub(crate) current: String,
    /// What was current until it was taken away; nothing before the first renewal.
    pub(crate) dead: Option<String>,
}

pub(crate) struct Place {
    pub(crate) program: Program,
    pub(crate) backends: [Backend; 2],
    directory: TempDir,
    servers: Authority,
    /// Always trusted.
    steady: Authority,
    steady_client: Identity,
    /// Trusted now and then.
    passing: Authority,
    passing_client: Identity,
    stranger: Identity,
    pub(crate) trust: Era<Trust>,
    pub(crate) health: Era<Health>,
    pub(crate) keys: Era<Keys>,
}

impl Place {
    pub(crate) async fn open(program: &Path) -> Result<Self, Error> {
        let directory = TempDir::new()?;
        let (steady, passing) = (Authority::root("Steady Client Root"), Authority::root("Passing Client Root"));
        let servers = Authority::root("Server Root");
        let steady_client = steady.intermediate("Steady Issuing CA").client("steady");
        let passing_client = passing.intermediate("Passing Issuing CA").client("passing");
        let stranger = Authority::root("Nobody's CA").client("stranger");
        let backends = [Backend::start().await?, Backend::start().await?];
        let key = "the-first-key-of-all-0123456789".to_owned();
        put(directory.path(), "client-ca.pem", &(steady.pem() + &passing.pem()))?;
        renew(directory.path(), &servers)?;
        put(directory.path(), "issuer-host.toml", &configuration(&backends, std::slice::from_ref(&key)))?;
        let program = Program::start(program, &[], directory.path()).await?;
        Ok(Self {
            program,
            backends,
            directory,
            servers,
            steady,
            steady_client,
            passing,
            passing_client,
            stranger,
            trust: Era::new(Trust::Admitted),
            health: Era::new(Health::Well),
            keys: Era::new(Keys { current: key, dead: None }),
        })
    }

    pub(crate) fn steady(&self, host: &'static str, http: Http) -> Result<Client, Error> {
        self.client(host, &self.steady_client, http)
    }

    pub(crate) fn passing(&self, host: &'static str, http: Http) -> Result<Client, Error> {
        self.client(host, &self.passing_client, http)
    }

    pub(crate) fn stranger(&self, host: &'static str, http: Http) -> Result<Client, Error> {
        self.client(host, &self.stranger, http)
    }

    fn client(&self, host: &'static str, identity: &Identity, http: Http) -> Result<Client, Error> {
        let root: &CertificateDer<'static> = self.servers.certificate();
        Client::new(self.program.address, host, root, Some(identity), http)
    }

    /// Writes the bundle of client CAs with or without the second one.
    pub(crate) fn write_trust(&self, with_passing: bool) -> Result<(), Error> {
        let passing = if with_passing { self.passing.pem() } else { String::new() };
        put(self.directory.path(), "client-ca.pem", &(self.steady.pem() + &passing))
    }

    /// Writes new server certificates with new keys.
    pub(crate) fn renew_server(&self) -> Result<(), Error> {
        renew(self.directory.path(), &self.servers)
    }

    /// Writes a configuration with these API keys.
    pub(crate) fn write_keys(&self, keys: &[String]) -> Result<(), Error> {
        put(self.directory.path(), "issuer-host.toml", &configuration(&self.backends, keys))
    }

    /// What the backends answered well, and how often.
    pub(crate) fn served(&self) -> HashMap<String, u32> {
        let [one, other] = &self.backends;
        let mut served = one.served();
        served.extend(other.served());
        served
    }
}

fn renew(directory: &Path, servers: &Authority) -> Result<(), Error> {
    for (name, host) in [("issuer", HOST), ("merchant", MERCHANT)] {
        let identity = servers.intermediate("Server Issuing CA").issue(Spec::server(host));
        put(directory, &format!("{name}-chain.pem"), &identity.chain_pem())?;
        put(directory, &format!("{name}-key.pem"), &identity.key_pem())?;
    }
    Ok(())
}

/// In one step, for its owner alone.
fn put(directory: &Path, name: &str, text: &str) -> Result<(), Error> {
    let next = directory.join(format!("{name}.next"));
    fs::write(&next, text)?;
    fs::set_permissions(&next, fs::Permissions::from_mode(0o600))?;
    Ok(fs::rename(next, directory.join(name))?)
}

/// The inbox forgets soon, so that it takes no more after the warm-up than in the end; retries come soon, so that flaps leave no backlog.
fn configuration(backends: &[Backend; 2], keys: &[String]) -> String {
    let keys: Vec<_> = keys
        .iter()
        .enumerate()
        .map(|(number, key)| format!("[environments.merchant.api_keys.key{number}]\nkey = \"{key}\"\n"))
        .collect();
    let [issuer, merchant] = backends.each_ref().map(Backend::address);
    format!(
        r#"
[server]
listen = ["127.0.0.1:0"]

[admin]
listen = "127.0.0.1:0"

[log]
format = "json"
access = false

[inbox]
url = "sqlite:inbox.db"
retention = "1m"
deduplication_window = "1m"

[inbox.delivery]
first_backoff = "200ms"
max_backoff = "5s"

[environments.issuer]
product = ["tsh", "d1"]
customer_id = "ISSUER0001"
host = "{HOST}"
client_ca = "client-ca.pem"
certificate_chain = "issuer-chain.pem"
private_key = "issuer-key.pem"

[environments.issuer.backend]
url = "http://{issuer}"

[environments.merchant]
product = ["d1", "cof"]
customer_id = "MERCHANT01"
host = "{MERCHANT}"
client_ca = "client-ca.pem"
certificate_chain = "merchant-chain.pem"
private_key = "merchant-key.pem"

[environments.merchant.backend]
url = "http://{merchant}"

{}
"#,
        keys.concat()
    )
}
