//! One event for each request, with nothing secret in it.

use crate::support::{Door, Setup, eventually, request};

#[tokio::test]
async fn each_request_is_told_of_without_query_headers_or_body() {
    let door = Door::open().await;
    for caller in [door.honest(), door.honest().h2()] {
        let mut session = caller.session().await.unwrap();
        let call = request("POST", "/cards/card-1?pan=4000000000000002").header("authorization", "APIKEY planted-key");
        session.send(call.body("planted-body".into()).unwrap()).await.unwrap();
        let refused = request("GET", "/a//b").body("".into()).unwrap();
        assert_eq!(session.send(refused).await.unwrap().status, 400);
    }
    eventually("four events", async || door.server.events("request").len() == 4).await;
    let events = door.server.events("request");
    let first = &events[0];
    assert_eq!(
        (&first["method"], &first["path"], &first["status"]),
        (&"POST".into(), &"/cards/card-1".into(), &200.into())
    );
    assert_eq!((&first["environment"], &first["tls"]), (&"preprod".into(), &"TLSv1.3".into()));
    assert!(first["subject"].as_str().unwrap().contains("CN=honest"), "{first}");
    assert!(!first["request_id"].as_str().unwrap().is_empty(), "{first}");
    assert_eq!(events[1]["status"], 400);
    for secret in ["4000000000000002", "planted-key", "planted-body"] {
        assert!(!door.server.log().contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn of_calls_that_go_well_one_in_so_many_is_told_of_and_each_that_fails() {
    let door = Door::with(Setup { log: "access_sample = 4", ..Setup::default() }).await;
    let mut session = door.honest().session().await.unwrap();
    for round in 0..200 {
        let good = request("POST", "/accepted").body("".into()).unwrap();
        assert_eq!(session.send(good).await.unwrap().status, 200);
        if round % 50 == 0 {
            let mut session = door.honest().session().await.unwrap();
            let refused = request("GET", "/a//b").body("".into()).unwrap();
            assert_eq!(session.send(refused).await.unwrap().status, 400);
        }
    }
    eventually("all four failures", async || {
        door.server.events("request").iter().filter(|event| event["status"] == 400).count() == 4
    })
    .await;
    let events = door.server.events("request");
    let (failed, good): (Vec<_>, Vec<_>) = events.iter().partition(|event| event["status"] == 400);
    assert!(failed.iter().all(|event| event.get("sampled").is_none()), "each stands for itself");
    assert!((30..70).contains(&good.len()), "{} of 200 are told of", good.len());
    assert!(good.iter().all(|event| event["sampled"] == 4), "{good:?}");
}

#[tokio::test]
async fn access_events_can_be_switched_off() {
    let door = Door::with(Setup { log: "access = false", ..Setup::default() }).await;
    door.honest().expect_accepted("an honest client").await;
    door.server.permits_return_to_zero().await;
    assert!(door.server.events("request").is_empty());
}
