//! What there is to know of a product.

use super::layout::Topic;
use crate::thales::dialect::{BodyForm, Cause, Dialect};
use crate::thales::operation::{IssuerId, KeyOwner, Role, Side};
use crate::thales::{Catalogue, Operation, Product};

/// The topics of a product, in the order in which they matter.
pub(super) fn of(catalogue: &Catalogue, product: Product) -> Vec<Topic> {
    let operations: Vec<_> = catalogue.operations().iter().filter(|operation| operation.product == product).collect();
    let topics = [
        calls(&operations),
        second_key(product, &operations),
        keys(&operations),
        secrets(&operations),
        unresolved(catalogue, product),
        problems(product),
    ];
    topics.into_iter().filter(|topic| !topic.rows.is_empty() || !topic.words.is_empty()).collect()
}

fn calls(operations: &[&Operation]) -> Topic {
    let row = |operation: &&Operation| {
        vec![
            operation.name.clone(),
            operation.kind.to_string(),
            acknowledgement(operation),
            operation.evidence.name().to_owned(),
            operation.method.to_string(),
            operation.full_path(),
        ]
    };
    Topic {
        title: "Operations".into(),
        words:
            "Paths match without regard to case. The base path is what Thales was given; change it where yours differs."
                .into(),
        columns: vec!["operation", "kind", "success", "evidence", "verb", "path"],
        rows: operations.iter().map(row).collect(),
        wide_last: true,
    }
}

fn acknowledgement(operation: &Operation) -> String {
    let acknowledgement = &operation.acknowledgement;
    let body = if acknowledgement.body.is_empty() { "" } else { ", with a body" };
    format!("{}{body}", acknowledgement.status.as_u16())
}

fn second_key(product: Product, operations: &[&Operation]) -> Topic {
    Topic {
        title: "Second key".into(),
        words: second_key_in_words(product, operations),
        columns: Vec::new(),
        rows: Vec::new(),
        wide_last: false,
    }
}

/// What has to be right besides the client certificate.
pub(super) fn second_key_in_words(product: Product, operations: &[&Operation]) -> String {
    let mut words = vec![match product {
        Product::Cof => {
            "`authorization: APIKEY <key>` (or HTTP Basic, as the published scheme says), with one of the environment's live keys."
        }
        Product::D1 | Product::D1Ecom => {
            "A bearer token, where the tenant has them switched on: one of our own token endpoint or of the customer's identity \
             provider."
        }
        Product::Tsh | Product::TshAuxiliary | Product::Tsp => "No key or token.",
        Product::Transit => "None: the client certificate alone.",
    }
    .to_owned()];
    let mut places: Vec<_> = operations.iter().filter_map(|operation| operation.issuer_id.as_ref()).collect();
    places.dedup();
    words.extend(places.into_iter().map(|place| match place {
        IssuerId::Header(name) => {
            format!("The header `{name}` must be there, and hold one of the environment's `issuer_ids`.")
        }
        IssuerId::OptionalHeader(name) => {
            format!("The header `{name}`, where it is there, must hold one of the environment's `issuer_ids`.")
        }
        IssuerId::Path(name) => format!("`{{{name}}}` in the path must be one of the environment's `issuer_ids`."),
    }));
    let endpoints = operations.iter().filter(|operation| operation.role != Role::Business);
    words.extend(endpoints.map(|operation| {
        format!(
            "{} asks for a token with a client id and secret (HTTP Basic), and needs neither of these.",
            operation.name
        )
    }));
    words.join(" ")
}

