//! Writes down what came of lanes that were leased.

use std::collections::{HashMap, HashSet};

use sqlx::QueryBuilder;
use sqlx::sqlite::{Sqlite, SqliteConnection};

use super::chunks::chunks;
use super::error::store_error;
use crate::inbox::entry::{EntryId, Millis, State};
use crate::inbox::store::columns::fixed;
use crate::inbox::store::settling::{Endings, LaneChange, lane_changes, rounds};
use crate::inbox::store::{Digest, Lease, Renewal, Settlement, StoreError, millis};

/// Whether the lease of each held.
pub(super) async fn settle(
    connection: &mut SqliteConnection,
    settlements: Vec<Settlement>,
    now: Millis,
) -> Result<Vec<bool>, StoreError> {
    let mut outcome = Vec::with_capacity(settlements.len());
    for round in rounds(settlements) {
        let leases: Vec<Lease> = round.iter().map(|settlement| settlement.lease).collect();
        let holding = holding(connection, &leases).await?;
        let held: Vec<bool> = leases.iter().map(|lease| holding.contains(lease)).collect();
        let endings = Endings::of(&round, &held);
        let mut settled = delivered(connection, &endings.delivered, now).await?;
        failed(connection, &endings.failed).await?;
        settled.extend(dead(connection, &endings.dead, now).await?);
        change(connection, &lane_changes(&round, &held, &settled), now).await?;
        outcome.extend(held);
    }
    Ok(outcome)
}

/// Those of its leases that hold no longer.
pub(super) async fn renew(
    connection: &mut SqliteConnection,
    renewal: Renewal,
    now: Millis,
) -> Result<Vec<Lease>, StoreError> {
    let Renewal { leases, lease } = renewal;
    let mut renewed = HashSet::new();
    for chunk in chunks(&leases) {
        renewed.extend(fetch_leases(connection, renewal_query(chunk, now.saturating_add(millis(lease)))).await?);
    }
    Ok(leases.into_iter().filter(|lease| !renewed.contains(lease)).collect())
}

async fn holding(connection: &mut SqliteConnection, leases: &[Lease]) -> Result<HashSet<Lease>, StoreError> {
    let mut holding = HashSet::new();
    for chunk in chunks(leases) {
        holding.extend(fetch_leases(connection, holding_query(chunk)).await?);
    }
    Ok(holding)
}

pub(super) fn holding_query(leases: &[Lease]) -> QueryBuilder<Sqlite> {
    let mut query = with_leases(leases);
    query.push(
        "SELECT lanes.lane, lanes.fence FROM asked CROSS JOIN lanes \
        ON lanes.lane = asked.lane AND lanes.fence = asked.fence AND lanes.leased = 1",
    );
    query
}

pub(super) fn renewal_query(leases: &[Lease], until: Millis) -> QueryBuilder<Sqlite> {
    let mut query = with_leases(leases);
    query.push("UPDATE lanes SET due_at = ").push_bind(until);
    query.push(
        " FROM asked WHERE lanes.lane = asked.lane AND lanes.fence = asked.fence AND lanes.leased = 1 \
        RETURNING lane, fence",
    );
    query
}

fn with_leases(leases: &[Lease]) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("WITH asked (lane, fence) AS (");
    query.push_values(leases, |mut values, lease| {
        values.push_bind(lease.lane.as_slice());
        values.push_bind(lease.fence);
    });
    query.push(") ");
    query
}

async fn fetch_leases(
    connection: &mut SqliteConnection,
    mut query: QueryBuilder<Sqlite>,
) -> Result<Vec<Lease>, StoreError> {
    let rows: Vec<(Vec<u8>, i64)> = query.build_query_as().fetch_all(connection).await.map_err(store_error)?;
    rows.into_iter().map(|(lane, fence)| Ok(Lease { lane: fixed(lane)?, fence })).collect()
}

async fn delivered(
    connection: &mut SqliteConnection,
    ids: &[EntryId],
    now: Millis,
) -> Result<HashMap<EntryId, Digest>, StoreError> {
    let mut settled = HashMap::new();
    for chunk in chunks(ids) {
        settled.extend(fetch_settled(connection, delivered_query(chunk, now)).await?);
    }
    Ok(settled)
}

