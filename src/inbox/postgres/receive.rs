//! Stores what was received.

use std::collections::{BTreeMap, HashMap, HashSet};

use sqlx::postgres::PgConnection;

use super::write::{Failure, now};
use crate::inbox::entry::Millis;
use crate::inbox::store::columns::fixed;
use crate::inbox::store::{Digest, NewRow, Received};

/// The ids of those entries that now have their deduplication key: nobody had it, or had it before the window.
pub(super) async fn claim_keys(
    connection: &mut PgConnection,
    rows: &[NewRow],
    window: Millis,
) -> Result<HashSet<[u8; 16]>, Failure> {
    // Sorted, for the order of locks. Of two of a key in one batch, the first has it.
    let mut keyed: BTreeMap<Digest, &NewRow> = BTreeMap::new();
    for row in rows {
        if let Some(key) = row.deduplication {
            keyed.entry(key).or_insert(row);
        }
    }
    if keyed.is_empty() {
        return Ok(HashSet::new());
    }
    let keys: Vec<&[u8]> = keyed.keys().map(<[u8; 32]>::as_slice).collect();
    let ids: Vec<&[u8]> = keyed.values().map(|row| row.facts.id.as_bytes().as_slice()).collect();
    let received_at: Vec<Millis> = keyed.values().map(|row| row.facts.received_at).collect();
    let fresh: Vec<Vec<u8>> = sqlx::query_scalar(
        "INSERT INTO seen (deduplication, entry, received_at) \
            SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[]) AS new (deduplication, entry, received_at) \
            ORDER BY deduplication \
        ON CONFLICT (deduplication) DO UPDATE SET entry = excluded.entry, received_at = excluded.received_at \
            WHERE seen.received_at <= excluded.received_at - $4 RETURNING entry",
    )
    .bind(keys)
    .bind(ids)
    .bind(received_at)
    .bind(window)
    .fetch_all(connection)
    .await?;
    Ok(fresh.into_iter().map(fixed).collect::<Result<_, _>>()?)
}

/// Stores `rows` in their order, but for those that have a key which is not `fresh`.
pub(super) async fn receive(
    connection: &mut PgConnection,
    rows: &[NewRow],
    fresh: &HashSet<[u8; 16]>,
) -> Result<Vec<Received>, Failure> {
    let mut stored = Vec::with_capacity(rows.len());
    let mut received = Vec::with_capacity(rows.len());
    for row in rows {
        if row.deduplication.is_none() || fresh.contains(row.facts.id.as_bytes()) {
            stored.push(row);
            received.push(Received::Stored);
        } else {
            received.push(Received::Repeat);
        }
    }
    if !stored.is_empty() {
        count_into_lanes(connection, &stored).await?;
        insert(connection, &stored).await?;
    }
    Ok(received)
}

/// Holds the lanes from here until the commit: whoever brings more for one of them comes after, with higher numbers.
async fn count_into_lanes(connection: &mut PgConnection, rows: &[&NewRow]) -> Result<(), Failure> {
    let mut lanes: HashMap<Digest, (&NewRow, i64)> = HashMap::new();
    for row in rows {
        lanes.entry(row.lane).or_insert((row, 0)).1 += 1;
    }
    let (mut keys, mut environments, mut destinations, mut entries) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (row, count) in lanes.values() {
        keys.push(row.lane.as_slice());
        environments.push(row.facts.environment.as_str());
        destinations.push(row.facts.destination.as_str());
        entries.push(*count);
    }
    sqlx::query(concat!(
        "INSERT INTO lanes (lane, environment, destination, pending, due_at, leased, fence) SELECT lane, environment, destination, \
            pending, ",
        now!(),
        ", FALSE, 0 FROM unnest($1::bytea[], $2::text[], $3::text[], $4::bigint[]) \
            AS new (lane, environment, destination, pending) ORDER BY lane \
        ON CONFLICT (lane) DO UPDATE SET pending = lanes.pending + excluded.pending",
    ))
    .bind(keys)
    .bind(environments)
    .bind(destinations)
    .bind(entries)
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert(connection: &mut PgConnection, rows: &[&NewRow]) -> Result<(), Failure> {
    fn column<'r, T>(rows: &[&'r NewRow], of: impl Fn(&'r NewRow) -> T) -> Vec<T> {
        rows.iter().map(|row| of(row)).collect()
    }
    sqlx::query(INSERT)
        .bind(column(rows, |row| row.facts.id.as_bytes().as_slice()))
        .bind(column(rows, |row| row.facts.environment.as_str()))
        .bind(column(rows, |row| row.facts.product.as_str()))
        .bind(column(rows, |row| row.facts.operation.as_str()))
        .bind(column(rows, |row| row.facts.destination.as_str()))
        .bind(column(rows, |row| row.lane.as_slice()))
        .bind(column(rows, |row| row.deduplication.as_ref().map(<[u8; 32]>::as_slice)))
        .bind(column(rows, |row| row.facts.received_at))
        .bind(column(rows, |row| row.facts.client_subject.as_str()))
        .bind(column(rows, |row| row.facts.client_sha256.as_str()))
        .bind(column(rows, |row| row.facts.correlation_id.as_deref()))
        .bind(column(rows, |row| row.facts.traceparent.as_deref()))
        .bind(column(rows, |row| row.facts.method.as_str()))
        .bind(column(rows, |row| row.payload.key_id.as_deref()))
        .bind(column(rows, |row| row.payload.bytes.as_slice()))
        .execute(connection)
        .await?;
    Ok(())
}

/// Numbers are given in the order of the batch: defaults are computed after the sort.
const INSERT: &str = "INSERT INTO entries (id, environment, product, operation, destination, lane, deduplication, received_at, \
        client_subject, client_sha256, correlation_id, traceparent, method, key_id, payload, state, attempts, replays, pending_since) \
    SELECT id, environment, product, operation, destination, lane, deduplication, received_at, client_subject, client_sha256, \
        correlation_id, traceparent, method, key_id, payload, 'pending', 0, 0, received_at \
    FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::bytea[], $8::bigint[], $9::text[], \
        $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::bytea[]) WITH ORDINALITY \
        AS new (id, environment, product, operation, destination, lane, deduplication, received_at, client_subject, client_sha256, \
        correlation_id, traceparent, method, key_id, payload, place) ORDER BY place";
