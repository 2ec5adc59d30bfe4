//! O11: what two environments have in common, and names that tell of another stage.

use super::super::pki::{Authority, Spec};
use super::{Operator, READY, lasting, ready};

const API_KEY: &str = "0123456789abcdef-key";
const SECOND_HOST: &str = "tsh.other-bank.test";

/// Two environments that share nothing.
fn two() -> Operator {
    let operator = ready();
    let second = READY.split_once("[environments").unwrap().1;
    let second = second
        .replace("preprod", "production")
        .replace("ISSUER0001", "ISSUER0002")
        .replace("issuer.bank.test", SECOND_HOST)
        .replace("\"client-ca.pem", "\"second-client-ca.pem")
        .replace("\"server-chain.pem", "\"second-chain.pem")
        .replace("\"server-key.pem", "\"second-key.pem")
        .replace(":8080", ":8081");
    operator.write("issuer-host.toml", &format!("{READY}\n[environments{second}"));
    operator.write("second-client-ca.pem", &Authority::root_of(lasting("Second Client Root")).pem());
    let identity = operator.issuing().issue(Spec::server(SECOND_HOST));
    operator.write("second-chain.pem", &identity.chain_pem());
    operator.write("second-key.pem", &identity.key_pem());
    operator
}

/// The same with card on file, and an API key in each.
fn with_api_keys(second: &str) -> Operator {
    let operator = two();
    operator.edit("\"tsh\"", "\"cof\"");
    for (environment, key) in [("preprod", API_KEY), ("production", second)] {
        let file = format!("{environment}-api-key");
        operator.write(&file, key);
        let table = format!("[environments.{environment}.backend]");
        operator.edit(&table, &format!("[environments.{environment}.api_keys.thales]\nkey_file = {file:?}\n{table}"));
    }
    operator
}

#[test]
fn two_environments_that_share_nothing_are_all_green() {
    assert_eq!(two().shortcomings(&["--strict"]), "exit code 0");
}

#[test]
fn the_client_ca_is_the_same() {
    let operator = two();
    operator.edit("second-client-ca.pem", "client-ca.pem");
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_private_key_is_the_same() {
    let operator = two();
    let spec = Spec::server(SECOND_HOST).with(|params| {
        let both = rcgen::CertificateParams::new([SECOND_HOST.to_owned(), super::HOST.to_owned()]).unwrap();
        params.subject_alt_names = both.subject_alt_names;
    });
    let identity = operator.issuing().issue(spec);
    operator.show(&identity);
    operator.write("second-chain.pem", &identity.chain_pem());
    operator.write("second-key.pem", &identity.key_pem());
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn an_api_key_is_the_same() {
    assert_eq!(with_api_keys("another-0123456789").shortcomings(&["--strict"]), "exit code 0", "control");
    let told = with_api_keys(API_KEY).shortcomings(&[]);
    assert!(!told.contains(API_KEY), "{told}");
    insta::assert_snapshot!(told);
}

#[test]
fn the_key_that_signs_tokens_is_the_same() {
    let operator = two();
    operator.edit("\"tsh\"", "\"d1\"");
    operator.write("signing.pem", &operator.clients.client("signs").key_pem());
    for (environment, secret) in [("preprod", "0123456789abcdef-one"), ("production", "0123456789abcdef-two")] {
        let file = format!("{environment}-secret");
        operator.write(&file, secret);
        let tables = format!(
            "[environments.{environment}.tokens]\nsigning_key_file = \"signing.pem\"\n\
             [environments.{environment}.tokens.clients.thales.secrets.one]\nsecret_file = {file:?}\n"
        );
        let table = format!("[environments.{environment}.backend]");
        operator.edit(&table, &format!("{tables}{table}"));
    }
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

/// Keys of NATS users that everybody can make: thirty-two ones, and thirty-two twos.
const SEEDS: [&str; 2] = [
    "SUAACAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAN7EY",
    "SUAAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAT6EE",
];

fn nats_credentials(seed: &str) -> String {
    let block = |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n------END {label}------\n\n");
    block("NATS USER JWT", "sample") + &block("USER NKEY SEED", seed)
}

#[test]
fn what_the_backend_is_shown_is_the_same() {
    let operator = two();
    for (at, environment) in ["preprod", "production"].iter().enumerate() {
        let key = operator.clients.issue(Spec::client(environment).valid(-1, 3650));
        operator.write(&format!("{environment}-client.pem"), &key.chain_pem());
        operator.write(&format!("{environment}-key.pem"), &key.key_pem());
        operator.write(&format!("{environment}.creds"), &nats_credentials(SEEDS[at]));
        let more = format!(
            "client_certificate = \"{environment}-client.pem\"\nclient_key = \"{environment}-key.pem\"\n\
             events_url = \"tls://nats-{at}.bank.test:4222\"\nevents_subject = \"thales\"\n\
             events_credentials = \"{environment}.creds\""
        );
        let url = format!("url = \"http://127.0.0.1:808{at}\"");
        operator.edit(&url, &format!("url = \"https://backend-{at}.bank.test\"\n{more}"));
    }
    let told = operator.shortcomings(&[]);
    assert!(!told.contains("O11"), "control: {told}");
    for file in ["client.pem", "key.pem"] {
        let [first, second] = ["preprod", "production"].map(|environment| format!("{environment}-{file}"));
        let text = std::fs::read_to_string(operator.directory.path().join(first)).unwrap();
        operator.write(&second, &text);
    }
    operator.write("production.creds", &nats_credentials(SEEDS[0]));
    let told = operator.shortcomings(&[]);
    for name in ["backend.client_key", "backend.events_credentials"] {
        let words = format!("fail: {name} is the same as {name} of production: who has the one has the other");
        assert!(told.contains("preprod O11 fail") && told.contains(&words), "{words}: {told}");
    }
}

#[test]
fn the_backend_is_the_same() {
    let operator = two();
    operator.edit(":8081", ":8080");
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_customer_is_the_same() {
    let operator = two();
    operator.edit("ISSUER0002", "ISSUER0001");
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn the_host_is_the_same_on_another_port() {
    let operator = two();
    operator.edit(&format!("host = {SECOND_HOST:?}"), "host = \"issuer.bank.test\"\nlisten = [\"0.0.0.0:443\"]");
    let identity = operator.issuing().issue(Spec::server(super::HOST));
    operator.write("second-chain.pem", &identity.chain_pem());
    operator.write("second-key.pem", &identity.key_pem());
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn a_trial_has_a_host_that_sounds_like_production() {
    let operator = ready();
    operator.edit("issuer.bank.test", "tsh-prod.bank.test");
    operator.show(&operator.issuing().issue(Spec::server("tsh-prod.bank.test")));
    insta::assert_snapshot!(operator.shortcomings(&[]));
}

#[test]
fn a_trial_calls_thales_production() {
    let operator = ready();
    operator.edit("http://127.0.0.1:8080", "https://api.dbp.thalescloud.io");
    insta::assert_snapshot!(operator.shortcomings(&[]));
    operator.edit("api.dbp.", "api.dbp-stg.");
    assert_eq!(operator.shortcomings(&["--strict"]), "exit code 0", "control: the host of its own stage");
}
