//! The bytes of an HTTP/1.1 connection, behind a handshake, through the server's own code to a handler.
#![no_main]

use issuer_host::fuzzing::{Spoken, Talk};
use issuer_host_fuzz::door::{Reached, Recorder, assert_checked, context, run, stack};
use issuer_host_fuzz::input::pieces;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static TALK: Talk = Talk::new();
}

/// What reached the handler of what was sent in `pieces`.
fn said(pieces: Vec<Vec<u8>>) -> (Vec<Reached>, Spoken) {
    let (context, recorder) = (context(), Recorder::default());
    let service = stack(None, &recorder).for_connection(context.clone());
    let spoken = TALK.with(|talk| run(talk.http1(pieces, &context, service)));
    let reached = recorder.take();
    for request in &reached {
        assert_checked(request, &context);
    }
    assert!(spoken.is_idle, "a request outlives its connection");
    (reached, spoken)
}

fuzz_target!(|input: &[u8]| {
    let (mut whole, spoken) = said(vec![input.to_vec()]);
    let (mut cut, cut_spoken) = said(pieces(input));
    // Who refuses a head and closes does not wait for what follows it, so that its framing is looked at where it is there already.
    if let (Some(one), Some(other)) = (spoken.refused, cut_spoken.refused) {
        assert_eq!(one, other, "how bytes are cut changes nothing");
    }
    for request in whole.iter_mut().chain(&mut cut) {
        // These are made anew for each request.
        request
            .headers
            .retain(|(name, _)| !matches!(name.as_str(), "x-request-id" | "x-correlation-id" | "traceparent"));
    }
    // Nor does a connection stay open whose request was refused before all of its body was there.
    let both = whole.len().min(cut.len());
    assert_eq!(whole[..both], cut[..both], "how bytes are cut changes nothing");
    assert!(spoken.written.is_empty() || spoken.written.starts_with(b"HTTP/1."), "{:?}", spoken.written);
    assert!(spoken.refused.is_none() || !spoken.written.is_empty() || !whole.is_empty(), "a refusal is answered");
});
