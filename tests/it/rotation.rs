//! API keys, client secrets and signing keys are replaced while callers keep calling, by files that are renamed into place and a
//! reload: with an overlap nobody notices, and without one no event is refused in a way that would lose it.

mod load;

use http::Request;

use crate::support::jwt::{TokenKey, opened};
use crate::support::token_door::{self, D1_TOKEN, SECRET, ask, basic, call_d1, own_files, token};
use crate::support::{Door, QUIET, Session, Setup, request};
use load::{Load, Work};

const COF: &str = "/tsh-cof/notify-token-update";
const OLD: &str = "old-api-key-0123456789";
const NEW: &str = "new-api-key-9876543210";
/// More of what every caller does, so that each has seen the change.
const ROUNDS: usize = 10;

/// An event of merchant tokenization; what is refused for now is sent again in the next round, as Thales does.
#[derive(Clone)]
struct Events;

impl Work for Events {
    async fn round(&mut self, session: &mut Session, credential: &str) -> Option<u16> {
        let event = request("POST", COF).header("authorization", format!("APIKEY {credential}"));
        let event: Request<_> = event.body("{\"tokenId\":\"t-1\"}".into()).unwrap();
        session.send(event).await.ok().map(|reply| reply.status)
    }
}

/// A token, and calls with it, until it has made so many.
#[derive(Clone, Default)]
struct Tokens {
    held: Option<(String, usize)>,
}

/// Thales keeps a token until it expires; here for a few calls, so that some are older than each change.
const CALLS_FOR_A_TOKEN: usize = 3;

impl Work for Tokens {
    async fn round(&mut self, session: &mut Session, secret: &str) -> Option<u16> {
        let (token, calls) = if let Some(held) = self.held.take() {
            held
        } else {
            let form = "grant_type=client_credentials";
            let request = token_door::token_request(D1_TOKEN, Some(&basic("thales", secret)), form);
            let reply = session.send(request).await.ok()?;
            if reply.status != 200 {
                return Some(reply.status);
            }
            (token(&reply), 0)
        };
        let call = request("GET", token_door::D1_CALL).header("authorization", format!("Bearer {token}"));
        let reply = session.send(call.body(bytes::Bytes::new()).unwrap()).await.ok()?;
        if calls + 1 < CALLS_FOR_A_TOKEN {
            self.held = Some((token, calls + 1));
        }
        Some(reply.status)
    }
}

async fn cof_door(keys: &str) -> Door {
    let files = vec![("old.txt", OLD.into()), ("new.txt", NEW.into())];
    let setup = Setup { environment: keys, files, log: QUIET, ..Setup::default() };
    token_door::with_products("\"cof\"", setup).await
}

/// The table of a key.
fn api_key(name: &str, file: &str) -> String {
    format!("[environments.preprod.api_keys.{name}]\nkey_file = \"{file}\"\n")
}

