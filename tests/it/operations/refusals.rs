//! A call that is not in order, or whose backend is not: what its caller is told, and that the backend was not reached.

use super::Row;
use super::example::OUR_ID;
use super::served::{Call, Conversation, MAX_BODY, Served, Spelling};
use super::told::{Cause, Told, header};
use crate::support::{Answer, Authority, Gate, deaf};

pub(super) async fn check(row: Row) {
    let served = Served::open(row).await;
    for mut caller in served.callers() {
        let before = served.door.backend.all_arrivals();
        paths_that_can_be_read_in_two_ways(&served, &mut caller, row).await;
        second_key(&served, &mut caller, row).await;
        ids(&served, &mut caller, row).await;
        verb_and_host(&served, &mut caller, row).await;
        assert_eq!(served.door.backend.all_arrivals(), before, "{} was not to reach the backend", row.name);
        bodies_over_the_limit(&served, &mut caller, row).await;
        backend_that_breaks(&served, &mut caller, row).await;
    }
    backend_that_is_down(&served, row).await;
    backend_that_is_slow(&served, row).await;
    connection_that_was_retired(&served, row).await;
}

/// Sends `call`, and compares what is told of it to its caller and in the log.
async fn refused(
    served: &Served,
    caller: &mut Conversation<'_>,
    row: Row,
    call: &Call,
    cause: Cause,
) -> crate::support::Reply {
    let reply = caller.send(call).await;
    told(served, caller.version, row, &reply, cause).await;
    reply
}

async fn told(served: &Served, version: &str, row: Row, reply: &crate::support::Reply, cause: Cause) {
    let told = Told::of(row.product, cause);
    told.expect_in(reply, &format!("{} with {cause:?} over {version}", row.name));
    let event = served.event().await;
    assert_eq!((&event["outcome"], &event["problem"]), (&"problem".into(), &told.name.into()), "{cause:?}: {event}");
    assert_eq!((&event["status"], &event["retryable"]), (&told.status.into(), &told.retryable.into()), "{event}");
    assert_eq!(event["product"], row.product, "{cause:?}: {event}");
    let known = !matches!(cause, Cause::BadRequest(_) | Cause::MethodNotAllowed);
    assert_eq!(event["operation"], if known { row.name } else { "unknown" }, "{cause:?}: {event}");
}

async fn paths_that_can_be_read_in_two_ways(served: &Served, caller: &mut Conversation<'_>, row: Row) {
    let call = served.call(Spelling::AsDescribed);
    let (before, last) = call.path.rsplit_once('/').unwrap();
    let (first, rest) = call.path[1..].split_at(1);
    let encoded = first.bytes().map(|byte| format!("/%{byte:02x}")).collect::<String>();
    for (path, words) in [
        (format!("{before}//{last}"), "The path holds an empty segment."),
        (format!("/{}", call.path), "The path holds an empty segment."),
        (format!("{before}%2f{last}"), "The path holds an encoded slash or backslash."),
        (format!("{before}%5C{last}"), "The path holds an encoded slash or backslash."),
        (format!("{before}\\{last}"), "The path holds a backslash."),
        (format!("{before}/../{last}"), "The path holds a dot segment."),
        (format!("{before}/x/%2e%2E/{last}"), "The path holds a dot segment."),
        (format!("{encoded}{rest}"), "The path encodes a character that needs no encoding."),
    ] {
        // Without a leading slash it would be no path to begin with.
        let path = if path.starts_with('/') { path } else { format!("/{path}") };
        let call = Call { path, ..call.clone() };
        refused(served, caller, row, &call, Cause::BadRequest(words)).await;
    }
}

async fn second_key(served: &Served, caller: &mut Conversation<'_>, row: Row) {
    let Some(credential) = &served.credential else { return };
    let call = served.call(Spelling::AsDescribed);
    let cut = credential.strip_suffix(|_: char| true).unwrap();
    let (scheme, _) = credential.split_once(' ').unwrap();
    let basic = super::served::BASIC;
    for (shown, challenge) in [
        (None, "Bearer"),
        (Some(cut), "Bearer error=\"invalid_token\""),
        (Some(&*format!("{scheme} other-key-0123456789")), "Bearer error=\"invalid_token\""),
        (Some(basic), "Bearer"),
    ] {
        let call = match shown {
            Some(shown) => call.clone().with("authorization", shown),
            None => call.clone().without("authorization"),
        };
        let reply = refused(served, caller, row, &call, Cause::Unauthenticated).await;
        let challenge = (row.product != "cof").then_some(challenge);
        assert_eq!(header(&reply, "www-authenticate"), challenge, "{} with {shown:?}", row.name);
    }
}

