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
async fn access_events_can_be_switched_off() {
    let door = Door::with(Setup { log: "access = false", ..Setup::default() }).await;
    door.honest().expect_accepted("an honest client").await;
    door.server.permits_return_to_zero().await;
    assert!(door.server.events("request").is_empty());
}
