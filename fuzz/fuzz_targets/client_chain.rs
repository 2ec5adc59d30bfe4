//! A client's `certificate_list`: who it says that the client is, and whether that is believed.
#![no_main]

use std::sync::LazyLock;

use http::HeaderValue;
use issuer_host::pki::{CertificateFacts, ClientIdentity, Revocation};
use issuer_host::tls::{Judge, Refusal};
use issuer_host_fuzz::input::certificate_list;
use issuer_host_fuzz::reference::is_printable;
use issuer_host_fuzz::samples::{self, NOW, chain};
use libfuzzer_sys::fuzz_target;
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

struct Judges {
    remembering: Judge,
    forgetful: Judge,
    /// What the CA has signed: the to-be-signed part of each leaf. Its key is gone, so that there is nothing else.
    signed: Vec<Vec<u8>>,
}

static JUDGES: LazyLock<Judges> = LazyLock::new(|| {
    let [remembering, forgetful] =
        [true, false].map(|remember| samples::judge(samples::CLIENT_CA, Revocation::default(), remember));
    // Control.
    for (name, is_admitted) in
        [(samples::CLIENT_A, true), (samples::CLIENT_B, true), (samples::EXPIRED, false), (samples::FOREIGN, false)]
    {
        assert_eq!(forgetful.judge(&chain(name), NOW).is_ok(), is_admitted);
    }
    let signed = [samples::CLIENT_A, samples::CLIENT_B].map(|name| signed_part(&chain(name)[0]).unwrap()).to_vec();
    Judges { remembering, forgetful, signed }
});

fuzz_target!(|input: &[u8]| {
    let list: Vec<CertificateDer<'_>> = certificate_list(input).into_iter().map(CertificateDer::from).collect();
    for certificate in &list {
        if let Ok(identity) = ClientIdentity::from_der(certificate) {
            assert_shown_safely(&identity);
        }
        if let Ok(facts) = CertificateFacts::from_der(certificate) {
            assert!(is_printable(&facts.subject), "{facts:?}");
        }
    }

    let verdict = JUDGES.forgetful.judge(&list, NOW);
    assert_eq!(JUDGES.remembering.judge(&list, NOW), verdict, "memory changes nothing");
    match verdict {
        Ok(verdict) => {
            let signed = signed_part(&list[0]).expect("a certificate");
            assert!(JUDGES.signed.contains(&signed), "the CA has signed no such certificate");
            assert_eq!(*verdict.identity, ClientIdentity::from_der(&list[0]).unwrap());
            assert!(verdict.holds_at(NOW));
            assert_eq!(*verdict.chain, *list);
        }
        Err(Refusal::ChainTooLong { max }) => assert!(list.len() > max),
        Err(_) => {}
    }
});

/// The part of a certificate that a signature is over: a signature itself can be written in more than one way.
fn signed_part(der: &[u8]) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.tbs_certificate.as_ref().to_vec())
}

fn assert_shown_safely(identity: &ClientIdentity) {
    let ClientIdentity { subject, issuer, serial, subject_alt_names, .. } = identity;
    for text in [subject, issuer, serial].into_iter().chain(subject_alt_names) {
        assert!(is_printable(text) && HeaderValue::from_str(text).is_ok(), "{text:?}");
    }
    assert!(serial.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')), "{serial}");
}
