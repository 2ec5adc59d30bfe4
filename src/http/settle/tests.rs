use ::http::Method;
use ::http::header::{CONNECTION, LOCATION};
use http_body_util::BodyExt;

use super::super::testing::{call, interpreter_options};
use super::*;
use crate::http::ProblemKind;

const COF: &str = "/tsh-cof/notify-token-update";
const D1_CARDS: &str = "/notifications/d1/v2/issuers/ISSUER0001/cards";
const D1_OTP: &str = "/banking/d1/v1/issuers/ISSUER0001/consumers/c-1/otp";
const TSH_CHANGE: &str = "/issuer/igwapi/v2.0/notifyVirtualCardChange";

fn call_of(product: Product, path: &str) -> Call {
    call(interpreter_options(&[product]), &Method::POST, path)
}

fn answer(status: u16, body: &'static str) -> Response<ResponseBody> {
    let answer = Response::builder().status(status).header(LOCATION, "/elsewhere").header(RETRY_AFTER, "7");
    answer.header(REQUEST_ID, "request-1").body(Body::from(body)).unwrap()
}

async fn text(response: Response<ResponseBody>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn a_notification_that_the_handler_took_is_acknowledged_as_its_operation_says() {
    for (product, path, status) in
        [(Product::Cof, COF, 204), (Product::D1, D1_CARDS, 204), (Product::Tsh, TSH_CHANGE, 200)]
    {
        let (response, settled) = settle(answer(202, "taken"), Some(&call_of(product, path)));
        assert_eq!(response.status(), status, "{path}");
        assert_eq!((settled.outcome, settled.retryable), (Outcome::Acknowledged, None));
        assert_eq!(settled.handler_status, Some(StatusCode::ACCEPTED));
        assert!(!response.headers().contains_key(LOCATION), "{path}");
        assert_eq!(response.headers()[REQUEST_ID], "request-1");
        assert_eq!(text(response).await, "", "{path}");
    }
}

#[tokio::test]
async fn the_answer_to_a_command_passes_untouched_whatever_it_is() {
    for status in [200, 202, 204, 302, 404, 500] {
        let (response, settled) = settle(answer(status, "the handler's"), Some(&call_of(Product::D1, D1_OTP)));
        assert_eq!(response.status(), status);
        assert_eq!((settled.outcome, settled.handler_status), (Outcome::Answered, None));
        assert_eq!(response.headers()[LOCATION], "/elsewhere");
        assert_eq!(text(response).await, "the handler's");
    }
}

#[tokio::test]
async fn merchant_tokenization_never_sees_a_status_for_which_it_drops_the_event() {
    for status in [301, 302, 304, 400, 401, 403, 404, 409, 410, 413, 429, 500, 502] {
        let (response, settled) = settle(answer(status, "refused"), Some(&call_of(Product::Cof, COF)));
        assert_eq!(response.status(), 503, "{status}");
        assert_eq!(settled.retryable, Some(true));
        assert_eq!(settled.handler_status.map(|status| status.as_u16()), Some(status));
        assert_eq!(response.headers()[RETRY_AFTER], "7", "what the backend said of waiting stays");
        assert!(!response.headers().contains_key(LOCATION));
        assert_eq!(text(response).await, "");
    }
    // Control: to D1 the same refusal passes, since its meaning is the backend's.
    let (response, _) = settle(answer(404, "refused"), Some(&call_of(Product::D1, D1_CARDS)));
    assert_eq!(response.status(), 404);
}

#[tokio::test]
async fn a_problem_is_told_in_the_dialect_of_the_product() {
    let problem = || Problem::from(ProblemKind::TooLarge).response(::http::Version::HTTP_11);
    let (response, settled) = settle(problem(), Some(&call_of(Product::Cof, COF)));
    assert_eq!((response.status().as_u16(), settled.retryable), (503, Some(true)));
    assert_eq!(response.headers()[CONNECTION], "close", "what the connection needs stays");
    assert_eq!(text(response).await, "");

    let (response, settled) = settle(problem(), Some(&call_of(Product::Tsh, TSH_CHANGE)));
    assert_eq!((response.status().as_u16(), settled.retryable), (413, Some(false)));
    let body: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
    assert!(body["responseCode"].is_number() && body["errorMessage"].is_string(), "{body}");

    let (response, _) = settle(problem(), Some(&call_of(Product::D1, D1_CARDS)));
    let body: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
    assert!(body["error"].is_string(), "{body}");

    // Control: where nobody knows the calls, it stays as it is.
    let (response, settled) = settle(problem(), None);
    assert_eq!(settled.outcome, Outcome::Problem("too-large"));
    assert!(text(response).await.contains("urn:issuer-host:problem:too-large"));
}

#[test]
fn a_method_that_a_path_does_not_know_is_told_which_it_knows() {
    let call = call(interpreter_options(&[Product::D1]), &Method::DELETE, D1_OTP);
    let problem = Problem::from(ProblemKind::MethodNotAllowed).response(::http::Version::HTTP_2);
    let (response, _) = settle(problem, Some(&call));
    assert_eq!((response.status().as_u16(), &response.headers()[ALLOW]), (405, &HeaderValue::from_static("POST")));
}

#[test]
fn a_caller_of_several_products_whom_none_claims_is_answered_as_carefully_as_the_most_fragile_wants() {
    let problem = || Problem::from(ProblemKind::HostMismatch).response(::http::Version::HTTP_2);
    let among = |products: &[Product]| call(interpreter_options(products), &Method::POST, "/nobody/knows");
    assert_eq!(settle(problem(), Some(&among(&[Product::D1, Product::Cof]))).0.status(), 503);
    assert_eq!(settle(problem(), Some(&among(&[Product::D1, Product::Tsh]))).0.status(), 421);
}
