use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::thales::key_expression::{BodyStep, KeyExpression, KeyPart};
use crate::thales::openapi::{self, Described};
use crate::thales::operation::{IssuerId, Role};
use crate::thales::{Catalogue, template};

fn fill() -> Fill {
    Fill {
        issuer_id: SAMPLE_ISSUER_ID.to_owned(),
        fresh: "0123456789ab".to_owned(),
        now: "2026-01-01T00:00:00Z".to_owned(),
    }
}

#[test]
fn every_file_can_be_read() {
    for text in BUILT_IN {
        assert!(!read(text).unwrap().is_empty(), "{text}");
    }
}

#[test]
fn each_operation_has_an_example_and_each_example_an_operation() {
    let operations = Catalogue::built_in().operations();
    let without: Vec<_> = operations.iter().filter(|row| Example::of(row).is_none()).map(|row| &row.name).collect();
    assert!(without.is_empty(), "{without:?}");
    let examples: Vec<_> = BUILT_IN.iter().flat_map(|text| read(text).unwrap()).collect();
    for example in &examples {
        let of_it = |row: &&Operation| row.product == example.product && row.name == example.operation;
        assert!(operations.iter().any(|row| of_it(&row)), "{example:?}");
    }
    let names: BTreeSet<_> = examples.iter().map(|example| (example.product, &example.operation)).collect();
    assert_eq!(names.len(), examples.len(), "none stands there twice");
}

#[test]
fn every_example_is_what_the_api_descriptions_ask_for() {
    let descriptions = openapi::descriptions();
    let operations = Catalogue::built_in().operations();
    assert_eq!(descriptions.operations.len(), operations.len());
    for row in operations {
        let described = descriptions.operations.iter().find(|described| {
            described.product == row.product
                && described.api == row.api
                && described.method == row.method.as_str()
                && described.path == row.full_path()
        });
        let described = described.unwrap_or_else(|| panic!("{} is not described", row.name));
        let example = Example::of(row).unwrap();
        parameters_are_as_described(row, example, described);
        body_is_as_described(row, example, described);
        let mut answer = described.answer_required.clone();
        if matches!(row.role, Role::TokenEndpoint { .. }) && answer.is_empty() {
            // RFC 6749 section 5.1.
            answer = vec!["access_token".to_owned(), "token_type".to_owned()];
        }
        assert_eq!(example.answer, answer, "{}", row.name);
    }
}

fn parameters_are_as_described(row: &Operation, example: &Example, described: &Described) {
    let mut path: BTreeSet<&str> = example.path.keys().map(String::as_str).collect();
    if let Some(IssuerId::Path(name)) = &row.issuer_id {
        assert!(path.insert(name), "{}: {name} comes by itself", row.name);
    }
    assert_eq!(path, template::parameters(&row.path).collect(), "{}", row.name);
    for parameter in &described.parameters {
        let (place, name) = (parameter["in"].as_str().unwrap(), parameter["name"].as_str().unwrap());
        let value = match place {
            "path" => example.path.get(name).map_or(SAMPLE_ISSUER_ID, String::as_str),
            "query" => example.query.get(name).map_or("", String::as_str),
            // The rest of a call's headers is nobody's example.
            "header" if name == "authorization" || row.correlation.as_ref().is_some_and(|own| own == name) => continue,
            "header" if matches!(&row.issuer_id, Some(IssuerId::Header(own)) if own == name) => SAMPLE_ISSUER_ID,
            _ => {
                let header = example.headers.iter().find(|(own, _)| own == name);
                header.map_or("", |(_, value)| value.to_str().unwrap())
            }
        };
        let problems = problems(&Value::from(value), &parameter["schema"], name, &BTreeSet::new());
        assert!(problems.is_empty(), "{}: {problems:?}", row.name);
    }
    for name in example.headers.iter().map(|(name, _)| name.as_str()).chain(example.query.keys().map(String::as_str)) {
        assert!(described.parameters.iter().any(|it| it["name"] == name), "{}: {name} is not described", row.name);
    }
}

fn body_is_as_described(row: &Operation, example: &Example, described: &Described) {
    let body = example.body(&fill());
    let Some((content_type, schema)) = &described.request else {
        assert!(body.is_empty() && example.content_type.is_none(), "{}", row.name);
        return;
    };
    assert_eq!(example.content_type.as_ref().unwrap(), content_type, "{}", row.name);
    let value: Value = if content_type == "application/json" {
        serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{}: {error}", row.name))
    } else {
        form_urlencoded::parse(&body).map(|(name, value)| (name.into_owned(), Value::from(&*value))).collect()
    };
    let problems = problems(&value, schema, "", &key_fields(row));
    assert!(problems.is_empty(), "{}: {problems:?}", row.name);
    assert!(!String::from_utf8_lossy(&body).contains(['\u{0}', '\t']));
}

/// Fields that the catalogue reads, and may know of from elsewhere.
fn key_fields(row: &Operation) -> BTreeSet<String> {
    let keys = row.deduplication.iter().map(|own| &own.key).chain(&row.ordering);
    let steps = keys.flat_map(KeyExpression::parts).filter_map(|part| match part {
        KeyPart::Body(steps) => steps.last(),
        _ => None,
    });
    steps
        .filter_map(|step| match step {
            BodyStep::Field(name) => Some(name.clone()),
            BodyStep::Each => None,
        })
        .collect()
}

