use std::future::pending;

use axum::http::Extensions;
use futures_util::FutureExt as _;

use super::*;
use crate::admin::turn::Exchange;

const LOOPBACK: &str = "127.0.0.1";

fn places() -> (Places, SlotMetrics) {
    let metrics = SlotMetrics::default();
    (Places::new(metrics.clone()), metrics)
}

fn taken(places: &Places, peer: &str) -> (Place, Turn) {
    let place = places.take(peer.parse().unwrap());
    let turn = place.turn();
    (place, turn)
}

/// Whether a connection on which nothing happens has to go.
fn goes((place, turn): &mut (Place, Turn)) -> bool {
    place.hold(turn, pin!(pending::<()>())).now_or_never().is_some()
}

/// An administrator asks for something over a connection.
fn asked(turn: &Turn) -> Exchange {
    let exchange = turn.begin();
    let mut extensions = Extensions::new();
    extensions.insert(turn.clone());
    Turn::of_administrator(&extensions);
    exchange
}

#[tokio::test(start_paused = true)]
async fn where_no_place_is_left_the_connection_that_waited_longest_gives_way() {
    let (places, metrics) = places();
    let mut all: Vec<_> = (0..MOST).map(|_| taken(&places, LOOPBACK)).collect();
    assert!(!all.iter_mut().any(goes), "control: there is room for them");
    let mut next = taken(&places, "::1");
    assert!(goes(&mut all[0]) && !goes(&mut all[1]) && !goes(&mut next));
    assert_eq!(metrics.displaced.get(), 1);
    // Whoever was answered waits anew, and whoever went has left a place.
    all[1].1.answered_now();
    assert!(!goes(&mut all[1]));
    let mut another = taken(&places, LOOPBACK);
    assert!(goes(&mut all[2]) && !goes(&mut all[1]) && !goes(&mut another));
    drop(all);
    assert_eq!(metrics.in_flight.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn no_other_machine_takes_more_than_its_share() {
    for (mine, also_mine, other) in
        [("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")]
    {
        let (places, metrics) = places();
        let (mut probe, mut local) = (taken(&places, other), taken(&places, LOOPBACK));
        let mut all: Vec<_> = (0..SHARE).map(|_| taken(&places, mine)).collect();
        assert!(!all.iter_mut().any(goes), "control");
        let mut more: Vec<_> = (0..2 * MOST).map(|_| taken(&places, also_mine)).collect();
        assert!(all.iter_mut().all(goes) && !goes(more.last_mut().unwrap()), "{mine}");
        assert!(!goes(&mut probe) && !goes(&mut local), "{mine}: older, and of another source");
        assert_eq!(metrics.in_flight.get(), i64::try_from(SHARE).unwrap() + 2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_administrator_waits_for_gives_way_to_nobody_until_it_is_answered() {
    let (places, metrics) = places();
    let (mut administrator, mut stranger) = (taken(&places, LOOPBACK), taken(&places, LOOPBACK));
    let exchange = asked(&administrator.1);
    let _unasked = stranger.1.begin();
    assert!(!goes(&mut administrator) && !goes(&mut stranger));
    let crowd: Vec<_> = (0..2 * MOST).map(|_| taken(&places, LOOPBACK)).collect();
    assert!(goes(&mut stranger), "control: who has shown nothing is displaced");
    assert!(!goes(&mut administrator));
    drop(exchange);
    assert!(!goes(&mut administrator), "not all of it is on its way");
    administrator.1.answered_now();
    assert!(!goes(&mut administrator), "it is the newest now");
    let more: Vec<_> = (0..MOST).map(|_| taken(&places, LOOPBACK)).collect();
    assert!(goes(&mut administrator), "as everybody else");
    drop((administrator, stranger, crowd, more));
    assert_eq!(metrics.in_flight.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn so_many_answers_are_kept_and_no_more() {
    let (places, _) = places();
    let mut all: Vec<_> = (0..=KEPT).map(|_| taken(&places, LOOPBACK)).collect();
    let exchanges: Vec<_> = all.iter().map(|(_, turn)| asked(turn)).collect();
    assert!(!all.iter_mut().any(goes));
    let _crowd: Vec<_> = (0..MOST).map(|_| taken(&places, LOOPBACK)).collect();
    let gone: Vec<_> = all.iter_mut().map(goes).collect();
    assert!(gone[KEPT] && !gone[..KEPT].contains(&true), "{gone:?}");
    drop(exchanges);
    drop(all);
    assert_eq!(places.kept.available_permits(), KEPT);
}
