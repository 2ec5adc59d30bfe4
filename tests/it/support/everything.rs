//! A door with something of everything that can end: certificates, a revocation list, an API key, a client's secret.

use std::path::Path;

use super::door::edit;
use super::jwt::TokenKey;
use super::token_door::{OWN_TOKENS, own_files};
use super::{Authority, Door, Pki, QUIET, Setup};

/// When the secret of the client `thales` ends.
pub(crate) const SECRET_ENDS: &str = "2099-01-01T00:00:00Z";
/// When the API key ends.
pub(crate) const KEY_ENDS: &str = "2098-01-01T00:00:00Z";

pub(crate) async fn door_with_everything() -> Door {
    let pki = Pki::new();
    let list = pki.clients.crl(1, &[], time::Duration::days(100));
    let shown = Authority::root("Backend CA").client("to-vault");
    let tables = format!(
        "crl = [\"clients.crl\"]\nendorsed_chain = \"endorsed.pem\"\n{OWN_TOKENS}expires = \"{SECRET_ENDS}\"\n\
         [environments.preprod.api_keys.main]\nkey = \"key-of-the-tests-0123456789\"\nexpires = \"{KEY_ENDS}\"\n\
         [environments.preprod.operations.verifyCard]\nbackend = \"vault\"\n[backends.vault]\nurl = \"https://127.0.0.1:1\"\n\
         client_certificate = \"to-vault.pem\"\nclient_key = \"to-vault-key.pem\"\n"
    );
    let files = [
        own_files(&TokenKey::new()),
        vec![("clients.crl", list.into_bytes()), ("endorsed.pem", pki.servers.pem().into_bytes())],
        vec![("to-vault.pem", shown.chain_pem().into_bytes()), ("to-vault-key.pem", shown.key_pem().into_bytes())],
    ];
    let arrange = |directory: &Path| edit(directory, "product = \"tsh\"", r#"product = ["d1", "cof"]"#);
    let files = files.concat();
    let setup = Setup { log: QUIET, environment: &tables, files, arrange: Some(&arrange), ..Setup::default() };
    Door::behind(pki, setup).await
}
