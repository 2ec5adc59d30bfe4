use std::time::Duration;

use super::*;
use crate::thales::key_expression::{KeyExpression, KeyPart};
use crate::thales::operation::{IssuerId, KeyOwner};
use crate::thales::{Evidence, Kind};

fn own(name: &str) -> OperationOverride {
    OperationOverride { name: name.to_owned(), ..OperationOverride::default() }
}

fn new(name: &str, path: &str) -> OperationOverride {
    OperationOverride {
        method: Some("POST".into()),
        path: Some(path.to_owned()),
        kind: Some(Kind::Notification),
        ..own(name)
    }
}

fn with(products: &[Product], overrides: Vec<OperationOverride>) -> Result<Routes, Vec<RouteProblem>> {
    compile(&RouteOptions { products: products.to_vec(), overrides, ..RouteOptions::default() })
}

fn problem(products: &[Product], own: OperationOverride) -> RouteProblem {
    let mut problems = with(products, vec![own]).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.remove(0)
}

fn based(product: Product, base_path: &str) -> Result<Routes, Vec<RouteProblem>> {
    compile(&RouteOptions {
        products: vec![product],
        base_paths: vec![(product, base_path.to_owned())],
        ..RouteOptions::default()
    })
}

fn operation<'r>(routes: &'r Routes, name: &str) -> &'r Operation {
    routes.operations().iter().find(|operation| operation.name == name).unwrap()
}

#[test]
fn the_only_base_path_of_a_product_is_replaced() {
    let routes = based(Product::Cof, "/gateway/events").unwrap();
    assert_eq!(operation(&routes, "notifyTokenUpdate").full_path(), "/gateway/events/notify-token-update");
    let routes = based(Product::Tsh, "").unwrap();
    assert_eq!(operation(&routes, "sendOTP").full_path(), "/sendOTP");
}

#[test]
fn several_base_paths_of_a_product_get_a_prefix() {
    let routes = based(Product::Tsp, "/prefix").unwrap();
    assert_eq!(operation(&routes, "createToken").full_path(), "/prefix/tsp/trapi/v1.0/tokens");
    assert_eq!(operation(&routes, "createTokenV2").full_path(), "/prefix/tokens");
}

#[test]
fn a_base_path_that_is_none_is_refused() {
    for base_path in ["cof", "/cof/", "/c%6ff", "/{id}", "/a//b"] {
        assert_eq!(based(Product::Cof, base_path).unwrap_err()[0].field, Some("base_paths"), "{base_path}");
    }
    let options = RouteOptions {
        products: vec![Product::Cof],
        base_paths: vec![(Product::Tsh, "/a".into()), (Product::Cof, "/a".into()), (Product::Cof, "/b".into())],
        ..RouteOptions::default()
    };
    assert_eq!(compile(&options).unwrap_err().len(), 2);
}

#[test]
fn an_operation_is_changed_in_what_is_said_and_nothing_else() {
    let change = OperationOverride {
        path: Some("/own/{digitalCardId}/of/{issuerId}".into()),
        status: Some(200),
        body: Some("{\"ok\":true}".into()),
        backend: Some("events".into()),
        deadline: Some(Duration::from_secs(3)),
        ..own("NOTIFYdigitalCardOperation")
    };
    let routes = with(&[Product::D1], vec![change]).unwrap();
    let changed = operation(&routes, "notifyDigitalCardOperation");
    assert_eq!(changed.full_path(), "/notifications/d1/v1/own/{digitalCardId}/of/{issuerId}");
    assert_eq!((changed.acknowledgement.status.as_u16(), changed.acknowledgement.body.len()), (200, 11));
    assert_eq!((changed.backend.as_deref(), changed.deadline), (Some("events"), Some(Duration::from_secs(3))));
    assert_eq!(changed.evidence, Evidence::Operator);
    let routes = super::routes(&[Product::D1]);
    let before = operation(&routes, "notifyDigitalCardOperation");
    assert_eq!((&changed.deduplication, &changed.ordering), (&before.deduplication, &before.ordering));
    assert_eq!(
        (changed.kind, &changed.issuer_id, &changed.correlation),
        (before.kind, &before.issuer_id, &before.correlation)
    );
}

