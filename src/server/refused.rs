//! What is told of callers that are refused, or that were admitted and are no longer: a count, a line, and a place in the console.

use std::net::SocketAddr;
use std::time::SystemTime;

use tokio::net::TcpStream;
use tracing::{debug, info};

use super::{Door, Environment};
use crate::metrics::Refused;
use crate::telemetry::events;
use crate::tls::handshake::{FailedHandshake, HandshakeFailure};
use crate::tls::{Refusal, VerifiedClient};

/// A handshake ended without a verified client.
pub(super) fn refused(failed: &FailedHandshake<TcpStream>, peer: SocketAddr, door: &Door) {
    let reason = failed.failure.reason();
    let environment = failed.environment.as_deref();
    door.metrics.handshake_failed(environment, reason);
    remember(failed, peer, door);
    // No stranger takes the turn of a caller whose certificate the client CA has issued, for what he makes himself has any fault.
    let turns = if is_of_client_ca(&failed.failure) { &door.refusals_of_client_ca } else { &door.refusals };
    let Some(unsaid) = turns.turn_in(environment, reason) else { return };
    match &failed.failure {
        // Whoever holds a certificate is worth a line, even one that it made itself, but not a flood of them.
        HandshakeFailure::Refused(client) => info!(
            event = events::CLIENT_REFUSED,
            environment,
            reason,
            %peer,
            subject = client.identity.as_ref().map(|identity| identity.subject.as_str()),
            sha256 = client.identity.as_ref().map(|identity| tracing::field::display(identity.sha256)),
            of_client_ca = client.of_client_ca,
            unsaid,
            "client refused: {}", client.refusal
        ),
        failure => debug!(event = events::HANDSHAKE_FAILED, environment, reason, %peer, unsaid, "{failure}"),
    }
}

fn is_of_client_ca(failure: &HandshakeFailure) -> bool {
    matches!(failure, HandshakeFailure::Refused(client) if client.of_client_ca)
}

/// Keeps for the console who was refused, where that may be an honest caller: garbage is not.
fn remember(failed: &FailedHandshake<TcpStream>, peer: SocketAddr, door: &Door) {
    let identity = match &failed.failure {
        HandshakeFailure::Refused(client) => client.identity.as_deref(),
        HandshakeFailure::NoCertificate
        | HandshakeFailure::Host(_)
        | HandshakeFailure::Incompatible(_)
        | HandshakeFailure::NoApplicationProtocol
        | HandshakeFailure::Alert(_) => None,
        HandshakeFailure::NotTls
        | HandshakeFailure::Protocol(_)
        | HandshakeFailure::PeerClosed
        | HandshakeFailure::Io(_) => return,
    };
    let refused = Refused {
        environment: failed.environment.as_ref(),
        reason: failed.failure.reason(),
        certificate: identity.map(|identity| (identity.subject.as_str(), identity.sha256.as_bytes())),
        address: peer.ip(),
        of_client_ca: is_of_client_ca(&failed.failure),
        retired: false,
    };
    door.metrics.refusals().remember(&refused, SystemTime::now());
}

/// A connection ended because the verdict on its client held no longer.
pub(super) fn retired(environment: &Environment, client: &VerifiedClient, refusal: Refusal, door: &Door) {
    let (identity, peer) = (client.identity(), client.peer());
    environment.metrics.connection_retired();
    let refused = Refused {
        environment: Some(environment.tls.name()),
        reason: refusal.reason(),
        certificate: Some((&identity.subject, identity.sha256.as_bytes())),
        address: peer.ip(),
        // It was let in by what was trusted then.
        of_client_ca: true,
        retired: true,
    };
    door.metrics.refusals().remember(&refused, SystemTime::now());
    if let Some(unsaid) = door.retirements.turn_in(Some(client.environment()), refusal.reason()) {
        info!(
            event = events::CLIENT_RETIRED,
            environment = client.environment(),
            reason = refusal.reason(),
            %peer,
            subject = identity.subject.as_str(),
            sha256 = %identity.sha256,
            unsaid,
            "connection retired: {refusal}"
        );
    }
}
