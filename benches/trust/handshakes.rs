//! Server CPU of a handshake: full with a remembered verdict, full without, resumed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm,
};
use issuer_host::EnvironmentOptions;
use issuer_host::tls::{ClientRules, MaterialSource};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, SupportedProtocolVersion};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::Error;
use crate::caller::{caller, connect, request, visit, with_new_store};
use crate::cpu::{micros_each, time_of};
use crate::median::median;
use crate::pki::{Authority, Identity, Keys};
use crate::report::{Report, difference, ratio, row};
use crate::server::{Server, environment};

/// Handshakes in flight.
const AT_ONCE: usize = 8;
/// Verifications in a round.
const VERIFICATIONS: u32 = 200;

/// Measures every version with every kind of chain.
pub(crate) fn measure(report: &mut Report, rounds: u32, visits: u32) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for (keys, name) in [(Keys::P256, "p256"), (Keys::Rsa2048, "rsa2048")] {
        let clients = Authority::new("Clients", keys)?;
        let servers = Authority::new("Servers", Keys::P256)?;
        let stage = Stage::new(&clients, &servers)?;
        let one_verification = verification(keys)?;
        for (version, number) in [(&TLS13, "1.3"), (&TLS12, "1.2")] {
            let label = format!("handshake-{number}-{name}");
            let samples = stage.run(&runtime, &servers, version, rounds, visits, &one_verification)?;
            samples.print(report, &label);
        }
    }
    Ok(())
}

/// One server for each way of remembering.
struct Stage {
    client: Identity,
    /// The default.
    remembering: Server,
    judging_anew: Server,
    without_tickets: Server,
}

#[derive(Default)]
struct Samples {
    full: Vec<f64>,
    full_judged_anew: Vec<f64>,
    full_without_tickets: Vec<f64>,
    resumed: Vec<f64>,
    verification: Vec<f64>,
}

impl Stage {
    fn new(clients: &Authority, servers: &Authority) -> Result<Self, Error> {
        let credential = servers.server()?;
        let options = || environment(MaterialSource::inline(clients.root_pem.as_bytes()), &credential);
        let judging_anew = EnvironmentOptions {
            client_rules: ClientRules { remember_verdicts: false, ..ClientRules::default() },
            ..options()
        };
        Ok(Self {
            client: clients.client("caller")?,
            remembering: Server::start(options())?,
            judging_anew: Server::start(judging_anew)?,
            without_tickets: Server::start(EnvironmentOptions { session_lifetime: None, ..options() })?,
        })
    }

    fn run(
        &self,
        runtime: &Runtime,
        servers: &Authority,
        version: &'static SupportedProtocolVersion,
        rounds: u32,
        visits: u32,
        one_verification: &(impl Fn() -> Result<(), Error> + Sync),
    ) -> Result<Samples, Error> {
        let config = Arc::new(caller(&self.client, &servers.root_pem, version)?);
        self.probe(runtime, &config, servers, version)?;
        // A session store for each caller: a ticket is good for one visit, which brings the next.
        let returning: Vec<_> = (0..AT_ONCE).map(|_| Arc::new(with_new_store(&config))).collect();
        let address = self.remembering.address;
        for config in &returning {
            runtime.block_on(visit(Arc::clone(config), address, HandshakeKind::Full))?;
        }
        let newcomers: Vec<_> = (0..AT_ONCE).map(|_| Arc::clone(&config)).collect();

        let mut samples = Samples::default();
        for _ in 0..rounds {
            let arm = |server, callers, kind| round(runtime, server, callers, kind, visits);
            samples.full.push(arm(&self.remembering, &newcomers, HandshakeKind::Full)?);
            samples.full_judged_anew.push(arm(&self.judging_anew, &newcomers, HandshakeKind::Full)?);
            samples.resumed.push(arm(&self.remembering, &returning, HandshakeKind::Resumed)?);
            samples.full_without_tickets.push(arm(&self.without_tickets, &newcomers, HandshakeKind::Full)?);
            let verifications = || (0..VERIFICATIONS).try_for_each(|_| one_verification());
            samples.verification.push(micros_each(time_of(verifications)?, VERIFICATIONS));
        }
        Ok(samples)
    }

