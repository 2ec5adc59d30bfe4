//! What the demo shows: who is admitted, who is refused, and what the calls of those who are admitted get.

use std::path::Path;

use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, SupportedProtocolVersion};

use super::backend::Backend;
use super::caller::{Caller, Outcome, request};
use super::outage;
use crate::cli::{Error, say};

/// A line of the story: who calls, and what should come of it.
struct Call {
    who: &'static str,
    version: &'static SupportedProtocolVersion,
    /// Stem of the files with the client's chain and key.
    credential: Option<&'static str>,
    /// The alert that says why it is refused; `None` = it is admitted.
    refusal: Option<AlertDescription>,
}

const STORY: [Call; 6] = [
    Call { who: "a client of the CA, TLS 1.3", version: &TLS13, credential: Some("client-a"), refusal: None },
    Call { who: "the same client, TLS 1.2", version: &TLS12, credential: Some("client-a"), refusal: None },
    Call { who: "its rotated leaf, no restart", version: &TLS13, credential: Some("client-b"), refusal: None },
    Call {
        who: "nobody: no certificate",
        version: &TLS13,
        credential: None,
        refusal: Some(AlertDescription::CertificateRequired),
    },
    Call {
        who: "a client of a foreign CA",
        version: &TLS13,
        credential: Some("foreign-client"),
        refusal: Some(AlertDescription::UnknownCA),
    },
    Call {
        who: "an expired leaf of the CA",
        version: &TLS13,
        credential: Some("client-expired"),
        refusal: Some(AlertDescription::CertificateExpired),
    },
];

/// What asks for an answer of the backend, so that one sees what it sees.
const QUERY: &str = "/issuer/igwapi/v2.0/checkCardEligibility";
/// The API key of the demo's merchant.
pub(super) const API_KEY: &str = "SAMPLE-key-of-the-demo";
/// The issuer of the demo.
pub(super) const ISSUER: &str = "SAMPLE0001";

/// A call of a client that is admitted, and what it gets.
struct Answer {
    what: &'static str,
    path: &'static str,
    header: (&'static str, &'static str),
    status: u16,
    /// How the answer's body begins.
    body: &'static str,
    why: &'static str,
}

const ANSWERS: [Answer; 5] = [
    Answer {
        what: "a query",
        path: QUERY,
        header: ("x-issuer-id", ISSUER),
        status: 200,
        body: "{\n",
        why: "the backend's own answer",
    },
    Answer {
        what: "a notification of tsh",
        path: "/issuer/igwapi/v2.0/notifyVirtualCardChange",
        header: ("x-issuer-id", ISSUER),
        status: 200,
        body: "",
        why: "kept; the acknowledgement that TSH wants",
    },
    Answer {
        what: "the same, of another issuer",
        path: "/issuer/igwapi/v2.0/notifyVirtualCardChange",
        header: ("x-issuer-id", "ANOTHER001"),
        status: 400,
        body: "{\"responseCode\":911",
        why: "refused, in the words of TSH",
    },
    Answer {
        what: "a notification of cof",
        path: "/tsh-cof/notify-token-update",
        header: ("authorization", "APIKEY SAMPLE-key-of-the-demo"),
        status: 204,
        body: "",
        why: "kept; the acknowledgement that cof wants",
    },
    Answer {
        what: "the same, with a wrong key",
        path: "/tsh-cof/notify-token-update",
        header: ("authorization", "APIKEY some-other-key"),
        status: 503,
        body: "",
        why: "comes again; after a 401 it would be lost",
    },
];

/// Tells the story. `true` when every call ended as it should.
pub(super) async fn tell(caller: &Caller, directory: &Path, backend: &Backend) -> Result<bool, Error> {
    let read = |name: String| {
        let path = directory.join(name);
        std::fs::read(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
    };
    let mut right = 0;
    for call in &STORY {
        let files = match call.credential {
            None => None,
            Some(stem) => Some((read(format!("{stem}-chain.pem"))?, read(format!("{stem}-key.pem"))?)),
        };
        let credential = files.as_ref().map(|(chain, key)| (chain.as_slice(), key.as_slice()));
        let outcome = caller.call(call.version, credential, request(QUERY, "demo", ("x-issuer-id", ISSUER))?).await?;
        let (as_it_should_be, what) = match &outcome {
            Outcome::Answered(status, body) => {
                let seen = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
                let subject = seen.pointer("/caller/issuer-host-client-subject").and_then(|subject| subject.as_str());
                let known = *status == 200 && subject.is_some();
                let subject = subject.map(|subject| subject.split(',').next().unwrap_or(subject));
                (
                    call.refusal.is_none() && known,
                    format!("{status}, the backend sees {}", subject.unwrap_or("no client")),
                )
            }
            Outcome::Refused(alert) => (call.refusal == Some(*alert), format!("refused: alert {}", name(*alert))),
            Outcome::Broken(why) => (false, format!("the connection broke: {why}")),
        };
        right += usize::from(as_it_should_be);
        told(as_it_should_be, call.who, &what)?;
    }
    say("")?;
    let (chain, key) = (read("client-a-chain.pem".into())?, read("client-a-key.pem".into())?);
    for answer in &ANSWERS {
        let outcome = caller.call(&TLS13, Some((&chain, &key)), request(answer.path, "demo", answer.header)?).await?;
        let as_it_should_be = match &outcome {
            Outcome::Answered(status, body) if answer.body.is_empty() => *status == answer.status && body.is_empty(),
            Outcome::Answered(status, body) => *status == answer.status && body.starts_with(answer.body.as_bytes()),
            Outcome::Refused(_) | Outcome::Broken(_) => false,
        };
        let what = match (&outcome, as_it_should_be) {
            (Outcome::Answered(status, _), true) => format!("{status}, {}", answer.why),
            (Outcome::Answered(status, _), false) => format!("{status}, instead of {}", answer.status),
            (Outcome::Refused(alert), _) => format!("refused: alert {}", name(*alert)),
            (Outcome::Broken(why), _) => format!("the connection broke: {why}"),
        };
        right += usize::from(as_it_should_be);
        told(as_it_should_be, answer.what, &what)?;
    }
    say("")?;
    let outage = outage::tell(caller, (&chain, &key), backend).await?;
    right += outage.right;
    let calls = STORY.len() + ANSWERS.len() + outage.calls;
    say(format_args!("\n{right} of {calls} calls ended as they should."))?;
    Ok(right == calls)
}

pub(super) fn told(as_it_should_be: bool, who: &str, what: &str) -> Result<(), Error> {
    let verdict = if as_it_should_be { "ok   " } else { "WRONG" };
    say(format_args!("  {verdict}  {who:<30} {what}"))?;
    Ok(())
}

/// An alert as RFC 8446 section 6 writes it, where the story knows it.
fn name(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => "certificate_required".to_owned(),
        AlertDescription::UnknownCA => "unknown_ca".to_owned(),
        AlertDescription::CertificateExpired => "certificate_expired".to_owned(),
        other => format!("{other:?}"),
    }
}
