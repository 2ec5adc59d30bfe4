//! An environment's own words about operations, put into the rows of the catalogue.

use super::options::{OperationOverride, RouteProblem};
use super::row::Row;
use crate::nearest::nearest;
use crate::thales::acknowledgement::Acknowledgement;
use crate::thales::finding::Finding;
use crate::thales::key_expression::{KeyExpression, KeyPart};
use crate::thales::operation::{Evidence, IssuerId, KeyOwner, Operation, Role, SecretField, Side};
use crate::thales::{Catalogue, Product, reading, template};

/// Applies every override to `rows`, and adds the operations that are new.
pub(super) fn apply(
    rows: &mut Vec<Row>,
    catalogue: &Catalogue,
    products: &[Product],
    overrides: &[OperationOverride],
) -> Vec<RouteProblem> {
    let mut problems = Vec::new();
    for own in overrides {
        let outcome = match target(rows, products, own) {
            Ok(Target::Rows(product, name)) => change(rows, product, &name, own),
            Ok(Target::New(product, name)) => create(rows, catalogue, product, &name, own).map(|row| rows.push(row)),
            Err(finding) => Err(vec![finding]),
        };
        if let Err(findings) = outcome {
            problems.extend(findings.into_iter().map(|finding| RouteProblem::of(Some(&own.name), finding)));
        }
    }
    problems
}

/// What an override is about.
enum Target {
    /// The rows of this product and name.
    Rows(Product, String),
    /// An operation that no row has.
    New(Product, String),
}

fn target(rows: &[Row], products: &[Product], own: &OperationOverride) -> Result<Target, Finding> {
    let (product, name) = match own.name.split_once('/') {
        Some((product, name)) => {
            let product =
                Product::from_name(product).map_err(|error| Finding::of_row(error.to_string(), error.remedy()))?;
            (Some(product), name)
        }
        None => (own.product, own.name.as_str()),
    };
    if let (Some(product), Some(other)) = (product, own.product)
        && product != other
    {
        return Err(Finding::new(
            "product",
            format!("the name says {product}, and the product is {other}"),
            "leave one of them away",
        ));
    }
    if let Some(product) = product.filter(|product| !products.contains(product)) {
        return Err(Finding::of_row(
            format!("the environment does not serve {product}"),
            format!("add {product:?} to its products, or leave the operation away", product = product.name()),
        ));
    }
    let mut found: Vec<Product> = rows
        .iter()
        .map(|row| &row.operation)
        .filter(|row| row.name.eq_ignore_ascii_case(name) && product.is_none_or(|product| product == row.product))
        .map(|row| row.product)
        .collect();
    found.sort_unstable();
    found.dedup();
    match (found.as_slice(), product.map_or(products, |_| &[]), product) {
        (&[product], _, _) | (&[], _, Some(product)) | (&[], &[product], None) => {
            let name = name.to_owned();
            Ok(if found.is_empty() { Target::New(product, name) } else { Target::Rows(product, name) })
        }
        (&[], _, None) => Err(match meant(rows, name) {
            Some(meant) if own.path.is_none() => unknown(name, meant),
            _ => Finding::new(
                "product",
                format!("no operation is called {name:?}, and a new one has to belong to a product"),
                format!("add product = one of {}", quoted(products)),
            ),
        }),
        (several, _, _) => Err(Finding::of_row(
            format!(
                "{} have an operation of that name",
                several.iter().map(|p| p.name()).collect::<Vec<_>>().join(" and ")
            ),
            format!("write \"{}/{name}\"", several.first().map_or("", |product| product.name())),
        )),
    }
}

