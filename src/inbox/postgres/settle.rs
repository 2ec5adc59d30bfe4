//! Writes down what came of lanes that were leased.

use std::collections::{BTreeSet, HashMap, HashSet};

use sqlx::postgres::PgConnection;

use super::write::{Failure, now};
use crate::inbox::entry::EntryId;
use crate::inbox::store::columns::fixed;
use crate::inbox::store::settling::{Endings, LaneChange, lane_changes, rounds};
use crate::inbox::store::{Batch, Digest, Ending, Lease, NewRow, Renewal, Settlement, millis};

/// Whether one of them has a dead letter.
pub(super) fn buries(settlements: &[Settlement]) -> bool {
    settlements.iter().any(|settlement| !dead_letters(settlement).is_empty())
}

fn dead_letters(settlement: &Settlement) -> Vec<EntryId> {
    settlement.endings.iter().filter(|(_, ending)| matches!(ending, Ending::Dead { .. })).map(|(id, _)| *id).collect()
}

/// Locks the keys that the dead letters have, and those that are about to be taken.
pub(super) async fn lock_keys(
    connection: &mut PgConnection,
    settlements: &[Settlement],
    rows: &[NewRow],
) -> Result<(), Failure> {
    let dead: Vec<EntryId> = settlements.iter().flat_map(dead_letters).collect();
    let keys: Vec<&[u8]> = rows.iter().filter_map(|row| row.deduplication.as_ref()).map(<[u8; 32]>::as_slice).collect();
    sqlx::query(
        "SELECT 1 FROM seen WHERE deduplication IN \
            (SELECT deduplication FROM seen WHERE entry = ANY($1) UNION SELECT unnest($2::bytea[])) \
        ORDER BY deduplication FOR UPDATE",
    )
    .bind(bytes(&dead))
    .bind(keys)
    .execute(connection)
    .await?;
    Ok(())
}

