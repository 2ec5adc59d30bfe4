//! What the files in `tests/data/openapi` say, for tests: the catalogue and the dialect are held against them.

use std::fs;
use std::path::Path;

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::Value;

use super::Product;

/// An operation of the files.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) product: Product,
    pub(super) api: String,
    pub(super) name: String,
    pub(super) method: String,
    /// With the path of the server.
    pub(super) path: String,
    pub(super) kind: String,
    pub(super) evidence: String,
    /// The lowest status of success.
    pub(super) success: u16,
    /// The text forms of the parts, and the owner.
    pub(super) deduplication: Option<(Vec<String>, &'static str)>,
    pub(super) sensitive: Vec<String>,
    pub(super) sources: Vec<String>,
    /// Names of header parameters.
    pub(super) headers: Vec<String>,
    /// Whether Thales sends the call again after this status, where a file says so.
    pub(super) retries: Vec<(u16, bool)>,
    /// The type of `expires_in` in the answer.
    pub(super) expires_in: Option<String>,
    /// Its parameters, as they stand there.
    pub(super) parameters: Vec<Value>,
    /// Content type and schema of its request's body.
    pub(super) request: Option<(String, Value)>,
    /// The fields that its answer has to have.
    pub(super) answer_required: Vec<String>,
}

/// An operation that a file names without a path.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Named {
    pub(super) product: Product,
    pub(super) api: String,
    pub(super) name: String,
    pub(super) kind: Option<String>,
}

/// Everything that the files say.
#[derive(Debug, Default)]
pub(super) struct Descriptions {
    pub(super) operations: Vec<Described>,
    pub(super) named: Vec<Named>,
    pub(super) files: usize,
}

pub(super) fn descriptions() -> Descriptions {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/openapi");
    let mut paths: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut descriptions = Descriptions::default();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let documents = Yaml::load_from_str(&text).unwrap();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        descriptions.files += 1;
        read(product(stem), &documents[0], &mut descriptions);
    }
    descriptions
}

fn product(file: &str) -> Product {
    let products = [
        ("tsh-issuer-gateway-auxiliary", Product::TshAuxiliary),
        ("tsh-issuer-gateway", Product::Tsh),
        ("tsh-transit", Product::Transit),
        ("tsp-", Product::Tsp),
        ("d1-ecom", Product::D1Ecom),
        ("d1-", Product::D1),
        ("cof-", Product::Cof),
    ];
    products.into_iter().find(|(prefix, _)| file.starts_with(prefix)).unwrap_or_else(|| panic!("{file}")).1
}

fn read(product: Product, document: &Yaml<'_>, descriptions: &mut Descriptions) {
    let info = &document["info"];
    let api = format!("{} {}", text(info, "title"), text(info, "version"));
    let server = base(document["servers"][0]["url"].as_str().unwrap());
    for (path, item) in document["paths"].as_mapping().unwrap() {
        for (verb, operation) in item.as_mapping().unwrap() {
            let path = format!("{server}{}", path.as_str().unwrap());
            descriptions.operations.push(described(product, &api, &path, verb.as_str().unwrap(), operation));
        }
    }
    for named in list(document, "x-unresolved-operations") {
        // One entry names three operations at once.
        for name in text(named, "name").split(", ") {
            let kind = named.as_mapping_get("x-kind").map(|kind| kind.as_str().unwrap().to_owned());
            descriptions.named.push(Named { product, api: api.clone(), name: name.to_owned(), kind });
        }
    }
}

/// The path of a server's address.
fn base(url: &str) -> &str {
    match url.strip_prefix("https://") {
        Some(rest) => rest.find('/').map_or("", |at| &rest[at..]),
        None => url,
    }
}

