//! Reads.

use std::time::Duration;

use sqlx::{QueryBuilder, postgres};

use super::Postgres;
use super::error::store_error;
use super::write::now;
use crate::inbox::entry::{EntryId, Millis};
use crate::inbox::store::columns::{
    CountColumns, EntryColumns, INVARIANTS, NoteColumns, SELECT_COUNTS, SELECT_ENTRIES, counter, limit, restrict,
};
use crate::inbox::store::{Count, DestinationKey, Digest, Filter, Note, Row, StoreError};

impl Postgres {
    pub(super) async fn read_heads(&self, lane: Digest, most: usize) -> Result<Vec<Row>, StoreError> {
        let mut query = QueryBuilder::new(SELECT_ENTRIES);
        query.push(" WHERE entries.state = 'pending' AND entries.lane = ").push_bind(lane.as_slice());
        query.push(" ORDER BY entries.sequence LIMIT ").push_bind(limit(most));
        self.rows(query).await
    }

    pub(super) async fn read_list(&self, filter: Filter, after: i64, most: usize) -> Result<Vec<Row>, StoreError> {
        let mut query = QueryBuilder::new(SELECT_ENTRIES);
        query.push(" WHERE entries.sequence > ").push_bind(after);
        restrict(&mut query, filter, "");
        query.push(" ORDER BY entries.sequence LIMIT ").push_bind(limit(most));
        self.rows(query).await
    }

    pub(super) async fn read_entry(&self, id: EntryId) -> Result<Option<Row>, StoreError> {
        let mut query = QueryBuilder::new(SELECT_ENTRIES);
        query.push(" WHERE entries.id = ").push_bind(id.as_bytes().as_slice());
        Ok(self.rows(query).await?.pop())
    }

    async fn rows(&self, mut query: QueryBuilder<postgres::Postgres>) -> Result<Vec<Row>, StoreError> {
        let rows: Vec<EntryColumns> = query.build_query_as().fetch_all(&self.pool).await.map_err(store_error)?;
        rows.into_iter().map(Row::try_from).collect()
    }

    pub(super) async fn read_next_due(&self, of: DestinationKey) -> Result<Option<Duration>, StoreError> {
        let until: Option<i64> = sqlx::query_scalar(concat!(
            "SELECT min(due_at) - ",
            now!(),
            " FROM lanes WHERE environment = $1 AND destination = $2 AND blocked_by IS NULL"
        ))
        .bind(of.environment)
        .bind(of.destination)
        .fetch_one(&self.pool)
        .await
        .map_err(store_error)?;
        Ok(until.map(|until| Duration::from_millis(u64::try_from(until).unwrap_or(0))))
    }

    pub(super) async fn read_counts(&self) -> Result<Vec<Count>, StoreError> {
        let rows: Vec<CountColumns> = sqlx::query_as(SELECT_COUNTS).fetch_all(&self.pool).await.map_err(store_error)?;
        rows.into_iter().map(Count::try_from).collect()
    }

    pub(super) async fn read_note(&self, name: &'static str) -> Result<Option<Note>, StoreError> {
        let note: Option<NoteColumns> = sqlx::query_as("SELECT key_id, value FROM notes WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await
            .map_err(store_error)?;
        Ok(note.map(Note::from))
    }

    pub(super) async fn read_size(&self) -> Result<u64, StoreError> {
        let size: i64 = sqlx::query_scalar(
            "SELECT sum(pg_total_relation_size(name::regclass))::bigint FROM unnest('{entries,lanes,seen,notes}'::text[]) AS name",
        )
        .fetch_one(&self.pool)
        .await
        .map_err(store_error)?;
        counter(size)
    }

    pub(super) async fn read_clock(&self) -> Result<Millis, StoreError> {
        sqlx::query_scalar(concat!("SELECT ", now!())).fetch_one(&self.pool).await.map_err(store_error)
    }

    /// What PostgreSQL keeps in order itself is not looked into: that is for `pg_amcheck`, and for checksums of its pages.
    pub(super) async fn check(&self) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        for (words, query) in INVARIANTS {
            let rows: i64 = sqlx::query_scalar(query).fetch_one(&self.pool).await.map_err(store_error)?;
            if rows != 0 {
                found.push(format!("{rows} times: {words}"));
            }
        }
        Ok(found)
    }
}
