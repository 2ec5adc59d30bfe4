//! What settings alone say: O3, O4, O9, O12 to O14, who may read secrets, the backend and the inbox.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::super::pki::{Authority, Spec};
use super::{Operator, ready};

const SECRET: &str = "0123456789abcdef-key";

fn open(operator: &Operator, name: &str, mode: u32) {
    fs::set_permissions(operator.directory.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
}

/// The same with card on file, whose callers show an API key.
fn with_api_key(table: &str) -> Operator {
    let operator = ready();
    operator.edit("product = \"tsh\"", "product = \"cof\"");
    operator.edit("[environments.preprod.backend]", &format!("{table}\n[environments.preprod.backend]"));
    operator.write("api-key", SECRET);
    operator
}

#[test]
fn it_listens_on_a_port_that_thales_does_not_call() {
    let operator = ready();
    operator.edit("0.0.0.0:8443", "0.0.0.0:9443");
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn it_listens_on_loopback_alone() {
    let operator = ready();
    operator.edit("\"0.0.0.0:8443\"", "\"127.0.0.1:8443\", \"[::1]:8443\"");
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_host_is_a_name_for_inside() {
    let operator = ready();
    operator.edit("issuer.bank.test", "issuer.bank.internal");
    operator.show(&operator.issuing().issue(Spec::server("issuer.bank.internal")));
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_host_is_thales_own() {
    let operator = ready();
    operator.edit("issuer.bank.test", "api.dbp-stg.thalescloud.io");
    operator.show(&operator.issuing().issue(Spec::server("api.dbp-stg.thalescloud.io")));
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_host_is_not_known() {
    let operator = ready();
    operator.edit("host = \"issuer.bank.test\"\n", "");
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn an_issuer_id_is_too_short() {
    let operator = ready();
    operator.edit("ISSUER0001", "12345678");
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn nobody_asks_for_the_api_key() {
    insta::assert_snapshot!(with_api_key("").shortcomings(&[]));
}

#[test]
fn nobody_asks_for_a_token_and_the_backend_has_to() {
    let operator = ready();
    operator.edit("product = \"tsh\"", "product = \"d1-ecom\"");
    operator.edit("[inbox]\nurl = \"sqlite:inbox.db\"\nkey_file = \"inbox-keys\"\n", "");
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn a_tenant_of_d1_without_tokens_is_looked_at() {
    let operator = ready();
    operator.edit("product = \"tsh\"", "product = \"d1\"");
    insta::assert_snapshot!(operator.shortcomings(&[]));
    assert_eq!(operator.report(&["--strict"]).status.code(), Some(1));
}

#[test]
fn every_api_key_has_expired() {
    let expires = "expires = \"2020-01-01T00:00:00Z\"";
    let operator = with_api_key(&format!("[environments.preprod.api_keys.old]\nkey_file = \"api-key\"\n{expires}"));
    insta::assert_snapshot!(operator.shortcomings(&[]));
    operator.edit(expires, "");
    assert_eq!(operator.shortcomings(&["--strict"]), "exit code 0", "control");
}

#[test]
fn what_thales_announces_is_refused() {
    let operator = ready();
    operator.edit("private_key", "unknown = \"reject\"\nprivate_key");
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn a_key_is_open_to_everybody() {
    let operator = ready();
    open(&operator, "server-key.pem", 0o644);
    open(&operator, "inbox-keys", 0o604);
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn a_key_is_open_to_its_group() {
    let operator = ready();
    open(&operator, "server-key.pem", 0o440);
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn a_secret_stands_in_a_configuration_that_everybody_may_read() {
    let operator = with_api_key(&format!("[environments.preprod.api_keys.one]\nkey = {SECRET:?}"));
    assert_eq!(operator.shortcomings(&["--strict"]), "exit code 0", "control: it is for its owner");
    open(&operator, "issuer-host.toml", 0o644);
    let told = operator.shortcomings(&[]);
    assert!(!told.contains(SECRET), "{told}");
    insta::assert_snapshot!(told);
}

#[test]
fn the_backend_s_ca_has_expired() {
    let operator = ready();
    operator.write("backend-ca.pem", &Authority::root_of(Spec::authority("Backend Root").expired()).pem());
    operator.edit("\"http://127.0.0.1:8080\"", "\"https://backend.bank.test\"\nca = \"backend-ca.pem\"");
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn there_is_no_inbox() {
    let operator = ready();
    operator.edit("[inbox]\nurl = \"sqlite:inbox.db\"\nkey_file = \"inbox-keys\"\n", "");
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_inbox_keeps_everything_in_clear() {
    let operator = ready();
    operator.edit("key_file = \"inbox-keys\"\n", "");
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_inbox_is_no_database() {
    let operator = ready();
    operator.write("inbox.db", &"this is no database, however long it is. ".repeat(100));
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn a_setting_is_misspelt() {
    let operator = ready();
    operator.edit("[server]\n", "[server]\nhandshake_timout = \"5s\"\n");
    operator.edit("customer_id", "custmer_id");
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_configuration_is_no_toml() {
    let operator = ready();
    operator.edit("[server]", "[server");
    insta::assert_snapshot!(operator.shortcomings(&[]));
}