#[test]
fn both_rows_of_a_call_are_changed() {
    let routes =
        with(&[Product::D1], vec![OperationOverride { base_path: Some("/cms".into()), ..own("getCardCredentials") }]);
    let routes = routes.unwrap();
    assert_eq!(routes.operations().len(), 14 - 1);
    assert_eq!(operation(&routes, "getCardCredentials").base_path, "/cms");
}

#[test]
fn a_key_that_an_operator_writes_is_only_ours_unless_they_say_otherwise() {
    let deduplication = || Some(vec!["body:taskId".to_owned(), "operation".to_owned()]);
    let key = |own: OperationOverride| {
        let routes = with(&[Product::Transit], vec![own]).unwrap();
        operation(&routes, "sendScript").deduplication.clone()
    };
    let written = key(OperationOverride { deduplication: deduplication(), ..own("sendScript") }).unwrap();
    assert_eq!((written.owner, written.key.to_string().as_str()), (KeyOwner::Ours, "body:taskId + operation"));
    let vouched = OperationOverride {
        deduplication_owner: Some(KeyOwner::Thales),
        deduplication: deduplication(),
        ..own("sendScript")
    };
    assert_eq!(key(vouched).unwrap().owner, KeyOwner::Thales);
    let disowned = key(OperationOverride { deduplication_owner: Some(KeyOwner::Ours), ..own("sendScript") }).unwrap();
    assert_eq!((disowned.owner, disowned.key.to_string().as_str()), (KeyOwner::Ours, "body:taskId"));
    assert_eq!(key(OperationOverride { deduplication: Some(Vec::new()), ..own("sendScript") }), None);
}

#[test]
fn secrets_can_be_added_and_not_taken_away() {
    let none = with(&[Product::Tsh], vec![OperationOverride { secrets: Some(Vec::new()), ..own("sendOTP") }]).unwrap();
    assert!(operation(&none, "sendOTP").is_sensitive());
    let before = routes(&[Product::Tsh]);
    assert!(!operation(&before, "notifyVirtualCardChange").is_sensitive());
    let more = OperationOverride { secrets: Some(vec!["tokenInfo.pan".into()]), ..own("notifyVirtualCardChange") };
    assert!(operation(&with(&[Product::Tsh], vec![more]).unwrap(), "notifyVirtualCardChange").is_sensitive());
}

#[test]
fn a_new_operation_is_like_its_siblings() {
    let routes = with(&[Product::Tsh], vec![new("notifyStandInProcess", "/notifyStandInProcess")]).unwrap();
    let added = operation(&routes, "notifyStandInProcess");
    assert_eq!(added.full_path(), "/issuer/igwapi/v2.0/notifyStandInProcess");
    assert_eq!((added.acknowledgement.status.as_u16(), added.evidence), (200, Evidence::Operator));
    assert_eq!(added.issuer_id, Some(IssuerId::Header("x-issuer-id".parse().unwrap())));
    assert_eq!(added.correlation.as_ref().unwrap(), "x-correlation-id");
    found(&routes, &Method::POST, "/ISSUER/igwapi/v2.0/NOTIFYstandinprocess");
}

#[test]
fn a_new_operation_of_a_product_with_several_base_paths_says_its_own() {
    let routes = with(&[Product::D1], vec![new("authenticate", "/auth/{issuerId}"), new("ping", "/ping")]).unwrap();
    let (added, ping) = (operation(&routes, "authenticate"), operation(&routes, "ping"));
    assert_eq!((added.full_path().as_str(), added.acknowledgement.status.as_u16()), ("/auth/{issuerId}", 204));
    assert_eq!(added.issuer_id, Some(IssuerId::Path("issuerId".into())));
    assert_eq!(ping.issuer_id, None, "its path has no such id");
}

#[test]
fn a_new_operation_needs_verb_path_and_kind() {
    let named = problem(&[Product::Tsh], OperationOverride { kind: Some(Kind::Query), ..own("notifyStandInProcess") });
    assert!(named.problem.contains("Thales names"), "{named}");
    assert_eq!(named.remedy, "add method, path as Thales told you");
    assert!(problem(&[Product::Tsh], own("somethingElse")).remedy.starts_with("add method, path, kind"));
    assert_eq!(problem(&[Product::Tsh], own("sendOPT")).remedy, "did you mean \"sendOTP\"?");
    assert_eq!(problem(&[Product::Tsh, Product::D1], own("sendOPT")).remedy, "did you mean \"sendOTP\"?");
    assert_eq!(problem(&[Product::Tsh, Product::D1], new("ping", "/ping")).field, Some("product"));
    for name in ["a b", "", "unknown", "UNKNOWN", &"x".repeat(65)] {
        assert_eq!(problem(&[Product::Tsh], new(name, "/ping")).operation.as_deref(), Some(name));
    }
}

