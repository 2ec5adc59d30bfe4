//! When keys are fetched, who waits for it, and what is in use meanwhile.

use super::*;
use crate::auth::testing::after;

const DAY: u64 = 24 * 60 * 60;

#[tokio::test]
async fn the_first_token_waits_for_the_keys_and_the_next_does_not() {
    let pem = key_pem();
    let provider = FakeProvider::new(&set(&[&pem]));
    let tokens = provider.tokens();
    assert_eq!(provider.asked(), 0);
    assert_eq!(judged(&tokens, &token(&pem), now()).await, (None, true));
    assert_eq!(judged(&tokens, &token(&pem), now()).await, (None, false));
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn keys_that_were_fetched_ahead_keep_nobody_waiting() {
    let pem = key_pem();
    let provider = FakeProvider::new(&set(&[&pem]));
    let jwks = provider.jwks();
    jwks.prefetch(now());
    settle(&jwks).await;
    jwks.prefetch(now());
    let tokens = BearerTokens::of_identity_provider(jwks, options());
    assert_eq!(judged(&tokens, &token(&pem), now()).await, (None, false));
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn all_who_wait_share_one_fetch() {
    let pem = key_pem();
    let provider = FakeProvider::closed();
    provider.put(KEYS_URL, &set(&[&pem]));
    let (tokens, token) = (provider.tokens(), token(&pem));
    let pending: Vec<_> = (0..20)
        .map(|_| match tokens.verify(&bearer(&token), now()) {
            Verdict::Pending(future) => future,
            other => panic!("{other:?}"),
        })
        .collect();
    provider.gate.add_permits(1);
    for outcome in futures_util::future::join_all(pending).await {
        assert!(outcome.is_ok());
    }
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn a_fetch_goes_on_when_the_one_who_wanted_it_is_gone() {
    let pem = key_pem();
    let provider = FakeProvider::closed();
    provider.put(KEYS_URL, &set(&[&pem]));
    let jwks = provider.jwks();
    let tokens = BearerTokens::of_identity_provider(jwks.clone(), options());
    drop(tokens.verify(&bearer(&token(&pem)), now()));
    provider.gate.add_permits(1);
    settle(&jwks).await;
    assert_eq!(judged(&tokens, &token(&pem), now()).await, (None, false));
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn a_new_key_is_taken_at_once_and_an_invented_one_costs_a_fetch_every_ten_seconds() {
    let (old, new, invented) = (key_pem(), key_pem(), key_pem());
    let provider = FakeProvider::new(&set(&[&old]));
    let tokens = provider.tokens();
    assert_eq!(judged(&tokens, &token(&old), now()).await, (None, true));
    provider.put(KEYS_URL, &set(&[&new, &old]));
    assert_eq!(judged(&tokens, &token(&new), after(10)).await, (None, true));
    assert_eq!(judged(&tokens, &token(&old), after(10)).await, (None, false));
    assert_eq!(provider.asked(), 2);
    let unknown = Some(TokenRefusal::UnknownKey);
    for _ in 0..5 {
        assert_eq!(judged(&tokens, &token(&invented), after(19)).await, (Some(TokenRefusal::NoKeys), false));
    }
    assert_eq!(provider.asked(), 2);
    assert_eq!(judged(&tokens, &token(&invented), after(20)).await, (unknown, true));
    assert_eq!(judged(&tokens, &token(&invented), after(20)).await, (unknown, false));
    assert_eq!(provider.asked(), 3);
    // A clock that is set back is no reason to wait.
    assert_eq!(judged(&tokens, &token(&invented), after(5)).await, (unknown, true));
}

#[tokio::test]
async fn a_new_key_is_put_off_and_not_refused_while_the_pause_lasts_that_an_invented_one_began() {
    let (old, new, invented) = (key_pem(), key_pem(), key_pem());
    let provider = FakeProvider::new(&set(&[&old]));
    let tokens = provider.tokens();
    assert_eq!(judged(&tokens, &token(&old), now()).await, (None, true));
    let unknown = Some(TokenRefusal::UnknownKey);
    assert_eq!(judged(&tokens, &token(&invented), after(100)).await, (unknown, true));
    // Control: the keys are as new as the token, give or take the two seconds that one may take to get here.
    assert_eq!(judged(&tokens, &token(&invented), after(102)).await, (unknown, false));
    provider.put(KEYS_URL, &set(&[&new]));
    for seconds in [103, 109] {
        assert_eq!(judged(&tokens, &token(&new), after(seconds)).await, (Some(TokenRefusal::NoKeys), false));
    }
    assert_eq!(provider.asked(), 2);
    assert_eq!(judged(&tokens, &token(&new), after(110)).await, (None, true));
    assert_eq!(judged(&tokens, &token(&invented), after(120)).await, (unknown, true));
}

#[tokio::test]
async fn a_new_key_is_put_off_and_not_refused_while_the_provider_fails() {
    let (old, new) = (key_pem(), key_pem());
    let provider = FakeProvider::new(&set(&[&old]));
    let tokens = provider.tokens();
    assert_eq!(judged(&tokens, &token(&old), now()).await, (None, true));
    let none = Some(TokenRefusal::NoKeys);
    provider.put_document(KEYS_URL, StatusCode::INTERNAL_SERVER_ERROR, "");
    assert_eq!(judged(&tokens, &token(&new), after(20)).await, (none, true));
    assert_eq!(judged(&tokens, &token(&new), after(21)).await, (none, false));
    provider.vanish();
    assert_eq!(judged(&tokens, &token(&new), after(30)).await, (none, true));
    assert_eq!(judged(&tokens, &token(&old), after(30)).await, (None, false));
    // A clock that was set back does not make the keys of before any newer.
    assert_eq!(judged(&tokens, &token(&new), now() - Duration::from_secs(60)).await, (none, true));
    // Control: the provider is there again, and does not know the key.
    provider.put(KEYS_URL, &set(&[&old]));
    assert_eq!(judged(&tokens, &token(&new), after(40)).await, (Some(TokenRefusal::UnknownKey), true));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_began_long_before_a_token_came_does_not_say_that_its_key_is_none() {
    let (old, new) = (key_pem(), key_pem());
    let provider = FakeProvider::closed();
    provider.put(KEYS_URL, &set(&[&old]));
    let tokens = provider.tokens();
    let waiting = |seconds| match tokens.verify(&bearer(&token(&new)), after(seconds)) {
        Verdict::Pending(future) => future,
        other => panic!("{other:?}"),
    };
    let (first, soon, late) = (waiting(0), waiting(2), waiting(3));
    provider.gate.add_permits(1);
    let unknown = Some(TokenRefusal::UnknownKey);
    assert_eq!((first.await.err(), soon.await.err()), (unknown, unknown));
    assert_eq!(late.await.err(), Some(TokenRefusal::NoKeys));
}

#[tokio::test]
async fn a_key_that_was_withdrawn_takes_its_remembered_tokens_with_it() {
    let (old, new) = (key_pem(), key_pem());
    let provider = FakeProvider::new(&set(&[&new, &old]));
    let jwks = provider.jwks();
    let tokens = BearerTokens::of_identity_provider(jwks.clone(), options());
    assert_eq!(judged(&tokens, &token(&old), now()).await, (None, true));
    let remembered = token(&old);
    assert_eq!(judged(&tokens, &remembered, now()).await, (None, false));
    provider.put(KEYS_URL, &set(&[&new]));
    // Near the end of its 600 s the set is fetched in the background.
    assert_eq!(judged(&tokens, &remembered, after(480)).await, (None, false));
    settle(&jwks).await;
    assert_eq!(judged(&tokens, &remembered, after(481)).await.0, Some(TokenRefusal::UnknownKey));
    assert_eq!(judged(&tokens, &token(&new), after(481)).await, (None, false));
}

#[tokio::test]
async fn the_same_set_again_keeps_what_is_remembered() {
    let pem = key_pem();
    let provider = FakeProvider::new(&set(&[&pem]));
    let jwks = provider.jwks();
    for (now, asked) in [(now(), 1), (after(479), 1), (after(480), 2), (after(481), 2)] {
        if jwks.keys(now).is_none() {
            jwks.fetch(now);
        }
        settle(&jwks).await;
        assert_eq!((jwks.keys(now).unwrap().generation, provider.asked()), (0, asked));
    }
    provider.put(KEYS_URL, &set(&[&key_pem()]));
    jwks.keys(after(2_000));
    settle(&jwks).await;
    assert_eq!(jwks.keys(after(2_000)).unwrap().generation, 1);
}

#[tokio::test]
async fn keys_stay_in_use_for_a_day_while_the_provider_is_away() {
    let pem = key_pem();
    let provider = FakeProvider::new(&set(&[&pem]));
    let jwks = provider.jwks();
    jwks.prefetch(now());
    settle(&jwks).await;
    provider.vanish();
    for (seconds, usable) in [(600, true), (DAY, true), (DAY + 599, true), (DAY + 600, false), (10 * DAY, false)] {
        assert_eq!(jwks.keys(after(seconds)).is_some(), usable, "{seconds}");
        settle(&jwks).await;
    }
    // Once at first, and then at each of these but the one that came a second after another.
    assert_eq!(provider.asked(), 5);
    // And a token then hears that nothing is known of it.
    let tokens = BearerTokens::of_identity_provider(jwks, options());
    assert_eq!(judged(&tokens, &token(&pem), after(11 * DAY)).await, (Some(TokenRefusal::NoKeys), true));
}

#[tokio::test]
async fn keys_of_a_long_life_stay_in_use_for_twenty_five_hours_at_the_most() {
    const HOUR: u64 = 60 * 60;
    let provider = FakeProvider::new(&set(&[&key_pem()]));
    provider.documents.lock().unwrap().get_mut(KEYS_URL).unwrap().max_age = 100 * 60 * 60;
    let jwks = provider.jwks();
    jwks.prefetch(now());
    settle(&jwks).await;
    provider.vanish();
    for (seconds, usable) in [(24 * HOUR, true), (25 * HOUR - 1, true), (25 * HOUR, false), (48 * HOUR, false)] {
        assert_eq!(jwks.keys(after(seconds)).is_some(), usable, "{seconds}");
        settle(&jwks).await;
    }
}

#[tokio::test]
async fn a_provider_that_is_away_from_the_start_is_asked_once_a_second() {
    let pem = key_pem();
    let provider = FakeProvider::new(&set(&[&pem]));
    provider.vanish();
    let tokens = provider.tokens();
    let none = Some(TokenRefusal::NoKeys);
    assert_eq!(judged(&tokens, &token(&pem), now()).await, (none, true));
    for _ in 0..5 {
        assert_eq!(judged(&tokens, &token(&pem), now()).await, (none, false));
    }
    assert_eq!(provider.asked(), 1);
    provider.put(KEYS_URL, &set(&[&pem]));
    assert_eq!(judged(&tokens, &token(&pem), after(1)).await, (None, true));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_never_answers_is_given_up_after_five_seconds() {
    let pem = key_pem();
    let provider = FakeProvider::closed();
    let tokens = provider.tokens();
    let begun = tokio::time::Instant::now();
    assert_eq!(judged(&tokens, &token(&pem), now()).await, (Some(TokenRefusal::NoKeys), true));
    assert_eq!(begun.elapsed(), DEADLINE);
}

#[test]
fn without_a_runtime_nothing_is_fetched_and_nothing_breaks() {
    let pem = key_pem();
    let provider = FakeProvider::new(&set(&[&pem]));
    let tokens = provider.tokens();
    assert!(matches!(tokens.verify(&bearer(&token(&pem)), now()), Verdict::Refused(TokenRefusal::NoKeys)));
    assert_eq!(provider.asked(), 0);
}

#[tokio::test]
async fn keys_outlive_a_change_of_what_is_beside_them_and_no_change_of_trust() {
    let pem = key_pem();
    let provider = FakeProvider::new(&set(&[&pem]));
    let source = JwksSource::Keys(KEYS_URL.into());
    let trusting = |digest: u8| {
        let jwks = Jwks::trusting(&source, Arc::new(Client(Arc::clone(&provider))), [digest; 32]).unwrap();
        BearerTokens::of_identity_provider(jwks, options())
    };
    let before = trusting(1);
    assert_eq!(judged(&before, &token(&pem), now()).await, (None, true));
    provider.vanish();

    let (same, other) = (trusting(1), trusting(2));
    same.prepare(Some(&before), now());
    other.prepare(Some(&before), now());
    assert_eq!(judged(&same, &token(&pem), now()).await, (None, false));
    assert_eq!(judged(&other, &token(&pem), now()).await.0, Some(TokenRefusal::NoKeys));
}