/// Locks all lanes of `batch` that are there, where there are others than those that are received into: these are locked as they
/// are counted.
pub(super) async fn lock_lanes(connection: &mut PgConnection, batch: &Batch) -> Result<(), Failure> {
    if batch.settle.is_empty() && batch.renew.is_empty() {
        return Ok(());
    }
    let mut lanes: BTreeSet<&[u8]> = BTreeSet::new();
    lanes.extend(batch.settle.iter().map(|settlement| settlement.lease.lane.as_slice()));
    lanes.extend(batch.renew.iter().flat_map(|renewal| &renewal.leases).map(|lease| lease.lane.as_slice()));
    lanes.extend(batch.receive.iter().map(|row| row.lane.as_slice()));
    sqlx::query("SELECT 1 FROM lanes WHERE lane = ANY($1) ORDER BY lane FOR UPDATE")
        .bind(lanes.into_iter().collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether the lease of each held.
pub(super) async fn settle(connection: &mut PgConnection, settlements: &[Settlement]) -> Result<Vec<bool>, Failure> {
    let mut outcome = Vec::with_capacity(settlements.len());
    for round in rounds(settlements.to_vec()) {
        let leases: Vec<Lease> = round.iter().map(|settlement| settlement.lease).collect();
        let holding = holding(connection, &leases).await?;
        let held: Vec<bool> = leases.iter().map(|lease| holding.contains(lease)).collect();
        let endings = Endings::of(&round, &held);
        let mut settled = delivered(connection, &endings.delivered).await?;
        failed(connection, &endings.failed).await?;
        settled.extend(dead(connection, &endings.dead).await?);
        change(connection, &lane_changes(&round, &held, &settled)).await?;
        outcome.extend(held);
    }
    Ok(outcome)
}

/// Those of its leases that hold no longer.
pub(super) async fn renew(connection: &mut PgConnection, renewal: &Renewal) -> Result<Vec<Lease>, Failure> {
    let (lanes, fences) = columns(&renewal.leases);
    let renewed: Vec<(Vec<u8>, i64)> = sqlx::query_as(concat!(
        "UPDATE lanes SET due_at = ",
        now!(),
        " + $3 FROM unnest($1::bytea[], $2::bigint[]) AS asked (lane, fence) \
            WHERE lanes.lane = asked.lane AND lanes.fence = asked.fence AND leased RETURNING lanes.lane, lanes.fence",
    ))
    .bind(lanes)
    .bind(fences)
    .bind(millis(renewal.lease))
    .fetch_all(connection)
    .await?;
    let renewed = leases(renewed)?;
    Ok(renewal.leases.iter().filter(|lease| !renewed.contains(lease)).copied().collect())
}

async fn holding(connection: &mut PgConnection, asked: &[Lease]) -> Result<HashSet<Lease>, Failure> {
    let (lanes, fences) = columns(asked);
    let holding: Vec<(Vec<u8>, i64)> = sqlx::query_as(
        "SELECT lanes.lane, lanes.fence FROM unnest($1::bytea[], $2::bigint[]) AS asked (lane, fence) \
        JOIN lanes ON lanes.lane = asked.lane AND lanes.fence = asked.fence AND leased",
    )
    .bind(lanes)
    .bind(fences)
    .fetch_all(connection)
    .await?;
    leases(holding)
}

fn columns(leases: &[Lease]) -> (Vec<&[u8]>, Vec<i64>) {
    leases.iter().map(|lease| (lease.lane.as_slice(), lease.fence)).unzip()
}

fn leases(rows: Vec<(Vec<u8>, i64)>) -> Result<HashSet<Lease>, Failure> {
    rows.into_iter().map(|(lane, fence)| Ok(Lease { lane: fixed(lane)?, fence })).collect()
}

fn bytes(ids: &[EntryId]) -> Vec<&[u8]> {
    ids.iter().map(|id| id.as_bytes().as_slice()).collect()
}

async fn delivered(connection: &mut PgConnection, ids: &[EntryId]) -> Result<HashMap<EntryId, Digest>, Failure> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let settled: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(concat!(
        "UPDATE entries SET attempts = attempts + 1, state = 'delivered', settled_at = ",
        now!(),
        " WHERE id = ANY($1) AND state = 'pending' RETURNING id, lane"
    ))
    .bind(bytes(ids))
    .fetch_all(connection)
    .await?;
    entries(settled)
}

async fn failed(connection: &mut PgConnection, failed: &[(EntryId, Option<String>)]) -> Result<(), Failure> {
    if failed.is_empty() {
        return Ok(());
    }
    let (ids, problems): (Vec<&[u8]>, Vec<Option<&str>>) =
        failed.iter().map(|(id, problem)| (id.as_bytes().as_slice(), problem.as_deref())).unzip();
    sqlx::query(
        "UPDATE entries SET attempts = attempts + 1, last_problem = coalesce(attempted.problem, last_problem) \
        FROM unnest($1::bytea[], $2::text[]) AS attempted (id, problem) WHERE entries.id = attempted.id AND state = 'pending'",
    )
    .bind(ids)
    .bind(problems)
    .execute(connection)
    .await?;
    Ok(())
}

/// Dead letters are no longer what a repeat is known by.
async fn dead(connection: &mut PgConnection, dead: &[(EntryId, String)]) -> Result<HashMap<EntryId, Digest>, Failure> {
    if dead.is_empty() {
        return Ok(HashMap::new());
    }
    let (ids, problems): (Vec<&[u8]>, Vec<&str>) =
        dead.iter().map(|(id, problem)| (id.as_bytes().as_slice(), problem.as_str())).unzip();
    let settled: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(concat!(
        "UPDATE entries SET attempts = attempts + 1, state = 'dead', last_problem = buried.problem, settled_at = ",
        now!(),
        " FROM unnest($1::bytea[], $2::text[]) AS buried (id, problem) \
            WHERE entries.id = buried.id AND state = 'pending' RETURNING entries.id, lane"
    ))
    .bind(ids)
    .bind(problems)
    .fetch_all(&mut *connection)
    .await?;
    // One that another has delivered after all is no dead letter, and keeps its key.
    let buried: Vec<&[u8]> = settled.iter().map(|(id, _)| id.as_slice()).collect();
    sqlx::query("DELETE FROM seen WHERE entry = ANY($1)").bind(buried).execute(connection).await?;
    entries(settled)
}

fn entries(rows: Vec<(Vec<u8>, Vec<u8>)>) -> Result<HashMap<EntryId, Digest>, Failure> {
    rows.into_iter().map(|(id, lane)| Ok((EntryId::from_bytes(fixed(id)?), fixed(lane)?))).collect()
}

async fn change(connection: &mut PgConnection, changes: &[(Digest, LaneChange)]) -> Result<(), Failure> {
    if changes.is_empty() {
        return Ok(());
    }
    let lanes: Vec<&[u8]> = changes.iter().map(|(lane, _)| lane.as_slice()).collect();
    let settled: Vec<i64> = changes.iter().map(|(_, change)| change.settled).collect();
    let released: Vec<Option<i64>> = changes.iter().map(|(_, change)| change.released).collect();
    let blocked_by: Vec<Option<&[u8]>> =
        changes.iter().map(|(_, change)| change.blocked_by.as_ref().map(|id| id.as_bytes().as_slice())).collect();
    sqlx::query(concat!(
        "UPDATE lanes SET pending = pending - change.settled, leased = leased AND change.released IS NULL, due_at = coalesce(",
        now!(),
        " + change.released, lanes.due_at), blocked_by = coalesce(change.blocked_by, lanes.blocked_by) \
            FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[]) AS change (lane, settled, released, blocked_by) \
            WHERE lanes.lane = change.lane"
    ))
    .bind(&lanes)
    .bind(settled)
    .bind(released)
    .bind(blocked_by)
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM lanes WHERE lane = ANY($1) AND pending = 0 AND NOT leased AND blocked_by IS NULL")
        .bind(lanes)
        .execute(connection)
        .await?;
    Ok(())
}
