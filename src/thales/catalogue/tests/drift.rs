//! The catalogue says what the files in `tests/data/openapi` say, and nothing else.

use std::collections::BTreeMap;

use crate::thales::openapi::{Described, Named, descriptions};
use crate::thales::operation::{ExpiresIn, IssuerId, Role, SecretField, Side};
use crate::thales::{Catalogue, Operation, Product, template};

/// Rows and descriptions side by side, by product, specification and name.
fn pairs() -> Vec<(&'static Operation, Described)> {
    let mut rows: BTreeMap<_, _> = Catalogue::built_in()
        .operations()
        .iter()
        .map(|row| ((row.product, row.api.clone(), row.name.clone()), row))
        .collect();
    assert_eq!(rows.len(), Catalogue::built_in().operations().len(), "a row stands twice");
    let pairs = descriptions().operations.into_iter().map(|described| {
        let key = (described.product, described.api.clone(), name(&described).to_owned());
        (rows.remove(&key).unwrap_or_else(|| panic!("the catalogue has no {key:?}")), described)
    });
    let pairs = pairs.collect();
    assert!(rows.is_empty(), "no file has {:?}", rows.keys());
    pairs
}

/// The name that the catalogue has for it: the two versions of a TSP's calls share a product, where names are unique.
fn name(described: &Described) -> &str {
    match (described.product, described.api.contains(" 2."), described.name.as_str()) {
        (Product::Tsp, true, "createToken") => "createTokenV2",
        (_, _, name) => name,
    }
}

#[test]
fn fifteen_files_have_34_operations_and_so_has_the_catalogue() {
    assert_eq!(descriptions().files, 15);
    assert_eq!(pairs().len(), 34);
}

#[test]
fn verbs_paths_kinds_and_evidence_are_those_of_the_files() {
    for (row, described) in pairs() {
        let row = (row.method.as_str(), row.full_path(), row.kind.name(), row.evidence.name(), &row.sources);
        let file = (
            described.method.as_str(),
            described.path,
            described.kind.as_str(),
            described.evidence.as_str(),
            &described.sources,
        );
        assert_eq!(row, file, "{}", described.name);
    }
}

#[test]
fn a_success_has_the_status_of_the_files_and_no_body() {
    for (row, described) in pairs() {
        assert_eq!(row.acknowledgement.status, described.success, "{}", row.name);
        assert!(row.acknowledgement.body.is_empty(), "{}", row.name);
    }
}

#[test]
fn deduplication_keys_and_their_owners_are_those_of_the_files() {
    for (row, described) in pairs() {
        let key = row
            .deduplication
            .as_ref()
            .map(|own| (own.key.parts().iter().map(ToString::to_string).collect::<Vec<_>>(), own.owner.name()));
        assert_eq!(key, described.deduplication, "{}", row.name);
    }
}

#[test]
fn a_correlation_id_of_d1_is_no_part_of_a_key() {
    let d1 = |row: &&Operation| matches!(row.product, Product::D1 | Product::D1Ecom);
    for row in Catalogue::built_in().operations().iter().filter(d1) {
        let keys = row.deduplication.iter().map(|own| &own.key).chain(&row.ordering);
        for key in keys {
            assert!(!key.to_string().contains("correlation"), "{}: {key}", row.name);
        }
    }
    // What the test above looks for is there where it may be.
    let cof = Catalogue::built_in().operations().iter().find(|row| row.product == Product::Cof).unwrap();
    assert!(cof.deduplication.as_ref().unwrap().key.to_string().contains("correlation"));
}

#[test]
fn sensitive_fields_are_those_of_the_files() {
    for (row, described) in pairs() {
        let secrets: Vec<_> = row.secrets.iter().map(shown).collect();
        // What an answer is made of throughout has no name of a field.
        let sensitive = described.sensitive.iter().map(|field| match field.as_str() {
            "response: personal data" => "response",
            field => field,
        });
        assert_eq!(secrets, sensitive.collect::<Vec<_>>(), "{}", row.name);
    }
}

/// A secret in the words of the files.
fn shown(secret: &SecretField) -> String {
    match (secret.side, secret.field.as_str()) {
        (Side::Request, "") => "request body".into(),
        (Side::Response, "") => "response".into(),
        (Side::Request, field) => field.strip_prefix("header:").unwrap_or(field).into(),
        (Side::Response, "access_token") => "access_token".into(),
        (Side::Response, field) => format!("response: {field}"),
    }
}

#[test]
fn headers_that_the_catalogue_relies_on_are_in_the_files() {
    for (row, described) in pairs() {
        let issuer_id = match &row.issuer_id {
            Some(IssuerId::Header(name)) => Some(name),
            Some(IssuerId::Path(name)) => {
                assert!(template::parameters(&row.path).any(|parameter| parameter == name), "{}", row.name);
                None
            }
            Some(IssuerId::OptionalHeader(_)) | None => None,
        };
        for header in row.correlation.iter().chain(issuer_id) {
            assert!(described.headers.iter().any(|name| name == header.as_str()), "{}: {header}", row.name);
        }
        let correlating = described.headers.iter().any(|name| name == "x-correlation-id" || name == "x-request-id");
        assert_eq!(row.correlation.is_some(), correlating, "{}", row.name);
    }
}

#[test]
fn token_endpoints_are_those_that_answer_with_a_life_span_and_write_it_as_their_product_does() {
    for (row, described) in pairs() {
        let expected = described.expires_in.as_deref().map(|written| match written {
            "string" => ExpiresIn::Text,
            "number" => ExpiresIn::Number,
            other => panic!("{other}"),
        });
        let expires_in = match row.role {
            Role::TokenEndpoint { expires_in } => Some(expires_in),
            Role::Business => None,
        };
        assert_eq!(expires_in, expected, "{}", row.name);
    }
}

#[test]
fn every_notification_has_an_order_and_nothing_else_has() {
    for row in Catalogue::built_in().operations() {
        assert_eq!(row.ordering.is_some(), row.kind.name() == "notification", "{}", row.name);
    }
}

#[test]
fn operations_without_a_path_are_those_of_the_files() {
    let mut named = descriptions().named;
    let mut unresolved: Vec<_> = Catalogue::built_in()
        .unresolved()
        .iter()
        .map(|row| Named {
            product: row.product,
            api: row.api.clone(),
            name: row.name.clone(),
            kind: row.kind.map(|kind| kind.name().to_owned()),
        })
        .collect();
    named.sort();
    unresolved.sort();
    assert_eq!(unresolved, named);
    assert!(Catalogue::built_in().unresolved().iter().all(|row| !row.known.is_empty() && !row.missing.is_empty()));
}
