use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

/// All products at once, which is more than an environment will have.
fn all() -> &'static Routes {
    static ALL: LazyLock<Routes> = LazyLock::new(|| routes(&Product::ALL));
    &ALL
}

/// The path of an operation with `ids` in the place of its parameters, and its literals in another spelling.
fn call(operation: &Operation, ids: &[String], literal: impl Fn(&str) -> String) -> String {
    let path = operation.full_path();
    let mut ids = ids.iter();
    let segments = template::segments(&path).map(|segment| match segment {
        Segment::Literal(text) => format!("/{}", literal(text)),
        Segment::Parameter(_) => format!("/{}", ids.next().unwrap()),
    });
    segments.collect()
}

fn alternating(text: &str) -> String {
    let swap = |(at, letter): (usize, char)| {
        if at % 2 == 0 { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
    };
    text.chars().enumerate().map(swap).collect()
}

fn ids() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[A-Za-z0-9_.~%-]{1,48}", 4)
}

#[test]
fn the_products_one_by_one_have_33_routes() {
    let each = Product::ALL.map(|product| routes(&[product]).operations().len());
    assert_eq!(each.iter().sum::<usize>(), 33);
    assert_eq!(all().operations().len(), 33);
}

#[test]
fn a_call_of_two_specifications_is_one_operation_that_names_both() {
    let routes = routes(&[Product::D1]);
    let operation = found(&routes, &Method::GET, "/cms/api/v1/issuers/I/cards/C/credentials");
    assert_eq!(operation.api, "Outbound Card API 1.0; Outbound Card API 2.0");
}

#[test]
fn an_empty_segment_is_no_id_and_a_slash_more_is_another_path() {
    let routes = all();
    for operation in routes.operations() {
        let empty = operation.full_path().replace("{issuerId}", "").replace("{tokenId}", "");
        let ids: Vec<_> = (0..4).map(|at| format!("id{at}")).collect();
        let path = call(operation, &ids, str::to_owned);
        let others = [
            format!("{path}/"),
            format!("/{path}"),
            path.trim_start_matches('/').to_owned(),
            path.replacen('/', "//", 2),
        ];
        for other in others.into_iter().chain(template::parameters(&operation.path).next().map(|_| empty)) {
            assert!(matches!(routes.find(&operation.method, &other), Found::Unknown { .. }), "{other}");
        }
        assert_eq!(found(routes, &operation.method, &path).name, operation.name);
    }
}

#[test]
fn another_verb_is_told_which_there_are() {
    let routes = all();
    let allow = |path: &str| match routes.find(&Method::DELETE, path) {
        Found::MethodNotAllowed { product, allow } => (product, allow.to_str().unwrap().to_owned()),
        other => panic!("{other:?}"),
    };
    assert_eq!(allow("/cms/api/v1/issuers/I/cards/C/pin"), (Product::D1, "GET, PUT".into()));
    assert_eq!(allow("/TSH-COF/notify-token-creation"), (Product::Cof, "POST".into()));
}

#[test]
fn nothing_is_decoded() {
    let routes = all();
    for path in
        ["/tsh%2Dcof/notify-token-creation", "/tsh-cof%2fnotify-token-creation", "/tsh-cof/notify-token-creation?x=1"]
    {
        assert!(matches!(routes.find(&Method::POST, path), Found::Unknown { .. }), "{path}");
    }
}

#[test]
fn a_path_that_is_longer_than_usual_is_matched_too() {
    let routes = all();
    for length in [1, ON_STACK, 4 * ON_STACK] {
        let card = "C".repeat(length);
        let path = format!("/CMS/api/v1/issuers/ISSUER0001/cards/{card}/PIN");
        let Found::Operation(matched) = routes.find(&Method::GET, &path) else { panic!("{length}") };
        assert_eq!(matched.parameter(&path, "cardId"), Some(card.as_str()));
    }
}

#[test]
fn a_parameter_that_the_operation_does_not_have_is_none() {
    let routes = all();
    let path = "/banking/d1/v1/issuers/I/consumers/C";
    let Found::Operation(matched) = routes.find(&Method::GET, path) else { panic!() };
    assert_eq!(matched.parameter(path, "consumerId"), Some("C"));
    assert_eq!(matched.parameter(path, "cardId"), None);
}

proptest! {
    #[test]
    fn each_operation_is_found_in_three_spellings_with_its_ids_as_they_were_called(ids in ids()) {
        let routes = all();
        for operation in routes.operations() {
            let spellings = [
                call(operation, &ids, str::to_owned),
                call(operation, &ids, str::to_ascii_uppercase),
                call(operation, &ids, alternating),
            ];
            for path in spellings {
                let Found::Operation(matched) = routes.find(&operation.method, &path) else {
                    return Err(TestCaseError::fail(path));
                };
                prop_assert!(Arc::ptr_eq(&matched.operation, operation), "{}", path);
                for (name, id) in template::parameters(&operation.path).zip(&ids) {
                    prop_assert_eq!(matched.parameter(&path, name), Some(id.as_str()));
                }
            }
        }
    }

    #[test]
    fn no_path_panics(path in "\\PC*") {
        let _ = all().find(&Method::POST, &path);
    }

    #[test]
    fn what_is_found_can_be_put_together_again(
        pieces in prop::collection::vec(
            prop_oneof![
                Just("cms"), Just("api"), Just("v1"), Just("issuers"), Just("cards"), Just("credentials"), Just("pin"), Just("x"),
                Just(""), Just("%2f"), Just("Ab"),
            ],
            0..9,
        ),
        prefix in prop_oneof![Just(""), Just("/cms/api/v1/issuers"), Just("/CMS/API/V1/ISSUERS/x/cards")],
    ) {
        let path = format!("{prefix}/{}", pieces.join("/"));
        if let Found::Operation(matched) = all().find(&Method::GET, &path) {
            let template = matched.operation.full_path();
            let again: String = template::segments(&template).map(|segment| match segment {
                Segment::Literal(literal) => format!("/{literal}"),
                Segment::Parameter(name) => format!("/{}", matched.parameter(&path, name).unwrap()),
            }).collect();
            prop_assert!(again.eq_ignore_ascii_case(&path), "{} is not {}", again, path);
            prop_assert!(!path.contains("//"), "{}", path);
        }
    }
}
