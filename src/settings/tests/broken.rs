//! Broken configurations and the reports that an operator reads. Each snapshot is a page of the product: review it as one.

mod interpreter;

use super::{ASSETS, MINIMAL, Place};

/// Prints the report of a file and variables.
fn report(text: &str, variables: &[(&str, &str)]) -> String {
    let place = Place::new();
    let outcome = place.load_with(text, variables);
    place.print(outcome)
}

fn report_of_variables(variables: &[(&str, &str)]) -> String {
    let place = Place::new();
    let outcome = place.load_variables(variables);
    place.print(outcome)
}

#[test]
fn nothing_is_configured() {
    insta::assert_snapshot!(report("", &[]));
}

#[test]
fn there_is_no_file() {
    insta::assert_snapshot!(report_of_variables(&[]));
}

#[test]
fn the_file_is_not_toml() {
    insta::assert_snapshot!(report("[server]\nlisten = [\"0.0.0.0:8443\"\nworkers = 2\n", &[]));
}

#[test]
fn a_customer_id_with_leading_zeros_lacks_its_quotes() {
    insta::assert_snapshot!(report(&MINIMAL.replace("\"0012345678\"", "0012345678"), &[]));
}

#[test]
fn a_customer_id_is_a_number() {
    insta::assert_snapshot!(report(&MINIMAL.replace("\"0012345678\"", "12345678"), &[]));
}

#[test]
fn keys_are_misspelt() {
    let text = format!(
        "[sever]\nlisten = \"0.0.0.0:443\"\n[server]\nlisten_on = \"0.0.0.0:443\"\nhandshake_timout = \"5s\"\ncolour = 1\n{MINIMAL}\n\
         client_ca_file = \"ca.pem\"\nresponse_timeout = \"5s\"\nHost = \"tsh.bank.example\"\n[environments.preprod.limits]\nrate = 1"
    );
    insta::assert_snapshot!(report(&text, &[]));
}

#[test]
fn values_are_of_the_wrong_type_or_out_of_range() {
    let text = format!(
        r#"
[server]
listen = ["0.0.0.0", "localhost:8443", "[::]:8443", 8443]
workers = "many"
max_connections = 0
handshake_timeout = 5
header_timeout = "ten seconds"
body_timeout = "5M"
keep_alive_idle = "0s"
max_body_size = "1 MB and a bit"
max_header_size = "1 KiB"
http2 = 2
[server.proxy_protocol]
from = ["10.0.0.0/8", "10.0.0.0/33", "balancer"]
[log]
level = "inf"
format = "yaml"
access = "perhaps"
{MINIMAL}
require_client_auth_eku = 1
"#
    );
    insta::assert_snapshot!(report(&text, &[]));
}

#[test]
fn files_are_missing_or_directories() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("tls")).unwrap();
    let text = MINIMAL.replace("ca.pem", "tls/ca.pem").replace("chain.pem", "tls").replace("key.pem", "/none/key.pem");
    let outcome = place.load(&text);
    insta::assert_snapshot!(place.print(outcome));
}

#[test]
fn an_environment_lacks_almost_everything() {
    insta::assert_snapshot!(report("[environments.preprod]\nproduct = []\ncustomer_id = \" \"\n", &[]));
}

#[test]
fn an_inbox_and_where_it_delivers_to_are_wrong() {
    let text = format!(
        "{}\n[environments.preprod.backend]\nurl = \"http://127.0.0.1:8080\"\nevents_url = \"nats://user:hunter2@nats:4222\"\n\
         [backends.other]\nurl = \"http://127.0.0.1:8080\"\nevents_url = \"nats://nats:4222/subject\"\n\
         [backends.third]\nurl = \"http://127.0.0.1:8080\"\nevents_subject = \"a\"\nevents_credentials = \"ca.pem\"\n\
         [backends.fourth]\nurl = \"http://127.0.0.1:8080\"\nevents_url = \"tls://nats\"\nsigning_secret = \"whsec_hunter2\"\n\
         [inbox]\nurl = \"mysql://user:hunter2@db/inbox\"\nkey_file = \"none\"\nretention = \"7\"\n\
         deduplication_window = \"1s\"\nmax_size = \"1 KiB\"\nconnections = 0\nmax_sise = \"1 GiB\"\n\
         [inbox.delivery]\nmax_in_flight = 0\nfirst_backoff = \"10m\"\nmax_backoff = \"1m\"\non_dead_letter = \"stop\"\n\
         [admin]\ntoken = \"one\"\ntoken_sha256 = \"other\"\n",
        MINIMAL.replace("[environments.preprod.backend]", "").replace("backend.url = \"http://127.0.0.1:8080\"", ""),
    );
    insta::assert_snapshot!(report(&text, &[]));
}