    /// Every server answers the caller, and none of them a stranger: one that verifies nothing would be quick.
    fn probe(
        &self,
        runtime: &Runtime,
        config: &Arc<ClientConfig>,
        servers: &Authority,
        version: &'static SupportedProtocolVersion,
    ) -> Result<(), Error> {
        let stranger = Authority::new("Strangers", Keys::P256)?.client("stranger")?;
        let stranger = Arc::new(caller(&stranger, &servers.root_pem, version)?);
        let answers = |config: ClientConfig, address| {
            runtime.block_on(async { request(&mut connect(Arc::new(config), address).await?).await })
        };
        for server in [&self.remembering, &self.judging_anew, &self.without_tickets] {
            answers(with_new_store(config), server.address)?;
            if answers(with_new_store(&stranger), server.address).is_ok() {
                return Err("a server takes a stranger".into());
            }
        }
        Ok(())
    }
}

/// Server CPU of one visit, in microseconds.
fn round(
    runtime: &Runtime,
    server: &Server,
    callers: &[Arc<ClientConfig>],
    kind: HandshakeKind,
    visits: u32,
) -> Result<f64, Error> {
    let before = server.clock.at_rest()?;
    runtime.block_on(async {
        let left = Arc::new(AtomicU32::new(visits));
        let mut tasks = JoinSet::new();
        for config in callers {
            tasks.spawn(visits_of(Arc::clone(config), server.address, kind, Arc::clone(&left)));
        }
        while let Some(end) = tasks.join_next().await {
            end??;
        }
        Ok::<_, Error>(())
    })?;
    Ok(micros_each(server.clock.at_rest()?.saturating_sub(before), visits))
}

async fn visits_of(
    config: Arc<ClientConfig>,
    address: SocketAddr,
    kind: HandshakeKind,
    left: Arc<AtomicU32>,
) -> Result<(), Error> {
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        let resumes = kind == HandshakeKind::Resumed;
        // The server issues a ticket either way; a newcomer has none to show.
        let config = if resumes { Arc::clone(&config) } else { Arc::new(with_new_store(&config)) };
        visit(config, address, kind).await?;
    }
    Ok(())
}

/// One verification of a signature by keys of this kind, to compare with.
fn verification(keys: Keys) -> Result<impl Fn() -> Result<(), Error> + Sync, Error> {
    const MESSAGE: &[u8] = &[7; 512];
    let random = SystemRandom::new();
    let (algorithm, key, signature): (&'static dyn VerificationAlgorithm, _, _) = match keys {
        Keys::P256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?;
            let signature = pair.sign(&random, MESSAGE)?.as_ref().to_vec();
            (&ECDSA_P256_SHA256_ASN1, pair.public_key().as_ref().to_vec(), signature)
        }
        Keys::Rsa2048 => {
            let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048)?;
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &random, MESSAGE, &mut signature)?;
            (&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref().to_vec(), signature)
        }
    };
    // The key is parsed each time, as it is in a handshake.
    Ok(move || Ok(UnparsedPublicKey::new(algorithm, &key).verify(MESSAGE, &signature)?))
}

impl Samples {
    fn print(&self, report: &mut Report, label: &str) {
        let unit = "us/handshake";
        let full = Some(("full", self.full.as_slice()));
        row(label, "full", unit, &self.full, None);
        row(label, "full, judged anew", unit, &self.full_judged_anew, full);
        row(label, "full, no tickets", unit, &self.full_without_tickets, full);
        row(label, "resumed", unit, &self.resumed, full);
        row(label, "one verification", "us", &self.verification, None);
        report.at_most(label, "resumed / full", ratio(&self.resumed, &self.full), 0.62);
        report.at_most(label, "resumed / full, judged anew", ratio(&self.resumed, &self.full_judged_anew), 0.5);
        let saved = difference(&self.full_judged_anew, &self.full);
        let one = median(self.verification.iter().copied());
        report.at_least(label, "us saved by remembering, and one verification", saved, one);
    }
}
