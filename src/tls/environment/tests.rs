//! Installation, the pass over live connections, and the end.

mod model;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::SystemTime;

use futures_util::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::pki::RevocationMode;
use crate::pki::minting::{Minted, ca, client, crl, server};
use crate::pki::trust_anchors::AnchorRules;
use crate::tls::handshake::{HandshakeFailure, HasTls, handshake};
use crate::tls::reload::ReloadReport;
use crate::tls::{EpochOptions, Hosts, MaterialSource, MaterialSources, TlsMaterial};

#[test]
fn a_connection_that_finds_out_by_itself_that_its_trust_is_gone_is_counted_all_the_same() {
    let (old, new) = (Minted::self_signed(ca("Old client CA")), Minted::self_signed(ca("New client CA")));
    let servers = Minted::self_signed(ca("Server CA"));
    let credential = servers.issue(server("issuer.test", &["issuer.test"]));
    let environment = Arc::new(TlsEnvironment::new("test", epoch(1, &[&old], &credential)));
    let (quick, slow) = (admitted(&environment, &old.issue(client("quick"))), old.issue(client("slow")));
    let slow = admitted(&environment, &slow);
    assert_eq!(environment.install(epoch(2, &[&old, &new], &credential)), 0, "control: both pass");

    let standing = environment.standing();
    environment.epoch.store(Arc::new(epoch(3, &[&new], &credential)));
    environment.number.store(3, Ordering::Release);
    quick.ask(SystemTime::now()).unwrap_err();
    drop(quick);
    assert!(!slow.is_retired(), "control: nobody has judged this one");
    assert_eq!(environment.judge_live(&standing), 2);
    assert!(slow.is_retired());
    assert_eq!(environment.install(epoch(4, &[&new], &credential)), 0, "no connection is counted twice");
}

#[test]
fn one_pass_judges_a_chain_once_however_many_connections_presented_it() {
    let (old, new) = (Minted::self_signed(ca("Old client CA")), Minted::self_signed(ca("New client CA")));
    let servers = Minted::self_signed(ca("Server CA"));
    let credential = servers.issue(server("issuer.test", &["issuer.test"]));
    let environment = Arc::new(TlsEnvironment::new("test", epoch(1, &[&old, &new], &credential)));
    // Under the digest of the first, the second has a chain that would pass: if it is retired, nobody has looked at it.
    let (gone, stays) = (old.issue(client("gone")), new.issue(client("stays")));
    let first = admitted(&environment, &gone);
    let same = admitted_as(&environment, &stays, ChainDigest::of(std::slice::from_ref(&gone.der)));
    let control = admitted(&environment, &stays);
    assert_eq!(environment.install(epoch(2, &[&new], &credential)), 2);
    assert_eq!((first.is_retired(), same.is_retired(), control.is_retired()), (true, true, false));
    assert_eq!(same.refusal(), first.refusal());
    let later = admitted_as(&environment, &stays, ChainDigest::of(std::slice::from_ref(&gone.der)));
    assert_eq!(environment.install(epoch(3, &[&new], &credential)), 0, "no refusal outlives its pass");
    assert!(!later.is_retired());
}

#[test]
fn what_a_pass_has_found_counts_no_more_once_another_epoch_is_in_force() {
    let (old, new) = (Minted::self_signed(ca("Old client CA")), Minted::self_signed(ca("New client CA")));
    let servers = Minted::self_signed(ca("Server CA"));
    let credential = servers.issue(server("issuer.test", &["issuer.test"]));
    let environment = Arc::new(TlsEnvironment::new("test", epoch(1, &[&old], &credential)));
    let chain = [new.issue(client("leaf")).der];
    let digest = ChainDigest::of(&chain);
    let mut pass = Pass::over(&environment, crate::tls::now());
    assert_eq!(pass.judge(&digest, &chain).unwrap_err(), Refusal::UnknownIssuer);
    assert_eq!(pass.judge(&digest, &[]).unwrap_err(), Refusal::UnknownIssuer, "control: it is not judged again");
    environment.install(epoch(2, &[&new], &credential));
    assert_eq!(pass.judge(&digest, &chain).unwrap().0, 2);
}

