//! A connection outlives its trust no longer than a second.

use time::{Duration, OffsetDateTime};

use crate::support::{Door, Spec, request, within};

#[tokio::test]
async fn a_leaf_that_expires_while_connected_reaches_the_backend_no_more() {
    let door = Door::open().await;
    for h2 in [false, true] {
        let short = Spec::client("short-lived").with(|params| {
            params.not_after = OffsetDateTime::now_utc() + Duration::seconds(3);
        });
        let caller = door.stranger().presenting(&door.pki.issuing.issue(short));
        let caller = if h2 { caller.h2() } else { caller };
        let mut session = caller.session().await.unwrap();
        let before = session.send(request("POST", "/before").body("".into()).unwrap()).await.unwrap();
        assert_eq!(before.status, 200, "control: it is let in while the leaf is valid");

        // The connection is used all the while, so that no idle timer has a part in its end.
        let last = within("the verdict to end", async {
            loop {
                match session.send(request("POST", "/while").body("".into()).unwrap()).await {
                    Ok(reply) if reply.status == 200 => tokio::task::yield_now().await,
                    Ok(reply) => return reply.status,
                    // The server said goodbye between two calls.
                    Err(_) => return 0,
                }
            }
        })
        .await;
        assert!(matches!(last, 503 | 0), "{last}");
        let reached = door.backend.arrivals("/while");
        // Whatever is still sent over it is answered by 503 or by nobody.
        for _ in 0..3 {
            if let Ok(reply) = session.send(request("POST", "/while").body("".into()).unwrap()).await {
                assert_eq!(reply.status, 503);
            }
        }
        assert_eq!(door.backend.arrivals("/while"), reached, "a retired client reached the backend");
        session.ended().await;
        caller.expect_refused("the expired leaf, on a new connection").await;
    }
    assert!(door.server.metric("issuer_host_retired_connections_total").await >= 2.0);
    door.is_unharmed().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_when_its_verdict_ends() {
    let door = Door::open().await;
    for h2 in [false, true] {
        let short = Spec::client("short-lived").with(|params| {
            params.not_after = OffsetDateTime::now_utc() + Duration::seconds(2);
        });
        let caller = door.stranger().presenting(&door.pki.issuing.issue(short));
        let caller = if h2 { caller.h2() } else { caller };
        let mut session = caller.session().await.unwrap();
        assert_eq!(session.send(request("POST", "/before").body("".into()).unwrap()).await.unwrap().status, 200);
        session.ended().await;
    }
    door.is_unharmed().await;
}
