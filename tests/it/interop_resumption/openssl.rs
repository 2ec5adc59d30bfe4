//! `openssl s_client`, which keeps its session in a file.

use x509_parser::asn1_rs::{Any, FromDer as _};

use super::{Change, Prepared};
use crate::support::door::write;
use crate::support::{HOST, pki, tool};

const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

/// How a visit went.
#[derive(Debug, PartialEq, Eq)]
enum Visit {
    Full,
    Resumed,
    Refused,
}

#[tokio::test]
async fn openssl_resumes_while_the_epoch_lasts() {
    for version in VERSIONS {
        let prepared = Prepared::new().await;
        resumes(&prepared, version).await;
        assert_eq!(visit(&prepared, version, "first", "").await, Visit::Resumed, "a ticket may be used again");
        assert_eq!(prepared.resumed().await, 2, "{version}");
        assert_eq!(prepared.door.backend.arrivals("/openssl"), 3);
    }
}

#[tokio::test]
async fn openssl_is_not_let_in_by_a_session_of_a_removed_authority() {
    refuses_after(|| Change::Removed).await;
}

#[tokio::test]
async fn openssl_is_not_let_in_by_a_session_of_a_leaf_that_was_revoked() {
    refuses_after(|| Change::Revoked).await;
}

#[tokio::test]
async fn openssl_makes_a_full_handshake_after_a_rollover_and_resumes_again() {
    for version in VERSIONS {
        let prepared = Prepared::new().await;
        resumes(&prepared, version).await;
        prepared.make(Change::RolledOver).await;
        assert_eq!(visit(&prepared, version, "first", "second").await, Visit::Full, "{version}");
        assert_eq!(visit(&prepared, version, "second", "").await, Visit::Resumed, "{version}");
        assert_eq!(prepared.resumed().await, 3, "the newcomer among them, {version}");
    }
}

#[tokio::test]
async fn a_ticket_that_was_tampered_with_is_passed_over_and_the_caller_proves_itself() {
    for version in VERSIONS {
        let prepared = Prepared::new().await;
        resumes(&prepared, version).await;
        let session = read(&prepared, "first");
        let ticket = ticket(&session);
        // In the nonce, in the sealed session, in its tag.
        for at in [ticket.start, ticket.start + ticket.len() / 2, ticket.end - 1] {
            let mut tampered = session.clone();
            tampered[at] ^= 1;
            write(prepared.door.directory.path(), "tampered", &pki::pem("SSL SESSION PARAMETERS", &tampered));
            assert_eq!(visit(&prepared, version, "tampered", "").await, Visit::Full, "{version}, byte {at}");
        }
        write(prepared.door.directory.path(), "whole", &pki::pem("SSL SESSION PARAMETERS", &session));
        assert_eq!(visit(&prepared, version, "whole", "").await, Visit::Resumed, "control, {version}");
        assert_eq!(prepared.resumed().await, 2, "{version}");
    }
}

#[tokio::test]
async fn a_ticket_without_the_client_s_key_lets_in_the_client_that_it_was_given_to_and_no_longer_than_its_epoch() {
    for version in VERSIONS {
        let prepared = Prepared::new().await;
        resumes(&prepared, version).await;
        // The session file holds the session's secret: whoever has it is the client, for as long as the epoch lasts.
        assert_eq!(call(&prepared, version, "first", "", &[]).await, Visit::Resumed, "control, {version}");
        prepared.make(Change::RolledOver).await;
        let arrivals = prepared.door.backend.all_arrivals();
        assert_eq!(call(&prepared, version, "first", "", &[]).await, Visit::Refused, "{version}");
        assert_eq!(visit(&prepared, version, "first", "").await, Visit::Full, "with the key, {version}");
        assert_eq!(prepared.door.backend.all_arrivals(), arrivals + 1, "{version}");
    }
}

/// Each version: it resumes, then comes the change, then the session lets nobody in.
async fn refuses_after(change: impl Fn() -> Change) {
    for version in VERSIONS {
        let prepared = Prepared::new().await;
        resumes(&prepared, version).await;
        prepared.make(change()).await;
        let (arrivals, resumed) = (prepared.door.backend.all_arrivals(), prepared.resumed().await);
        assert_eq!(visit(&prepared, version, "first", "").await, Visit::Refused, "{version}");
        prepared.door.server.permits_return_to_zero().await;
        assert_eq!(prepared.door.backend.all_arrivals(), arrivals, "a refused caller reached the backend, {version}");
        assert_eq!(prepared.resumed().await, resumed, "{version}");
    }
}

/// The control arm: a session in the file `first`, and a visit that resumes it.
async fn resumes(prepared: &Prepared, version: &str) {
    assert_eq!(visit(prepared, version, "", "first").await, Visit::Full, "{version}");
    assert_eq!(visit(prepared, version, "first", "").await, Visit::Resumed, "control, {version}");
}

/// A call with the certificate and, where it is named, the session of the file `offered`; the new one is `kept`.
async fn visit(prepared: &Prepared, version: &str, offered: &str, kept: &str) -> Visit {
    let credential = ["-cert", "client.pem", "-key", "client.key", "-cert_chain", "issuing.pem"];
    call(prepared, version, offered, kept, &credential).await
}

async fn call(prepared: &Prepared, version: &str, offered: &str, kept: &str, credential: &[&str]) -> Visit {
    let address = prepared.door.server.address().to_string();
    let mut arguments =
        vec!["s_client", "-ign_eof", "-connect", &address, "-servername", HOST, "-CAfile", "root.pem", version];
    arguments.extend(credential);
    if !offered.is_empty() {
        arguments.extend(["-sess_in", offered]);
    }
    if !kept.is_empty() {
        arguments.extend(["-sess_out", kept]);
    }
    let request = format!("GET /openssl HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    let text = tool::run(prepared.door.directory.path(), "openssl", &arguments, &request).await.text();
    if !text.contains("HTTP/1.1 200") {
        assert!(!text.contains("HTTP/1.1"), "{text}");
        return Visit::Refused;
    }
    match (text.contains("\nNew, TLSv1."), text.contains("\nReused, TLSv1.")) {
        (true, false) => Visit::Full,
        (false, true) => Visit::Resumed,
        unclear => panic!("new, reused: {unclear:?}\n{text}"),
    }
}

/// The DER of a session file.
fn read(prepared: &Prepared, name: &str) -> Vec<u8> {
    let file = std::fs::read(prepared.door.directory.path().join(name)).unwrap();
    x509_parser::pem::parse_x509_pem(&file).unwrap().1.contents
}

/// Where the ticket is in a session's DER: the octet string in the context-specific field 10.
fn ticket(session: &[u8]) -> std::ops::Range<usize> {
    let (_, whole) = Any::from_der(session).unwrap();
    let mut rest = whole.data;
    while !rest.is_empty() {
        let (after, field) = Any::from_der(rest).unwrap();
        if field.class() == x509_parser::asn1_rs::Class::ContextSpecific && field.tag().0 == 10 {
            let (_, ticket) = Any::from_der(field.data).unwrap();
            let start = ticket.data.as_ptr() as usize - session.as_ptr() as usize;
            return start..start + ticket.data.len();
        }
        rest = after;
    }
    panic!("the session holds no ticket");
}
