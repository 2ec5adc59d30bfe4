//! Reads.

use std::time::Duration;

use sqlx::{AssertSqlSafe, QueryBuilder, postgres};

use super::Postgres;
use super::exchange::{READ_LIMIT, SCAN_LIMIT};
use super::write::now;
use crate::inbox::entry::{EntryId, Millis};
use crate::inbox::store::columns::{
    CountColumns, EntryColumns, HEAD_BYTES, HeadColumns, INVARIANTS, NoteColumns, PAGE_BYTES, SELECT_COUNTS,
    SELECT_ENTRIES, SELECT_WAITING, counter, restrict, restrict_to_page, select_first_heads, waiting,
};
use crate::inbox::store::{Count, DestinationKey, Digest, Filter, Head, Note, Row, StoreError};

impl Postgres {
    pub(super) async fn read_first_heads(&self, lanes: Vec<Digest>) -> Result<Vec<Head>, StoreError> {
        let lanes: Vec<Vec<u8>> = lanes.into_iter().map(Vec::from).collect();
        let rows: Vec<HeadColumns> = self
            .connections
            .ask(READ_LIMIT, |connection| {
                let query = AssertSqlSafe(select_first_heads("first.lane = lanes.lane", "octet_length") + "= ANY($1)");
                let asked = sqlx::query_as(query).bind(lanes.clone());
                Box::pin(async move { asked.fetch_all(connection).await })
            })
            .await?;
        rows.into_iter().map(Head::try_from).collect()
    }

    pub(super) async fn read_heads(&self, lane: Digest, most: usize) -> Result<Vec<Row>, StoreError> {
        self.rows(READ_LIMIT, |query| {
            let conditions = |query: &mut QueryBuilder<postgres::Postgres>| {
                query.push(" WHERE entries.state = 'pending' AND entries.lane = ").push_bind(lane.to_vec());
            };
            restrict_to_page(query, conditions, most, HEAD_BYTES, "octet_length");
        })
        .await
    }

    pub(super) async fn read_list(&self, filter: Filter, after: i64, most: usize) -> Result<Vec<Row>, StoreError> {
        self.rows(SCAN_LIMIT, |query| {
            let conditions = |query: &mut QueryBuilder<postgres::Postgres>| {
                query.push(" WHERE entries.sequence > ").push_bind(after);
                restrict(query, filter.clone(), "");
            };
            restrict_to_page(query, conditions, most, PAGE_BYTES, "octet_length");
        })
        .await
    }

    pub(super) async fn read_entry(&self, id: EntryId) -> Result<Option<Row>, StoreError> {
        let found = self.rows(READ_LIMIT, |query| {
            query.push(" WHERE entries.id = ").push_bind(id.as_bytes().as_slice());
        });
        Ok(found.await?.pop())
    }

    async fn rows(
        &self,
        limit: Duration,
        condition: impl Fn(&mut QueryBuilder<postgres::Postgres>) + Send + Sync,
    ) -> Result<Vec<Row>, StoreError> {
        let rows: Vec<EntryColumns> = self
            .connections
            .ask(limit, |connection| {
                let mut query = QueryBuilder::new(SELECT_ENTRIES);
                condition(&mut query);
                Box::pin(async move { query.build_query_as().fetch_all(connection).await })
            })
            .await?;
        rows.into_iter().map(Row::try_from).collect()
    }

    pub(super) async fn read_next_due(&self, of: DestinationKey) -> Result<Option<Duration>, StoreError> {
        let until: Option<i64> = self
            .connections
            .ask(READ_LIMIT, |connection| {
                let asked = sqlx::query_scalar(concat!(
                    "SELECT min(due_at) - ",
                    now!(),
                    " FROM lanes WHERE environment = $1 AND destination = $2 AND blocked_by IS NULL"
                ));
                let asked = asked.bind(of.environment.clone()).bind(of.destination.clone());
                Box::pin(asked.fetch_one(connection))
            })
            .await?;
        Ok(until.map(|until| Duration::from_millis(u64::try_from(until).unwrap_or(0))))
    }

    pub(super) async fn read_waiting(&self) -> Result<Vec<(DestinationKey, u64)>, StoreError> {
        let asked = self
            .connections
            .ask(SCAN_LIMIT, |connection| Box::pin(sqlx::query_as(SELECT_WAITING).fetch_all(connection)));
        asked.await?.into_iter().map(waiting).collect()
    }

    pub(super) async fn read_counts(&self) -> Result<Vec<Count>, StoreError> {
        let counted = self.connections.ask(SCAN_LIMIT, |connection| {
            Box::pin(sqlx::query_as::<_, CountColumns>(SELECT_COUNTS).fetch_all(connection))
        });
        let rows = counted.await?;
        rows.into_iter().map(Count::try_from).collect()
    }

    pub(super) async fn read_note(&self, name: &'static str) -> Result<Option<Note>, StoreError> {
        let asked = "SELECT key_id, value FROM notes WHERE name = $1";
        let note: Option<NoteColumns> = self
            .connections
            .ask(READ_LIMIT, |connection| Box::pin(sqlx::query_as(asked).bind(name).fetch_optional(connection)))
            .await?;
        Ok(note.map(Note::from))
    }

    pub(super) async fn read_size(&self) -> Result<u64, StoreError> {
        let asked = self
            .connections
            .ask(SCAN_LIMIT, |connection| Box::pin(sqlx::query_scalar::<_, i64>(SIZE).fetch_one(connection)));
        counter(asked.await?)
    }

    pub(super) async fn read_clock(&self) -> Result<Millis, StoreError> {
        self.connections
            .ask(READ_LIMIT, |connection| {
                Box::pin(sqlx::query_scalar(concat!("SELECT ", now!())).fetch_one(connection))
            })
            .await
    }

    /// What PostgreSQL keeps in order itself is not looked into: that is for `pg_amcheck`, and for checksums of its pages.
    pub(super) async fn check(&self) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        for (words, query) in INVARIANTS {
            let rows: i64 = self
                .connections
                .ask(SCAN_LIMIT, |connection| Box::pin(sqlx::query_scalar(query).fetch_one(connection)))
                .await?;
            if rows != 0 {
                found.push(format!("{rows} times: {words}"));
            }
        }
        Ok(found)
    }
}

/// How long a payload is stands beside it: none is read for this. Its own columns, its lane, its keys and their places in indices
/// make an entry about a KiB longer.
const SIZE: &str = "SELECT coalesce(sum(octet_length(payload)::bigint + 1024), 0)::bigint FROM entries";