pub(super) fn delivered_query(ids: &[EntryId], now: Millis) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("UPDATE entries SET attempts = attempts + 1, state = ");
    query.push_bind(State::Delivered.name()).push(", settled_at = ").push_bind(now).push(" WHERE id IN (");
    let mut separated = query.separated(", ");
    for id in ids {
        separated.push_bind(id.as_bytes().as_slice());
    }
    query.push(") AND state = 'pending' RETURNING id, lane");
    query
}

async fn failed(connection: &mut SqliteConnection, failed: &[(EntryId, Option<String>)]) -> Result<(), StoreError> {
    for chunk in chunks(failed) {
        failed_query(chunk).build().execute(&mut *connection).await.map_err(store_error)?;
    }
    Ok(())
}

pub(super) fn failed_query(failed: &[(EntryId, Option<String>)]) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("WITH attempted (id, problem) AS (");
    query.push_values(failed, |mut values, (id, problem)| {
        values.push_bind(id.as_bytes().as_slice());
        values.push_bind(problem.as_deref());
    });
    query.push(
        ") UPDATE entries SET attempts = attempts + 1, last_problem = coalesce(attempted.problem, last_problem) \
        FROM attempted WHERE entries.id = attempted.id AND entries.state = 'pending'",
    );
    query
}

/// Dead letters are no longer what a repeat is known by.
async fn dead(
    connection: &mut SqliteConnection,
    dead: &[(EntryId, String)],
    now: Millis,
) -> Result<HashMap<EntryId, Digest>, StoreError> {
    let mut settled = HashMap::new();
    for (id, problem) in dead {
        let mut query = QueryBuilder::new("UPDATE entries SET attempts = attempts + 1, state = ");
        query.push_bind(State::Dead.name()).push(", settled_at = ").push_bind(now);
        query.push(", last_problem = ").push_bind(problem.as_str());
        query.push(" WHERE id = ").push_bind(id.as_bytes().as_slice());
        query.push(" AND state = 'pending' RETURNING id, lane");
        let buried = fetch_settled(connection, query).await?;
        // One that another has delivered after all is no dead letter, and keeps its key.
        if !buried.is_empty() {
            sqlx::query("DELETE FROM seen WHERE entry = $1")
                .bind(id.as_bytes().as_slice())
                .execute(&mut *connection)
                .await
                .map_err(store_error)?;
        }
        settled.extend(buried);
    }
    Ok(settled)
}

async fn fetch_settled(
    connection: &mut SqliteConnection,
    mut query: QueryBuilder<Sqlite>,
) -> Result<Vec<(EntryId, Digest)>, StoreError> {
    let rows: Vec<(Vec<u8>, Vec<u8>)> = query.build_query_as().fetch_all(connection).await.map_err(store_error)?;
    rows.into_iter().map(|(id, lane)| Ok((EntryId::from_bytes(fixed(id)?), fixed(lane)?))).collect()
}

async fn change(
    connection: &mut SqliteConnection,
    changes: &[(Digest, LaneChange)],
    now: Millis,
) -> Result<(), StoreError> {
    for chunk in chunks(changes) {
        change_query(chunk, now).build().execute(&mut *connection).await.map_err(store_error)?;
        let mut query = QueryBuilder::<Sqlite>::new("DELETE FROM lanes WHERE lane IN (");
        let mut separated = query.separated(", ");
        for (lane, _) in chunk {
            separated.push_bind(lane.as_slice());
        }
        query.push(") AND pending = 0 AND leased = 0 AND blocked_by IS NULL");
        query.build().execute(&mut *connection).await.map_err(store_error)?;
    }
    Ok(())
}

pub(super) fn change_query(changes: &[(Digest, LaneChange)], now: Millis) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("WITH change (lane, settled, due_at, blocked_by) AS (");
    query.push_values(changes, |mut values, (lane, change)| {
        values.push_bind(lane.as_slice());
        values.push_bind(change.settled);
        values.push_bind(change.released.map(|after| now.saturating_add(after)));
        values.push_bind(change.blocked_by.as_ref().map(|id| id.as_bytes().as_slice()));
    });
    query.push(
        ") UPDATE lanes SET pending = pending - change.settled, due_at = coalesce(change.due_at, lanes.due_at), \
        leased = CASE WHEN change.due_at IS NULL THEN leased ELSE 0 END, \
        blocked_by = coalesce(change.blocked_by, lanes.blocked_by) FROM change WHERE lanes.lane = change.lane",
    );
    query
}
