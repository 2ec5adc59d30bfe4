//! Limits are edited: for requests on connections that are kept, for new connections, and for how many there may be.

use super::quiet;
use crate::support::neighbours::call;
use crate::support::{Door, HOST, QUIET, Setup, request, within};

#[tokio::test]
async fn limits_of_requests_change_for_kept_connections() {
    let door = quiet("").await;
    let mut kept = door.honest().h2().session().await.unwrap();
    let big = || request("POST", "/big").body(vec![b'a'; 3000].into()).unwrap();
    assert_eq!(kept.send(big()).await.unwrap().status, 200, "control");
    door.edit("[server]\n", "[server]\nmax_body_size = \"1 KiB\"\n");
    door.expect_reload("unchanged").await;
    assert_eq!(kept.send(big()).await.unwrap().status, 413, "over the limit that came with the reload");
    assert_eq!(door.honest().call("/small").await.unwrap().status, 200);
    assert_eq!(door.backend.arrivals("/small"), 1);
    door.edit("max_body_size = \"1 KiB\"\n", "");
    door.expect_reload("unchanged").await;
    assert_eq!(kept.send(big()).await.unwrap().status, 200, "the default again");
}

#[tokio::test]
async fn limits_of_a_head_change_for_new_connections() {
    let door = quiet("").await;
    let call = async || {
        let call = (0..40).fold(request("POST", "/fields"), |call, at| call.header(format!("x-{at}"), "1"));
        door.honest().session().await.unwrap().send(call.body("".into()).unwrap()).await.unwrap().status
    };
    assert_eq!(call().await, 200, "control");
    door.edit("[server]\n", "[server]\nmax_headers = 20\n");
    door.expect_reload("unchanged").await;
    assert_eq!(call().await, 431);
    door.edit("max_headers = 20\n", "");
    door.expect_reload("unchanged").await;
    assert_eq!(call().await, 200);
}

#[tokio::test]
async fn a_limit_below_what_is_open_cuts_nobody() {
    let door = Door::with(Setup { log: QUIET, server: "keep_alive_idle = \"60s\"", ..Setup::default() }).await;
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(door.honest().session().await.unwrap());
    }
    door.edit("[server]\n", "[server]\nmax_connections = 2\n");
    door.expect_reload("unchanged").await;
    for session in &mut open {
        assert_eq!(call(session, HOST, "/open").await, 200, "it was open before");
    }
    drop(open);
    door.server.permits_return_to_zero().await;
    // From now on the new limit holds: the newcomer waits until a place is free.
    let (first, second) = (door.honest().session().await.unwrap(), door.honest().session().await.unwrap());
    let honest = door.honest();
    let third = tokio::spawn(async move { honest.call("/third").await });
    assert!(door.server.metric("issuer_host_connection_permits_in_use").await <= 2.0);
    assert_eq!(door.backend.arrivals("/third"), 0);
    drop(first);
    assert_eq!(within("the third connection", third).await.unwrap().unwrap().status, 200);
    drop(second);
    // And it is lifted in the same way.
    door.edit("max_connections = 2\n", "");
    door.expect_reload("unchanged").await;
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(door.honest().session().await.unwrap());
    }
    for session in &mut open {
        assert_eq!(call(session, HOST, "/lifted").await, 200);
    }
}