#[test]
fn a_name_of_two_products_needs_one_of_them() {
    let both = [Product::Cof, Product::D1Ecom];
    let status =
        |name: &str, product| OperationOverride { deadline: Some(Duration::from_secs(1)), product, ..own(name) };
    let ambiguous = problem(&both, status("notifyTokenUpdate", None));
    assert!(ambiguous.remedy.contains("/notifyTokenUpdate\""), "{ambiguous}");
    for change in [status("d1-ecom/notifyTokenUpdate", None), status("notifyTokenUpdate", Some(Product::D1Ecom))] {
        let routes = with(&both, vec![change]).unwrap();
        let changed: Vec<_> = routes.operations().iter().filter(|operation| operation.deadline.is_some()).collect();
        assert_eq!(changed.len(), 1);
        assert_eq!(changed[0].product, Product::D1Ecom);
    }
    assert_eq!(problem(&both, status("d1-ecom/notifyTokenUpdate", Some(Product::Cof))).field, Some("product"));
    assert!(problem(&both, status("tsh/sendOTP", None)).problem.contains("does not serve tsh"));
    assert!(problem(&both, status("d2/sendOTP", None)).problem.contains("no product"));
}

#[test]
fn an_operation_is_changed_in_one_place() {
    let problems = with(&[Product::Tsh], vec![own("sendOTP"), own("tsh/SENDOTP")]).unwrap_err();
    assert_eq!(problems[0].operation.as_deref(), Some("tsh/SENDOTP"));
}

#[test]
fn what_is_wrong_with_an_override_is_told_with_its_field() {
    let card = || own("notifyCardOperationV1");
    let text = |text: &str| Some(text.to_owned());
    for (field, change) in [
        ("method", OperationOverride { method: text("post"), ..card() }),
        ("path", OperationOverride { path: text("cards"), ..card() }),
        ("base_path", OperationOverride { base_path: text("/"), ..card() }),
        ("status", OperationOverride { status: Some(404), ..card() }),
        ("body", OperationOverride { body: text("{}"), ..card() }),
        ("headers", OperationOverride { headers: vec![("a b".into(), "c".into())], ..card() }),
        ("deduplication", OperationOverride { deduplication: Some(vec!["path:tokenId".into()]), ..card() }),
        ("deduplication_owner", OperationOverride { deduplication_owner: Some(KeyOwner::Ours), ..own("getCardPin") }),
        ("ordering", OperationOverride { ordering: Some(vec!["card".into()]), ..card() }),
        ("deadline", OperationOverride { deadline: Some(Duration::ZERO), ..card() }),
        // Without cardId there is no lane, without issuerId no check of the issuer.
        ("path", OperationOverride { path: text("/{issuerId}/events"), ..card() }),
        ("path", OperationOverride { path: text("/{cardId}/events"), ..card() }),
    ] {
        let problem = problem(&[Product::D1], change);
        assert_eq!(
            (problem.operation.as_deref(), problem.field),
            (
                Some("notifyCardOperationV1").filter(|_| field != "deduplication_owner").or(Some("getCardPin")),
                Some(field)
            ),
            "{problem}"
        );
    }
    assert_eq!(
        problem(&[Product::Cof], OperationOverride { status: Some(200), ..own("notifyTokenUpdate") }).field,
        Some("status")
    );
}

#[test]
fn all_problems_are_told_at_once() {
    let options = RouteOptions {
        products: vec![Product::Tsh],
        base_paths: vec![(Product::Cof, "/cof".into())],
        overrides: vec![
            own("sendOPT"),
            OperationOverride { status: Some(404), method: Some("x".into()), ..own("sendOTP") },
        ],
    };
    assert_eq!(compile(&options).unwrap_err().len(), 4);
}

