//! A network that goes silent: connections stay, and not a byte passes over them any more.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::*;
use crate::inbox::postgres::exchange::{READ_LIMIT, WRITE_LIMIT};

/// What lies between the store and the database.
struct Network {
    port: u16,
    silences: watch::Sender<()>,
    _accepting: tokio_util::task::AbortOnDropHandle<()>,
}

impl Network {
    async fn before(database: &Database) -> Self {
        let behind = format!("{}:{}", database.server.get_host(), database.server.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (silences, silenced) = watch::channel(());
        let accepting = tokio::spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let mut silenced = silenced.clone();
                silenced.mark_unchanged();
                passing.spawn(pass(near, behind.clone(), silenced));
            }
        });
        Self { port, silences, _accepting: tokio_util::task::AbortOnDropHandle::new(accepting) }
    }

    /// From now on nothing passes over the connections that there are. New ones are as good as ever.
    fn fall_silent(&self) {
        self.silences.send(()).unwrap();
    }
}

async fn pass(mut near: TcpStream, behind: String, mut silenced: watch::Receiver<()>) {
    let mut far = TcpStream::connect(behind).await.unwrap();
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        // Both stay open: nobody is told.
        _ = silenced.changed() => std::future::pending().await,
    }
}

/// Every connection of `store` is in use at the moment when the network falls silent, or was a moment ago.
async fn use_all(store: &Postgres) {
    for lane in 0..4 {
        let (received, now, due) = tokio::join!(receive(store, lane), store.now(), store.next_due(nobody()));
        assert_eq!(received.unwrap(), [Received::Stored]);
        now.unwrap();
        assert_eq!(due.unwrap(), None);
    }
}

fn nobody() -> DestinationKey {
    DestinationKey { environment: "preprod".into(), destination: "nobody".into() }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs them"]
async fn a_store_goes_on_over_new_connections_when_its_network_falls_silent() {
    let database = Database::create().await;
    let network = Network::before(&database).await;
    let store = database.store_over(network.port, 2).await;
    for round in 0..2_u8 {
        use_all(&store).await;
        network.fall_silent();
        let silent = Instant::now();
        // Those that meet the silent connections fail in the end, and nobody after them does.
        let (read, written) = tokio::join!(store.now(), receive(&store, 10 + round));
        assert!(silent.elapsed() < READ_LIMIT + WRITE_LIMIT, "within {:?}", silent.elapsed());
        let failures = usize::from(read.is_err()) + usize::from(written.is_err());
        assert!(failures > 0, "control: the network was silent");
        for error in [read.err(), written.err()].into_iter().flatten() {
            assert!(matches!(&error, StoreError::Unavailable(_)), "{error}");
        }
        // More at once than there are connections, each twice: no place is lost.
        for lane in 0..2 {
            let all = futures_util::future::join_all((0..8).map(|_| store.now()));
            for now in timeout(READ_LIMIT, all).await.expect("at once") {
                now.unwrap();
            }
            assert_eq!(receive(&store, 20 + 2 * round + lane).await.unwrap(), [Received::Stored]);
        }
        assert!(store.connections.pool.size() <= 2);
    }
    store.close().await;
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs them"]
async fn whoever_gives_up_on_a_silent_store_takes_no_connection_with_him() {
    let database = Database::create().await;
    let network = Network::before(&database).await;
    let store = database.store_over(network.port, 2).await;
    use_all(&store).await;
    network.fall_silent();
    for _ in 0..2 {
        let gone = timeout(Duration::from_millis(300), futures_util::future::join(store.now(), store.now()));
        let _ = gone.await;
    }
    let begun = Instant::now();
    store.now().await.unwrap();
    assert!(begun.elapsed() < READ_LIMIT, "after {:?}", begun.elapsed());
    store.close().await;
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs them"]
async fn a_store_whose_network_is_silent_is_closed_in_time() {
    let database = Database::create().await;
    let network = Network::before(&database).await;
    let store = Arc::new(database.store_over(network.port, 2).await);
    use_all(&store).await;
    network.fall_silent();
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.now().await })
        })
        .collect();
    // They have the connections, and wait for an answer.
    timeout(BOUND, async {
        while store.connections.pool.num_idle() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    timeout(Duration::from_secs(4), store.close()).await.expect("it is closed in time");
    for waits in waiting {
        assert!(waits.await.unwrap().is_err(), "control: nobody got an answer");
    }
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test.sh starts one and runs them"]
async fn a_replica_that_nothing_is_heard_of_any_more_listens_anew() {
    let database = Database::create().await;
    let network = Network::before(&database).await;
    let (store, other) = (database.store().await, database.store_over(network.port, 2).await);
    let hears = async |bound: Duration| {
        let woken = other.woken();
        let rings = async {
            for lane in (0..=u8::MAX).cycle() {
                receive(&store, lane).await.unwrap();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            () = woken => true,
            () = rings => unreachable!("it does not end"),
            () = tokio::time::sleep(bound) => false,
        }
    };
    assert!(hears(BOUND).await);
    network.fall_silent();
    // What it heard before and nobody asked for is still there.
    while timeout(Duration::from_millis(500), other.woken()).await.is_ok() {}
    assert!(!hears(Duration::from_secs(2)).await, "control: it hears nothing");
    assert!(hears(BOUND).await, "it listens over another connection");
    store.close().await;
    other.close().await;
    database.drop().await;
}
