//! That what is configured about calls arrives.

use std::time::{Duration, SystemTime};

use ::http::header::AUTHORIZATION;
use ::http::{HeaderMap, HeaderValue, Method};
use tempfile::TempDir;

use super::super::{AppOptions, EnvironmentOptions};
use super::*;
use crate::settings::Sources;
use crate::thales::routes::Found;
use crate::thales::{Kind, Product, dialect};

/// Of a file with what every environment needs, `more` of the environment's own, and `further` tables.
fn options(directory: &TempDir, product: &str, more: &str, further: &str) -> Result<EnvironmentOptions, String> {
    let samples = format!("{}/certs-sample", env!("CARGO_MANIFEST_DIR"));
    let text = format!(
        r#"
products_dir = "products"
[environments.preprod]
product = {product}
customer_id = "ISSUER0001"
host = "localhost"
client_ca = "{samples}/thales-client-ca.pem"
certificate_chain = "{samples}/server-chain.pem"
private_key = "{samples}/server-key.pem"
{more}
[environments.preprod.backend]
url = "http://127.0.0.1:8080"
{further}
"#
    );
    let path = directory.path().join("issuer-host.toml");
    std::fs::write(&path, text).unwrap();
    std::fs::create_dir_all(directory.path().join("products")).unwrap();
    let settings =
        Settings::load(&Sources { file: Some(path), ..Sources::default() }).map_err(|report| report.to_string())?;
    let mut app = AppOptions::from_settings(&settings).map_err(|problems| problems.to_string())?;
    Ok(app.environments.remove(0))
}

fn directory() -> TempDir {
    TempDir::new().unwrap()
}

fn interpreter(options: &EnvironmentOptions) -> &Interpreter {
    options.interpreter.as_deref().unwrap()
}

fn shown(authorization: &str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(authorization).unwrap())])
}

#[test]
fn every_setting_about_calls_arrives() {
    let directory = directory();
    let more = "unknown = \"reject\"\nwrong_key = \"401\"\nissuer_ids = [\"A\", \"B\"]";
    let further = r#"
[environments.preprod.deadlines]
notification = "1s"
query = "2s"
command = "3s"
[environments.preprod.base_paths]
cof = "/gateway/cof"
[environments.preprod.api_keys.one]
key = "0123456789abcdef-one"
expires = "2030-01-01T00:00:00Z"
[environments.preprod.operations.notifyTokenUpdate]
kind = "command"
backend = "other"
[backends.other]
url = "http://127.0.0.1:8081"
"#;
    let options = options(&directory, "\"cof\"", more, further).unwrap();
    let known = interpreter(&options).options();
    assert_eq!((known.unknown, known.wrong_key), (UnknownOperations::Reject, dialect::WrongKey::Unauthorized));
    assert_eq!(known.issuer_ids, ["A", "B"]);
    let [notification, query, command] = [1, 2, 3].map(Duration::from_secs);
    assert_eq!(known.deadlines, KindDeadlines { notification, query, command });
    let keys = known.api_keys.as_ref().unwrap();
    let before = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    assert_eq!(keys.verify(&shown("APIKEY 0123456789abcdef-one"), before), Ok("one"));
    assert!(keys.verify(&shown("APIKEY 0123456789abcdef-one"), before + Duration::from_secs(1 << 30)).is_err());
    let Found::Operation(matched) = known.routes.find(&Method::POST, "/gateway/cof/notify-token-update") else {
        panic!("the base path did not arrive");
    };
    assert_eq!((matched.operation.kind, matched.operation.backend.as_deref()), (Kind::Command, Some("other")));
    let others = options.others.as_ref().unwrap();
    assert_eq!(others.backends.keys().collect::<Vec<_>>(), ["other"]);
    assert!(others.token_endpoint.is_none() && known.tokens.is_none());
}

#[test]
fn files_of_operations_are_read_and_what_is_wrong_with_them_is_told_by_name() {
    let directory = directory();
    let write = |text: &str| {
        std::fs::create_dir_all(directory.path().join("products")).unwrap();
        std::fs::write(directory.path().join("products/own.toml"), text).unwrap();
    };
    write(
        r#"
product = "d1"
[[operation]]
name = "notifySomethingNew"
api = "ours"
summary = "Something new"
method = "POST"
path = "/something-new"
kind = "notification"
"#,
    );
    let found = options(&directory, "\"d1\"", "", "");
    let found = found.unwrap_or_else(|problem| panic!("{problem}"));
    let routes = interpreter(&found).routes();
    assert!(matches!(routes.find(&Method::POST, "/something-new"), Found::Operation(_)));
    assert_eq!(routes.products(), [Product::D1]);

    write("product = \"d2\"\n");
    let problem = options(&directory, "\"d1\"", "", "").unwrap_err();
    assert!(problem.contains("products_dir") && problem.contains("own.toml") && problem.contains("d2"), "{problem}");
}