#[test]
fn a_retired_connection_is_not_judged_again() {
    let root = Minted::self_signed(ca("Client CA"));
    let credential = Minted::self_signed(ca("Server CA")).issue(server("issuer.test", &["issuer.test"]));
    let environment = Arc::new(TlsEnvironment::new("test", epoch(1, &[&root], &credential)));
    let leaf = root.issue(client("leaf"));
    let (retired, control) = (admitted(&environment, &leaf), admitted(&environment, &leaf));
    retired.retire();
    let judged = |standing: &Standing| {
        let mut pass = Pass::over(&environment, crate::tls::now());
        let outcome = standing.judge_in(&mut pass);
        (outcome.is_ok(), pass.outcomes.len())
    };
    assert_eq!(judged(&retired), (false, 0));
    assert_eq!(judged(&control), (true, 1), "control");
}

/// A host with one environment.
#[derive(Clone)]
struct One(Arc<TlsEnvironment>);

impl HasTls for One {
    fn tls(&self) -> &Arc<TlsEnvironment> {
        &self.0
    }
}

/// A handshake with `epoch`, and a byte after it, behind which a client has its ticket. Yields what became of it, and
/// what the client took it for: a session that is refused after it was resumed looks to it as if it had been let in.
async fn visit(
    epoch: Epoch,
    caller: &Arc<rustls::ClientConfig>,
) -> (Result<(), Refusal>, Option<rustls::HandshakeKind>) {
    let hosts = Arc::new(Hosts::new([(None, One(Arc::new(TlsEnvironment::new("test", epoch))))]));
    let (near, far) = tokio::io::duplex(64 * 1024);
    let client = async {
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(caller));
        let mut stream = connector.connect("issuer.test".try_into().unwrap(), near).await.ok()?;
        let _ = stream.read_u8().await;
        stream.get_ref().1.handshake_kind()
    };
    let server = async {
        match handshake(far, || Arc::clone(&hosts), SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await {
            Ok(mut admitted) => {
                admitted.stream.write_u8(1).await.unwrap();
                Ok(admitted.stream)
            }
            Err(failed) => match failed.failure {
                HandshakeFailure::Refused(client) => Err(client.refusal),
                other => panic!("{other}"),
            },
        }
    };
    let (server, kind) = tokio::join!(server, client);
    (server.map(drop), kind)
}

#[tokio::test]
async fn a_ticket_that_should_not_open_lets_nobody_in_whose_chain_does_not_pass() {
    let (old, new) = (Minted::self_signed(ca("Old client CA")), Minted::self_signed(ca("New client CA")));
    let servers = Minted::self_signed(ca("Server CA"));
    let credential = servers.issue(server("issuer.test", &["issuer.test"]));
    let leaf = old.issue(client("leaf"));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(servers.der.clone()).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = rustls::ClientConfig::builder_with_provider(crate::tls::provider());
        let config = config.with_protocol_versions(&[version]).unwrap().with_root_certificates(roots.clone());
        let key = rustls_pki_types::pem::PemObject::from_pem_slice(leaf.key_pem.as_bytes()).unwrap();
        let config = Arc::new(config.with_client_auth_cert(vec![leaf.der.clone()], key).unwrap());
        let (full, resumed) = (Some(rustls::HandshakeKind::Full), Some(rustls::HandshakeKind::Resumed));
        let first = epoch(1, &[&old], &credential);
        // What no reload does: the session keys of one epoch serve another.
        let with_its_tickets = |anchors: &[&Minted]| epoch(1, anchors, &credential).with_tickets_of(&first);
        assert_eq!(visit(with_its_tickets(&[&old]), &config).await, (Ok(()), full), "{version:?}");
        assert_eq!(
            visit(with_its_tickets(&[&old, &new]), &config).await,
            (Ok(()), resumed),
            "{version:?}: control: it resumes"
        );
        assert_eq!(
            visit(with_its_tickets(&[&new]), &config).await,
            (Err(Refusal::UnknownIssuer), resumed),
            "{version:?}"
        );
    }
}

