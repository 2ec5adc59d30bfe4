//! What the demo shows: who is admitted, who is refused, and what the calls of those who are admitted get.

use std::path::Path;

use rustls::AlertDescription;

use super::backend::Backend;
use super::caller::{Caller, request};
use super::outage;
use crate::caller::failure::alert_name;
use crate::caller::{self, ClientCredential, Failure, TlsVersions};
use crate::cli::{Error, say};

/// A line of the story: who calls, and what should come of it.
struct Call {
    who: &'static str,
    version: TlsVersions,
    /// Stem of the files with the client's chain and key.
    credential: Option<&'static str>,
    /// The alert that says why it is refused; `None` = it is admitted.
    refusal: Option<AlertDescription>,
}

const STORY: [Call; 6] = [
    Call {
        who: "a client of the CA, TLS 1.3",
        version: TlsVersions::Only13,
        credential: Some("client-a"),
        refusal: None,
    },
    Call { who: "the same client, TLS 1.2", version: TlsVersions::Only12, credential: Some("client-a"), refusal: None },
    Call {
        who: "its rotated leaf, no restart",
        version: TlsVersions::Only13,
        credential: Some("client-b"),
        refusal: None,
    },
    Call {
        who: "nobody: no certificate",
        version: TlsVersions::Only13,
        credential: None,
        refusal: Some(AlertDescription::CertificateRequired),
    },
    Call {
        who: "a client of a foreign CA",
        version: TlsVersions::Only13,
        credential: Some("foreign-client"),
        refusal: Some(AlertDescription::UnknownCA),
    },
    Call {
        who: "an expired leaf of the CA",
        version: TlsVersions::Only13,
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
    let credential = |stem: &str| -> Result<ClientCredential, Error> {
        Ok(ClientCredential::from_pem(&read(format!("{stem}-chain.pem"))?, &read(format!("{stem}-key.pem"))?)?)
    };
    let mut right = 0;
    for call in &STORY {
        let credential = call.credential.map(credential).transpose()?;
        let outcome = caller.call(call.version, credential, request(QUERY, "demo", ("x-issuer-id", ISSUER))?).await?;
        let (as_it_should_be, what) = match &outcome {
            Ok(answer) => {
                let (status, seen) = (answer.status.as_u16(), serde_json::from_slice(&answer.body));
                let seen: serde_json::Value = seen.unwrap_or_default();
                let subject = seen.pointer("/caller/issuer-host-client-subject").and_then(|subject| subject.as_str());
                let known = status == 200 && subject.is_some();
                let subject = subject.map(|subject| subject.split(',').next().unwrap_or(subject));
                (
                    call.refusal.is_none() && known,
                    format!("{status}, the backend sees {}", subject.unwrap_or("no client")),
                )
            }
            Err(failure) => {
                let expected =
                    matches!((failure, call.refusal), (Failure::Refused(alert), Some(refusal)) if *alert == refusal);
                (expected, in_words(&outcome))
            }
        };
        right += usize::from(as_it_should_be);
        told(as_it_should_be, call.who, &what)?;
    }
    say("")?;
    let client = credential("client-a")?;
    for answer in &ANSWERS {
        let request = request(answer.path, "demo", answer.header)?;
        let outcome = caller.call(TlsVersions::Only13, Some(client.clone()), request).await?;
        let as_it_should_be = outcome.as_ref().is_ok_and(|got| {
            let body_is_right = match answer.body {
                "" => got.body.is_empty(),
                beginning => got.body.starts_with(beginning.as_bytes()),
            };
            got.status == answer.status && body_is_right
        });
        let what = if as_it_should_be {
            format!("{}, {}", answer.status, answer.why)
        } else {
            format!("{}, instead of {}", in_words(&outcome), answer.status)
        };
        right += usize::from(as_it_should_be);
        told(as_it_should_be, answer.what, &what)?;
    }
    say("")?;
    let outage = outage::tell(caller, &client, backend).await?;
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

/// How a call ended, in a few words.
pub(super) fn in_words(outcome: &Result<caller::Answer, Failure>) -> String {
    match outcome {
        Ok(answer) => answer.status.as_u16().to_string(),
        Err(Failure::Refused(alert)) => format!("refused: alert {}", alert_name(*alert)),
        Err(failure) => failure.to_string(),
    }
}