#[test]
fn rows_of_one_verb_and_path_have_to_behave_alike() {
    let same =
        |kind| OperationOverride { kind: Some(kind), base_path: Some(String::new()), ..new("other", "/SENDscript") };
    let problem = problem(&[Product::Transit], same(Kind::Query));
    assert_eq!(problem.operation.as_deref(), Some("other"));
    assert!(problem.problem.ends_with("which differ in kind, deduplication"), "{problem}");
    let alike = OperationOverride {
        deduplication: Some(vec!["body:taskId".into()]),
        deduplication_owner: Some(KeyOwner::Thales),
        ..same(Kind::Command)
    };
    assert_eq!(with(&[Product::Transit], vec![alike]).unwrap().operations().len(), 6);
}

#[test]
fn names_of_parameters_may_differ_where_their_places_do_not() {
    let path = "/issuers/{issuerId}/digitalCards/{card}/notifications";
    let other = |key: &str| OperationOverride {
        base_path: Some("/notifications/d1/v1".into()),
        deduplication: Some(vec!["body:operationId".into()]),
        deduplication_owner: Some(KeyOwner::Thales),
        ordering: Some(vec![key.to_owned()]),
        ..new("other", path)
    };
    assert!(with(&[Product::D1], vec![other("path:card")]).is_ok());
    assert!(problem(&[Product::D1], other("path:issuerId")).problem.contains("ordering"));
}

#[test]
fn two_templates_must_not_match_one_path() {
    let wide = OperationOverride { base_path: Some(String::new()), ..new("wide", "/{a}/tokens") };
    assert!(with(&[Product::Tsp], vec![wide.clone()]).is_ok());
    let clash = OperationOverride { base_path: Some(String::new()), ..new("clash", "/v1/{b}") };
    let problems = with(&[Product::Tsp], vec![wide, clash]).unwrap_err();
    assert_eq!(problems[0].operation.as_deref(), Some("clash"));
    assert!(problems[0].problem.contains("/{a}/tokens"), "{}", problems[0]);
}

#[test]
fn another_verb_at_a_known_path_is_fine_unless_it_is_another_product_s() {
    let put = |product| OperationOverride {
        method: Some("PUT".into()),
        base_path: Some("/tsh-cof".into()),
        product: Some(product),
        ..new("replace", "/notify-token-update")
    };
    let routes = with(&[Product::Cof], vec![put(Product::Cof)]).unwrap();
    assert_eq!(found(&routes, &Method::PUT, "/tsh-cof/notify-token-update").name, "replace");
    assert_eq!(found(&routes, &Method::POST, "/tsh-cof/notify-token-update").name, "notifyTokenUpdate");
    assert!(problem(&[Product::Cof, Product::Tsh], put(Product::Tsh)).problem.contains("different products"));
}

#[test]
fn keys_name_only_parameters_of_their_own_path() {
    for operation in routes(&Product::ALL).operations() {
        let keys = operation.deduplication.iter().map(|own| &own.key).chain(&operation.ordering);
        for part in keys.flat_map(KeyExpression::parts) {
            if let KeyPart::Path(name) = part {
                assert!(template::parameters(&operation.path).any(|parameter| parameter == name), "{}", operation.name);
            }
        }
    }
}

#[test]
fn how_a_request_for_a_token_is_answered_cannot_be_changed() {
    let asked = |product, name: &str| {
        let answer = OperationOverride {
            kind: Some(Kind::Notification),
            status: Some(200),
            body: Some("{}".into()),
            headers: vec![("x-a".into(), "b".into())],
            ..own(name)
        };
        with(&[product], vec![answer])
    };
    for (product, name) in [(Product::D1, "getToken"), (Product::D1Ecom, "getAccessToken")] {
        let problems = asked(product, name).unwrap_err();
        let fields: Vec<_> = problems.iter().filter_map(|problem| problem.field).collect();
        assert_eq!(fields, ["kind", "status", "body", "headers"], "{problems:#?}");
        let elsewhere = OperationOverride { path: Some("/token".into()), backend: Some("idp".into()), ..own(name) };
        assert!(with(&[product], vec![elsewhere]).is_ok(), "control: where it is asked for, and whom");
    }
    let query = OperationOverride { kind: Some(Kind::Query), ..own("notifyTokenUpdate") };
    assert!(with(&[Product::Cof], vec![query]).is_ok(), "control: an operation of the customer's");
}
