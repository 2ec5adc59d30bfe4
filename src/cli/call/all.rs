//! Every call of a product, in an order that makes sense, and calls that have to be refused.

use std::sync::Arc;

use http::HeaderValue;
use http::header::AUTHORIZATION;

use super::connections::Connections;
use super::round::Round;
use crate::cli::Error;
use crate::thales::operation::{IssuerId, Role};
use crate::thales::{Kind, Operation, Product};

/// A second key that nobody has.
const WRONG_KEY: &str = "SAMPLE-a-key-that-nobody-has";
/// An issuer that nobody is.
const OTHER_ISSUER: &str = "NOTOURS001";

/// Makes every call; `strangers`, which show no certificate, are there where calls that have to be refused are asked for.
pub(super) async fn run(
    mut round: Round,
    operations: &[Arc<Operation>],
    mut strangers: Option<Connections>,
) -> Result<bool, Error> {
    let mut products: Vec<Product> = operations.iter().map(|operation| operation.product).collect();
    products.dedup();
    for (at, &product) in products.iter().enumerate() {
        let mut own: Vec<_> = operations.iter().filter(|operation| operation.product == product).collect();
        own.sort_by_key(|operation| place(operation));
        round.report.head(&format!("{}{product}", if at == 0 { "" } else { "\n" }))?;
        round.introduce(product, &own)?;
        let mut last_went_well = false;
        for operation in &own {
            if matches!(operation.role, Role::TokenEndpoint { .. }) && !round.tokens.has_client() {
                round.report.remark(&format!(
                    "{} is not called: it needs --token-client and --token-secret-file",
                    operation.name
                ))?;
                continue;
            }
            let event = round.contents.event(operation)?;
            let went_well = round.call(operation, event.clone(), None).await?;
            last_went_well = went_well;
            // A repeat is the same event with the same ids. It tells little where the first one was not taken.
            if operation.kind == Kind::Notification && went_well {
                round.call(operation, event, Some("the same event once more, to be acknowledged alike")).await?;
            }
        }
        // The last one is a notification, where the product has any.
        if let (Some(strangers), Some(operation)) = (&mut strangers, own.last()) {
            // What is refused anyhow, since a backend is away or the id is unknown, shows nothing of who is refused.
            if last_went_well {
                hostile(&mut round, operation, strangers).await?;
            } else {
                round.unproven(operation)?;
            }
        }
    }
    round.report.sum()
}

/// The token first, then what changes least.
fn place(operation: &Operation) -> u8 {
    match (operation.role, operation.kind) {
        (Role::TokenEndpoint { .. }, _) => 0,
        (Role::Business, Kind::Query) => 1,
        (Role::Business, Kind::Command) => 2,
        (Role::Business, Kind::Notification) => 3,
    }
}

/// Calls that no server may take for one of Thales'.
async fn hostile(round: &mut Round, operation: &Operation, strangers: &mut Connections) -> Result<(), Error> {
    let event = round.contents.event(operation)?;
    round.refused(operation, &event, "without a client certificate", Some(strangers)).await?;
    let has_second_key = match operation.product {
        Product::Cof => round.contents.has_second_key(),
        Product::D1 | Product::D1Ecom => round.tokens.has_client(),
        Product::Tsh | Product::TshAuxiliary | Product::Tsp | Product::Transit => false,
    };
    if has_second_key {
        let scheme = if operation.product == Product::Cof { "APIKEY" } else { "Bearer" };
        let mut event = round.contents.event(operation)?;
        event.headers_mut().insert(AUTHORIZATION, HeaderValue::try_from(format!("{scheme} {WRONG_KEY}"))?);
        round.refused(operation, &event, "with a wrong second key", None).await?;
    }
    if matches!(operation.issuer_id, Some(IssuerId::Header(_) | IssuerId::Path(_))) {
        let mut event = round.contents.of_issuer(OTHER_ISSUER).event(operation)?;
        if round.authorize(operation, &mut event).await? {
            round.refused(operation, &event, "of another issuer", None).await?;
        }
    }
    Ok(())
}
