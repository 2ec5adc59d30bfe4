use std::sync::Mutex;

use ::http::{HeaderMap, Method, StatusCode};
use tower::ServiceExt;

use super::super::interpreter::InterpreterOptions;
use super::super::testing::{call, connection, interpreter_options};
use super::*;
use crate::auth::api_key::ApiKeys;
use crate::auth::secret::LiveSecret;
use crate::thales::routes::{OperationOverride, RouteOptions, Routes};
use crate::thales::{Catalogue, Kind};

const COF: &str = "/tsh-cof/notify-token-update";
const KEY: &str = "APIKEY 0123456789abcdef-one";

/// What a request with `headers` is answered, and what reached the handler of it.
async fn ask(
    options: InterpreterOptions,
    method: Method,
    path: &str,
    headers: &[(&'static str, &str)],
) -> (StatusCode, Option<HeaderMap>, bool) {
    let seen = Arc::new(Mutex::new(None));
    let handler = {
        let seen = Arc::clone(&seen);
        tower::service_fn(move |request: Request<Body>| {
            let sensitive = request.extensions().get::<Sensitive>().is_some();
            *seen.lock().unwrap() = Some((request.headers().clone(), sensitive));
            ready(Ok::<_, Infallible>(Response::new(Body::empty())))
        })
    };
    let layer = SecondKeyLayer { connection: Arc::new(connection(None)), accounting: None };
    let mut request = Request::builder().method(&method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(call(options, &method, path));
    let Ok(response) = layer.layer(handler).oneshot(request).await;
    let (headers, sensitive) = seen.lock().unwrap().take().unzip();
    (response.status(), headers, sensitive.unwrap_or_default())
}

fn with_api_key(products: &[Product]) -> InterpreterOptions {
    let key = LiveSecret::from_text("one", "0123456789abcdef-one").unwrap();
    InterpreterOptions { api_keys: Some(ApiKeys::new(vec![key])), ..interpreter_options(products) }
}

#[tokio::test]
async fn an_api_key_opens_merchant_tokenization_and_goes_no_further() {
    let (status, seen, _) = ask(with_api_key(&[Product::Cof]), Method::POST, COF, &[("authorization", KEY)]).await;
    assert_eq!(status, 200);
    assert!(!seen.unwrap().contains_key(AUTHORIZATION));
    for wrong in [&[][..], &[("authorization", "APIKEY 0123456789abcdef-two")]] {
        let (status, seen, _) = ask(with_api_key(&[Product::Cof]), Method::POST, COF, wrong).await;
        assert_eq!((status.as_u16(), seen.is_none()), (401, true), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_credential_that_nobody_verified_is_passed_on() {
    let (status, seen, _) =
        ask(interpreter_options(&[Product::Cof]), Method::POST, COF, &[("authorization", KEY)]).await;
    assert_eq!((status.as_u16(), &seen.unwrap()[AUTHORIZATION]), (200, &HeaderValue::from_static(KEY)));
}

#[tokio::test]
async fn unknown_is_no_way_round_the_second_key() {
    for path in ["/tsh-cof/notify-something-new", "/nobody/knows", COF] {
        let with_key = ask(with_api_key(&[Product::Cof, Product::D1]), Method::POST, path, &[("authorization", KEY)]);
        assert_eq!(with_key.await.0, 200, "{path}");
        let without = ask(with_api_key(&[Product::Cof, Product::D1]), Method::POST, path, &[]).await;
        assert_eq!((without.0.as_u16(), without.1.is_none()), (401, true), "{path}");
    }
}

#[tokio::test]
async fn an_unknown_operation_is_rejected_only_once_it_has_shown_its_key() {
    let reject = || InterpreterOptions { unknown: UnknownOperations::Reject, ..with_api_key(&[Product::Cof]) };
    let path = "/tsh-cof/notify-something-new";
    assert_eq!(ask(reject(), Method::POST, path, &[]).await.0, 401);
    assert_eq!(ask(reject(), Method::POST, path, &[("authorization", KEY)]).await.0, 404);
    assert_eq!(ask(reject(), Method::POST, COF, &[("authorization", KEY)]).await.0, 200, "control");
}

#[tokio::test]
async fn the_issuer_that_a_call_names_has_to_be_one_of_ours() {
    let tsh = "/issuer/igwapi/v2.0/sendOTP";
    let ask_tsh = |headers: &'static [(&'static str, &'static str)]| {
        ask(interpreter_options(&[Product::Tsh]), Method::POST, tsh, headers)
    };
    assert_eq!(ask_tsh(&[("x-issuer-id", "ISSUER0001")]).await.0, 200);
    assert_eq!(ask_tsh(&[("x-issuer-id", "ISSUER0002")]).await.0, 404);
    assert_eq!(ask_tsh(&[("x-issuer-id", "issuer0001")]).await.0, 404, "ids are exact");
    assert_eq!(ask_tsh(&[]).await.0, 400);
    assert_eq!(ask_tsh(&[("x-issuer-id", "ISSUER0001"), ("x-issuer-id", "ISSUER0001")]).await.0, 400);

    let ask_d1 = |path: &'static str| ask(interpreter_options(&[Product::D1]), Method::POST, path, &[]);
    assert_eq!(ask_d1("/notifications/d1/v2/issuers/ISSUER0001/cards").await.0, 200);
    assert_eq!(ask_d1("/notifications/d1/v2/issuers/ISSUER0002/cards").await.0, 404);
    // Of calls that no operation knows, too.
    assert_eq!(ask_d1("/notifications/d1/v3/Issuers/ISSUER0001/news").await.0, 200);
    assert_eq!(ask_d1("/notifications/d1/v3/Issuers/ISSUER0002/news").await.0, 404);
}

#[tokio::test]
async fn what_some_backends_take_off_a_path_does_not_hide_whose_call_it_is() {
    let ask_as = |product: Product, path: &'static str| ask(interpreter_options(&[product]), Method::POST, path, &[]);
    for path in [
        "/notifications/d1/v2/issuers;a/ISSUER0002/cards",
        "/notifications/d1/v2/issuers%3Ba=b/ISSUER0002;c/cards",
        "/notifications/d1/v2/issuers/ISSUER0002%3bx/cards/",
    ] {
        assert_eq!(ask_as(Product::D1, path).await.0, 404, "{path}");
        let own: &'static str = Box::leak(path.replace("0002", "0001").into_boxed_str());
        assert_eq!(ask_as(Product::D1, own).await.0, 200, "control: {own}");
    }
    // Where calls lie that need the header, it is needed, however the path is adorned.
    for path in ["/issuer;a=b/igwapi/v2.0/sendOTP", "/issuer/igwapi/v2.0;/sendOTP", "/issuer/igwapi/v2.0/sendOTP/"] {
        assert_eq!(ask_as(Product::Tsh, path).await.0, 400, "{path}");
    }
    for path in ["/notifyVirtualCardChange/", "/notifyVirtualCardChange;x", "/NotifyVirtualCardChange%20"] {
        assert_eq!(ask_as(Product::TshAuxiliary, path).await.0, 400, "{path}");
    }
    assert_eq!(ask_as(Product::Tsh, "/nobody/knows;a=b").await.0, 200, "control");
}

#[tokio::test]
async fn an_operation_without_a_place_for_its_issuer_is_held_to_those_of_its_siblings() {
    let own = OperationOverride {
        name: "newOp".into(),
        method: Some("POST".into()),
        path: Some("/notifications/d1/v2/issuers/{other}/x".into()),
        kind: Some(Kind::Notification),
        ..OperationOverride::default()
    };
    let known = || {
        let options =
            RouteOptions { products: vec![Product::D1], overrides: vec![own.clone()], ..RouteOptions::default() };
        let routes = Routes::compile(Catalogue::built_in(), &options).unwrap();
        InterpreterOptions::new(routes, vec!["ISSUER0001".into()])
    };
    assert_eq!(ask(known(), Method::POST, "/notifications/d1/v2/issuers/ISSUER0001/x", &[]).await.0, 200);
    assert_eq!(ask(known(), Method::POST, "/notifications/d1/v2/issuers/ISSUER0002/x", &[]).await.0, 404);
}

#[tokio::test]
async fn a_path_called_with_another_method_reaches_nobody() {
    let (status, seen, _) = ask(with_api_key(&[Product::Cof]), Method::PUT, COF, &[("authorization", KEY)]).await;
    assert_eq!((status.as_u16(), seen.is_none()), (405, true));
}

#[tokio::test]
async fn a_request_with_a_secret_in_clear_is_marked_as_such() {
    let issuer = &[("x-issuer-id", "ISSUER0001")][..];
    let of = |path: &'static str| ask(interpreter_options(&[Product::Tsh]), Method::POST, path, issuer);
    assert!(of("/issuer/igwapi/v2.0/sendOTP").await.2);
    assert!(!of("/issuer/igwapi/v2.0/notifyVirtualCardChange").await.2);
}