#[test]
fn an_interpreter_is_like_another_as_long_as_nothing_that_it_was_made_from_has_changed() {
    let directory = directory();
    let secret = directory.path().join("key");
    let write = |text: &str| std::fs::write(&secret, text).unwrap();
    let made = |more: &str| {
        let further = "[environments.preprod.api_keys.one]\nkey_file = \"key\"\n";
        options(&directory, "\"cof\"", more, further).unwrap().interpreter.unwrap()
    };
    write("0123456789abcdef-one\n");
    let first = made("");
    assert_eq!(first, made(""));
    assert_ne!(first, made("unknown = \"reject\""));
    write("0123456789abcdef-two\n");
    assert_ne!(first, made(""), "only the secret has changed");
}

#[test]
fn tokens_that_the_endpoint_makes_are_taken_where_they_were_made_and_nowhere_else() {
    let directory = directory();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    std::fs::write(directory.path().join("signing.pem"), key.serialize_pem()).unwrap();
    let further = r#"
[environments.preprod.tokens]
signing_key_file = "signing.pem"
[environments.preprod.tokens.clients.thales.secrets.current]
secret = "0123456789abcdef-secret"
"#;
    let preprod = options(&directory, "\"d1\"", "", further).unwrap();
    let production =
        options(&directory, "\"d1\"", "", &further.replace("tokens]", "tokens]\naudience = \"other\"")).unwrap();
    let endpoint = preprod.others.as_ref().unwrap().token_endpoint.as_ref().unwrap();
    let mut headers = shown("Basic dGhhbGVzOjAxMjM0NTY3ODlhYmNkZWYtc2VjcmV0");
    headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
    let now = SystemTime::now();
    let form = b"grant_type=client_credentials";
    let answer = endpoint.answer(&headers, form, &[7; 32], crate::thales::operation::ExpiresIn::Text, now);
    assert_eq!(answer.status(), 200);
    let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(body["expires_in"], "900");
    let token = shown(&format!("Bearer {}", body["access_token"].as_str().unwrap()));
    let accepted = |options: &EnvironmentOptions| {
        let tokens = interpreter(options).options().tokens.as_ref().unwrap();
        matches!(tokens.verify(&token, now), crate::auth::Verdict::Accepted(_))
    };
    assert!(accepted(&preprod));
    assert!(!accepted(&production));
}

#[test]
fn what_is_wrong_with_secrets_is_told_by_its_setting_and_not_repeated() {
    let directory = directory();
    std::fs::write(directory.path().join("short"), "hunter2\n").unwrap();
    let further = r#"
[environments.preprod.api_keys.one]
key_file = "short"
[environments.preprod.api_keys.two]
key = "hunter3"
"#;
    let problems = options(&directory, "\"cof\"", "", further).unwrap_err();
    for setting in ["environments.preprod.api_keys.one.key_file", "environments.preprod.api_keys.two.key"] {
        assert!(problems.contains(setting), "{problems}");
    }
    assert!(!problems.contains("hunter"), "{problems}");
}

#[test]
fn a_file_about_another_product_leaves_an_interpreter_what_it_is() {
    let directory = directory();
    let made = |product: &str| options(&directory, product, "", "").unwrap().interpreter.unwrap();
    let first = [made("\"cof\""), made("\"d1\"")];
    let text = r#"
product = "d1"
[[operation]]
name = "notifySomethingNew"
api = "ours"
summary = "Something new"
method = "POST"
path = "/something-new"
kind = "notification"
"#;
    std::fs::write(directory.path().join("products/own.toml"), text).unwrap();
    assert_eq!(first[0], made("\"cof\""));
    assert_ne!(first[1], made("\"d1\""), "control: its own product");
}

#[test]
fn a_request_for_a_token_has_no_backend_where_this_server_makes_tokens() {
    let directory = directory();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    std::fs::write(directory.path().join("signing.pem"), key.serialize_pem()).unwrap();
    let elsewhere = r#"
[environments.preprod.operations.getToken]
backend = "other"
[backends.other]
url = "http://127.0.0.1:8081"
"#;
    let made_here = r#"
[environments.preprod.tokens]
signing_key_file = "signing.pem"
[environments.preprod.tokens.clients.thales.secrets.current]
secret = "0123456789abcdef-secret"
"#;
    let problem = options(&directory, "\"d1\"", "", &format!("{made_here}{elsewhere}")).unwrap_err();
    assert!(problem.starts_with("environments.preprod.operations.getToken.backend: "), "{problem}");
    options(&directory, "\"d1\"", "", made_here).unwrap();
    options(&directory, "\"d1\"", "", elsewhere)
        .unwrap_or_else(|problem| panic!("control: tokens of others: {problem}"));
}