#[test]
fn a_closed_environment_comes_back_by_nothing() {
    let root = Minted::self_signed(ca("Client CA"));
    let credential = Minted::self_signed(ca("Server CA")).issue(server("issuer.test", &["issuer.test"]));
    let sources = sources(&[&root], &credential, &[]);
    let environment = Arc::new(TlsEnvironment::new("test", epoch(1, &[&root], &credential)));
    let standing = admitted(&environment, &root.issue(client("leaf")));
    let chain = [root.issue(client("other")).der];
    let admits = || environment.judge(&ChainDigest::of(&chain), &chain, crate::tls::now());
    let reload = || environment.reload(&sources, &EpochOptions::default(), true);
    assert!(matches!(reload(), ReloadReport::Installed { to: 2, .. }), "control");
    assert!(admits().is_ok() && standing.ask(SystemTime::now()).is_ok(), "control");

    assert_eq!(environment.close(), 1);
    assert_eq!(environment.install(epoch(3, &[&root], &credential)), 0);
    let report = reload();
    let ReloadReport::Kept { problem } = &report else { panic!("{report:?}") };
    assert!(problem.to_string().contains("no longer configured"), "{problem}");
    assert_eq!(admits().unwrap_err(), Refusal::EnvironmentClosed);
    assert!(standing.is_retired() && environment.epoch_number() == u64::MAX);
    assert_eq!(environment.close(), 0, "again");
}

#[test]
fn a_connection_is_told_when_its_verdict_ends_sooner_than_it_thought() {
    let root = Minted::self_signed(ca("Client CA"));
    let credential = Minted::self_signed(ca("Server CA")).issue(server("issuer.test", &["issuer.test"]));
    let under = |number, days: &[i64]| {
        let lists: Vec<String> = days
            .iter()
            .map(|days| {
                let this_update = time::OffsetDateTime::now_utc() - time::Duration::hours(1);
                let next_update = this_update + time::Duration::days(*days);
                root.crl(&rcgen::CertificateRevocationListParams { this_update, next_update, ..crl(number, &[]) })
            })
            .collect();
        epoch_with(number, &[&root], &credential, &lists)
    };
    let environment = Arc::new(TlsEnvironment::new("test", under(1, &[])));
    let standing = admitted(&environment, &root.issue(client("leaf")));
    let told = || standing.shortened().now_or_never().is_some();
    assert!(!told(), "nothing has changed");
    let mut deadline = standing.deadline();
    for (number, days, sooner) in [(2, vec![9], true), (3, vec![7], true), (4, vec![9], false), (5, vec![], false)] {
        assert_eq!(environment.install(under(number, &days)), 0);
        assert_eq!(standing.deadline() < deadline, sooner, "control: epoch {number}");
        deadline = standing.deadline();
        assert_eq!((told(), told()), (sooner, false), "epoch {number}");
    }
}

fn epoch(number: u64, anchors: &[&Minted], credential: &Minted) -> Epoch {
    epoch_with(number, anchors, credential, &[])
}

fn epoch_with(number: u64, anchors: &[&Minted], credential: &Minted, lists: &[String]) -> Epoch {
    let sources = sources(anchors, credential, lists);
    let bytes = sources.read().unwrap();
    let material = TlsMaterial::check(&bytes, &sources, crate::tls::now()).unwrap();
    Epoch::build(number, material, bytes.digest(), &EpochOptions::default()).unwrap()
}

fn sources(anchors: &[&Minted], credential: &Minted, lists: &[String]) -> MaterialSources {
    MaterialSources {
        client_ca: MaterialSource::inline(anchors.iter().map(|anchor| anchor.pem.as_str()).collect::<String>()),
        crl: lists.iter().map(|list| MaterialSource::inline(list.as_str())).collect(),
        revocation: RevocationMode::IfCovered,
        certificate_chain: MaterialSource::inline(credential.pem.as_str()),
        private_key: MaterialSource::inline(credential.key_pem.as_str()),
        endorsed_chain: None,
        host: None,
        anchor_rules: AnchorRules::default(),
    }
}

fn admitted(environment: &Arc<TlsEnvironment>, client: &Minted) -> LiveStanding {
    admitted_as(environment, client, ChainDigest::of(std::slice::from_ref(&client.der)))
}

fn admitted_as(environment: &Arc<TlsEnvironment>, client: &Minted, digest: ChainDigest) -> LiveStanding {
    let chain: Arc<[CertificateDer<'static>]> = Arc::new([client.der.clone()]);
    let verdict = environment.current().judge().judge(&chain, crate::tls::now()).unwrap();
    environment.admit(environment.epoch_number(), &Accepted { digest, verdict, remembered: false }).unwrap()
}
