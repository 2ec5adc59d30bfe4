use super::*;
use crate::thales::openapi::descriptions;

const PRODUCTS: [Product; 7] = Product::ALL;

#[test]
fn cof_sees_429_500_and_503_and_nothing_else() {
    let cof = Dialect::of(Product::Cof);
    for cause in Cause::ALL {
        let answer = cof.answer(cause, "words");
        let status = match cause {
            Cause::RateLimited => 429,
            Cause::Internal => 500,
            _ => 503,
        };
        assert_eq!(answer.status, status, "{cause:?}");
        assert!(answer.retryable, "{cause:?}");
        assert!(answer.body.is_empty() && answer.content_type.is_none(), "{cause:?}");
    }
}

#[test]
fn a_wrong_key_of_cof_is_final_for_whoever_wants_it_so_and_nothing_else_is() {
    let cof = Dialect::of(Product::Cof).with_wrong_key(WrongKey::Unauthorized);
    for cause in Cause::ALL {
        let answer = cof.answer(cause, "");
        match cause {
            Cause::Unauthenticated => assert_eq!((answer.status.as_u16(), answer.retryable), (401, false)),
            _ => assert_eq!(answer, Dialect::of(Product::Cof).answer(cause, ""), "{cause:?}"),
        }
    }
    for product in PRODUCTS.into_iter().filter(|&product| product != Product::Cof) {
        let (usual, other) = (Dialect::of(product), Dialect::of(product).with_wrong_key(WrongKey::Unauthorized));
        assert!(Cause::ALL.iter().all(|&cause| usual.answer(cause, "") == other.answer(cause, "")), "{product}");
    }
}

#[test]
fn a_problem_is_retryable_where_thales_retries_its_status_and_final_where_it_does_not() {
    let mut compared = 0;
    for operation in descriptions().operations {
        for wrong_key in [WrongKey::Retryable, WrongKey::Unauthorized] {
            let dialect = Dialect::of(operation.product).with_wrong_key(wrong_key);
            for cause in Cause::ALL {
                let answer = dialect.answer(cause, "");
                for &(status, retried) in operation.retries.iter().filter(|(status, _)| answer.status == *status) {
                    assert_eq!(answer.retryable, retried, "{}: {cause:?} is {status}", operation.name);
                    compared += 1;
                }
                if operation.product == Product::Cof {
                    let told = operation.retries.iter().any(|&(status, _)| answer.status == status);
                    assert!(told, "{cause:?} has a status of which nothing is known: {}", answer.status);
                }
            }
        }
    }
    // Five operations of cof with every cause, and the 400 of a merchant gateway's token endpoint.
    assert_eq!(compared, 2 * (5 * Cause::ALL.len() + 2));
}

#[test]
fn the_files_tell_what_is_known_of_retries() {
    let told: std::collections::BTreeSet<_> = descriptions()
        .operations
        .into_iter()
        .flat_map(|operation| operation.retries.into_iter().map(move |retry| (operation.product.name(), retry)))
        .collect();
    let cof =
        [(400, false), (401, false), (404, false), (429, true), (500, true), (503, true)].map(|retry| ("cof", retry));
    assert_eq!(told, cof.into_iter().chain([("d1-ecom", (400, false))]).collect());
}

#[test]
fn everybody_else_sees_statuses_that_mean_what_they_say() {
    for product in PRODUCTS.into_iter().filter(|&product| product != Product::Cof) {
        let dialect = Dialect::of(product);
        for cause in Cause::ALL {
            let status = dialect.status(cause);
            let passing = status.is_server_error() && status != 501 || status == 408 || status == 429;
            assert_eq!(dialect.retryable(cause), passing, "{product}: {cause:?} is {status}");
        }
        let gateway = matches!(product, Product::Tsh | Product::TshAuxiliary | Product::Tsp);
        assert_eq!(dialect.status(Cause::UnknownId), if gateway { 400 } else { 404 }, "{product}");
        for (cause, status) in [
            (Cause::BadRequest, 400),
            (Cause::MissingHeader, 400),
            (Cause::Unauthenticated, 401),
            (Cause::UnknownOperation, 404),
            (Cause::MethodNotAllowed, 405),
            (Cause::BodyTimeout, 408),
            (Cause::TooLarge, 413),
            (Cause::Misdirected, 421),
            (Cause::RateLimited, 429),
            (Cause::Internal, 500),
            (Cause::BackendBroken, 502),
            (Cause::BackendUnavailable, 503),
            (Cause::BackendRefused, 503),
            (Cause::StoreUnavailable, 503),
            (Cause::IdentityProviderUnavailable, 503),
            (Cause::Retired, 503),
            (Cause::Draining, 503),
            (Cause::BackendTimeout, 504),
        ] {
            assert_eq!(dialect.status(cause), status, "{product}: {cause:?}");
        }
    }
}

#[test]
fn retry_after_is_for_what_passes_and_not_for_what_has_waited() {
    for product in PRODUCTS {
        for cause in Cause::ALL {
            let answer = Dialect::of(product).answer(cause, "");
            let seconds = match cause {
                Cause::Retired | Cause::Draining | Cause::RateLimited => Some(1),
                Cause::BackendUnavailable
                | Cause::BackendBroken
                | Cause::BackendRefused
                | Cause::StoreUnavailable
                | Cause::IdentityProviderUnavailable => Some(5),
                _ => None,
            };
            assert_eq!(answer.retry_after, seconds, "{product}: {cause:?}");
        }
    }
}

fn json(answer: &Answer) -> serde_json::Value {
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn issuer_gateways_get_a_code_and_a_message() {
    for product in [Product::Tsh, Product::TshAuxiliary, Product::Tsp] {
        let dialect = Dialect::of(product);
        let missing = dialect.answer(Cause::MissingHeader, "x-issuer-id is missing");
        assert_eq!(json(&missing), serde_json::json!({"responseCode": 111, "errorMessage": "x-issuer-id is missing"}));
        assert_eq!(missing.content_type.unwrap(), "application/json");
        for cause in Cause::ALL.into_iter().filter(|&cause| cause != Cause::MissingHeader) {
            assert_eq!(json(&dialect.answer(cause, ""))["responseCode"], 911, "{cause:?}");
        }
    }
}

#[test]
fn d1_gets_an_error_in_words() {
    for product in [Product::D1, Product::D1Ecom] {
        let answer = Dialect::of(product).answer(Cause::UnknownId, "issuer \"x\"");
        assert_eq!(json(&answer), serde_json::json!({"error": "issuer \"x\""}));
        assert_eq!(answer.content_type.unwrap(), "application/json");
    }
}

#[test]
fn transit_gets_a_problem_document() {
    let answer = Dialect::of(Product::Transit).answer(Cause::BackendTimeout, "");
    assert_eq!(answer.content_type.as_ref().unwrap(), "application/problem+json");
    assert_eq!(
        json(&answer),
        serde_json::json!({
            "type": "urn:issuer-host:problem:backend-timeout",
            "title": "Gateway timeout",
            "status": 504,
            "detail": "Gateway timeout",
            "retryable": true,
        })
    );
}

#[test]
fn names_of_causes_are_unique() {
    let names: std::collections::BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.name()).collect();
    assert_eq!(names.len(), Cause::ALL.len());
}
