//! A call as the API descriptions have it: every parameter and every field, made from its schema.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::string::string_regex;
use proptest::test_runner::TestRunner;
use saphyr::{LoadableYamlNode as _, Yaml};
use serde_json::{Map, Value, json};

use super::Row;

/// The id that the environments of these tests serve.
pub(super) const OUR_ID: &str = "ISSUER0001";

/// What a call is made of.
#[derive(Clone, Debug)]
pub(super) struct Example {
    /// Of the path, by name.
    pub(super) ids: Vec<(String, String)>,
    pub(super) query: Option<String>,
    /// All but `authorization`.
    pub(super) headers: Vec<(String, String)>,
    pub(super) content_type: Option<String>,
    /// What Thales sends today.
    pub(super) body: Bytes,
    /// What it may send tomorrow: fields more, and values that nobody knows yet.
    pub(super) body_of_tomorrow: Bytes,
}

impl Example {
    pub(super) fn of(row: &Row) -> Self {
        let text = fs::read_to_string(directory().join(format!("{}.yaml", row.file))).unwrap();
        let documents = Yaml::load_from_str(&text).unwrap();
        let document = &documents[0];
        let path = row.path.strip_prefix(base(document)).unwrap();
        let operation = &document["paths"][path][row.verb.to_lowercase().as_str()];
        // Two versions of one operation have names of their own here.
        assert!(row.name.starts_with(word(operation, "operationId")), "{row:?}");
        assert_eq!(word(operation, "x-kind"), row.kind, "{row:?}");
        let parameters = |place: &str| {
            let parameters = operation.as_mapping_get("parameters").map_or(&[][..], |list| list.as_vec().unwrap());
            let of_place = parameters.iter().filter(|parameter| word(parameter, "in") == place);
            of_place.map(|it| (word(it, "name").to_owned(), parameter(it))).collect::<Vec<_>>()
        };
        let query = parameters("query").into_iter().map(|(name, value)| format!("{name}={value}"));
        let query = query.collect::<Vec<_>>().join("&");
        let mut headers = parameters("header");
        headers.retain(|(name, _)| name != "authorization");
        let content = operation.as_mapping_get("requestBody").map(|body| body["content"].as_mapping().unwrap());
        let content = content.map(|content| content.iter().next().unwrap());
        let content = content.map(|(kind, media)| (kind.as_str().unwrap(), &media["schema"]));
        let body =
            |tomorrow| content.map_or(Bytes::new(), |(kind, schema)| written(kind, &value("", schema, tomorrow)));
        Self {
            ids: parameters("path"),
            query: (!query.is_empty()).then_some(query),
            headers,
            content_type: content.map(|(kind, _)| kind.to_owned()),
            body: body(false),
            body_of_tomorrow: body(true),
        }
    }
}

/// File, verb and path of all operations in the files.
pub(super) fn described() -> Vec<(String, String, String)> {
    let mut described = Vec::new();
    for entry in fs::read_dir(directory()).unwrap() {
        let file = entry.unwrap().path();
        let text = fs::read_to_string(&file).unwrap();
        let documents = Yaml::load_from_str(&text).unwrap();
        let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
        for (path, item) in documents[0]["paths"].as_mapping().unwrap() {
            for verb in item.as_mapping().unwrap().keys() {
                let path = format!("{}{}", base(&documents[0]), path.as_str().unwrap());
                described.push((stem.clone(), verb.as_str().unwrap().to_uppercase(), path));
            }
        }
    }
    described
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/openapi")
}

/// The path of the server's address.
fn base<'a>(document: &'a Yaml<'_>) -> &'a str {
    let url = document["servers"][0]["url"].as_str().unwrap();
    match url.strip_prefix("https://") {
        Some(rest) => rest.find('/').map_or("", |at| &rest[at..]),
        None => url,
    }
}

fn parameter(parameter: &Yaml<'_>) -> String {
    match word(parameter, "name") {
        "issuerId" | "merchantGatewayId" | "x-issuer-id" => OUR_ID.to_owned(),
        name => text(name, &parameter["schema"]).replace(|c: char| !c.is_ascii(), "e"),
    }
}

fn written(kind: &str, value: &Value) -> Bytes {
    if kind == "application/x-www-form-urlencoded" {
        let fields = value.as_object().unwrap().iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
        return form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into();
    }
    // With blanks and line ends that nobody needs: they are to arrive as well.
    format!(" {}\r\n\t\n", serde_json::to_string_pretty(value).unwrap()).into()
}

fn value(name: &str, schema: &Yaml<'_>, tomorrow: bool) -> Value {
    match word(schema, "type") {
        "object" => {
            let mut fields = Map::new();
            if let Some(properties) = schema.as_mapping_get("properties") {
                for (name, schema) in properties.as_mapping().unwrap() {
                    let name = name.as_str().unwrap();
                    fields.insert(name.to_owned(), value(name, schema, tomorrow));
                }
            } else {
                fields.insert("anything".to_owned(), json!([null, 1.5, { "caf\u{e9}": "\u{1f4b3}" }]));
            }
            if tomorrow {
                fields.insert("fieldOfTomorrow".to_owned(), json!({ "list": [[], {}, "text"] }));
            }
            Value::Object(fields)
        }
        "array" => {
            let item = value(name, &schema["items"], tomorrow);
            json!([item.clone(), item])
        }
        "boolean" => json!(true),
        "integer" => json!(17),
        "string" if tomorrow && schema.contains_mapping_key("x-known-values") => json!("A_VALUE_OF_TOMORROW"),
        "string" => json!(text(name, schema)),
        other => panic!("{name} has the type {other}"),
    }
}

/// A value that is known, or one of the pattern, or the longest that is allowed.
fn text(name: &str, schema: &Yaml<'_>) -> String {
    if let Some(only) = schema.as_mapping_get("const") {
        return only.as_str().unwrap().to_owned();
    }
    if let Some(known) = schema.as_mapping_get("enum").or_else(|| schema.as_mapping_get("x-known-values")) {
        return known[0].as_str().unwrap().to_owned();
    }
    if let Some(pattern) = schema.as_mapping_get("pattern") {
        let pattern = pattern.as_str().unwrap().trim_start_matches('^').trim_end_matches('$');
        // The same in every run.
        return string_regex(pattern).unwrap().new_tree(&mut TestRunner::deterministic()).unwrap().current();
    }
    let length = schema.as_mapping_get("maxLength").map_or(24, |length| length.as_integer().unwrap());
    format!("{name}-\u{e9}-0123456789").chars().cycle().take(usize::try_from(length).unwrap()).collect()
}

fn word<'a>(node: &'a Yaml<'_>, key: &str) -> &'a str {
    node[key].as_str().unwrap_or_else(|| panic!("{key} is no text"))
}
