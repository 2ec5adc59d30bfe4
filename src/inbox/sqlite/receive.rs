//! Stores what was received.

use std::collections::{HashMap, HashSet};

use sqlx::QueryBuilder;
use sqlx::sqlite::{Sqlite, SqliteConnection};

use super::chunks::chunks;
use super::error::store_error;
use crate::inbox::entry::{Millis, State};
use crate::inbox::store::columns::fixed;
use crate::inbox::store::{Digest, NewRow, Received, StoreError};

/// Stores `rows` in their order, but for those that are repeats.
pub(super) async fn receive(
    connection: &mut SqliteConnection,
    rows: Vec<NewRow>,
    window: Millis,
    now: Millis,
) -> Result<Vec<Received>, StoreError> {
    let fresh = claim_keys(connection, &rows, window).await?;
    let received: Vec<Received> = rows
        .iter()
        .map(|row| {
            let stored = row.deduplication.is_none() || fresh.contains(row.facts.id.as_bytes());
            if stored { Received::Stored } else { Received::Repeat }
        })
        .collect();
    let stored: Vec<&NewRow> =
        rows.iter().zip(&received).filter(|(_, received)| **received == Received::Stored).map(|(row, _)| row).collect();
    count_into_lanes(connection, &stored, now).await?;
    insert(connection, &stored).await?;
    Ok(received)
}

/// The ids of those entries that now have their deduplication key: nobody had it, or had it before the window.
async fn claim_keys(
    connection: &mut SqliteConnection,
    rows: &[NewRow],
    window: Millis,
) -> Result<HashSet<[u8; 16]>, StoreError> {
    let mut known = HashSet::new();
    // Of two of a key in one batch, the first has it.
    let keyed: Vec<(&NewRow, Digest)> = rows
        .iter()
        .filter_map(|row| row.deduplication.map(|key| (row, key)))
        .filter(|(_, key)| known.insert(*key))
        .collect();
    let mut fresh = HashSet::new();
    for chunk in chunks(&keyed) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO seen (deduplication, entry, received_at) ");
        query.push_values(chunk, |mut values, (row, key)| {
            values.push_bind(key.as_slice());
            values.push_bind(row.facts.id.as_bytes().as_slice());
            values.push_bind(row.facts.received_at);
        });
        query.push(
            " ON CONFLICT (deduplication) DO UPDATE SET entry = excluded.entry, received_at = excluded.received_at \
            WHERE seen.received_at <= excluded.received_at - ",
        );
        query.push_bind(window);
        let claimed = query.build().execute(&mut *connection).await.map_err(store_error)?.rows_affected();
        let ids = chunk.iter().map(|(row, _)| *row.facts.id.as_bytes());
        // Repeats are rare; only where there is one, it has to be found.
        if usize::try_from(claimed).is_ok_and(|claimed| claimed == chunk.len()) {
            fresh.extend(ids);
        } else {
            let ids: Vec<[u8; 16]> = ids.collect();
            fresh.extend(owners(connection, &ids).await?);
        }
    }
    Ok(fresh)
}

/// Those of `ids` that have a key.
async fn owners(connection: &mut SqliteConnection, ids: &[[u8; 16]]) -> Result<Vec<[u8; 16]>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT entry FROM seen WHERE entry IN (");
    let mut separated = query.separated(", ");
    for id in ids {
        separated.push_bind(id.as_slice());
    }
    query.push(")");
    let rows: Vec<Vec<u8>> = query.build_query_scalar().fetch_all(connection).await.map_err(store_error)?;
    rows.into_iter().map(fixed).collect()
}

/// A lane that comes into being is due at once.
async fn count_into_lanes(connection: &mut SqliteConnection, rows: &[&NewRow], now: Millis) -> Result<(), StoreError> {
    let mut lanes: HashMap<Digest, (&NewRow, i64)> = HashMap::new();
    for row in rows {
        lanes.entry(row.lane).or_insert((row, 0)).1 += 1;
    }
    let lanes: Vec<(&NewRow, i64)> = lanes.into_values().collect();
    for chunk in chunks(&lanes) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO lanes (lane, environment, destination, pending, due_at, leased, fence) ",
        );
        query.push_values(chunk, |mut values, (row, entries)| {
            values.push_bind(row.lane.as_slice());
            values.push_bind(row.facts.environment.as_str());
            values.push_bind(row.facts.destination.as_str());
            values.push_bind(*entries);
            values.push_bind(now);
            values.push("0, 0");
        });
        query.push(" ON CONFLICT (lane) DO UPDATE SET pending = pending + excluded.pending");
        query.build().execute(&mut *connection).await.map_err(store_error)?;
    }
    Ok(())
}

async fn insert(connection: &mut SqliteConnection, rows: &[&NewRow]) -> Result<(), StoreError> {
    for chunk in chunks(rows) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO entries (id, environment, product, operation, destination, lane, lane_number, deduplication, \
            received_at, client_subject, client_sha256, correlation_id, traceparent, method, state, attempts, replays, pending_since, \
            key_id, payload) ",
        );
        query.push_values(chunk, |mut values, row| {
            let facts = &row.facts;
            values.push_bind(facts.id.as_bytes().as_slice());
            values.push_bind(facts.environment.as_str());
            values.push_bind(facts.product.as_str());
            values.push_bind(facts.operation.as_str());
            values.push_bind(facts.destination.as_str());
            values.push_bind(row.lane.as_slice());
            values.push("(SELECT number FROM lanes WHERE lane = ");
            values.push_bind_unseparated(row.lane.as_slice()).push_unseparated(")");
            values.push_bind(row.deduplication.as_ref().map(<[u8; 32]>::as_slice));
            values.push_bind(facts.received_at);
            values.push_bind(facts.client_subject.as_str());
            values.push_bind(facts.client_sha256.as_str());
            values.push_bind(facts.correlation_id.as_deref());
            values.push_bind(facts.traceparent.as_deref());
            values.push_bind(facts.method.as_str());
            values.push_bind(State::Pending.name());
            values.push("0, 0");
            values.push_bind(facts.received_at);
            values.push_bind(row.payload.key_id.as_deref());
            values.push_bind(row.payload.bytes.as_slice());
        });
        query.build().execute(&mut *connection).await.map_err(store_error)?;
    }
    Ok(())
}