/// Where the call names its issuer or merchant gateway, that has to be one of ours, to the letter.
async fn ids(served: &Served, caller: &mut Conversation<'_>, row: Row) {
    let call = served.call(Spelling::AsDescribed);
    let in_header = match row.product {
        "tsh" | "tsh-auxiliary" | "tsp" => true,
        "d1" | "d1-ecom" if !row.is_token_request() => false,
        _ => return,
    };
    for other in ["ISSUER0002", "issuer0001", "ISSUER000", "ISSUER00011"] {
        let call = if in_header {
            call.clone().with("x-issuer-id", other)
        } else {
            Call { path: call.path.replace(OUR_ID, other), ..call.clone() }
        };
        refused(served, caller, row, &call, Cause::UnknownId).await;
    }
    // A token service provider is told by no header of its own whose call it is.
    if in_header && row.product != "tsp" {
        refused(served, caller, row, &call.without("x-issuer-id"), Cause::MissingHeader).await;
    }
}

async fn verb_and_host(served: &Served, caller: &mut Conversation<'_>, row: Row) {
    let call = served.call(Spelling::AsDescribed);
    for verb in ["DELETE", "PATCH", "OPTIONS"] {
        let call = Call { verb: verb.to_owned(), ..call.clone() };
        let reply = refused(served, caller, row, &call, Cause::MethodNotAllowed).await;
        assert_eq!(header(&reply, "allow"), Some(row.allow), "{verb} {}", row.name);
    }
    for host in ["other.bank.test", "localhost:8443"] {
        refused(served, caller, row, &Call { host: host.to_owned(), ..call.clone() }, Cause::HostMismatch).await;
    }
}

async fn bodies_over_the_limit(served: &Served, caller: &mut Conversation<'_>, row: Row) {
    let mut call = served.call(Spelling::AsDescribed);
    served.door.backend.answer(&call.path, Answer::Fixed(http::StatusCode::OK, "received"));
    // Control: what is just within it passes.
    call.body = vec![b'x'; MAX_BODY].into();
    let within = [caller.send(&call).await, caller.send_streamed(&call).await];
    assert!(within.iter().all(|reply| reply.status < 300), "{within:?}");
    call.body = vec![b'x'; MAX_BODY + 1].into();
    refused(served, caller, row, &call, Cause::TooLarge).await;
    let reply = caller.send_streamed(&call).await;
    told(served, caller.version, row, &reply, Cause::TooLarge).await;
}

async fn backend_that_breaks(served: &Served, caller: &mut Conversation<'_>, row: Row) {
    let call = served.call(Spelling::AsDescribed);
    served.door.backend.answer(&call.path, Answer::Broken);
    refused(served, caller, row, &call, Cause::BackendBroken).await;
}

async fn backend_that_is_down(served: &Served, row: Row) {
    // Nobody listens there: it is tcpmux.
    let (here, nowhere) = (format!("http://{}", served.door.backend.address()), "http://127.0.0.1:1");
    served.door.edit(&here, nowhere);
    served.door.expect_reload("unchanged").await;
    for mut caller in served.callers() {
        let call = served.call(Spelling::AsDescribed);
        refused(served, &mut caller, row, &call, Cause::BackendUnavailable).await;
    }
    served.door.edit(nowhere, &here);
    served.door.expect_reload("unchanged").await;
}

async fn backend_that_is_slow(served: &Served, row: Row) {
    let operation = format!("[environments.preprod.operations.{}]\ndeadline = \"100ms\"\n", row.name);
    served.door.edit("[environments.preprod.backend]", &format!("{operation}\n[environments.preprod.backend]"));
    served.door.expect_reload("unchanged").await;
    for mut caller in served.callers() {
        let call = served.call(Spelling::AsDescribed);
        let gate = Gate::closed();
        served.door.backend.answer(&call.path, Answer::Held(gate.clone()));
        refused(served, &mut caller, row, &call, Cause::BackendTimeout).await;
        // And it learns that nobody waits any more.
        gate.departure().await;
    }
}

/// After its certificate's CA was removed a connection is told so, and reaches nothing.
async fn connection_that_was_retired(served: &Served, row: Row) {
    let mut kept = deaf::session(&served.door.honest()).await;
    let call = served.call(Spelling::AsDescribed);
    let arrivals = served.door.backend.all_arrivals();
    served.door.install_anchors(&[&Authority::root("Another Client Root")]).await;
    let reply = kept.send(call.request()).await.unwrap();
    Told::of(row.product, Cause::Retired).expect_in(&reply, &format!("{} on a retired connection", row.name));
    assert_eq!(served.door.backend.all_arrivals(), arrivals, "{} reached the backend", row.name);
}