fn keys(operations: &[&Operation]) -> Topic {
    let keyed = operations.iter().filter(|operation| operation.deduplication.is_some() || operation.ordering.is_some());
    let row = |operation: &&Operation| {
        let deduplication = operation.deduplication.as_ref();
        let (key, owner) = deduplication.map_or(("-".into(), "-"), |deduplication| {
            (
                deduplication.key.to_string(),
                match deduplication.owner {
                    KeyOwner::Thales => "Thales",
                    KeyOwner::Ours => "us",
                },
            )
        });
        let order = operation.ordering.as_ref().map_or_else(|| "-".into(), ToString::to_string);
        vec![operation.name.clone(), owner.to_owned(), order, key]
    };
    Topic {
        title: "Keys".into(),
        words: "A repeat has the key and the body of an earlier call. A key that only we vouch for may be shared by different \
                events, and is no reason to drop one. Calls with the same order key are delivered one after the other."
            .into(),
        columns: vec!["operation", "vouched for by", "order", "deduplication"],
        rows: keyed.map(row).collect(),
        wide_last: true,
    }
    .unless_empty()
}

fn secrets(operations: &[&Operation]) -> Topic {
    let rows = operations.iter().flat_map(|operation| {
        operation.secrets.iter().map(|secret| {
            let field = if secret.field.is_empty() { "all of it" } else { secret.field.as_str() };
            let fate = match (secret.clear, secret.side) {
                (true, Side::Request) => "in clear: its call never reaches a disk",
                (true, Side::Response) => "in clear",
                (false, _) => "encrypted",
            };
            vec![operation.name.clone(), secret.side.name().to_owned(), field.to_owned(), fate.to_owned()]
        })
    });
    Topic {
        title: "Secrets and personal data".into(),
        words: "None of these stands in a log, a metric or an error.".into(),
        columns: vec!["operation", "in the", "field", "how"],
        rows: rows.collect(),
        wide_last: false,
    }
    .unless_empty()
}

fn unresolved(catalogue: &Catalogue, product: Product) -> Topic {
    let row = |unresolved: &crate::thales::catalogue::Unresolved| {
        vec![
            unresolved.name.clone(),
            unresolved.kind.map_or_else(|| "unknown".into(), |kind| kind.to_string()),
            format!("missing: {}; known: {}", unresolved.missing, unresolved.known),
        ]
    };
    Topic {
        title: "Named without a path".into(),
        words:
            "Thales names these, and no page shows where they are called. Add what you were told under `operations`."
                .into(),
        columns: vec!["operation", "kind", "what we know"],
        rows: catalogue.unresolved().iter().filter(|unresolved| unresolved.product == product).map(row).collect(),
        wide_last: true,
    }
    .unless_empty()
}

fn problems(product: Product) -> Topic {
    let dialect = Dialect::of(product);
    let row = |cause: Cause| {
        let answer = dialect.answer(cause, "");
        vec![
            cause.name().to_owned(),
            answer.status.as_u16().to_string(),
            if answer.retryable { "yes" } else { "no" }.to_owned(),
            answer.retry_after.map_or_else(|| "-".into(), |seconds| format!("{seconds} s")),
        ]
    };
    let body = match dialect.body_form() {
        BodyForm::None => "There is no body.",
        BodyForm::ResponseCode => {
            "The body is `{\"responseCode\": 911, \"errorMessage\": \"...\"}`; 111 stands for missing-header."
        }
        BodyForm::Error => "The body is `{\"error\": \"...\"}`.",
        BodyForm::ProblemDocument => "The body is a problem document (RFC 9457).",
    };
    let again = match product {
        Product::Cof => {
            "Thales sends an event again after 429, 500 and 503, and never after 400, 401 or 404, so cof sees these three only, \
             whatever the backend said. With `wrong_key = \"401\"` unauthenticated is 401, and the event is lost."
        }
        Product::D1Ecom => {
            "Thales says that a 400 of the token endpoint is final; of the rest, again is what the status means."
        }
        _ => "What Thales sends again is not published; again is what the status means.",
    };
    Topic {
        title: "Problems".into(),
        words: format!("{body} {again}"),
        columns: vec!["cause", "status", "again", "Retry-After"],
        rows: Cause::ALL.into_iter().map(row).collect(),
        wide_last: false,
    }
}

impl Topic {
    /// Without its words where there is nothing to say them of.
    fn unless_empty(mut self) -> Self {
        if self.rows.is_empty() {
            self.words.clear();
        }
        self
    }
}
