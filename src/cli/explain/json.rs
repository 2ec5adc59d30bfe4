//! The same for programs.

use serde_json::{Value, json};

use super::topics::second_key_in_words;
use crate::thales::dialect::{Cause, Dialect};
use crate::thales::key_expression::KeyExpression;
use crate::thales::operation::IssuerId;
use crate::thales::{Catalogue, Kind, Operation, Product};

/// What is known of these products: a list with an object for each.
pub(super) fn products(catalogue: &Catalogue, products: &[Product]) -> Value {
    products.iter().map(|&one| product(catalogue, one)).collect()
}

fn product(catalogue: &Catalogue, product: Product) -> Value {
    let operations: Vec<_> = catalogue.operations().iter().filter(|operation| operation.product == product).collect();
    let unresolved =
        catalogue.unresolved().iter().filter(|unresolved| unresolved.product == product).map(|unresolved| {
            json!({
                "name": unresolved.name,
                "api": unresolved.api,
                "kind": unresolved.kind.map(Kind::name),
                "known": unresolved.known,
                "missing": unresolved.missing,
                "source": unresolved.source,
            })
        });
    json!({
        "product": product.name(),
        "summary": product.summary(),
        "second_key": second_key_in_words(product, &operations),
        "operations": operations.iter().map(|operation| self::operation(operation)).collect::<Value>(),
        "unresolved": unresolved.collect::<Value>(),
        "problems": Cause::ALL.iter().map(|&cause| problem(Dialect::of(product), cause)).collect::<Value>(),
    })
}

fn operation(operation: &Operation) -> Value {
    let key = |key: &KeyExpression| key.parts().iter().map(ToString::to_string).collect::<Vec<_>>();
    let secrets = operation
        .secrets
        .iter()
        .map(|secret| json!({"side": secret.side.name(), "field": secret.field, "clear": secret.clear}));
    json!({
        "name": operation.name,
        "summary": operation.summary,
        "api": operation.api,
        "method": operation.method.as_str(),
        "path": operation.full_path(),
        "kind": operation.kind.name(),
        "status": operation.acknowledgement.status.as_u16(),
        "deduplication": operation.deduplication.as_ref().map(|own| key(&own.key)),
        "deduplication_owner": operation.deduplication.as_ref().map(|own| own.owner.name()),
        "ordering": operation.ordering.as_ref().map(key),
        "issuer_id": operation.issuer_id.as_ref().map(|place| match place {
            IssuerId::Header(name) => format!("header:{name}"),
            IssuerId::OptionalHeader(name) => format!("optional-header:{name}"),
            IssuerId::Path(name) => format!("path:{name}"),
        }),
        "secrets": secrets.collect::<Value>(),
        "evidence": operation.evidence.name(),
        "sources": operation.sources,
    })
}

fn problem(dialect: Dialect, cause: Cause) -> Value {
    let answer = dialect.answer(cause, "");
    json!({
        "cause": cause.name(),
        "status": answer.status.as_u16(),
        "retryable": answer.retryable,
        "retry_after": answer.retry_after,
        "body": String::from_utf8_lossy(&answer.body),
    })
}
