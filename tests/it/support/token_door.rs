//! A door whose callers of D1 need bearer tokens, and how they get them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use serde_json::Value;

use super::door::edit;
use super::jwt::TokenKey;
use super::{Door, Reply, Session, Setup, request};

/// Where D1 gets its tokens.
pub(crate) const D1_TOKEN: &str = "/authz/d1/v1/oauth2/token";
/// Where D1 gets its tokens for merchant gateways.
pub(crate) const ECOM_TOKEN: &str = "/oauth2/token";
/// A call of D1: a query.
pub(crate) const D1_CALL: &str = "/banking/d1/v1/issuers/ISSUER0001/consumers/consumer-1";
/// A call of D1 for merchant gateways: a notification.
pub(crate) const ECOM_CALL: &str = "/merchant-gateways/ISSUER0001/merchants/m-1/tokens/t-1/notify-update";

/// The secret of the client `thales`.
pub(crate) const SECRET: &str = "correct-horse-battery-staple";

/// The endpoint of [`open`], with one client. Its key is in `signing-key.pem`, its secret in `client-secret.txt`.
pub(crate) const OWN_TOKENS: &str = "
[environments.preprod.tokens]
signing_key = \"signing-key.pem\"
[environments.preprod.tokens.clients.thales.secrets.current]
secret_file = \"client-secret.txt\"
";

/// A door for D1 and its merchant gateways with these tables below its environment, and these files.
pub(crate) async fn open(tables: &str, files: Vec<(&str, Vec<u8>)>, server: &str) -> Door {
    let setup = Setup { environment: tables, files, server, ..Setup::default() };
    with_products(r#"["d1", "d1-ecom"]"#, setup).await
}

/// A door with a token endpoint of its own whose tokens are signed with `key`.
pub(crate) async fn open_own(key: &TokenKey) -> Door {
    open(OWN_TOKENS, own_files(key), "").await
}

/// The files that [`OWN_TOKENS`] names.
pub(crate) fn own_files(key: &TokenKey) -> Vec<(&'static str, Vec<u8>)> {
    vec![("signing-key.pem", key.pem().into()), ("client-secret.txt", SECRET.into())]
}

/// A door for other products than those that a door is for.
pub(crate) async fn with_products(products: &str, setup: Setup<'_>) -> Door {
    let arrange = |directory: &std::path::Path| {
        edit(directory, "product = \"tsh\"", &format!("product = {products}"));
    };
    Door::with(Setup { arrange: Some(&arrange), ..setup }).await
}

/// `Basic` credentials (RFC 7617).
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A request for a token.
pub(crate) fn token_request(path: &str, authorization: Option<&str>, form: &str) -> Request<bytes::Bytes> {
    let mut request = request("POST", path).header("content-type", "application/x-www-form-urlencoded");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    request.body(form.to_owned().into()).unwrap()
}

/// Asks for a token as Thales does.
pub(crate) async fn ask(session: &mut Session, path: &str, secret: &str) -> Reply {
    let authorization = basic("thales", secret);
    session.send(token_request(path, Some(&authorization), "grant_type=client_credentials")).await.unwrap()
}

/// The answer's body.
pub(crate) fn json(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_else(|error| panic!("{error}: {reply:?}"))
}

/// The token in an answer that has one.
pub(crate) fn token(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{reply:?}");
    json(reply)["access_token"].as_str().unwrap_or_else(|| panic!("no token in {reply:?}")).to_owned()
}

/// [`D1_CALL`] with these credentials.
pub(crate) async fn call_d1(session: &mut Session, authorization: Option<&str>) -> Reply {
    call(session, "GET", D1_CALL, authorization).await
}

pub(crate) async fn call(session: &mut Session, method: &str, path: &str, authorization: Option<&str>) -> Reply {
    let mut request = request(method, path);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    session.send(request.body(bytes::Bytes::new()).unwrap()).await.unwrap()
}