/// Has the configuration and its files applied.
async fn reload(door: &Door) {
    let (status, report) = door.server.try_reload().await;
    assert_eq!(status, 200, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_key_is_replaced_under_load_without_a_call_that_is_not_acknowledged() {
    let (one, next) = (api_key("main", "old.txt"), api_key("next", "new.txt"));
    let door = cof_door(&one).await;
    let mut load = Load::start(&door, OLD, Events).await;
    load.passes(ROUNDS).await;

    // Both are taken, then every caller comes over, one after the other, then the old one goes.
    door.edit(&one, &format!("{one}{next}"));
    reload(&door).await;
    load.passes(ROUNDS).await;
    for caller in 0..load.callers() {
        load.hand_over(caller, NEW);
        load.passes(1).await;
    }
    // What an operator gets wrong meanwhile changes nothing.
    door.replace("new.txt", "short\n");
    assert_eq!(door.server.try_reload().await.0, 422);
    load.passes(ROUNDS).await;
    door.replace("new.txt", NEW);
    door.edit(&one, "");
    reload(&door).await;
    load.passes(ROUNDS).await;

    let tally = load.stop().await;
    assert_eq!(tally.others_than(&[204]), [0_u16; 0], "{tally:?}");
    assert_eq!(door.backend.arrivals(COF), tally.count(204));
    // Control: the old key is refused now, so that it was the new one that was taken; and refused for a while only.
    let mut session = door.honest().session().await.unwrap();
    assert_eq!(Events.round(&mut session, OLD).await, Some(503));
    assert_eq!(Events.round(&mut session, NEW).await, Some(204));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_key_that_is_replaced_too_early_puts_events_off_and_loses_none() {
    let door = cof_door(&api_key("main", "old.txt")).await;
    let mut load = Load::start(&door, OLD, Events).await;
    load.passes(ROUNDS).await;
    // The file holds another key now; the callers do not know yet.
    door.replace("old.txt", NEW);
    reload(&door).await;
    load.passes(ROUNDS).await;
    for caller in 0..load.callers() {
        load.hand_over(caller, NEW);
    }
    load.passes(ROUNDS).await;
    let tally = load.stop().await;
    assert_eq!(tally.others_than(&[204, 503]), [0_u16; 0], "{tally:?}");
    // Control: callers did come too late.
    assert!(tally.count(503) >= load::CALLERS, "{tally:?}");
    assert!(tally.last().iter().all(|last| *last == 204), "{tally:?}");
    assert_eq!(door.backend.arrivals(COF), tally.count(204));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_secrets_and_signing_keys_are_replaced_under_load_without_a_refusal() {
    const NEXT: &str = "another-secret-of-the-client";
    let (old, new) = (TokenKey::new(), TokenKey::new());
    let mut files = own_files(&old);
    files.push(("next-secret.txt", NEXT.into()));
    let setup = Setup { environment: token_door::OWN_TOKENS, files, log: QUIET, ..Setup::default() };
    let door = token_door::with_products("\"d1\"", setup).await;
    let mut session = door.honest().session().await.unwrap();
    let before = token(&ask(&mut session, D1_TOKEN, SECRET).await);
    let mut load = Load::start(&door, SECRET, Tokens::default()).await;
    load.passes(ROUNDS).await;

    // The secret: both, then everybody with the new one, then that alone.
    let one = "[environments.preprod.tokens.clients.thales.secrets.current]\nsecret_file = \"client-secret.txt\"\n";
    let next = one.replace("current", "next").replace("client-secret.txt", "next-secret.txt");
    door.edit(one, &format!("{one}{next}"));
    reload(&door).await;
    load.passes(ROUNDS).await;
    for caller in 0..load.callers() {
        load.hand_over(caller, NEXT);
        load.passes(1).await;
    }
    door.edit(one, "");
    reload(&door).await;
    load.passes(ROUNDS).await;

    // The key: the new one verifies, then signs, then every token of the old one has been given up, then it is alone.
    for keys in [[&old, &new], [&new, &old]] {
        door.replace("signing-key.pem", keys.map(TokenKey::pem).concat());
        reload(&door).await;
        load.passes(ROUNDS).await;
    }
    assert_eq!(call_d1(&mut session, Some(&format!("Bearer {before}"))).await.status, 200);
    door.replace("signing-key.pem", new.pem());
    reload(&door).await;
    load.passes(ROUNDS).await;

    let tally = load.stop().await;
    assert_eq!(tally.others_than(&[200]), [0_u16; 0], "{tally:?}");
    // Control: neither the old secret nor a token of the old key is good for anything now.
    assert_eq!(ask(&mut session, D1_TOKEN, SECRET).await.status, 401);
    assert_eq!(call_d1(&mut session, Some(&format!("Bearer {before}"))).await.status, 401);
    let after = token(&ask(&mut session, D1_TOKEN, NEXT).await);
    assert_ne!(opened(&after).0["kid"], opened(&before).0["kid"]);
    assert_eq!(call_d1(&mut session, Some(&format!("Bearer {after}"))).await.status, 200);
}