fn change(rows: &mut [Row], product: Product, name: &str, own: &OperationOverride) -> Result<(), Vec<Finding>> {
    let mut findings = Vec::new();
    let meant = |row: &&mut Row| row.operation.product == product && row.operation.name.eq_ignore_ascii_case(name);
    for row in rows.iter_mut().filter(meant) {
        if let Some(other) = &row.own {
            findings.push(Finding::of_row(
                format!("{other:?} says something about the same operation"),
                "put both into one table",
            ));
            break;
        }
        row.own = Some(own.name.clone());
        if let Err(wrong) = put(&mut row.operation, own) {
            // Rows of one name are alike in what can be wrong.
            findings = wrong;
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

fn create(
    rows: &[Row],
    catalogue: &Catalogue,
    product: Product,
    name: &str,
    own: &OperationOverride,
) -> Result<Row, Vec<Finding>> {
    let name = reading::name(name).map_err(|finding| vec![Finding { field: None, ..finding }])?;
    let (Some(_), Some(path), Some(kind)) = (&own.method, &own.path, own.kind) else {
        return Err(vec![incomplete(rows, catalogue, product, &name, own)]);
    };
    // What holds for an operation of the product holds for another one, as far as its path allows.
    let siblings = || rows.iter().map(|row| &row.operation).filter(|row| row.product == product);
    let issuer_id = siblings().find_map(|row| row.issuer_id.clone()).filter(|place| match place {
        IssuerId::Path(name) => template::parameters(path).any(|parameter| parameter == name),
        IssuerId::Header(_) | IssuerId::OptionalHeader(_) => true,
    });
    let base_path = siblings().map(|row| row.base_path.as_str());
    let base_path = only(base_path).unwrap_or_default().to_owned();
    let mut operation = Operation {
        product,
        name,
        summary: String::new(),
        api: String::new(),
        method: ::http::Method::POST,
        base_path,
        path: path.clone(),
        kind,
        acknowledgement: Acknowledgement::usual(product),
        deduplication: None,
        ordering: None,
        issuer_id,
        correlation: siblings().find_map(|row| row.correlation.clone()),
        secrets: Vec::new(),
        role: Role::Business,
        evidence: Evidence::Operator,
        sources: Vec::new(),
        backend: None,
        deadline: None,
    };
    put(&mut operation, own)?;
    Ok(Row { operation, own: Some(own.name.clone()) })
}

/// Puts the fields that are given into an operation.
fn put(operation: &mut Operation, own: &OperationOverride) -> Result<(), Vec<Finding>> {
    let mut findings = Vec::new();
    let mut keep = |finding: Finding| findings.push(finding);
    if matches!(operation.role, Role::TokenEndpoint { .. }) {
        let given = [
            ("kind", own.kind.is_some()),
            ("status", own.status.is_some()),
            ("body", own.body.is_some()),
            ("headers", !own.headers.is_empty()),
        ];
        for (field, _) in given.into_iter().filter(|(_, given)| *given) {
            keep(Finding::new(
                field,
                format!("{} asks for an access token, and whoever makes tokens answers it", operation.name),
                format!("leave {field} away"),
            ));
        }
    }
    if let Some(text) = &own.method {
        match reading::method(text) {
            Ok(method) => operation.method = method,
            Err(finding) => keep(finding),
        }
    }
    if let Some(text) = &own.base_path {
        match reading::base_path(text) {
            Ok(base_path) => operation.base_path = base_path,
            Err(finding) => keep(finding),
        }
    }
    if let Some(text) = &own.path {
        match reading::path(text) {
            Ok(path) => operation.path = path,
            Err(finding) => keep(finding),
        }
    }
    if own.method.is_some() || own.base_path.is_some() || own.path.is_some() {
        operation.evidence = Evidence::Operator;
    }
    operation.kind = own.kind.unwrap_or(operation.kind);
    match operation.acknowledgement.clone().with(own.status, own.body.as_deref(), &own.headers) {
        Ok(acknowledgement) => operation.acknowledgement = acknowledgement,
        Err(wrong) => wrong.into_iter().for_each(&mut keep),
    }
    if own.status.is_some() || own.body.is_some() {
        operation.acknowledgement.check(operation.product).unwrap_or_else(&mut keep);
    }
    if let Some(secrets) = &own.secrets {
        operation.secrets.extend(secrets.iter().map(|field| SecretField {
            side: Side::Request,
            field: field.clone(),
            clear: true,
        }));
    }
    if own.backend.is_some() {
        operation.backend.clone_from(&own.backend);
    }
    match own.deadline {
        Some(deadline) if deadline.is_zero() => {
            keep(Finding::new("deadline", "no answer is ready in no time", "write a duration such as \"10s\""));
        }
        Some(deadline) => operation.deadline = Some(deadline),
        None => {}
    }
    keys(operation, own).into_iter().for_each(&mut keep);
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

/// The keys that are given, and those that the path has to go on serving.
fn keys(operation: &mut Operation, own: &OperationOverride) -> Vec<Finding> {
    let mut findings = Vec::new();
    let template = operation.path.clone();
    match own.deduplication.as_deref() {
        Some([]) if own.deduplication_owner.is_none() => operation.deduplication = None,
        Some(parts) => match reading::deduplication(Some(parts), own.deduplication_owner, &template) {
            Ok(deduplication) => operation.deduplication = deduplication,
            Err(finding) => findings.push(finding),
        },
        None => match (&mut operation.deduplication, own.deduplication_owner) {
            (Some(deduplication), Some(owner)) => deduplication.owner = owner,
            (None, owner @ Some(KeyOwner::Thales | KeyOwner::Ours)) => {
                findings.extend(reading::deduplication(None, owner, &template).err());
            }
            (_, None) => {}
        },
    }
    match own.ordering.as_deref() {
        Some([]) => operation.ordering = None,
        Some(parts) => match reading::key("ordering", parts, &template) {
            Ok(ordering) => operation.ordering = Some(ordering),
            Err(finding) => findings.push(finding),
        },
        None => {}
    }
    // A path of the operator's own may lack what the catalogue's keys are made of.
    if own.path.is_some() {
        let deduplication = operation.deduplication.as_ref().map(|deduplication| &deduplication.key);
        for (field, key) in [("deduplication", deduplication), ("ordering", operation.ordering.as_ref())] {
            findings.extend(key.and_then(|key| lost(key, &template)).map(|name| {
                Finding::new(
                    "path",
                    format!("the {field} key is made of path:{name}, and {template} has no parameter {{{name}}}"),
                    format!("put {{{name}}} into the path, or write a key of your own under {field:?}"),
                )
            }));
        }
        if let Some(IssuerId::Path(name)) = &operation.issuer_id
            && !template::parameters(&template).any(|parameter| parameter == name)
        {
            findings.push(Finding::new(
                "path",
                format!("{template} has no parameter {{{name}}}, which must be one of the environment's ids"),
                format!("put {{{name}}} into the path, or write a row of your own with issuer_id = \"none\" into products_dir"),
            ));
        }
    }
    findings
}

/// A parameter that a key is made of and the path does not have.
fn lost<'k>(key: &'k KeyExpression, template: &str) -> Option<&'k str> {
    key.parts().iter().find_map(|part| match part {
        KeyPart::Path(name) if !template::parameters(template).any(|parameter| parameter == name) => {
            Some(name.as_str())
        }
        _ => None,
    })
}

fn incomplete(rows: &[Row], catalogue: &Catalogue, product: Product, name: &str, own: &OperationOverride) -> Finding {
    if let (None, Some(meant)) = (&own.path, meant(rows, name)) {
        return unknown(name, meant);
    }
    let missing = [("method", own.method.is_none()), ("path", own.path.is_none()), ("kind", own.kind.is_none())];
    let missing: Vec<_> = missing.into_iter().filter_map(|(field, missing)| missing.then_some(field)).collect();
    let missing = missing.join(", ");
    let named = catalogue
        .unresolved()
        .iter()
        .any(|unresolved| unresolved.product == product && unresolved.name.eq_ignore_ascii_case(name));
    if named {
        return Finding::of_row(
            format!("Thales names {name} without a path that could be seen"),
            format!("add {missing} as Thales told you"),
        );
    }
    Finding::of_row(
        format!("{product} has no operation {name:?}"),
        format!("add {missing} if it is a new one; `issuer-host explain {product}` lists those there are"),
    )
}

fn unknown(name: &str, meant: &str) -> Finding {
    Finding::of_row(format!("no operation is called {name:?}"), format!("did you mean {meant:?}?"))
}

fn meant<'r>(rows: &'r [Row], name: &str) -> Option<&'r str> {
    nearest(name, rows.iter().map(|row| row.operation.name.as_str()))
}

/// The one value that all are.
fn only<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

fn quoted(products: &[Product]) -> String {
    products.iter().map(|product| format!("{:?}", product.name())).collect::<Vec<_>>().join(", ")
}
