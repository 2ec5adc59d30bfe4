//! A session ticket: what a client sends instead of a certificate.
#![no_main]

use std::time::Duration;

use issuer_host::tls::session::{MAX_LIFETIME, SessionKeys};
use issuer_host_fuzz::input::Cursor;
use libfuzzer_sys::fuzz_target;
use rustls_pki_types::UnixTime;

fuzz_target!(|input: &[u8]| {
    // New ones each time: libFuzzer sees what is compared, and would show a ticket again that was issued before.
    let [keys, others] = [(); 2].map(|()| SessionKeys::new(MAX_LIFETIME));
    others.seal(b"session", UnixTime::now()).expect("random bytes");
    assert_eq!(others.open(input), None, "nobody has sealed it");

    let mut rest = Cursor::new(input);
    let deadline = UnixTime::since_unix_epoch(Duration::from_secs(rest.number()));
    let length = usize::from(rest.byte()) * 16;
    let session = rest.bytes(length);
    let ticket = keys.seal(session, deadline).expect("a session of less than 16 kB");
    assert_eq!(keys.open(&ticket), Some((session.to_vec(), deadline)), "control: the ticket as it was issued");
    assert_eq!(others.open(&ticket), None, "the keys of another epoch");

    // The rest says what becomes of it: bytes that are changed, and how much is cut off or put behind.
    let mut altered = ticket.clone();
    while !rest.is_empty() {
        let (kind, at) = (rest.byte(), usize::from(rest.byte()) << 8 | usize::from(rest.byte()));
        match kind % 4 {
            0 => altered.truncate(at),
            1 => altered.extend_from_slice(rest.bytes(at % 32)),
            _ if altered.is_empty() => {}
            _ => {
                let at = at % altered.len();
                altered[at] ^= rest.byte();
            }
        }
    }
    if altered != ticket {
        assert_eq!(keys.open(&altered), None, "an altered ticket is opened");
    }
});
