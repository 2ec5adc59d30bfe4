//! Rules that hold between settings of different tables.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::admin::AdminSettings;
use super::backend::BackendSettings;
use super::deadlines::DeadlineSettings;
use super::environment::{Claim, EnvironmentSettings};
use super::inbox::InboxSettings;
use super::key;
use super::origin::Origin;
use super::reader::Reader;
use super::server::ServerSettings;

/// No address twice in one list.
pub(super) fn repeated_addresses(reader: &mut Reader, key: &str, listen: &[SocketAddr]) {
    let mut seen = BTreeSet::new();
    for (at, address) in listen.iter().enumerate() {
        if !seen.insert(*address) {
            let problem = format!("{address} is listed twice.");
            reader.report(&format!("{key}[{at}]"), problem, "Keep one of the two.");
        }
    }
}

/// Listeners, that of the administrator included, do not stand in each other's way.
pub(super) fn listeners(
    reader: &mut Reader,
    claims: &[Claim],
    server_listen: &[SocketAddr],
    admin: Option<&AdminSettings>,
) {
    let named =
        claims.iter().map(|claim| (format!("environments.{}.listen", claim.environment), claim.listen.as_slice()));
    let server = ("server.listen".to_owned(), server_listen);
    let mut public: Vec<(String, SocketAddr)> = Vec::new();
    for (key, listen) in std::iter::once(server).chain(named) {
        for address in listen {
            if let Some((other, before)) =
                public.iter().find(|(_, before)| overlap(*before, *address) && before != address)
            {
                let problem =
                    format!("{address} and {before} ({other}) cannot be open at once: one contains the other.");
                reader.report(&key, problem, "Use the same address in both places, or different ports.");
            }
            if !public.iter().any(|(_, before)| before == address) {
                public.push((key.clone(), *address));
            }
        }
    }
    let Some(admin) = admin else { return };
    if let Some((key, address)) = public.iter().find(|(_, address)| clash(*address, admin.listen)) {
        reader.report(
            "admin.listen",
            format!("{} is taken by the public listener {address} ({key}).", admin.listen),
            "Give the admin listener a port of its own, such as \"127.0.0.1:9090\": it must not be public.",
        );
    }
}

/// Whether both cannot be bound, or one would take the other's connections. Port 0 is a different port each time. An
/// IPv6 wildcard is taken as IPv6 only.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let one_contains_the_other = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && a.port() != 0 && a.is_ipv4() == b.is_ipv4() && one_contains_the_other
}

/// As [`overlap`], without trusting that an IPv6 wildcard leaves IPv4 alone: the admin listener must not be public.
fn clash(public: SocketAddr, admin: SocketAddr) -> bool {
    let same_place = public.ip().to_canonical() == admin.ip().to_canonical();
    let contained = public.ip().is_unspecified() || admin.ip().is_unspecified();
    public.port() == admin.port() && public.port() != 0 && (same_place || contained)
}

/// Each environment can be told from the others by listener and host: no (listener, host) is claimed twice, and one
/// without a host is alone on its listeners.
pub(super) fn claims(reader: &mut Reader, claims: &[Claim]) {
    for (at, claim) in claims.iter().enumerate() {
        let name = &claim.environment;
        for earlier in claims.iter().take(at) {
            let Some(shared) = claim.listen.iter().find(|address| earlier.listen.contains(address)) else { continue };
            let other = &earlier.environment;
            let (whose, problem) = match (&claim.host, &earlier.host) {
                (Some(host), Some(before)) if host == before => {
                    (name, format!("The environment {other} has the same host {host} on {shared}."))
                }
                (Some(_), Some(_)) => continue,
                (None, None) => {
                    (name, format!("Neither this environment nor {other} has a host, and both listen on {shared}."))
                }
                (None, Some(_)) => {
                    (name, format!("It is missing, and the environment {other} listens on {shared} too."))
                }
                (Some(_), None) => {
                    (other, format!("It is missing, and the environment {name} listens on {shared} too."))
                }
            };
            let remedy = "Give each environment the host that Thales calls it by, or a listener of its own.";
            reader.report(&format!("environments.{whose}.host"), problem, remedy);
        }
    }
}

/// Warnings about settings that have no effect as they are.
pub(super) fn without_effect(
    reader: &mut Reader,
    server: &ServerSettings,
    environments: &[EnvironmentSettings],
    backends: &[(String, BackendSettings)],
    inbox: Option<&InboxSettings>,
) {
    if reader.origins().of("server.listen") != Origin::Default {
        for address in &server.listen {
            if !environments.iter().any(|environment| environment.listen.contains(address)) {
                reader.warn(format!(
                    "server.listen names {address}, but no environment listens there: it is not opened."
                ));
            }
        }
    }
    if inbox.is_none() {
        let of_environments = environments.iter().map(|of| (format!("environments.{}.backend", of.name), &of.backend));
        let named = backends.iter().map(|(name, backend)| (format!("backends.{name}"), backend));
        for (key, _) in of_environments.chain(named).filter(|(_, backend)| backend.events.is_written()) {
            reader.warn(format!("{key} says how events are delivered, which has no effect without inbox.url."));
        }
    }
    let mut deadlines: Vec<(String, Duration)> = Vec::new();
    for (name, backend) in backends {
        deadlines.push((format!("backends.{name}.response_timeout"), backend.response_timeout));
    }
    for EnvironmentSettings { name, backend, interpreter, .. } in environments {
        let name = format!("environments.{name}");
        deadlines.push((format!("{name}.backend.response_timeout"), backend.response_timeout));
        let DeadlineSettings { notification, query, command } = interpreter.deadlines;
        if let Some(inbox) = inbox.filter(|inbox| inbox.commit_timeout >= notification) {
            reader.warn(format!(
                "inbox.commit_timeout ({}) is no shorter than {name}.deadlines.notification, which ends the call first.",
                humantime::format_duration(inbox.commit_timeout)
            ));
        }
        for (kind, deadline) in [("notification", notification), ("query", query), ("command", command)] {
            let key = format!("{name}.deadlines.{kind}");
            // Their defaults give way to a shorter request_timeout; whoever writes one means it.
            if reader.origins().shape(&key).is_some() {
                deadlines.push((key, deadline));
            }
        }
        for operation in &interpreter.operations {
            let key = key::join(&format!("{name}.operations"), &operation.name);
            deadlines.extend(operation.deadline.map(|deadline| (format!("{key}.deadline"), deadline)));
        }
    }
    for (key, _) in deadlines.iter().filter(|(_, deadline)| *deadline > server.request_timeout) {
        reader.warn(format!("{key} is longer than server.request_timeout, which ends the request first."));
    }
}
