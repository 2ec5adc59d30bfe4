//! Reads beside whoever writes.

use std::time::Duration;

use sqlx::QueryBuilder;
use sqlx::sqlite;

use super::Sqlite;
use super::chunks::chunks;
use super::error::store_error;
use crate::inbox::entry::EntryId;
use crate::inbox::store::columns::{
    CountColumns, EntryColumns, HEAD_BYTES, HeadColumns, INVARIANTS, NoteColumns, PAGE_BYTES, SELECT_COUNTS,
    SELECT_ENTRIES, SELECT_WAITING, counter, restrict, restrict_to_page, select_first_heads, waiting,
};
use crate::inbox::store::{Count, DestinationKey, Digest, Filter, Head, Note, Row, StoreError};

impl Sqlite {
    pub(super) async fn read_first_heads(&self, lanes: Vec<Digest>) -> Result<Vec<Head>, StoreError> {
        let mut heads = Vec::with_capacity(lanes.len());
        for chunk in chunks(&lanes) {
            let mut query = first_heads_query(chunk);
            let rows: Vec<HeadColumns> = query.build_query_as().fetch_all(&self.readers).await.map_err(store_error)?;
            for row in rows {
                heads.push(row.try_into()?);
            }
        }
        Ok(heads)
    }

    pub(super) async fn read_heads(&self, lane: Digest, most: usize) -> Result<Vec<Row>, StoreError> {
        self.rows(heads_query(lane, most)).await
    }

    pub(super) async fn read_list(&self, filter: Filter, after: i64, most: usize) -> Result<Vec<Row>, StoreError> {
        self.rows(list_query(&filter, after, most)).await
    }

    pub(super) async fn read_entry(&self, id: EntryId) -> Result<Option<Row>, StoreError> {
        let mut query = QueryBuilder::new(SELECT_ENTRIES);
        query.push(" WHERE entries.id = ").push_bind(id.as_bytes().as_slice());
        Ok(self.rows(query).await?.pop())
    }

    async fn rows(&self, mut query: QueryBuilder<sqlite::Sqlite>) -> Result<Vec<Row>, StoreError> {
        let rows: Vec<EntryColumns> = query.build_query_as().fetch_all(&self.readers).await.map_err(store_error)?;
        rows.into_iter().map(Row::try_from).collect()
    }

    pub(super) async fn read_next_due(&self, of: DestinationKey) -> Result<Option<Duration>, StoreError> {
        let due_at: Option<i64> = sqlx::query_scalar(NEXT_DUE)
            .bind(of.environment)
            .bind(of.destination)
            .fetch_one(&self.readers)
            .await
            .map_err(store_error)?;
        let now = self.clock.now();
        Ok(due_at.map(|due_at| Duration::from_millis(u64::try_from(due_at.saturating_sub(now)).unwrap_or(0))))
    }

    pub(super) async fn read_waiting(&self) -> Result<Vec<(DestinationKey, u64)>, StoreError> {
        let rows = sqlx::query_as(SELECT_WAITING).fetch_all(&self.readers).await.map_err(store_error)?;
        rows.into_iter().map(waiting).collect()
    }

    pub(super) async fn read_counts(&self) -> Result<Vec<Count>, StoreError> {
        let rows: Vec<CountColumns> =
            sqlx::query_as(SELECT_COUNTS).fetch_all(&self.readers).await.map_err(store_error)?;
        rows.into_iter().map(Count::try_from).collect()
    }

    pub(super) async fn read_note(&self, name: &'static str) -> Result<Option<Note>, StoreError> {
        let note: Option<NoteColumns> = sqlx::query_as("SELECT key_id, value FROM notes WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.readers)
            .await
            .map_err(store_error)?;
        Ok(note.map(Note::from))
    }

    pub(super) async fn read_size(&self) -> Result<u64, StoreError> {
        let size: i64 = sqlx::query_scalar(
            "SELECT (page_count - freelist_count) * page_size \
            FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()",
        )
        .fetch_one(&self.readers)
        .await
        .map_err(store_error)?;
        counter(size)
    }

    pub(super) async fn check(&self) -> Result<Vec<String>, StoreError> {
        let mut found: Vec<String> =
            sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&self.readers).await.map_err(store_error)?;
        // What it says when there is nothing to say.
        found.retain(|line| line != "ok");
        for (words, query) in INVARIANTS.into_iter().chain([NUMBERS]) {
            let rows: i64 = sqlx::query_scalar(query).fetch_one(&self.readers).await.map_err(store_error)?;
            if rows != 0 {
                found.push(format!("{rows} times: {words}"));
            }
        }
        Ok(found)
    }
}

/// What must hold besides, as [`INVARIANTS`].
const NUMBERS: (&str, &str) = (
    "entries are pending under another number than their lane has, and would never be delivered",
    "SELECT count(*) FROM entries JOIN lanes ON lanes.lane = entries.lane \
        WHERE entries.state = 'pending' AND entries.lane_number <> lanes.number",
);

pub(super) const NEXT_DUE: &str =
    "SELECT min(due_at) FROM lanes WHERE environment = $1 AND destination = $2 AND blocked_by IS NULL";

pub(super) fn first_heads_query(lanes: &[Digest]) -> QueryBuilder<sqlite::Sqlite> {
    let mut query = QueryBuilder::new(select_first_heads("first.lane_number = lanes.number", "length"));
    query.push("IN (");
    let mut separated = query.separated(", ");
    for lane in lanes {
        separated.push_bind(lane.as_slice());
    }
    query.push(")");
    query
}

pub(super) fn heads_query(lane: Digest, most: usize) -> QueryBuilder<sqlite::Sqlite> {
    let mut query = QueryBuilder::new(SELECT_ENTRIES);
    let conditions = |query: &mut QueryBuilder<sqlite::Sqlite>| {
        query
            .push(" WHERE entries.state = 'pending' AND entries.lane_number = (SELECT number FROM lanes WHERE lane = ");
        query.push_bind(lane.to_vec()).push(")");
    };
    restrict_to_page(&mut query, conditions, most, HEAD_BYTES, "length");
    query
}

pub(super) fn list_query(filter: &Filter, after: i64, most: usize) -> QueryBuilder<sqlite::Sqlite> {
    let mut query = QueryBuilder::new(SELECT_ENTRIES);
    let conditions = |query: &mut QueryBuilder<sqlite::Sqlite>| {
        query.push(" WHERE entries.sequence > ").push_bind(after);
        restrict(query, filter.clone(), "+");
    };
    restrict_to_page(&mut query, conditions, most, PAGE_BYTES, "length");
    query
}
