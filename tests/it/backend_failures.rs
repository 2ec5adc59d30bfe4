//! A backend that is down, slow or breaks, and a caller that goes away.

use std::time::Duration;

use http_body_util::BodyExt as _;
use tokio::net::TcpListener;

use crate::support::{Answer, Door, Gate, Setup, request, within};

#[tokio::test]
async fn a_backend_that_is_down_is_503() {
    // A port that nobody listens on: bound once, to know that it is free, and let go.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let backend_url = Some(format!("http://{free}"));
    let door = Door::with(Setup { backend_url, ..Setup::default() }).await;
    for caller in [door.honest(), door.honest().h2()] {
        let reply = caller.call("/down").await.unwrap();
        assert_eq!(reply.status, 503);
        assert!(!reply.text().contains(&free.to_string()), "the caller learns where the backend is: {}", reply.text());
    }
    let told = &door.server.told("backend_failed", 1).await[0];
    assert_eq!(
        [&told["environment"], &told["backend"], &told["problem"]],
        ["preprod", free.to_string().as_str(), "backend-unavailable"]
    );
    door.server.permits_return_to_zero().await;
}

#[tokio::test]
async fn a_backend_that_is_slow_is_504_and_learns_that_nobody_waits() {
    let door = Door::with(Setup { backend: "response_timeout = \"500ms\"", ..Setup::default() }).await;
    for caller in [door.honest(), door.honest().h2()] {
        let gate = Gate::closed();
        door.backend.answer("/slow", Answer::Held(gate.clone()));
        assert_eq!(caller.call("/slow").await.unwrap().status, 504);
        gate.departure().await;
    }
    door.is_unharmed().await;
}

#[tokio::test]
async fn a_backend_that_breaks_is_502_and_is_not_asked_twice() {
    let door = Door::open().await;
    door.backend.answer("/broken", Answer::Broken);
    for (calls, caller) in [(1, door.honest()), (2, door.honest().h2())] {
        assert_eq!(caller.call("/broken").await.unwrap().status, 502);
        assert_eq!(door.backend.arrivals("/broken"), calls, "a request that has left is not sent again");
    }
    door.is_unharmed().await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_made_to_look_whole() {
    let door = Door::open().await;
    door.backend.answer("/half", Answer::BrokenOff);
    for caller in [door.honest(), door.honest().h2()] {
        let mut session = caller.session().await.unwrap();
        let response = session.begin(request("GET", "/half").body(http_body_util::Empty::new().boxed()).unwrap()).await;
        // What has arrived of the head and the body may be passed on, but never a proper end.
        if let Ok(response) = response
            && response.status() == 200
        {
            within("the end of the answer", response.into_body().collect()).await.unwrap_err();
        }
    }
    door.is_unharmed().await;
}

#[tokio::test]
async fn a_caller_that_goes_away_cancels_its_request_at_the_backend() {
    let door = Door::open().await;
    for caller in [door.honest(), door.honest().h2()] {
        let gate = Gate::closed();
        door.backend.answer("/left", Answer::Held(gate.clone()));
        let call = tokio::spawn(async move { caller.call("/left").await });
        gate.arrival().await;
        call.abort();
        gate.departure().await;
    }
    door.is_unharmed().await;
}

#[tokio::test]
async fn a_backend_connection_that_was_closed_meanwhile_is_not_the_caller_s_problem() {
    let door = Door::with(Setup { backend: "idle_timeout = \"60s\"", ..Setup::default() }).await;
    door.honest().expect_accepted("the first call").await;
    // The backend closes what it holds open after this answer.
    door.backend.answer("/broken", Answer::Broken);
    assert_eq!(door.honest().call("/broken").await.unwrap().status, 502);
    tokio::time::sleep(Duration::from_millis(50)).await;
    door.honest().expect_accepted("the next call").await;
}
