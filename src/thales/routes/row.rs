//! Rows on their way to routes: base paths, and rows that are one route.

use std::sync::Arc;

use super::options::RouteProblem;
use crate::thales::finding::Finding;
use crate::thales::key_expression::{KeyExpression, KeyPart};
use crate::thales::operation::IssuerId;
use crate::thales::template::{self, Segment};
use crate::thales::{Operation, Product, reading};

/// A row of the catalogue as an environment has it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) operation: Operation,
    /// The name of the override that changed or made it.
    pub(super) own: Option<String>,
}

impl Row {
    /// The path that it matches: literals in lower case, a parameter as `{}`.
    pub(super) fn canonical(&self) -> String {
        let path = self.operation.full_path();
        let mut canonical = String::with_capacity(path.len());
        for segment in template::segments(&path) {
            canonical.push('/');
            match segment {
                Segment::Literal(literal) => canonical.push_str(&literal.to_ascii_lowercase()),
                Segment::Parameter(_) => canonical.push_str("{}"),
            }
        }
        canonical
    }

    fn shown(&self) -> String {
        format!("{}/{}", self.operation.product, self.operation.name)
    }
}

/// Gives products base paths of the environment's own, as `RouteOptions::base_paths` says.
pub(super) fn rebase(rows: &mut [Row], products: &[Product], base_paths: &[(Product, String)]) -> Vec<RouteProblem> {
    let mut problems = Vec::new();
    for (at, (product, base_path)) in base_paths.iter().enumerate() {
        let problem =
            |problem: String, remedy: &str| RouteProblem::of(None, Finding::new("base_paths", problem, remedy));
        if !products.contains(product) {
            problems.push(problem(format!("the environment does not serve {product}"), "leave its base path away"));
            continue;
        }
        if base_paths.iter().take(at).any(|(other, _)| other == product) {
            problems.push(problem(format!("{product} has two base paths"), "keep one of them"));
            continue;
        }
        if let Err(finding) = reading::base_path(base_path) {
            problems.push(RouteProblem::of(None, Finding { field: Some("base_paths"), ..finding }));
            continue;
        }
        let of_product = || rows.iter().map(|row| &row.operation).filter(|row| row.product == *product);
        let several = of_product().any(|row| of_product().any(|other| row.base_path != other.base_path));
        for row in rows.iter_mut().map(|row| &mut row.operation).filter(|row| row.product == *product) {
            row.base_path = if several { format!("{base_path}{}", row.base_path) } else { base_path.clone() };
        }
    }
    problems
}

/// Makes one of the rows that have the same verb and path, as long as they behave alike.
pub(super) fn merge(rows: Vec<Row>) -> Result<Vec<Row>, Vec<RouteProblem>> {
    let mut merged: Vec<Row> = Vec::new();
    let mut problems = Vec::new();
    for row in rows {
        let canonical = row.canonical();
        let same = merged
            .iter_mut()
            .find(|other| other.operation.method == row.operation.method && other.canonical() == canonical);
        let Some(other) = same else {
            merged.push(row);
            continue;
        };
        let differences = differences(&other.operation, &row.operation);
        if differences.is_empty() {
            take_in(&mut other.operation, row.operation);
            continue;
        }
        let own = row.own.as_deref().or(other.own.as_deref());
        problems.push(RouteProblem::of(
            own,
            Finding::of_row(
                format!(
                    "{} {} is {} and {}, which differ in {}",
                    row.operation.method,
                    row.operation.full_path(),
                    other.shown(),
                    row.shown(),
                    differences.join(", ")
                ),
                "give one of them another path or base path, or make them alike",
            ),
        ));
    }
    if problems.is_empty() { Ok(merged) } else { Err(problems) }
}

/// Finds paths that two templates match, and paths whose verbs belong to different products.
pub(super) fn collisions(rows: &[Row]) -> Vec<RouteProblem> {
    let mut problems = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        for other in rows.iter().take(at) {
            let own = row.own.as_deref().or(other.own.as_deref());
            let (path, other_path) = (row.canonical(), other.canonical());
            if path == other_path && row.operation.product != other.operation.product {
                problems.push(RouteProblem::of(
                    own,
                    Finding::of_row(
                        format!(
                            "{} and {} have the same path, and belong to different products",
                            other.shown(),
                            row.shown()
                        ),
                        "give one of the products another base path",
                    ),
                ));
            }
            if path != other_path && overlap(&path, &other_path) {
                problems.push(RouteProblem::of(
                    own,
                    Finding::of_row(
                        format!(
                            "one path could be {} ({}) and {} ({})",
                            other.shown(),
                            other.operation.full_path(),
                            row.shown(),
                            row.operation.full_path()
                        ),
                        "give one of them another path or base path",
                    ),
                ));
            }
        }
    }
    problems
}

/// Whether a path could match both canonical templates.
fn overlap(one: &str, other: &str) -> bool {
    one.split('/').count() == other.split('/').count()
        && one.split('/').zip(other.split('/')).all(|(one, other)| one == other || one == "{}" || other == "{}")
}

/// In what two operations of one verb and path behave differently.
fn differences(one: &Operation, other: &Operation) -> Vec<&'static str> {
    let key = |operation: &Operation, key: Option<&KeyExpression>| key.map(|key| by_place(operation, key));
    let deduplication = |operation: &Operation| {
        let own = operation.deduplication.as_ref();
        (key(operation, own.map(|own| &own.key)), own.map(|own| own.owner))
    };
    let issuer_id = |operation: &Operation| match &operation.issuer_id {
        Some(IssuerId::Path(name)) => Some(IssuerId::Path(place(operation, name))),
        other => other.clone(),
    };
    let ordering = |operation: &Operation| key(operation, operation.ordering.as_ref());
    [
        ("product", one.product != other.product),
        ("kind", one.kind != other.kind),
        ("acknowledgement", one.acknowledgement != other.acknowledgement),
        ("deduplication", deduplication(one) != deduplication(other)),
        ("ordering", ordering(one) != ordering(other)),
        ("secrets", one.secrets != other.secrets),
        ("issuer_id", issuer_id(one) != issuer_id(other)),
        ("correlation", one.correlation != other.correlation),
        ("token_endpoint", one.role != other.role),
        ("backend", one.backend != other.backend),
        ("deadline", one.deadline != other.deadline),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}

/// The parts of a key, with the places of parameters for their names: those are the same in every spelling.
fn by_place(operation: &Operation, key: &KeyExpression) -> Vec<KeyPart> {
    let part = |part: &KeyPart| match part {
        KeyPart::Path(name) => KeyPart::Path(place(operation, name)),
        other => other.clone(),
    };
    key.parts().iter().map(part).collect()
}

fn place(operation: &Operation, name: &str) -> String {
    template::parameters(&operation.path).position(|parameter| parameter == name).unwrap_or_default().to_string()
}

/// The first row stands for both; it tells where both come from.
fn take_in(operation: &mut Operation, other: Operation) {
    if !other.api.is_empty() && operation.api != other.api {
        operation.api = format!("{}; {}", operation.api, other.api);
    }
    for source in other.sources {
        if !operation.sources.contains(&source) {
            operation.sources.push(source);
        }
    }
}

/// What the rows have become.
pub(super) fn operations(rows: Vec<Row>) -> Vec<Arc<Operation>> {
    rows.into_iter().map(|row| Arc::new(row.operation)).collect()
}
