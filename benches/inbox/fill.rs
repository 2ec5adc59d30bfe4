//! Entries that wait, put into a store without a server.

use std::sync::Arc;

use issuer_host::inbox::Sealing;
use issuer_host::inbox::entry::{Contents, EntryId, Facts};
use issuer_host::inbox::store::{Batch, NewRow, Store};

use crate::Error;

/// Entries of one transaction.
const BATCH: usize = 1000;

/// Stores `count` entries, each in a lane of its own.
pub(crate) async fn fill(store: &Arc<dyn Store>, count: usize) -> Result<(), Error> {
    let sealing = Sealing::establish(store.as_ref(), None).await?;
    let contents = Contents {
        path: "/notifications/d1/v1/issuers/BENCH/cards/card/notifications".to_owned(),
        query: None,
        subject: Some("card".to_owned()),
        headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
        body: vec![b'x'; 1024].into(),
    };
    let received_at = store.now().await?;
    let mut left = count;
    while left > 0 {
        let rows: Vec<NewRow> =
            (0..left.min(BATCH)).map(|_| row(&sealing, &contents, received_at)).collect::<Result<_, Error>>()?;
        left -= rows.len();
        store.write(Batch { receive: rows, ..Batch::default() }).await?;
    }
    Ok(())
}

fn row(sealing: &Sealing, contents: &Contents, received_at: i64) -> Result<NewRow, Error> {
    let facts = Facts {
        id: EntryId::new(),
        environment: "bench".to_owned(),
        product: "d1".to_owned(),
        operation: "notifyCardOperationV1".to_owned(),
        destination: String::new(),
        received_at,
        client_subject: "CN=bench".to_owned(),
        client_sha256: "00".repeat(32),
        correlation_id: None,
        traceparent: None,
        method: "POST".to_owned(),
    };
    let lane = sealing.lane_of_its_own(facts.id);
    let payload = sealing.seal(&facts, contents)?;
    Ok(NewRow { facts, lane, deduplication: None, payload })
}
