use rustls::HandshakeKind;
use rustls::server::ServerSessionMemoryCache;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::testing::{Place, authority, handshake, issued_by};
use super::*;
use crate::pki::minting::{Minted, ca, client, server, valid};
use crate::tls::now;

#[tokio::test]
async fn a_certificate_of_the_authorities_makes_an_administrator_and_one_of_others_ends_the_handshake() {
    let (place, known) = (Place::new(), authority("administrators"));
    let tls = place.tls(Some(&known));
    assert!(tls.knows_certificates());
    for version in [&TLS12, &TLS13] {
        let ask = async |somebody: Option<&Minted>| {
            handshake(&tls, Arc::new(place.client(somebody, &[version]))).await.0.map(|(_, certificate)| certificate)
        };
        let certificate = ask(Some(&issued_by(&known))).await.unwrap().expect("control");
        assert!(tls.takes(&certificate, now()), "{version:?}");
        assert_eq!(ask(None).await.unwrap(), None, "probes have none: {version:?}");
        // An authority of the same name has another key.
        for foreign in [authority("others"), authority("administrators")] {
            assert!(ask(Some(&issued_by(&foreign))).await.is_err(), "{version:?}");
        }
        let expired = known.issue(valid(client("late"), 2020, 2021));
        assert!(ask(Some(&expired)).await.is_err(), "{version:?}");
        let for_servers = known.issue(server("server", &["server.bank.test"]));
        assert!(ask(Some(&for_servers)).await.is_err(), "{version:?}");
    }
}

#[tokio::test]
async fn without_authorities_no_certificate_is_asked_for_and_none_says_anything() {
    let (place, known) = (Place::new(), authority("administrators"));
    let (tls, other) = (place.tls(None), place.tls(Some(&known)));
    let somebody = issued_by(&known);
    assert!(!tls.knows_certificates() && place.shown(&tls, &somebody).await.is_none());
    let certificate = place.shown(&other, &somebody).await.unwrap();
    assert!(!tls.takes(&certificate, now()) && other.takes(&certificate, now()));
}

#[tokio::test]
async fn a_certificate_is_void_after_its_last_day_and_after_a_change_of_authorities_and_not_after_a_new_chain() {
    let (place, known) = (Place::new(), authority("administrators"));
    let tls = place.tls(Some(&known));
    let certificate = place.shown(&tls, &issued_by(&known)).await.unwrap();
    assert!(!place.tls(Some(&authority("administrators"))).takes(&certificate, now()));
    assert!(Place::new().tls(Some(&known)).takes(&certificate, now()), "another chain");
    let end = issued_by(&known).facts().not_after;
    let later = UnixTime::since_unix_epoch(Duration::from_secs(end.as_secs() + 1));
    assert!(tls.takes(&certificate, end) && !tls.takes(&certificate, later));
    // The authority itself may end before whom it vouches for.
    let ending = Minted::self_signed(valid(ca("ending"), 2020, 2035));
    let tls = place.tls(Some(&ending));
    let certificate = place.shown(&tls, &issued_by(&ending)).await.unwrap();
    assert!(tls.takes(&certificate, now()) && !tls.takes(&certificate, end));
}

#[tokio::test]
async fn no_session_is_resumed() {
    let (place, known) = (Place::new(), authority("administrators"));
    let tls = place.tls(Some(&known));
    let mut config = ServerConfig::clone(&tls.config);
    config.session_storage = ServerSessionMemoryCache::new(16);
    config.send_tls13_tickets = 1;
    let resuming = AdminTls { config: Arc::new(config), ..tls.clone() };
    for version in [&TLS12, &TLS13] {
        let second = async |tls: &AdminTls| {
            let client = Arc::new(place.client(Some(&issued_by(&known)), &[version]));
            let once = async || {
                let (near, far) = handshake(tls, Arc::clone(&client)).await;
                let ((mut near, _), mut far) = (near.unwrap(), far.unwrap());
                near.write_all(b"x").await.unwrap();
                near.flush().await.unwrap();
                // A ticket comes before this.
                far.read_u8().await.unwrap();
                far.get_ref().1.handshake_kind().unwrap()
            };
            assert_eq!(once().await, HandshakeKind::Full);
            once().await
        };
        assert_eq!(second(&tls).await, HandshakeKind::Full, "{version:?}");
        assert_eq!(second(&resuming).await, HandshakeKind::Resumed, "control: {version:?}");
    }
}

#[test]
fn a_chain_that_has_expired_is_taken_and_told_of() {
    let servers = Minted::self_signed(ca("servers"));
    let of = |minted: &Minted| {
        let texts = AdminTlsTexts {
            certificate_chain: minted.pem.as_bytes(),
            private_key: minted.key_pem.as_bytes(),
            client_ca: None,
        };
        AdminTls::new(texts, now()).unwrap().has_expired(now())
    };
    assert!(of(&servers.issue(valid(server("old", &["admin.bank.test"]), 2020, 2021))));
    assert!(!of(&servers.issue(server("new", &["admin.bank.test"]))), "control");
}

#[test]
fn all_that_is_wrong_is_told_with_where_it_is() {
    let (place, known) = (Place::new(), authority("administrators"));
    let good = place.texts(Some(&known));
    let problems = |texts| AdminTls::new(texts, now()).expect_err("it is wrong");
    let [AdminTlsProblem::CertificateChain(_)] = &problems(AdminTlsTexts { certificate_chain: b"x", ..good })[..]
    else {
        panic!("the chain")
    };
    let other = known.key_pem.as_bytes();
    let [AdminTlsProblem::PrivateKey(_)] = &problems(AdminTlsTexts { private_key: other, ..good })[..] else {
        panic!("the key")
    };
    let leaf = issued_by(&known).pem;
    let wrong = AdminTlsTexts { client_ca: Some(leaf.as_bytes()), private_key: other, ..good };
    let [AdminTlsProblem::PrivateKey(_), AdminTlsProblem::ClientCa(problem)] = &problems(wrong)[..] else {
        panic!("both")
    };
    assert!(problem.contains("cannot vouch for administrators"), "{problem}");
    assert_ne!(place.tls(None), place.tls(Some(&known)));
    assert_eq!(place.tls(Some(&known)), place.tls(Some(&known)));
}
