//! What the name came to. Whoever answers for it may say anything, and any amount of it.

use std::net::{IpAddr, SocketAddr};

use serde_json::json;

use super::step::{Part, Step};
use super::words;
use crate::caller::addresses::is_private;
use crate::caller::resolution::{Current, ResolutionError};
use crate::pki::distinguished_name::printable;
use crate::thales::Requirement;
use crate::thales::inbound::Endpoint;

/// Of what an answer holds, no more is told, and no more addresses are called.
pub(super) const MOST_SHOWN: usize = 16;

/// What to do about a host of Thales whose address is one's own.
const PRIVATE: &str = "compare with a public name server (--dns); where a gateway of yours stands there on purpose, it has to let TLS through \
                       unopened and to follow Thales' addresses, else have the name resolved as everybody does";

/// That a name came to nothing.
pub(super) fn unresolved(error: &ResolutionError, servers: &[SocketAddr]) -> Step {
    let of = if servers.is_empty() { String::new() } else { format!("; asked: {}", joined(servers)) };
    Step::failure(Part::Name, format!("{error}{of}"), words::resolution(error, servers))
        .about(Requirement::I9)
        .with_facts(json!({"asked": servers.iter().map(ToString::to_string).collect::<Vec<_>>()}))
}

/// What a name came to; `before` = what it came to in the round before.
pub(super) fn resolved(host: &str, current: &Current, servers: &[SocketAddr], before: Option<&[IpAddr]>) -> Step {
    let Current { resolution, fresh, left } = current;
    let all = &resolution.addresses;
    let addresses = joined(all);
    let found = if *fresh {
        let (ttl, took) = (resolution.ttl.as_secs(), words::seconds(resolution.took));
        let asked = format!("TTL {ttl} s; asked {} in {took}", joined(servers));
        let itself = "every machine's name for itself: no name server was asked".to_owned();
        let asked = if servers.is_empty() { itself } else { asked };
        format!("{addresses}; {asked}")
    } else {
        format!("{addresses}; from the last answer, which may be used for {} s more (TTL)", left.as_secs())
    };
    let mut details = Vec::new();
    if all.len() > MOST_SHOWN {
        details.push(format!("{} addresses; the first {MOST_SHOWN} are called", all.len()));
    }
    if !resolution.aliases.is_empty() {
        let aliases = listed(&resolution.aliases).map(|name| printable(name.as_bytes())).collect::<Vec<_>>();
        details.push(format!("stands for {}{}", aliases.join(", which stands for "), more(&resolution.aliases)));
    }
    let new = |of: &[IpAddr], not: &[IpAddr]| of.iter().filter(|one| !not.contains(one)).copied().collect::<Vec<_>>();
    let before = before.unwrap_or(all);
    let (came, gone) = (new(all, before), new(before, all));
    if !came.is_empty() {
        details.push(format!("changed: {} came", joined(&came)));
    }
    if !gone.is_empty() {
        details.push(format!("changed: {} went", joined(&gone)));
    }
    if let Some(error) = &resolution.half {
        details.push(format!("the other kind of address (A or AAAA) could not be asked for: {error}"));
    }
    let private: Vec<_> = all.iter().copied().filter(|&address| is_private(address)).collect();
    let step = if Endpoint::at(host).is_some() && !private.is_empty() {
        details.push(format!(
            "not of the internet: {}; a name server of your own answers for Thales' name, or something on the way changes its answers",
            joined(&private)
        ));
        Step::warning(Part::Name, found, PRIVATE)
    } else if let Some(error) = &resolution.half {
        Step::warning(Part::Name, found, words::resolution(error, servers))
    } else {
        Step::good(Part::Name, found)
    };
    step.about(Requirement::I9).with_details(details).with_facts(json!({
        "addresses": texts(all),
        "addresses_in_all": all.len(),
        "private": texts(&private),
        "aliases": texts(&resolution.aliases),
        "ttl": resolution.ttl.as_secs(),
        "left": left.as_secs(),
        "fresh": fresh,
        "asked": servers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "milliseconds": resolution.took.as_millis(),
        "came": texts(&came),
        "went": texts(&gone),
    }))
}

fn joined<T: ToString>(items: &[T]) -> String {
    format!("{}{}", texts(items).join(", "), more(items))
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    listed(items).map(ToString::to_string).collect()
}

fn listed<T>(items: &[T]) -> impl Iterator<Item = &T> {
    items.iter().take(MOST_SHOWN)
}

/// How many are not told.
fn more<T>(items: &[T]) -> String {
    match items.len().saturating_sub(MOST_SHOWN) {
        0 => String::new(),
        left => format!(" and {left} more"),
    }
}
