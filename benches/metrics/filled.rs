//! Metrics as they are after everything has happened once in each environment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use issuer_host::metrics::{
    BackendFailure, CertificateKind, ConnectOutcome, EnvironmentMetrics, Metrics, RequestEnd, SessionKind,
};
use issuer_host::thales::{Catalogue, Product};
use rustls_pki_types::UnixTime;

use crate::{Error, cpu};

pub(crate) struct Filled {
    pub(crate) metrics: Metrics,
    environments: Vec<EnvironmentMetrics>,
}

impl Filled {
    pub(crate) fn new(environments: usize) -> Self {
        let metrics = Metrics::new();
        let environments: Vec<_> =
            (0..environments).map(|number| filled(&metrics, &format!("environment{number}"))).collect();
        Self { metrics, environments }
    }

    /// The CPU time of a thread that counts so many requests, of one operation after the other.
    pub(crate) fn count(&self, requests: u32) -> Result<Duration, Error> {
        let operations = Catalogue::built_in().operations();
        cpu::time_of(|| {
            let calls = self
                .environments
                .iter()
                .flat_map(|environment| operations.iter().map(move |one| (environment, one)))
                .cycle();
            for (environment, operation) in calls.take(usize::try_from(requests)?) {
                environment.request_began();
                environment.request_ended(end(operation.product.name(), &operation.name, 204, None));
            }
            Ok(())
        })
    }

    /// `work`, while another thread asks for metrics all the time.
    pub(crate) fn while_asked<T>(&self, work: impl FnOnce() -> T) -> T {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    std::hint::black_box(self.metrics.encode());
                }
            });
            let outcome = work();
            done.store(true, Ordering::Relaxed);
            outcome
        })
    }
}

fn filled(metrics: &Metrics, name: &str) -> EnvironmentMetrics {
    let environment = metrics.for_environment(name);
    for session in [SessionKind::Full, SessionKind::Remembered, SessionKind::Resumed] {
        environment.handshake_accepted("TLSv1.2", session);
        environment.handshake_accepted("TLSv1.3", session);
    }
    for reason in ["expired", "revoked", "unknown_issuer", "no_certificate", "timeout", "peer_closed"] {
        metrics.handshake_failed(Some(name), reason);
    }
    let calls = [(204, None), (404, Some(false)), (503, Some(true))];
    for product in Product::ALL {
        environment
            .second_key_expected(product.name(), matches!(product, Product::Cof | Product::D1 | Product::D1Ecom));
    }
    let _ = environment.token_requests();
    for operation in Catalogue::built_in().operations() {
        environment.operation_expected(operation.product.name(), &operation.name);
        for (status, retryable) in calls {
            environment.request_began();
            environment.request_ended(end(operation.product.name(), &operation.name, status, retryable));
        }
    }
    for backend in ["", "cards", "customers", "payments"] {
        let backend = environment.backend(backend);
        backend.connect_ended(ConnectOutcome::Connected);
        backend.failed(BackendFailure::Timeout, String::new);
    }
    let later = UnixTime::since_unix_epoch(Duration::from_secs(4_000_000_000));
    let files = [CertificateKind::ClientCa, CertificateKind::ServerChain, CertificateKind::EndorsedChain];
    environment.certificates_end(files.map(|kind| (kind, format!("/etc/issuer-host/{name}/chain.pem"), later)));
    environment.revocation_lists_end([(format!("/etc/issuer-host/{name}/ca.crl"), later)]);
    environment.epoch_installed(1);
    environment
}

fn end<'a>(product: &'static str, operation: &'a str, status: u16, retryable: Option<bool>) -> RequestEnd<'a> {
    RequestEnd { product, operation, status: Some(status), retryable, elapsed: Duration::from_millis(3) }
}
