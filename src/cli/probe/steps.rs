//! The way to Thales, one step after the other.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use http::Request;
use rustls_pki_types::UnixTime;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::admission::{self, Outcome};
use super::plan::Plan;
use super::step::{Part, Step};
use super::{name, server_certificate, words};
use crate::caller::resolution::{ResolutionError, ResolvedName};
use crate::caller::{Caller, CallerOptions, Failure, Seen, Stage};
use crate::cli::advice::{connecting, handshake, is_without_route};
use crate::pki::distinguished_name::printable;
use crate::thales::Requirement;

const NOT_REACHED: &str = "not looked at: it did not get that far";

/// A probe between its rounds: it remembers addresses, and those only while their TTL runs.
pub(super) struct Probe<'a> {
    plan: &'a Plan,
    name: Result<Option<ResolvedName>, ResolutionError>,
    /// What the name came to in the round before, for telling what has changed.
    before: Option<Vec<IpAddr>>,
}

impl<'a> Probe<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        Self { plan, name: plan.name(), before: None }
    }

    /// The whole way once, as it is at `now`; it ends where it goes on no more.
    pub(super) async fn round(&mut self, now: UnixTime) -> Vec<Step> {
        let (step, addresses) = self.resolve().await;
        let mut steps = vec![step];
        if addresses.is_empty() {
            return unreached(
                steps,
                &[Part::Tcp, Part::Tls, Part::ServerCertificate, Part::ClientCertificate, Part::Http],
            );
        }
        let (step, reached) = self.connect(&addresses).await;
        steps.push(step);
        let rest = [Part::Tls, Part::ServerCertificate, Part::ClientCertificate, Part::Http];
        let Some(address) = reached else { return unreached(steps, &rest) };
        match self.still_good(address).await {
            Ok(address) => steps.extend(self.call(address, now).await),
            Err(step) => {
                steps.push(step);
                return unreached(steps, &rest);
            }
        }
        steps
    }

    async fn resolve(&mut self) -> (Step, Vec<IpAddr>) {
        let name = match &mut self.name {
            Err(error) => return (name::unresolved(error, &[]), Vec::new()),
            Ok(None) => {
                let found = "not resolved: an address was given (--allow-address)".to_owned();
                let step =
                    Step::warning(Part::Name, found, "name Thales' hosts by their names: their addresses change");
                return (step.about(Requirement::I9), self.plan.target.address().into_iter().collect());
            }
            Ok(Some(name)) => name,
        };
        match name.current(Instant::now()).await {
            Err(error) => (name::unresolved(&error, name.servers()), Vec::new()),
            Ok(current) => {
                let step = name::resolved(&self.plan.target.host, &current, name.servers(), self.before.as_deref());
                let all = current.resolution.addresses;
                let tried = all.iter().take(name::MOST_SHOWN).copied().collect();
                self.before = Some(all);
                (step, tried)
            }
        }
    }

    /// TCP to all of these addresses at once; the first that answered, in the order of the addresses.
    async fn connect(&self, addresses: &[IpAddr]) -> (Step, Option<IpAddr>) {
        let tried = join_all(addresses.iter().map(|&address| self.connect_one(address))).await;
        let reached = addresses.iter().zip(&tried).find(|(_, outcome)| outcome.is_ok()).map(|(&address, _)| address);
        let port = self.plan.target.port;
        let said = addresses.iter().zip(&tried).map(|(&address, outcome)| {
            let place = SocketAddr::new(address, port);
            match outcome {
                Ok(took) => format!("{place} in {}", words::seconds(*took)),
                Err(failure) => format!("{place} {}", connecting(failure, self.plan.whom()).meaning),
            }
        });
        let said: Vec<String> = said.collect();
        let facts = json!({"addresses": addresses.iter().zip(&tried).map(|(address, outcome)| json!({
            "address": address.to_string(),
            "reached": outcome.is_ok(),
            "milliseconds": outcome.as_ref().ok().map(Duration::as_millis),
        })).collect::<Vec<_>>()});
        // A machine without IPv6 is an ordinary one.
        let matters = |address: &IpAddr, failure: &Failure| {
            !(address.is_ipv6() && matches!(failure, Failure::Unreachable(error) if is_without_route(error)))
        };
        let failed = addresses
            .iter()
            .zip(&tried)
            .filter_map(|(address, outcome)| outcome.as_ref().err().map(|failure| (address, failure)));
        let worst =
            failed.clone().find(|(address, failure)| matters(address, failure)).or_else(|| failed.clone().next());
        let total = addresses.len();
        let step = match (reached, worst) {
            (Some(_), None) => {
                let (first, others) =
                    said.split_first().map_or((String::new(), Vec::new()), |(one, rest)| (one.clone(), rest.to_vec()));
                Step::good(Part::Tcp, first).with_details(others)
            }
            (Some(_), Some((address, failure))) if !matters(address, failure) => {
                Step::good(Part::Tcp, "by IPv4; this machine has no IPv6".to_owned()).with_details(said)
            }
            (Some(_), Some((_, failure))) => {
                let found = format!(
                    "{} of {total} addresses are reached",
                    tried.iter().filter(|outcome| outcome.is_ok()).count()
                );
                Step::warning(Part::Tcp, found, connecting(failure, self.plan.whom()).to_do).with_details(said)
            }
            (None, worst) => {
                let found = if total == 1 { said.concat() } else { format!("none of {total} addresses is reached") };
                let to_do = worst.map_or(String::new(), |(_, failure)| connecting(failure, self.plan.whom()).to_do);
                Step::failure(Part::Tcp, found, to_do).with_details(if total == 1 { Vec::new() } else { said })
            }
        };
        (step.about(Requirement::I10).with_facts(facts), reached)
    }

    async fn connect_one(&self, address: IpAddr) -> Result<Duration, Failure> {
        let (start, after) = (Instant::now(), self.plan.patience);
        match timeout(after, TcpStream::connect((address, self.plan.target.port))).await {
            Err(_) => Err(Failure::TimedOut { stage: Stage::Connecting, after }),
            Ok(Err(error)) => Err(Failure::Unreachable(error)),
            Ok(Ok(_)) => Ok(start.elapsed()),
        }
    }

    /// The address to go on with: this one, unless its TTL has run out meanwhile and the name leads elsewhere now.
    async fn still_good(&mut self, address: IpAddr) -> Result<IpAddr, Step> {
        let Ok(Some(name)) = &mut self.name else { return Ok(address) };
        match name.current(Instant::now()).await {
            Ok(current) if current.resolution.addresses.contains(&address) => Ok(address),
            Ok(current) => Ok(current.resolution.addresses.first().copied().unwrap_or(address)),
            Err(error) => Err(name::unresolved(&error, name.servers())),
        }
    }

    /// TLS, the certificates of both sides, and a request.
    async fn call(&self, address: IpAddr, now: UnixTime) -> Vec<Step> {
        let plan = self.plan;
        let address = SocketAddr::new(address, plan.target.port);
        let mut options = CallerOptions::new(address, plan.server_name.clone(), plan.trust.clone());
        options.credential.clone_from(&plan.credential);
        options.connect_timeout = plan.patience;
        let caller = match Caller::new(options) {
            Ok(caller) => caller,
            Err(error) => {
                return vec![Step::failure(Part::Tls, error.to_string(), "look at the files that were named")];
            }
        };
        let mut connection = match caller.connect().await {
            Ok(connection) => connection,
            Err(failure) => return self.no_connection(&caller, &failure, now),
        };
        let seen = connection.seen().clone();
        let mut steps = vec![self.tls(&seen), server_certificate::trusted(plan, &seen.chain, now)];
        let protocol = if seen.alpn.as_deref() == Some("h2") { "HTTP/2" } else { "HTTP/1.1" };
        let request = match self.request() {
            Ok(request) => request,
            Err(error) => return vec![Step::failure(Part::Http, error.to_string(), "look at the path")],
        };
        let start = Instant::now();
        let sent = connection.send(request, plan.patience).await;
        let wanted = caller.wanted().authorities();
        let outcome = sent.as_ref().map_or_else(Outcome::Failed, Outcome::Answered);
        steps.push(admission::step(plan, wanted.as_deref(), &outcome, now));
        steps.push(match &sent {
            Ok(answer) => admission::http(answer, protocol, start.elapsed()),
            // What ended it has been said of the certificate.
            Err(failure) if wanted.is_some() && words::may_be_refusal(failure) => {
                Step::not_looked_at(Part::Http, NOT_REACHED)
            }
            Err(failure) => {
                let to_do = "the connection stands and the server does not answer on it: try --path, and tell Thales";
                Step::failure(Part::Http, failure.to_string(), to_do)
            }
        });
        steps
    }

    /// How far a handshake came that ended before its time.
    fn no_connection(&self, caller: &Caller, failure: &Failure, now: UnixTime) -> Vec<Step> {
        let chain = caller.presented().chain();
        if let Failure::ServerRefused(error) = failure
            && !chain.is_empty()
        {
            let ended = "ended from here: the server's certificate is not to be trusted; nothing was sent";
            let steps =
                vec![Step::not_looked_at(Part::Tls, ended), server_certificate::refused(self.plan, &chain, error)];
            return unreached(steps, &[Part::ClientCertificate, Part::Http]);
        }
        let wanted = caller.wanted().authorities();
        if !chain.is_empty() && wanted.is_some() && words::may_be_refusal(failure) {
            // In TLS 1.2 the server looks at the client's certificate within the handshake, after its own has been taken.
            let steps = vec![
                Step::good(
                    Part::Tls,
                    "TLS 1.2; the server ended the handshake over the client's certificate".to_owned(),
                ),
                server_certificate::trusted(self.plan, &chain, now),
                admission::step(self.plan, wanted.as_deref(), &Outcome::Failed(failure), now),
            ];
            return unreached(steps, &[Part::Http]);
        }
        let (part, advice) = match failure {
            Failure::Unreachable(_) | Failure::TimedOut { stage: Stage::Connecting, .. } => {
                (Part::Tcp, connecting(failure, self.plan.whom()))
            }
            _ => (Part::Tls, handshake(failure, self.plan.whom(), &self.plan.shown(wanted, now))),
        };
        let step = Step::failure(part, advice.meaning, advice.to_do);
        let steps = vec![Step { requirement: advice.requirement, ..step }];
        unreached(steps, &[Part::ServerCertificate, Part::ClientCertificate, Part::Http])
    }

    fn tls(&self, seen: &Seen) -> Step {
        let group = seen.group.as_ref().map(|group| format!(", {group}")).unwrap_or_default();
        let alpn = seen.alpn.as_ref().map(|name| printable(name.as_bytes()));
        let protocol = alpn.as_ref().map_or("no ALPN".to_owned(), |name| format!("ALPN {name}"));
        let sni = self.plan.target.address().is_none().then_some(self.plan.target.host.as_str());
        let named = sni.map_or("no SNI".to_owned(), |name| format!("SNI {name}"));
        let took = words::seconds(seen.handshake);
        let found = format!("{}, {}{group}, {protocol}, {named}, in {took}", seen.version_name(), seen.suite);
        Step::good(Part::Tls, found).with_facts(json!({
            "version": seen.version_name(),
            "suite": seen.suite,
            "group": seen.group,
            "alpn": alpn,
            "sni": sni,
            "milliseconds": seen.handshake.as_millis(),
        }))
    }

    fn request(&self) -> Result<Request<Bytes>, http::Error> {
        let authority = self.plan.target.authority();
        Request::get(format!("https://{authority}{}", self.plan.path))
            .header(http::header::HOST, authority)
            .header(http::header::USER_AGENT, concat!("issuer-host/", env!("CARGO_PKG_VERSION")))
            .body(Bytes::new())
    }
}

fn unreached(mut steps: Vec<Step>, parts: &[Part]) -> Vec<Step> {
    steps.extend(parts.iter().map(|&part| Step::not_looked_at(part, NOT_REACHED)));
    steps
}
