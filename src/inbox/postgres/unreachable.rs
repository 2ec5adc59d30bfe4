//! Why there is no connection, and what to do about it.

use std::io::{self, ErrorKind};

use super::error::{state_of, store_error};
use crate::inbox::store::StoreError;

/// For errors of whoever wanted a connection to `place`. Names neither the user nor the password nor the database.
pub(super) fn unreachable(error: sqlx::Error, place: &str) -> StoreError {
    let state = state_of(&error).unwrap_or_default();
    let words = match (&error, state.as_str()) {
        (sqlx::Error::PoolTimedOut, _) => format!(
            "no connection to {place} within 2 s: nobody listens there, it does not answer, or all connections are in use"
        ),
        (sqlx::Error::Io(error), _) => of_io(error, place),
        (sqlx::Error::Protocol(_), _) => {
            format!("what answers at {place} does not speak PostgreSQL's protocol: correct host and port in the url")
        }
        (sqlx::Error::Tls(words), _) => {
            format!("no TLS with {place}: {words}; check sslmode and sslrootcert in the url")
        }
        (_, "28P01" | "28000") => {
            return StoreError::Denied(format!(
                "PostgreSQL at {place} does not take the url's user (SQLSTATE {state}): correct user and password in the url, or \
                allow the user in pg_hba.conf"
            ));
        }
        (_, "3D000") => {
            return StoreError::Denied(format!(
                "PostgreSQL at {place} has no database of that name (SQLSTATE {state}): create it, or correct the name in the url"
            ));
        }
        _ => return store_error(error),
    };
    StoreError::Unavailable(words)
}

fn of_io(error: &io::Error, place: &str) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => format!(
            "nobody listens at {place} (connection refused): start PostgreSQL there, or correct host and port in the url"
        ),
        ErrorKind::NotFound => {
            format!("there is no socket at {place}: start PostgreSQL there, or correct the host in the url")
        }
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => format!(
            "{place} ended the connection at once: where that is not PostgreSQL, correct host and port in the url"
        ),
        // There is no kind for it.
        _ if error.to_string().starts_with("failed to lookup address") => {
            format!("the host of {place} has no address ({error}): correct the host in the url, or the name service")
        }
        _ => format!("no connection to {place}: {error}; check host and port in the url, and the network between"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::{Postgres, PostgresOptions};
    use crate::inbox::store::conformance::WINDOW;

    async fn refused(url: String) -> String {
        let options = PostgresOptions { url, connections: 2, serves: true, deduplication_window: WINDOW };
        let words = Postgres::open(options).await.unwrap_err().to_string();
        assert!(!words.contains("hunter2") && !words.contains("somebody"), "{words}");
        words
    }

    #[tokio::test]
    async fn a_place_where_nobody_listens_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = listener.local_addr().unwrap();
        drop(listener);
        let words = refused(format!("postgres://somebody:hunter2@{place}/inbox")).await;
        assert!(words.contains(&format!("nobody listens at {place} (connection refused)")), "{words}");
    }

    #[tokio::test]
    async fn a_host_without_an_address_is_named() {
        let words = refused("postgres://somebody:hunter2@db.invalid:5432/inbox".into()).await;
        assert!(words.contains("the host of db.invalid:5432 has no address"), "{words}");
    }

    #[tokio::test]
    async fn a_port_of_something_else_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = listener.local_addr().unwrap();
        let answering = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 64]).await;
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            }
        });
        let words = refused(format!("postgres://somebody:hunter2@{place}/inbox")).await;
        assert!(words.contains(&format!("{place} does not speak PostgreSQL's protocol")), "{words}");
        answering.abort();
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs them"]
    async fn a_database_or_a_user_that_is_not_there_is_told_with_the_place() {
        let server = std::env::var("ISSUER_HOST_TEST_POSTGRES").unwrap();
        let (user_at_place, _) = server.trim_start_matches("postgres://").split_once('/').unwrap();
        let (_, place) = user_at_place.split_once('@').unwrap();
        let words = refused(format!("postgres://{user_at_place}/somebody")).await;
        assert!(words.contains(&format!("PostgreSQL at {place} has no database of that name")), "{words}");
        let words = refused(format!("postgres://somebody:hunter2@{place}/postgres")).await;
        assert!(words.contains(&format!("PostgreSQL at {place} does not take the url's user")), "{words}");
    }
}
