//! Backends over TLS: whom we trust, and what we show.

use zeroize::Zeroizing;

use super::*;
use crate::outgoing::testing::Pki;

impl Pki {
    fn trusting(&self, address: SocketAddr) -> ForwardOptions {
        let ca_pem = Some(self.ca.pem().into_bytes());
        ForwardOptions { ca_pem, ..options(&format!("https://{address}")) }
    }
}

#[tokio::test]
async fn alpn_chooses_the_version_that_a_backend_of_https_speaks() {
    let pki = Pki::new();
    for (alpn, version) in
        [(&["h2", "http/1.1"][..], "HTTP/2.0"), (&["http/1.1"][..], "HTTP/1.1"), (&[][..], "HTTP/1.1")]
    {
        let backend = TestBackend::start(echo(), false, Some(pki.server_config(false, alpn))).await;
        let forward = Forward::new(&pki.trusting(backend.address)).unwrap();
        let said = text(answer(&forward, post("/a", "body")).await).await;
        assert_eq!(said, format!("{version} POST /a {} body", backend.address));
    }
}

#[tokio::test]
async fn a_backend_with_a_certificate_of_another_ca_gets_no_request() {
    let (pki, other) = (Pki::new(), Pki::new());
    let backend = TestBackend::start(echo(), false, Some(pki.server_config(false, &[]))).await;
    // Control: its own CA will do.
    let own = Forward::new(&pki.trusting(backend.address)).unwrap();
    assert_eq!(answer(&own, get("/")).await.status(), 200);
    let foreign = Forward::new(&other.trusting(backend.address)).unwrap();
    assert_eq!(answer(&foreign, get("/")).await.status(), 503);
    let public = Forward::new(&options(&format!("https://{}", backend.address))).unwrap();
    assert_eq!(answer(&public, get("/")).await.status(), 503);
}

#[tokio::test]
async fn a_backend_that_requires_a_client_certificate_gets_the_configured_one() {
    let pki = Pki::new();
    let backend = TestBackend::start(echo(), false, Some(pki.server_config(true, &[]))).await;
    let with = ForwardOptions { client_credential: Some(pki.credential()), ..pki.trusting(backend.address) };
    assert_eq!(answer(&Forward::new(&with).unwrap(), get("/")).await.status(), 200);
    // Control: it does require it. In TLS 1.3 the refusal comes after the client has connected.
    let without = Forward::new(&pki.trusting(backend.address)).unwrap();
    assert!(matches!(answer(&without, get("/")).await.status().as_u16(), 502 | 503));
}

#[test]
fn what_cannot_be_used_is_refused_with_words_and_without_the_key() {
    let pki = Pki::new();
    let good =
        ForwardOptions { client_credential: Some(pki.credential()), ..pki.trusting("127.0.0.1:1".parse().unwrap()) };
    assert!(Forward::new(&good).is_ok());
    assert!(!format!("{good:?}").contains("PRIVATE"));
    let with = |change: &dyn Fn(&mut ForwardOptions)| {
        let mut options = good.clone();
        change(&mut options);
        Forward::new(&options).unwrap_err()
    };
    let key = |options: &mut ForwardOptions, pem: Vec<u8>| {
        options.client_credential = Some(ClientCredentialPem { key: Zeroizing::new(pem), ..pki.credential() });
    };
    assert!(matches!(with(&|options| options.ca_pem = Some(b"nothing".to_vec())), ForwardError::NoCa));
    assert!(matches!(
        with(&|options| options.ca_pem = Some(b"-----BEGIN CERTIFICATE-----\n!\n".to_vec())),
        ForwardError::CaPem(_)
    ));
    assert!(matches!(with(&|options| key(options, b"nothing".to_vec())), ForwardError::ClientKeyPem(_)));
    let foreign = Pki::new().credential().key.to_vec();
    assert!(matches!(with(&|options| key(options, foreign.clone())), ForwardError::ClientCredential(_)));
    assert!(matches!(with(&|options| options.url = "http://backend".into()), ForwardError::TlsWithoutHttps));
}