/// Every field that the keys of an operation are made of is there: else a repeat could not be told from a new event.
#[test]
fn every_example_has_what_its_keys_are_made_of_and_is_a_new_event_each_time() {
    for row in Catalogue::built_in().operations() {
        let example = Example::of(row).unwrap();
        let body = String::from_utf8(example.body(&fill()).to_vec()).unwrap();
        for field in key_fields(row) {
            assert!(body.contains(&format!("\"{field}\":")), "{} lacks {field}", row.name);
        }
        let Some(deduplication) = &row.deduplication else { continue };
        let parts = deduplication.key.parts();
        let of_the_call =
            |part: &KeyPart| matches!(part, KeyPart::Header(name) if row.correlation.as_ref() == Some(name));
        let other = example.body(&Fill { fresh: "ba9876543210".to_owned(), ..fill() });
        assert!(parts.iter().any(of_the_call) || other != body, "{} is the same event each time", row.name);
    }
}

#[test]
fn nothing_in_an_example_could_be_a_card_s() {
    for row in Catalogue::built_in().operations() {
        let body = Example::of(row).unwrap().body(&Fill { fresh: "SAMPLE".to_owned(), now: String::new(), ..fill() });
        let text = String::from_utf8_lossy(&body);
        let longest = text.split(|character: char| !character.is_ascii_digit()).map(str::len).max().unwrap_or(0);
        // Digits of hexadecimal text stand together by chance; a PAN has 12 digits at least (ISO/IEC 7812-1).
        assert!(longest < 12, "{}: {text}", row.name);
    }
}

/// What is wrong with `value`, held against as much of JSON Schema as the descriptions use.
fn problems(value: &Value, schema: &Value, at: &str, known: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    let mut demand = |holds: bool, what: &str| {
        if !holds {
            found.push(format!("{at}: {what}: {value}"));
        }
    };
    match schema["type"].as_str() {
        Some("string") => demand(value.is_string(), "is no string"),
        Some("boolean") => demand(value.is_boolean(), "is no boolean"),
        Some("integer" | "number") => demand(value.is_number(), "is no number"),
        Some("array") => demand(value.is_array(), "is no array"),
        Some("object") => demand(value.is_object(), "is no object"),
        _ => {}
    }
    if let Some(text) = value.as_str() {
        let length = text.len() as u64;
        demand(schema["minLength"].as_u64().is_none_or(|least| length >= least), "is too short");
        demand(schema["maxLength"].as_u64().is_none_or(|most| length <= most), "is too long");
        demand(schema["pattern"].as_str().is_none_or(|pattern| matches(pattern, text)), "has another pattern");
        for words in ["enum", "x-known-values"] {
            let list = schema[words].as_array();
            demand(list.is_none_or(|list| list.contains(value)), "is none of the known values");
        }
    }
    if let (Some(fields), Some(described)) = (value.as_object(), schema["properties"].as_object()) {
        for (name, value) in fields {
            let inner = format!("{at}.{name}");
            match described.get(name) {
                Some(schema) => found.extend(problems(value, schema, &inner, known)),
                None if known.contains(name) || name == "issuerId" => {}
                None => found.push(format!("{inner} is not described")),
            }
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            if !fields.contains_key(name.as_str().unwrap()) {
                found.push(format!("{at} lacks {name}"));
            }
        }
    }
    for element in value.as_array().into_iter().flatten() {
        found.extend(problems(element, &schema["items"], &format!("{at}[]"), known));
    }
    found
}

/// The patterns of the descriptions' requests; one that is new has to be added.
fn matches(pattern: &str, text: &str) -> bool {
    let id = |most: std::ops::RangeInclusive<usize>| {
        most.contains(&text.len()) && text.chars().all(|it| it.is_ascii_alphanumeric() || "_-".contains(it))
    };
    match pattern {
        "^[A-Za-z0-9_-]{10}$" => id(10..=10),
        "^[A-Za-z0-9_-]{11}$" => id(11..=11),
        "^[A-Za-z0-9_-]{1,48}$" => id(1..=48),
        "^[A-Za-z0-9_-]{1,64}$" => id(1..=64),
        r"^\d{6}$" => text.len() == 6 && text.chars().all(|it| it.is_ascii_digit()),
        "^([0-9a-fA-F][0-9a-fA-F]){1,24}$" => {
            (2..=48).contains(&text.len())
                && text.len().is_multiple_of(2)
                && text.chars().all(|it| it.is_ascii_hexdigit())
        }
        other => panic!("nobody has written {other:?} down here"),
    }
}

#[test]
fn an_example_that_is_wrong_would_be_noticed() {
    let schema = serde_json::json!({
        "type": "object", "required": ["a"],
        "properties": { "a": { "type": "string", "maxLength": 2 }, "b": { "type": "boolean" } }
    });
    let count = |value: Value| problems(&value, &schema, "", &BTreeSet::new()).len();
    assert_eq!(count(serde_json::json!({ "a": "xx", "b": true })), 0, "control");
    for wrong in [
        serde_json::json!({ "b": true }),
        serde_json::json!({ "a": "xxx" }),
        serde_json::json!({ "a": 1 }),
        serde_json::json!({ "a": "x", "b": "true" }),
        serde_json::json!({ "a": "x", "c": 1 }),
    ] {
        assert_eq!(count(wrong.clone()), 1, "{wrong}");
    }
}