#[test]
fn revocation_and_resumption_are_wrong() {
    let text = format!(
        "[server]\nretire_grace = \"2m\"\n[reload]\nwatch = \"maybe\"\npoll = \"100ms\"\n{}\nhost = \"a.example\"\n\
         crl = [\"ca.pem\", \"none.crl\", \".\"]\nrevocation = \"required\"\nendorsed_chain = \"endorsed.pem\"\n\
         resumption = \"on\"\nsession_lifetime = \"24h\"\n{}\nhost = \"b.example\"\nrevocation = \"require\"\n\
         {}\nhost = \"c.example\"\nrevocation = \"if-covered\"",
        MINIMAL.replace("preprod", "a"),
        MINIMAL.replace("preprod", "b"),
        MINIMAL.replace("preprod", "c"),
    );
    insta::assert_snapshot!(report(&text, &[]));
}

#[test]
fn wildcards_are_none_or_cannot_be_told_apart() {
    let named = |name: &str, host: &str| format!("{}host = \"{host}\"\n", MINIMAL.replace("preprod", name));
    let text = [
        named("a", "*.bank.example"),
        named("b", "*.Bank.Example."),
        // An exact host beside a wildcard is fine.
        named("c", "tsh.bank.example"),
        named("d", "*"),
        named("e", "tsh.*.example"),
        named("f", "*.example"),
    ];
    insta::assert_snapshot!(report(&text.concat(), &[]));
}

#[test]
fn the_admin_listener_is_public() {
    let text = format!(
        "[server]\nlisten = [\"0.0.0.0:8443\", \"0.0.0.0:8443\"]\n[admin]\nlisten = \"127.0.0.1:8443\"\n{MINIMAL}"
    );
    insta::assert_snapshot!(report(&text, &[]));
}

#[test]
fn environments_cannot_be_told_apart() {
    let named = |name: &str, host: &str| MINIMAL.replace("preprod", name) + host;
    let text = [
        named("a", "host = \"tsh.bank.example\""),
        named("b", "host = \"TSH.bank.example.\"\nlisten = [\"0.0.0.0:8443\", \"0.0.0.0:443\"]"),
        named("c", "listen = [\"0.0.0.0:443\"]"),
        named("d", "listen = [\"127.0.0.1:9443\"]"),
        named("e", "listen = [\"127.0.0.1:9443\", \"0.0.0.0:9443\"]"),
    ];
    insta::assert_snapshot!(report(&text.concat(), &[]));
}

#[test]
fn names_of_environments_and_hosts_are_wrong() {
    let text = format!(
        "{}\nhost = \"https://tsh.bank.example/\"\nissuer_ids = [42, \"a b\"]\n{}\nhost = \"tsh.bank.example:8443\"\n{}\nhost = \"ok.example\"",
        MINIMAL.replace("preprod", "Pre-Prod"),
        MINIMAL.replace("preprod", "production"),
        MINIMAL.replace("preprod", "\"a.b\""),
    );
    insta::assert_snapshot!(report(&text, &[]));
}

#[test]
fn the_backend_is_wrong() {
    let backend = |name: &str, backend: &str| {
        let host = format!("host = \"{name}.example\"\n[environments.{name}.backend]\n{backend}\n");
        MINIMAL.replace("preprod", name).replace("backend.url = \"http://127.0.0.1:8080\"\n", &host)
    };
    let text = [
        backend("a", "url = \"127.0.0.1:8080\""),
        backend("b", "url = \"http://backend/base?x=1\"\nprotocol = \"h2\""),
        backend("c", "url = \"https://user:hunter2@backend\""),
        backend("d", "url = \"http://backend\"\nca = \"ca.pem\""),
        backend("e", "url = \"https://backend\"\nclient_certificate = \"chain.pem\""),
        backend("f", "url = \"https://backend\"\nclient_key_file = \"key.pem\""),
        backend(
            "g",
            "url = \"https://backend\"\nclient_key = \"key.pem\"\nclient_key_file = \"key.pem\"\nconnect_timeout = 3",
        ),
        backend("h", ""),
    ];
    let report = report(&text.concat(), &[]);
    assert!(!report.contains("hunter2"));
    insta::assert_snapshot!(report);
}

