//! What the line of a request says.

use ::http::Method;
use tracing::{Level, Metadata, dispatcher, info};
use tracing_core::callsite::DefaultCallsite;
use tracing_core::{Kind, metadata};

use crate::http::tellable::{registered, tellable};
use crate::telemetry::{self, Members, events, member};
use crate::thales::{Operation, Product};
use crate::tls::VerifiedClient;

const TARGET: &str = "issuer_host::http::access";

/// Where lines of requests come from. Whether anybody wants them is found out when the level changes, and not for each of them.
static CALLSITE: DefaultCallsite = DefaultCallsite::new(&METADATA);
static METADATA: Metadata<'static> = metadata! {
    name: "request",
    target: TARGET,
    level: Level::INFO,
    fields: &[],
    callsite: &CALLSITE,
    // A question, which has no fields that a filter could ask for.
    kind: Kind::HINT,
};

/// Whether anybody wants lines of requests.
pub(super) fn is_wanted() -> bool {
    let interest = CALLSITE.interest();
    interest.is_always() || !interest.is_never() && dispatcher::get_default(|log| log.enabled(&METADATA))
}

/// What each line of a connection's requests says of who called. It is written out once.
#[derive(Debug)]
pub(in crate::http) struct Caller {
    client: VerifiedClient,
    /// Address and port.
    address: String,
    /// SHA-256 of the certificate, in hexadecimal.
    sha256: String,
    /// All of it as members of a JSON object.
    members: String,
}

impl Caller {
    pub(in crate::http) fn new(client: &VerifiedClient) -> Self {
        let (address, sha256) = (client.peer().to_string(), client.identity().sha256.to_string());
        let members = telemetry::written_out(|members| {
            members.text(member!("environment"), client.environment());
            members.word(member!("tls"), client.tls().version);
            members.truth(member!("resumed"), client.tls().resumed);
            members.text(member!("peer"), &address);
            members.text(member!("subject"), &client.identity().subject);
            members.text(member!("sha256"), &sha256);
        });
        Self { client: client.clone(), address, sha256, members }
    }
}

/// What each line says of a call that is known, as members of a JSON object. The template of its path is enough, and holds no card.
pub(in crate::http) fn members_of(operation: &Operation) -> String {
    telemetry::written_out(|members| {
        members.word(member!("product"), operation.product.name());
        members.text(member!("operation"), &operation.name);
        members.word(member!("kind"), operation.kind.name());
        members.text(member!("method"), operation.method.as_str());
        members.text(member!("path"), &operation.full_path());
    })
}

/// Which call it was.
pub(super) enum Called<'l> {
    /// One that is known, and what [`members_of`] makes of it.
    Known(&'l Operation, &'l str),
    /// Another one.
    Other {
        product: Option<&'static str>,
        /// What it is called where there is somebody who knows calls.
        name: Option<&'static str>,
        method: &'static str,
        path: String,
    },
}

impl Called<'_> {
    /// A call that nobody knows; verb and path are the caller's own text.
    pub(super) fn other(product: Option<Product>, name: Option<&'static str>, method: &Method, path: &str) -> Self {
        let method = registered(method).unwrap_or("other");
        Self::Other { product: product.map(Product::name), name, method, path: tellable(path) }
    }
}

/// A request that has ended. What is `None` is left out.
pub(super) struct Told<'l> {
    pub(super) caller: &'l Caller,
    pub(super) called: Called<'l>,
    pub(super) outcome: &'static str,
    pub(super) sampled: Option<u32>,
    pub(super) problem: Option<&'static str>,
    pub(super) status: Option<u16>,
    pub(super) handler_status: Option<u16>,
    pub(super) retryable: Option<bool>,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) duration_us: u64,
    pub(super) key: Option<&'l str>,
    pub(super) inbox: Option<&'static str>,
    pub(super) entry: Option<&'l str>,
    pub(super) request_id: Option<&'l str>,
    pub(super) correlation_id: Option<&'l str>,
    /// Hexadecimal.
    pub(super) trace_id: Option<&'l str>,
}

impl Told<'_> {
    /// Where the log is ours and for programs, the shortest way; else as any event. Both say the same, which a test holds together.
    pub(super) fn tell(&self) {
        if is_wanted() && !telemetry::json_line(Level::INFO, TARGET, |line| self.write(line)) {
            self.event();
        }
    }

    fn event(&self) {
        let client = &self.caller.client;
        let (product, operation, kind, method, path) = match &self.called {
            Called::Known(operation, _) => (
                Some(operation.product.name()),
                Some(operation.name.as_str()),
                Some(operation.kind.name()),
                operation.method.as_str(),
                &operation.full_path(),
            ),
            Called::Other { product, name, method, path } => (*product, *name, None, *method, path),
        };
        info!(
            target: TARGET,
            event = events::REQUEST,
            environment = client.environment(),
            product,
            operation,
            kind,
            method,
            // Of an unknown call it is the caller's; text is escaped, so that it cannot pass for a line of ours.
            path,
            outcome = self.outcome,
            sampled = self.sampled,
            problem = self.problem,
            status = self.status,
            handler_status = self.handler_status,
            retryable = self.retryable,
            bytes_in = self.bytes_in,
            bytes_out = self.bytes_out,
            duration_us = self.duration_us,
            tls = client.tls().version,
            resumed = client.tls().resumed,
            peer = self.caller.address.as_str(),
            subject = client.identity().subject,
            sha256 = self.caller.sha256.as_str(),
            key = self.key,
            inbox = self.inbox,
            entry = self.entry,
            request_id = self.request_id,
            correlation_id = self.correlation_id,
            trace_id = self.trace_id,
            "request"
        );
    }

    fn write(&self, line: &mut Members) {
        fn some<T>(value: Option<T>, write: impl FnOnce(T)) {
            if let Some(value) = value {
                write(value);
            }
        }
        line.word(member!("message"), "request");
        line.word(member!("event"), events::REQUEST);
        line.as_written(&self.caller.members);
        match &self.called {
            Called::Known(_, members) => line.as_written(members),
            Called::Other { product, name, method, path } => {
                some(*product, |product| line.word(member!("product"), product));
                some(*name, |name| line.word(member!("operation"), name));
                line.word(member!("method"), method);
                line.text(member!("path"), path);
            }
        }
        line.word(member!("outcome"), self.outcome);
        some(self.sampled, |sampled| line.number(member!("sampled"), sampled));
        some(self.problem, |problem| line.word(member!("problem"), problem));
        some(self.status, |status| line.number(member!("status"), status));
        some(self.handler_status, |status| line.number(member!("handler_status"), status));
        some(self.retryable, |retryable| line.truth(member!("retryable"), retryable));
        line.number(member!("bytes_in"), self.bytes_in);
        line.number(member!("bytes_out"), self.bytes_out);
        line.number(member!("duration_us"), self.duration_us);
        some(self.key, |key| line.text(member!("key"), key));
        some(self.inbox, |inbox| line.word(member!("inbox"), inbox));
        some(self.entry, |entry| line.text(member!("entry"), entry));
        some(self.request_id, |id| line.text(member!("request_id"), id));
        some(self.correlation_id, |id| line.text(member!("correlation_id"), id));
        some(self.trace_id, |id| line.word(member!("trace_id"), id));
    }
}

#[cfg(test)]
mod tests;