fn described(product: Product, api: &str, path: &str, verb: &str, operation: &Yaml<'_>) -> Described {
    let responses = operation["responses"].as_mapping().unwrap();
    let statuses: Vec<(u16, &Yaml<'_>)> =
        responses.iter().map(|(status, response)| (status.as_str().unwrap().parse().unwrap(), response)).collect();
    let retries = statuses.iter().filter_map(|(status, response)| {
        Some((*status, response.as_mapping_get("x-thales-retries")?.as_bool().unwrap()))
    });
    let success = statuses.iter().find(|(status, _)| (200..300).contains(status)).unwrap();
    let headers = list(operation, "parameters").iter().filter(|parameter| text(parameter, "in") == "header");
    Described {
        product,
        api: api.to_owned(),
        name: text(operation, "operationId").to_owned(),
        method: verb.to_uppercase(),
        path: path.to_owned(),
        kind: text(operation, "x-kind").to_owned(),
        evidence: text(operation, "x-path-basis").to_owned(),
        success: success.0,
        deduplication: deduplication(operation, path),
        sensitive: texts(operation, "x-sensitive"),
        sources: texts(operation, "x-source"),
        headers: headers.map(|header| text(header, "name").to_owned()).collect(),
        retries: retries.collect(),
        expires_in: json_schema(success.1)
            .and_then(|schema| schema.as_mapping_get("properties")?.as_mapping_get("expires_in"))
            .map(|schema| text(schema, "type").to_owned()),
        parameters: list(operation, "parameters").iter().map(as_json).collect(),
        request: operation.as_mapping_get("requestBody").map(|body| {
            let (content_type, media) = body["content"].as_mapping().unwrap().iter().next().unwrap();
            (content_type.as_str().unwrap().to_owned(), as_json(&media["schema"]))
        }),
        answer_required: json_schema(success.1).map_or_else(Vec::new, |schema| texts(schema, "required")),
    }
}

fn as_json(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Mapping(fields) => {
            fields.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), as_json(value))).collect()
        }
        Yaml::Sequence(elements) => elements.iter().map(as_json).collect(),
        Yaml::Value(Scalar::Boolean(value)) => (*value).into(),
        Yaml::Value(Scalar::Integer(value)) => (*value).into(),
        Yaml::Value(Scalar::String(value)) => (&**value).into(),
        other => panic!("{other:?}"),
    }
}

/// The key in the text forms of the catalogue: `x-correlation-id + tokenId (ours)` names headers, parameters and fields without
/// saying which is which.
fn deduplication(operation: &Yaml<'_>, path: &str) -> Option<(Vec<String>, &'static str)> {
    let key = operation.as_mapping_get("x-dedup-key")?.as_str().unwrap();
    let (key, owner) = key.split_once(" (ours").map_or((key, "thales"), |(key, _)| (key, "ours"));
    let fields = operation.as_mapping_get("requestBody").and_then(json_schema);
    let fields = fields.and_then(|schema| schema.as_mapping_get("properties"));
    let batch = fields.and_then(|fields| fields.as_mapping_get("operations")?.as_mapping_get("items"));
    let batch = batch.and_then(|items| items.as_mapping_get("properties"));
    let has = |fields: Option<&Yaml<'_>>, name: &str| fields.is_some_and(|fields| fields.contains_mapping_key(name));
    let part = |part: &str| match part {
        "body digest" => "digest".to_owned(),
        header if header.starts_with("x-") => format!("header:{header}"),
        parameter if path.contains(&format!("{{{parameter}}}")) => format!("path:{parameter}"),
        field if has(batch, field) => format!("body:operations[].{field}"),
        "operation" if !has(fields, "operation") => "operation".to_owned(),
        field => format!("body:{field}"),
    };
    Some((key.split(" + ").map(part).collect(), owner))
}

fn json_schema<'a, 'y>(body: &'a Yaml<'y>) -> Option<&'a Yaml<'y>> {
    body.as_mapping_get("content")?.as_mapping_get("application/json")?.as_mapping_get("schema")
}

fn text<'a>(node: &'a Yaml<'_>, key: &str) -> &'a str {
    node[key].as_str().unwrap_or_else(|| panic!("{key} is no text"))
}

fn list<'a, 'y>(node: &'a Yaml<'y>, key: &str) -> &'a [Yaml<'y>] {
    node.as_mapping_get(key).map_or(&[], |list| list.as_vec().unwrap())
}

fn texts(node: &Yaml<'_>, key: &str) -> Vec<String> {
    list(node, key).iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}