#[test]
fn deadlines_contradict_each_other() {
    let text = format!("[server]\nrequest_timeout = \"5s\"\n{MINIMAL}");
    insta::assert_snapshot!(report(&text, &[("ISSUER_HOST__SERVER__HEADER_TIMEOUT", "20s")]));
}

#[test]
fn tables_and_values_are_mixed_up() {
    let text = format!(
        "admin = \"127.0.0.1:9090\"\n{MINIMAL}\nlisten.first = \"0.0.0.0:8443\"\n[[log]]\nlevel = \"info\"\n[server.workers]\nmost = 3"
    );
    let variables = [
        ("ISSUER_HOST__SERVER", "0.0.0.0:8443"),
        ("ISSUER_HOST__SERVER__LISTEN__0", "0.0.0.0:8443"),
        ("ISSUER_HOST__ENVIRONMENTS__PREPROD__BACKEND", "http://127.0.0.1:8080"),
        ("ISSUER_HOST__ENVIRONMENTS__PREPROD__PRODUCT__NAME", "tsh"),
        ("ISSUER_HOST__ENVIRONMENTS__NEW", "tsh"),
    ];
    insta::assert_snapshot!(report(&text, &variables));
}

#[test]
fn variables_are_misspelt_or_wrong() {
    let variables = [
        ("ISSUER_HOST__SERVER__LISTN", "0.0.0.0:443"),
        ("ISSUER_HOST__SERVER__LISTEN", "0.0.0.0:443,0.0.0.0"),
        ("issuer_host__server__listen", "0.0.0.0:444"),
        ("ISSUER_HOST__SERVER___WORKERS", "2"),
        ("ISSUER_HOST__SERVER__MAX_CONNECTIONS[9999999999999]", "2"),
        ("ISSUER_HOST__", "x"),
        ("ISSUER_HOST__ENVIRONMENTS__PREPROD__URL", "http://127.0.0.1:8080"),
        ("ISSUER_HOST__ENVIRONMENTS__PREPROD__PRODUCT", "tsh,D2"),
        ("ISSUER_HOST__ENVIRONMENTS__PREPROD__PRIVATE_KEY_FILE", "DIR/key.pem"),
        ("ISSUER_HOST__ENVIRONMENTS__PRODUCTION__PRODUCT", "tsh"),
        ("ISSUER_HOST__INBOX__URL", "sqlite://inbox.db"),
    ];
    insta::assert_snapshot!(report(MINIMAL, &variables));
}

#[test]
fn asset_variables_are_incomplete() {
    insta::assert_snapshot!(report_of_variables(&[("ISSUER_HOST", "tsh-pp.bank.example"), ("PRODUCT", "tsh")]));
}

#[test]
fn asset_variables_contradict_each_other() {
    let mut variables = ASSETS.to_vec();
    variables.push(("TSH_TLS_CLIENT_CERTIFICATE", "DIR/chain.pem"));
    variables.push(("ISSUER_HOST__ENVIRONMENTS__DEFAULT__PRIVATE_KEY_FILE", "DIR/key.pem"));
    insta::assert_snapshot!(report_of_variables(&variables));
}

#[test]
fn a_line_that_is_not_toml_is_not_repeated() {
    let text = MINIMAL
        .replace("\"key.pem\"", "\"\"\"-----BEGIN PRIVATE KEY-----\nhunter2\" x\n")
        .replace("backend", "private_key = hunter3 ");
    assert!(!report(&text, &[]).contains("hunter"));
    let report = report("private_key = hunter2 hunter3", &[]);
    assert!(report.contains("line 1") && !report.contains("hunter"), "{report}");
}

#[test]
fn a_private_key_lost_its_frame() {
    let key = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2OF2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRW";
    let variables: Vec<_> = ASSETS
        .iter()
        .map(|(name, value)| (*name, if *name == "CUSTOMER_TLS_SERVER_PRIVATE_KEY" { key } else { value }))
        .collect();
    let report = report_of_variables(&variables);
    assert!(!report.contains("MIGH"));
    insta::assert_snapshot!(report);
}
