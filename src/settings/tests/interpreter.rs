//! What settings say of calls: second keys, deadlines, paths, operations, further backends.

use std::time::{Duration, UNIX_EPOCH};

use zeroize::Zeroizing;

use super::super::{
    ClientSecretSettings, DeadlineSettings, InterpreterSettings, PemSource, Product, SecretSource, TokenClientSettings,
    TokenIssuerSettings, UnknownCall,
};
use super::{MINIMAL, Place, load, sole_problem};
use crate::thales::Kind;
use crate::thales::dialect::WrongKey;
use crate::thales::operation::KeyOwner;

/// The first moment of 2027-01-31.
const EXPIRES: Duration = Duration::from_secs(1_801_353_600);

/// The minimal environment with these products and further lines.
fn with(products: &str, more: &str) -> String {
    format!("{}\n{more}", MINIMAL.replace("\"tsh\"", products))
}

fn interpreter(place: &Place, products: &str, more: &str) -> InterpreterSettings {
    load(place, &with(products, more)).environments.remove(0).interpreter
}

#[test]
fn nothing_has_to_be_said_of_calls() {
    let settings = interpreter(&Place::new(), "\"tsh\"", "");
    let (ten, thirty) = (Duration::from_secs(10), Duration::from_secs(30));
    assert_eq!(
        settings,
        InterpreterSettings {
            unknown: UnknownCall::Forward,
            wrong_key: WrongKey::Retryable,
            deadlines: DeadlineSettings { notification: ten, query: thirty, command: thirty },
            base_paths: Vec::new(),
            api_keys: Vec::new(),
            tokens: None,
            operations: Vec::new(),
        }
    );
}

#[test]
fn words_and_deadlines_are_read() {
    let more = "unknown = \"reject\"\nwrong_key = \"401\"\ndeadlines.notification = \"1s\"\ndeadlines.command = \"2s\"\n\
                api_keys.main.key = \"text\"";
    let settings = interpreter(&Place::new(), "\"cof\"", more);
    assert_eq!((settings.unknown, settings.wrong_key), (UnknownCall::Reject, WrongKey::Unauthorized));
    let [one, two, thirty] = [1, 2, 30].map(Duration::from_secs);
    assert_eq!(settings.deadlines, DeadlineSettings { notification: one, query: thirty, command: two });
}

#[test]
fn a_base_path_belongs_to_a_product_of_the_environment_and_may_be_empty() {
    let place = Place::new();
    let more = "[environments.preprod.base_paths]\ncof = \"/gateway/tsh-cof\"\nd1-ecom = \"\"";
    let settings = interpreter(&place, "[\"d1-ecom\", \"cof\"]", more);
    assert_eq!(settings.base_paths, [(Product::Cof, "/gateway/tsh-cof".into()), (Product::D1Ecom, String::new())]);
    let (key, problem) = sole_problem(&place, &with("\"d1-ecom\"", more));
    assert_eq!(key, "environments.preprod.base_paths.cof");
    assert!(problem.contains("has d1-ecom, and not cof"), "{problem}");
}

