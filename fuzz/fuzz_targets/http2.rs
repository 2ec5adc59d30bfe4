//! The frames of an HTTP/2 connection, behind a handshake and the client's preface, through the server's own code to a handler.
#![no_main]

use issuer_host::fuzzing::Talk;
use issuer_host_fuzz::door::{Recorder, assert_checked, context, run, stack};
use issuer_host_fuzz::input::pieces;
use libfuzzer_sys::fuzz_target;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// RFC 9113 section 4.1: length, type, flags, stream.
const FRAME_HEAD: usize = 9;

thread_local! {
    static TALK: Talk = Talk::new();
}

fuzz_target!(|input: &[u8]| {
    // What does not begin with the preface is refused at once, and teaches nothing.
    let input = if input.starts_with(b"PRI ") { input.to_vec() } else { [PREFACE, input].concat() };
    for pieces in [vec![input.clone()], pieces(&input)] {
        let (context, recorder) = (context(), Recorder::default());
        let service = stack(None, &recorder).for_connection(context.clone());
        let spoken = TALK.with(|talk| run(talk.http2(pieces, &context, service)));
        for request in recorder.take() {
            assert_checked(&request, &context);
        }
        assert!(spoken.is_idle, "a request outlives its connection");
        assert_frames(&spoken.written);
    }
});

/// What the server writes are frames, of which SETTINGS are the first (RFC 9113 section 3.4).
fn assert_frames(written: &[u8]) {
    let mut rest = written;
    while let Some((head, behind)) = rest.split_at_checked(FRAME_HEAD) {
        let length = head[..3].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        assert!(length <= 16_384, "a frame is larger than a client takes that has said nothing");
        assert!(rest.len() < written.len() || head[3] == 4, "SETTINGS come first");
        rest = behind.get(length..).unwrap_or_default();
    }
}
