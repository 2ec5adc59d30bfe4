//! Calls that fail, take long, or are none that anybody knows.

use std::time::{Duration, Instant};

use http::StatusCode;

use crate::support::jwt::TokenKey;
use crate::support::token_door::{D1_CALL, call_d1, open_own, with_products};
use crate::support::{Answer, Door, Gate, QUIET, Setup, request};

use super::history::History;

/// Long enough for whatever pages or is a ticket after ten minutes.
const MINUTES: u32 = 20;
/// How many minutes lie between calls that come seldom, and how often they come.
pub(super) const SELDOM: u32 = 15;
pub(super) const TIMES: u32 = 8;

async fn open() -> (Door, History) {
    let door = with_products("\"d1\"", Setup { log: QUIET, ..Setup::default() }).await;
    let history = History::of(&door.server).await;
    (door, history)
}

/// So many calls of one operation, each with this answer.
async fn call(door: &Door, times: usize, status: u16) {
    let mut session = door.honest().session().await.unwrap();
    for _ in 0..times {
        assert_eq!(call_d1(&mut session, None).await.status, status);
    }
}

pub(super) async fn a_backend_answers_500_to_every_tenth_call() -> Vec<History> {
    let (door, mut history) = open().await;
    call(&door, 9, 200).await;
    door.backend.answer(D1_CALL, Answer::Fixed(StatusCode::INTERNAL_SERVER_ERROR, ""));
    call(&door, 1, 500).await;
    history.goes_on(MINUTES, &door.server).await;
    vec![history]
}

pub(super) async fn a_backend_answers_500_every_quarter_of_an_hour() -> Vec<History> {
    let (door, mut history) = open().await;
    door.backend.answer(D1_CALL, Answer::Fixed(StatusCode::INTERNAL_SERVER_ERROR, ""));
    call(&door, 1, 500).await;
    history.comes_again(TIMES, SELDOM, &door.server).await;
    vec![history]
}

pub(super) async fn a_backend_breaks_off_every_quarter_of_an_hour() -> Vec<History> {
    let (door, mut history) = open().await;
    door.backend.answer(D1_CALL, Answer::Broken);
    call(&door, 1, 502).await;
    history.comes_again(TIMES, SELDOM, &door.server).await;
    vec![history]
}

/// Too few fail for anybody to be woken.
pub(super) async fn a_backend_breaks_off_every_thirtieth_call() -> Vec<History> {
    let (door, mut history) = open().await;
    call(&door, 29, 200).await;
    door.backend.answer(D1_CALL, Answer::Broken);
    call(&door, 1, 502).await;
    history.goes_on(MINUTES, &door.server).await;
    vec![history]
}

pub(super) async fn nobody_listens_where_the_backend_was() -> Vec<History> {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let backend_url = Some(format!("http://{}", nobody.local_addr().unwrap()));
    drop(nobody);
    let door = with_products("\"d1\"", Setup { log: QUIET, backend_url, ..Setup::default() }).await;
    let mut history = History::of(&door.server).await;
    let mut session = door.honest().session().await.unwrap();
    for _ in 0..3 {
        assert!(call_d1(&mut session, None).await.status >= 500);
    }
    history.goes_on(MINUTES, &door.server).await;
    vec![history]
}

/// A backend that takes so long for an answer. How long the call took at last; longer where the machine is busy.
async fn call_slowly(door: &Door, pause: Duration) -> Duration {
    let gate = Gate::closed();
    door.backend.answer(D1_CALL, Answer::Held(gate.clone()));
    let mut session = door.honest().session().await.unwrap();
    let begun = Instant::now();
    let slow = async {
        gate.arrival().await;
        // Not to wait for anything: this is how slow the backend is.
        tokio::time::sleep(pause).await;
        gate.open();
    };
    let (reply, ()) = tokio::join!(call_d1(&mut session, None), slow);
    assert_eq!(reply.status, 200);
    begun.elapsed()
}

pub(super) async fn a_backend_takes_six_seconds() -> Vec<History> {
    let (door, mut history) = open().await;
    call_slowly(&door, Duration::from_secs(6)).await;
    history.goes_on(MINUTES, &door.server).await;
    vec![history]
}

pub(super) async fn a_backend_takes_more_than_a_second() -> Vec<History> {
    for _ in 0..10 {
        let (door, mut history) = open().await;
        // Another one where the machine made it slower than what pages.
        if call_slowly(&door, Duration::from_millis(1100)).await < Duration::from_millis(2500) {
            history.goes_on(40, &door.server).await;
            return vec![history];
        }
    }
    panic!("the machine is too busy for a call that is a little slow");
}

pub(super) async fn calls_come_without_a_token() -> Vec<History> {
    let door = open_own(&TokenKey::new()).await;
    let mut history = History::of(&door.server).await;
    call(&door, 3, 401).await;
    history.goes_on(MINUTES, &door.server).await;
    vec![history]
}

pub(super) async fn a_call_comes_without_a_token_every_quarter_of_an_hour() -> Vec<History> {
    let door = open_own(&TokenKey::new()).await;
    let mut history = History::of(&door.server).await;
    call(&door, 1, 401).await;
    history.comes_again(TIMES, SELDOM, &door.server).await;
    vec![history]
}

async fn call_the_unknown(door: &Door) {
    let mut session = door.honest().session().await.unwrap();
    assert_eq!(session.send(request("POST", "/nobody/knows").body("".into()).unwrap()).await.unwrap().status, 200);
}

pub(super) async fn calls_come_that_no_operation_knows() -> Vec<History> {
    let (door, mut history) = open().await;
    call_the_unknown(&door).await;
    history.goes_on(MINUTES, &door.server).await;
    vec![history]
}

/// The first one is all that there is: its series never rises.
pub(super) async fn one_call_comes_that_no_operation_knows() -> Vec<History> {
    let (door, mut history) = open().await;
    call_the_unknown(&door).await;
    history.stays(MINUTES, &door.server).await;
    vec![history]
}
