//! O12 and O14: whose calls are taken, and which.

use super::Findings;
use crate::cli::check::examined::{Examined, Whole};
use crate::cli::check::report::Finding;
use crate::http::{Interpreter, UnknownOperations};
use crate::thales::{Evidence, Operation, Product, Requirement};

/// Products whose calls bear the header `x-issuer-id`, which has exactly so many characters.
const WITH_ISSUER_ID: [Product; 3] = [Product::Tsh, Product::TshAuxiliary, Product::Tsp];
const ISSUER_ID_LENGTH: usize = 10;

pub(super) fn findings(environment: &Examined<'_>) -> Findings {
    let Some(whole) = &environment.whole else { return Vec::new() };
    let ids = ids(whole).into_iter().map(|finding| finding.on(Requirement::O12));
    let Some(interpreter) = whole.options.interpreter.as_deref() else { return ids.collect() };
    ids.chain(operations(whole, interpreter).into_iter().map(|finding| finding.on(Requirement::O14))).collect()
}

fn ids(whole: &Whole<'_>) -> Vec<Finding> {
    let settings = whole.settings;
    let product = settings.products.iter().find(|product| WITH_ISSUER_ID.contains(product));
    let odd = settings.issuer_ids.iter().filter(|id| id.chars().count() != ISSUER_ID_LENGTH);
    let odd: Vec<Finding> = product
        .map(|product| {
            odd.map(|id| {
                Finding::warn(
                    format!(
                        "the issuer id {id} has {} characters, and x-issuer-id of {product} has {ISSUER_ID_LENGTH}",
                        id.chars().count()
                    ),
                    "Set issuer_ids to the ids that Thales gave you, leading zeros included.",
                )
            })
            .collect()
        })
        .unwrap_or_default();
    if !odd.is_empty() {
        return odd;
    }
    let ids = if settings.issuer_ids == [settings.customer_id.as_str()] {
        String::new()
    } else {
        format!(", with the issuer ids {}", settings.issuer_ids.join(", "))
    };
    vec![Finding::pass(format!("set up for the customer {}{ids}", settings.customer_id))]
}

fn operations(whole: &Whole<'_>, interpreter: &Interpreter) -> Vec<Finding> {
    let operations = interpreter.routes().operations();
    let mut findings = Vec::new();
    for product in &whole.settings.products {
        let own: Vec<&Operation> =
            operations.iter().map(AsRef::as_ref).filter(|operation| operation.product == *product).collect();
        findings.push(told(*product, &own, whole.settings.host.as_deref()));
    }
    if interpreter.options().unknown == UnknownOperations::Reject {
        findings.push(Finding::warn(
            "unknown is \"reject\": calls that Thales announces later are refused until they are added",
            "Take unknown out, or watch Thales' announcements and add operations.",
        ));
    }
    findings
}

/// How many operations, and below what.
fn told(product: Product, operations: &[&Operation], host: Option<&str>) -> Finding {
    let mut bases: Vec<&str> = operations.iter().map(|operation| operation.base_path.as_str()).collect();
    bases.sort_unstable();
    bases.dedup();
    let shown: Vec<&str> = bases.iter().map(|base| if base.is_empty() { "/" } else { *base }).collect();
    let count = match operations {
        [_] => "1 operation".to_owned(),
        operations => format!("{} operations", operations.len()),
    };
    let unconfirmed = operations.iter().filter(|operation| operation.evidence == Evidence::NamingRule).count();
    let unconfirmed = if unconfirmed == 0 { String::new() } else { format!(", {unconfirmed} paths unconfirmed") };
    let host = host.unwrap_or("any host");
    Finding::pass(format!("{product}: {count} at {host}, below {}{unconfirmed}", shown.join(" and ")))
}
