//! Who guesses is slowed down, by itself, and learns nothing of it.

use std::num::NonZeroU32;

use super::*;
use crate::auth::throttle::MOST_IDS;

/// Ten and one a second, the default.
const BURST: usize = 10;

/// A certificate that nobody else has.
fn caller(number: usize) -> [u8; 32] {
    let mut digest = [1; 32];
    digest[..8].copy_from_slice(&number.to_be_bytes());
    digest
}

fn status(endpoint: &TokenEndpoint, caller: &[u8; 32], id: &str, secret: &str, now: SystemTime) -> u16 {
    answer_to(endpoint, caller, &headers(&[&basic(id, secret)]), GRANT, now).status
}

#[test]
fn a_right_secret_uses_nothing_up_in_either_way() {
    let mut options = endpoint_options(&keys(&key_pem()));
    options.clients[0].secrets = vec![secret("odd", "a+b+c+d+e+f+g+h+i")];
    let endpoint = TokenEndpoint::new(options).unwrap();
    for _ in 0..20 {
        assert_eq!(answer(&endpoint, &[&basic("thales", "a+b+c+d+e+f+g+h+i")], GRANT).status, 200);
    }
    // Control: wrong ones do, once each.
    for status in [[401; 10], [429; 10]].concat() {
        assert_eq!(answer(&endpoint, &[&basic("thales", "a+b")], GRANT).status, status);
    }
}

#[test]
fn guesses_are_slowed_down_for_each_client_id_by_itself() {
    let mut options = endpoint_options(&keys(&key_pem()));
    options.guesses = GuessLimit { burst: NonZeroU32::new(3).unwrap(), period: Duration::from_millis(1500) };
    let endpoint = TokenEndpoint::new(options).unwrap();
    let at = |id: &str, text: &str, now| answer_at(&endpoint, &headers(&[&basic(id, text)]), GRANT, now);
    // What succeeds uses nothing up.
    for _ in 0..10 {
        assert_eq!(at("thales", SECRET, now()).status, 200);
    }
    for _ in 0..3 {
        assert_eq!(at("thales", OTHER, now()).status, 401);
    }
    // Not even the right one is looked at now.
    let blocked = at("thales", SECRET, now());
    assert_eq!((blocked.status, &blocked.response.headers()[RETRY_AFTER]), (429, &"2".parse().unwrap()));
    assert_eq!(blocked.json["error"], "temporarily_unavailable");
    assert_eq!(at("other", OTHER, now()).status, 200);
    assert_eq!(at("nobody", SECRET, now()).status, 401);
    // A clock that is set back does not help, and one that goes on does.
    assert_eq!(at("thales", SECRET, now() - Duration::from_secs(3600)).status, 429);
    let mut clock = now() - Duration::from_secs(3600);
    clock += Duration::from_millis(1400);
    assert_eq!(at("thales", SECRET, clock).status, 429);
    clock += Duration::from_millis(100);
    assert_eq!(at("thales", SECRET, clock).status, 200);
    // One guess for each period from here on.
    assert_eq!(at("thales", OTHER, clock).status, 401);
    assert_eq!(at("thales", OTHER, clock).status, 429);
    clock += Duration::from_secs(60);
    for status in [401, 401, 401, 429] {
        assert_eq!(at("thales", OTHER, clock).status, status);
    }
}

#[test]
fn no_caller_uses_up_the_guesses_of_another() {
    let endpoint = endpoint();
    let (guesser, honest) = (caller(1), caller(2));
    for expected in [[401; BURST], [429; BURST]].concat() {
        assert_eq!(status(&endpoint, &guesser, "thales", OTHER, now()), expected);
    }
    // Control: the guesser would not get in with the right one either.
    assert_eq!(status(&endpoint, &guesser, "thales", SECRET, now()), 429);
    assert_eq!(status(&endpoint, &honest, "thales", SECRET, now()), 200);
    assert_eq!(status(&endpoint, &honest, "thales", OTHER, now()), 401);
    assert_eq!(status(&endpoint, &honest, "thales", SECRET, now()), 200);
}

#[test]
fn ids_that_somebody_has_and_ids_that_nobody_has_are_slowed_down_alike() {
    let endpoint = endpoint();
    // More of them than have an allowance of their own, with one that somebody has first, in the middle, and last.
    for middle in [0, MOST_IDS / 2, 2 * MOST_IDS] {
        let ids: Vec<String> = (0..=2 * MOST_IDS).map(|number| format!("nobody{number}")).collect();
        let guessed = |known: Option<&str>| -> Vec<Vec<(u16, Value)>> {
            let caller = caller(middle * 2 + usize::from(known.is_some()));
            let guess = |number: usize| {
                let id = known.filter(|_| number == middle).unwrap_or(&ids[number]);
                let answer = answer_to(&endpoint, &caller, &headers(&[&basic(id, "wrong")]), GRANT, now());
                (answer.status, answer.json)
            };
            (0..ids.len()).map(|number| (0..=BURST).map(|_| guess(number)).collect()).collect()
        };
        let without = guessed(None);
        assert_eq!(guessed(Some("thales")), without, "{middle}");
        // Control: each had its own, as long as there were any.
        for (number, answers) in without.iter().enumerate() {
            let first = if number <= MOST_IDS { 401 } else { 429 };
            assert_eq!((answers[0].0, answers[BURST].0), (first, 429), "{number}");
        }
    }
}

#[test]
fn every_way_to_write_an_id_uses_up_the_same_guesses() {
    let endpoint = endpoint();
    let ways = ["thales", "%74hales", "t%68ales", "th%61les", "tha%6ces", "thal%65s", "thale%73", "%74%68ales"];
    let tried = ways.iter().cycle().take(BURST);
    assert!(tried.into_iter().all(|id| status(&endpoint, &CALLER, id, OTHER, now()) == 401));
    for id in ways {
        assert_eq!(status(&endpoint, &CALLER, id, OTHER, now()), 429, "{id}");
    }
}

#[test]
fn guesses_at_many_ids_give_back_none_at_one() {
    let endpoint = endpoint();
    for expected in [[401; BURST], [429; BURST]].concat() {
        assert_eq!(status(&endpoint, &CALLER, "thales", OTHER, now()), expected);
    }
    for number in 0..10 * MOST_IDS {
        status(&endpoint, &CALLER, &format!("nobody{number}"), OTHER, now());
    }
    assert_eq!(status(&endpoint, &CALLER, "thales", SECRET, now()), 429);
    // The others share an allowance by now, but none with another caller.
    assert_eq!(status(&endpoint, &CALLER, "other", OTHER, now()), 429);
    assert_eq!(status(&endpoint, &caller(1), "other", OTHER, now()), 200);
    // Control: time gives them back.
    assert_eq!(status(&endpoint, &CALLER, "thales", SECRET, after(1)), 200);
    assert_eq!(status(&endpoint, &CALLER, "other", OTHER, after(1)), 200);
}