#[test]
fn api_keys_are_text_files_or_digests() {
    let place = Place::new();
    place.write("key.txt", "hunter2");
    let digest = "0f".repeat(32);
    let more = format!(
        "[environments.preprod.api_keys]\nc.key = \" hunter2 \"\nb.key_file = \"key.txt\"\n\
         [environments.preprod.api_keys.a]\nkey_sha256 = \"{digest}\"\nusername = \"thales\"\nexpires = 2027-01-31T00:00:00Z"
    );
    let settings = interpreter(&place, "\"cof\"", &more);
    let [a, b, c] = settings.api_keys.as_slice() else { panic!("{settings:?}") };
    assert_eq!((a.name.as_str(), &a.key), ("a", &SecretSource::Sha256([0x0f; 32])));
    assert_eq!((a.username.as_deref(), a.expires), (Some("thales"), Some(UNIX_EPOCH + EXPIRES)));
    assert_eq!((&b.key, &b.username, b.expires), (&SecretSource::File(place.path().join("key.txt")), &None, None));
    assert_eq!(c.key, SecretSource::Text(Zeroizing::new("hunter2".to_owned())));
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn variables_reach_keys_and_secrets_by_their_names() {
    let place = Place::new();
    place.write("key.txt", "hunter2");
    let variables = [
        ("ISSUER_HOST__ENVIRONMENTS__PREPROD__PRODUCT", "cof,d1"),
        ("ISSUER_HOST__ENVIRONMENTS__PREPROD__API_KEYS__MAIN__KEY_FILE", "DIR/key.txt"),
        ("ISSUER_HOST__ENVIRONMENTS__PREPROD__TOKENS__SIGNING_KEY_FILE", "DIR/key.pem"),
        ("ISSUER_HOST__ENVIRONMENTS__PREPROD__TOKENS__SCOPE", "cards, pins"),
        ("ISSUER_HOST__ENVIRONMENTS__PREPROD__TOKENS__CLIENTS__D1__SECRETS__NEXT__SECRET", "hunter2"),
        ("ISSUER_HOST__ENVIRONMENTS__PREPROD__OPERATIONS__SENDOTP__BACKEND", "otp"),
        ("ISSUER_HOST__ENVIRONMENTS__PREPROD__OPERATIONS__SENDOTP__HEADERS", "x-a: 1, 2;3|x-b:"),
        ("ISSUER_HOST__BACKENDS__OTP__URL", "http://127.0.0.1:8082"),
        ("ISSUER_HOST__PRODUCTS_DIR", "DIR"),
    ];
    let mut settings = place.load_with(MINIMAL, &variables).unwrap();
    assert_eq!(settings.products_dir.as_deref(), Some(place.path()));
    assert_eq!(settings.backends[0].0, "otp");
    let interpreter = settings.environments.remove(0).interpreter;
    assert_eq!(interpreter.api_keys[0].key, SecretSource::File(place.path().join("key.txt")));
    let tokens = interpreter.tokens.unwrap();
    assert_eq!(tokens.scope, ["cards", "pins"]);
    let TokenIssuerSettings::TokenEndpoint(endpoint) = tokens.issuer else { panic!("{:?}", tokens.issuer) };
    assert_eq!(endpoint.clients[0].secrets[0].secret, SecretSource::Text(Zeroizing::new("hunter2".to_owned())));
    let operation = &interpreter.operations[0];
    assert_eq!((operation.name.as_str(), operation.backend.as_deref()), ("sendotp", Some("otp")));
    assert_eq!(operation.headers, [("x-a".into(), "1, 2;3".into()), ("x-b".into(), String::new())]);
}

#[test]
fn a_token_endpoint_has_a_key_and_clients_with_secrets() {
    let place = Place::new();
    let more = "[environments.preprod.tokens]\nscope = \"d1\"\nsigning_key = \"key.pem\"\n\
                [environments.preprod.tokens.clients.one.secrets]\nold.secret = \"a\"\nold.expires = \"2027-01-31T00:00:00Z\"\n\
                new.secret = \"b\"\n[environments.preprod.tokens.clients.two]\nid = \"Client 2\"\nscopes = [\"d1\", \"more\"]\n\
                secrets.x.secret = \"c\"";
    let tokens = interpreter(&place, "\"d1\"", more).tokens.unwrap();
    assert_eq!((tokens.audience.as_str(), tokens.scope), ("preprod", vec!["d1".to_owned()]));
    let TokenIssuerSettings::TokenEndpoint(endpoint) = tokens.issuer else { panic!("{:?}", tokens.issuer) };
    assert_eq!(endpoint.signing_key, PemSource::File(place.path().join("key.pem")));
    assert_eq!((endpoint.lifetime, endpoint.credentials_in_body), (Duration::from_secs(900), false));
    let secret = |name: &str, text: &str, expires| ClientSecretSettings {
        name: name.to_owned(),
        secret: SecretSource::Text(Zeroizing::new(text.to_owned())),
        expires,
    };
    let client = |name: &str, id: &str, scopes: &[&str], secrets| TokenClientSettings {
        name: name.to_owned(),
        id: id.to_owned(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        secrets,
    };
    let of_one = vec![secret("new", "b", None), secret("old", "a", Some(UNIX_EPOCH + EXPIRES))];
    let expected = [
        client("one", "one", &["d1"], of_one),
        client("two", "Client 2", &["d1", "more"], vec![secret("x", "c", None)]),
    ];
    assert_eq!(endpoint.clients, expected);
}

#[test]
fn an_identity_provider_needs_an_audience_and_takes_no_key_of_ours() {
    let place = Place::new();
    let lines = "tokens.issuer = \"https://idp.bank.example/realm/\"\ntokens.jwks_ca = \"ca.pem\"\n";
    let (key, _) = sole_problem(&place, &with("\"d1-ecom\"", lines));
    assert_eq!(key, "environments.preprod.tokens.audience");
    let lines = format!("{lines}tokens.audience = \"api://issuer\"\n");
    let tokens = interpreter(&place, "\"d1-ecom\"", &lines).tokens.unwrap();
    assert_eq!(tokens.audience, "api://issuer");
    let TokenIssuerSettings::IdentityProvider(provider) = tokens.issuer else { panic!("{:?}", tokens.issuer) };
    assert_eq!((provider.issuer.as_str(), provider.jwks_url), ("https://idp.bank.example/realm/", None));
    assert_eq!(provider.jwks_ca, Some(PemSource::File(place.path().join("ca.pem"))));
    for (own, key) in [
        ("signing_key = \"key.pem\"", "signing_key"),
        ("lifetime = \"5m\"", "lifetime"),
        ("credentials_in_body = false", "credentials_in_body"),
        ("clients.one.secrets.x.secret = \"a\"", "clients"),
    ] {
        let found = sole_problem(&place, &with("\"d1-ecom\"", &format!("{lines}tokens.{own}")));
        assert_eq!(found.0, format!("environments.preprod.tokens.{key}"), "{}", found.1);
    }
}

#[test]
fn tokens_that_nobody_could_use_are_a_problem() {
    let place = Place::new();
    let endpoint = "tokens.signing_key = \"key.pem\"\n";
    let client = "tokens.clients.one.secrets.x.secret = \"a\"\n";
    assert!(place.load(&with("\"d1\"", &format!("{endpoint}{client}"))).is_ok(), "control");
    let scopes = "tokens.scope = [\"a\", \"b\"]\ntokens.clients.one.scopes = [\"b\"]\n";
    for (lines, key, word) in [
        (endpoint.to_owned(), "clients", "nobody"),
        (client.to_owned(), "signing_key", "no token can be made"),
        (format!("{endpoint}tokens.clients.one.id = \"x\""), "clients.one.secrets", "Without a secret"),
        (format!("{endpoint}{client}{scopes}"), "clients.one.scopes", "may not ask for a"),
    ] {
        let (found, problem) = sole_problem(&place, &with("\"d1\"", &lines));
        assert_eq!(found, format!("environments.preprod.tokens.{key}"));
        assert!(problem.contains(word), "{problem}");
    }
}

#[test]
fn second_keys_that_no_product_asks_for_are_a_problem_and_missing_ones_a_warning() {
    let place = Place::new();
    let (keys, tokens) = (
        "api_keys.main.key = \"text\"\n",
        "tokens.signing_key = \"key.pem\"\ntokens.clients.one.secrets.x.secret = \"a\"\n",
    );
    assert_eq!(sole_problem(&place, &with("\"tsh\"", keys)).0, "environments.preprod.api_keys");
    assert_eq!(sole_problem(&place, &with("\"tsh\"", tokens)).0, "environments.preprod.tokens");
    let warnings = |products: &str, more: &str| load(&place, &with(products, more)).warnings;
    assert!(warnings("\"tsh\"", "").is_empty());
    assert!(warnings("\"cof\"", keys).is_empty() && warnings("[\"d1\", \"d1-ecom\"]", tokens).is_empty());
    assert_eq!(
        warnings("[\"d1-ecom\", \"cof\", \"d1\"]", ""),
        [
            "environments.preprod, cof: no api_keys, so mutual TLS alone admits the callers.",
            "environments.preprod, d1-ecom and d1: no tokens, so mutual TLS alone admits the callers.",
        ]
    );
    let without_effect = &warnings("\"tsh\"", "wrong_key = \"401\"")[0];
    assert!(without_effect.contains("wrong_key has no effect"), "{without_effect}");
}

#[test]
fn a_table_of_keys_without_a_key_is_not_taken_for_none() {
    let place = Place::new();
    for empty in ["[environments.preprod.api_keys]", "api_keys = {}"] {
        let (key, problem) = sole_problem(&place, &with("\"cof\"", empty));
        assert_eq!(
            (key.as_str(), problem.contains("no key in it")),
            ("environments.preprod.api_keys", true),
            "{problem}"
        );
    }
    // The same of tokens, which lack their key and clients then.
    let report = place.load(&with("\"d1\"", "[environments.preprod.tokens]")).unwrap_err();
    assert_eq!(report.findings().len(), 2, "{report}");
    assert!(place.load(&with("[\"cof\", \"d1\"]", "")).is_ok(), "control");
}

#[test]
fn an_operation_says_what_differs() {
    let place = Place::new();
    let more = "[environments.preprod.operations.\"d1-ecom/notifyTokenUpdate\"]\nproduct = \"d1-ecom\"\nbase_path = \"\"\n\
                method = \"POST\"\npath = \"/x/{id}\"\nkind = \"notification\"\nstatus = 202\nbody = \"{}\"\n\
                headers = [\"Content-Type: application/json\"]\ndeduplication = [\"operation\", \"path:id\"]\n\
                deduplication_owner = \"ours\"\nordering = \"path:id\"\nsecrets = []\nbackend = \"other\"\ndeadline = \"5s\"\n\
                [environments.preprod.operations.SendOTP]\n[backends.other]\nurl = \"http://127.0.0.1:8082\"";
    let settings = interpreter(&place, "[\"d1\", \"d1-ecom\"]", more);
    let [bare, full] = settings.operations.as_slice() else { panic!("{settings:?}") };
    assert_eq!((bare.name.as_str(), &bare.path, &bare.secrets), ("SendOTP", &None, &None));
    assert_eq!(full.name, "d1-ecom/notifyTokenUpdate");
    assert_eq!((full.product, full.kind), (Some(Product::D1Ecom), Some(Kind::Notification)));
    assert_eq!((full.base_path.as_deref(), full.path.as_deref()), (Some(""), Some("/x/{id}")));
    assert_eq!((full.method.as_deref(), full.status, full.body.as_deref()), (Some("POST"), Some(202), Some("{}")));
    assert_eq!(full.headers, [("content-type".into(), "application/json".into())]);
    assert_eq!(full.deduplication.as_deref(), Some(["operation".to_owned(), "path:id".to_owned()].as_slice()));
    assert_eq!((full.deduplication_owner, full.ordering.clone()), (Some(KeyOwner::Ours), Some(vec!["path:id".into()])));
    assert_eq!((full.secrets.as_deref(), full.backend.as_deref()), (Some([].as_slice()), Some("other")));
    assert_eq!(full.deadline, Some(Duration::from_secs(5)));
}

#[test]
fn deadlines_beyond_the_whole_request_are_warned_about_where_somebody_wrote_them() {
    let place = Place::new();
    let short = "[server]\nrequest_timeout = \"5s\"\nbody_timeout = \"5s\"\nheader_timeout = \"5s\"\n";
    let backend = "backend.response_timeout = \"5s\"\n";
    let quiet = format!("{short}{}", with("\"tsh\"", &format!("{backend}deadlines.query = \"5s\"")));
    assert!(load(&place, &quiet).warnings.is_empty(), "{:?}", load(&place, &quiet).warnings);
    let more = format!(
        "{backend}deadlines.query = \"6s\"\noperations.\"tsh/sendOTP\".deadline = \"7s\"\n\
         [backends.other]\nurl = \"http://127.0.0.1:8082\"\nresponse_timeout = \"8s\""
    );
    let warnings = load(&place, &format!("{short}{}", with("\"tsh\"", &more))).warnings;
    let keys: Vec<&str> = warnings.iter().map(|warning| warning.split(' ').next().unwrap()).collect();
    assert_eq!(
        keys,
        [
            "backends.other.response_timeout",
            "environments.preprod.deadlines.query",
            "environments.preprod.operations.\"tsh/sendOTP\".deadline",
        ]
    );
}

#[test]
fn a_name_that_variables_cannot_reach_is_warned_about() {
    let place = Place::new();
    let settings = load(&place, &with("\"cof\"", "api_keys.main__2.key = \"text\""));
    let [warning] = settings.warnings.as_slice() else { panic!("{:?}", settings.warnings) };
    assert!(warning.starts_with("environments.preprod.api_keys.main__2 cannot be reached by variables"), "{warning}");
}
