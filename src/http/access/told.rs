//! What the line of a request says.

use tracing::{Level, enabled, info};

use crate::telemetry::{self, Members, events};
use crate::tls::VerifiedClient;

const TARGET: &str = "issuer_host::http::access";

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
            members.string("environment", client.environment());
            members.string("tls", client.tls().version);
            members.boolean("resumed", client.tls().resumed);
            members.string("peer", &address);
            members.string("subject", &client.identity().subject);
            members.string("sha256", &sha256);
        });
        Self { client: client.clone(), address, sha256, members }
    }
}

/// A request that has ended. What is `None` is left out.
pub(super) struct Told<'l> {
    pub(super) caller: &'l Caller,
    pub(super) product: Option<&'static str>,
    pub(super) operation: Option<&'l str>,
    pub(super) kind: Option<&'static str>,
    pub(super) method: &'l str,
    /// Of an unknown call it is the caller's; text is escaped, so that it cannot pass for a line of ours.
    pub(super) path: &'l str,
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
    pub(super) trace_id: Option<&'l str>,
}

impl Told<'_> {
    /// Where the log is ours and for programs, the shortest way; else as any event. Both say the same, which a test holds together.
    pub(super) fn tell(&self) {
        if enabled!(target: TARGET, Level::INFO) && !telemetry::json_line(Level::INFO, TARGET, |line| self.write(line))
        {
            self.event();
        }
    }

    fn event(&self) {
        let client = &self.caller.client;
        info!(
            target: TARGET,
            event = events::REQUEST,
            environment = client.environment(),
            product = self.product,
            operation = self.operation,
            kind = self.kind,
            method = self.method,
            path = self.path,
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
        line.word("message", "request");
        line.word("event", events::REQUEST);
        line.as_written(&self.caller.members);
        some(self.product, |product| line.word("product", product));
        some(self.operation, |operation| line.string("operation", operation));
        some(self.kind, |kind| line.word("kind", kind));
        line.string("method", self.method);
        line.string("path", self.path);
        line.word("outcome", self.outcome);
        some(self.sampled, |sampled| line.integer("sampled", sampled));
        some(self.problem, |problem| line.word("problem", problem));
        some(self.status, |status| line.integer("status", status));
        some(self.handler_status, |status| line.integer("handler_status", status));
        some(self.retryable, |retryable| line.boolean("retryable", retryable));
        line.integer("bytes_in", self.bytes_in);
        line.integer("bytes_out", self.bytes_out);
        line.integer("duration_us", self.duration_us);
        some(self.key, |key| line.string("key", key));
        some(self.inbox, |inbox| line.word("inbox", inbox));
        some(self.entry, |entry| line.string("entry", entry));
        some(self.request_id, |id| line.string("request_id", id));
        some(self.correlation_id, |id| line.string("correlation_id", id));
        some(self.trace_id, |id| line.string("trace_id", id));
    }
}

#[cfg(test)]
mod tests;
