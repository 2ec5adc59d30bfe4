//! Where an attack takes place: certificates, a configuration, a backend and the program.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::CustomExtension;
use rustls_pki_types::CertificateDer;
use tempfile::TempDir;

use crate::program::backend::Backend;
use crate::program::client::{Client, Http};
use crate::program::pki::{Authority, Identity, Spec, cross_certified_thicket};
use crate::program::serving::Program;
use crate::program::{Error, HOST};

/// Certificates that a chain of the attack "chains of 30 certificates" has beside its leaf.
const THICKET: usize = 29;

/// Everything but the attack.
pub(crate) struct Place {
    pub(crate) program: Program,
    pub(crate) backend: Backend,
    pub(crate) directory: TempDir,
    server_root: CertificateDer<'static>,
    honest: Identity,
}

impl Place {
    /// `prefix` is a command that becomes the program; `inbox` is where the inbox lies.
    pub(crate) async fn open(program: &Path, prefix: &[String], inbox: Option<&Path>) -> Result<Self, Error> {
        let directory = TempDir::new()?;
        let clients = Authority::root("Client Root");
        let issuing = clients.intermediate("Client Issuing CA");
        let servers = Authority::root("Server Root");
        let server = servers.issue(Spec::server(HOST));
        let honest = issuing.client("honest");
        let thicket = honest.leaf_only().followed_by(cross_certified_thicket(THICKET));
        write(directory.path(), "client-ca.pem", &clients.pem())?;
        write(directory.path(), "server-chain.pem", &server.chain_pem())?;
        write(directory.path(), "server-key.pem", &server.key_pem())?;
        write(directory.path(), "server-ca.pem", &servers.pem())?;
        // What the attacking process shows, by name.
        let unknown = Authority::root("Nobody's CA");
        for (name, identity) in [
            ("admitted", issuing.client("hostile")),
            ("thicket", thicket),
            ("big", unknown.issue(large(64_000))),
            ("bigger", unknown.issue(large(70_000))),
        ] {
            write(directory.path(), &format!("{name}-chain.pem"), &identity.chain_pem())?;
            write(directory.path(), &format!("{name}-key.pem"), &identity.key_pem())?;
        }
        let backend = Backend::start().await?;
        write(directory.path(), "issuer-host.toml", &configuration(&backend, inbox))?;
        let program = Program::start(program, prefix, directory.path()).await?;
        Ok(Self { program, backend, directory, server_root: servers.certificate().clone(), honest })
    }

    pub(crate) fn honest(&self, http: Http) -> Result<Client, Error> {
        Client::new(self.program.address, HOST, &self.server_root, Some(&self.honest), http)
    }

    pub(crate) fn pki(&self) -> PathBuf {
        self.directory.path().to_owned()
    }
}

/// A leaf with so many bytes of nothing in it.
fn large(bytes: usize) -> Spec {
    let filling = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![4; bytes]);
    Spec::client("large").with(|params| params.custom_extensions.push(filling))
}

/// The defaults, but for room for all of the slow clients, which are admitted callers, and for the honest one beside them; and for
/// connections to the backend, which are not kept for long, so that it is soon to be seen whether descriptors come back.
fn configuration(backend: &Backend, inbox: Option<&Path>) -> String {
    let inbox = inbox.map_or_else(String::new, |path| {
        format!(
            "[inbox]\nurl = \"sqlite://{}\"\n[inbox.delivery]\nfirst_backoff = \"200ms\"\nmax_backoff = \"1s\"\n",
            path.display()
        )
    });
    format!(
        r#"
[server]
listen = ["127.0.0.1:0"]
max_connections = 12000

[admin]
listen = "127.0.0.1:0"

[log]
format = "json"
access = false

{inbox}

[environments.preprod]
product = ["tsh", "d1"]
customer_id = "ISSUER0001"
host = "{HOST}"
client_ca = "client-ca.pem"
certificate_chain = "server-chain.pem"
private_key = "server-key.pem"

[environments.preprod.backend]
url = "http://{}"
idle_timeout = "3s"
"#,
        backend.address()
    )
}

/// A file for its owner alone.
fn write(directory: &Path, name: &str, text: &str) -> Result<(), Error> {
    let path = directory.join(name);
    fs::write(&path, text)?;
    Ok(fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?)
}
