//! What the inbox is for: the backend is down, a notification comes, comes again, and arrives once when the backend is up.

use std::time::Duration;

use super::backend::Backend;
use super::caller::{Caller, request};
use super::story::{API_KEY, in_words, told};
use crate::caller::{ClientCredential, TlsVersions};
use crate::cli::Error;

/// By what the notification is known.
const CORRELATION_ID: &str = "demo-outage";
/// Between two looks at the backend, and how many there are.
const PAUSE: Duration = Duration::from_millis(50);
const LOOKS: usize = 400;

/// How many calls there were, and how many ended as they should.
pub(super) struct Outage {
    pub(super) calls: usize,
    pub(super) right: usize,
}

/// Tells of the outage.
pub(super) async fn tell(caller: &Caller, credential: &ClientCredential, backend: &Backend) -> Result<Outage, Error> {
    let authorization = format!("APIKEY {API_KEY}");
    let mut outage = Outage { calls: 0, right: 0 };
    backend.is_down(true);
    for (who, why) in [
        ("the backend is down: cof calls", "kept, although nobody takes it now"),
        ("cof calls again, to be sure", "known as the same one"),
    ] {
        let request = request("/tsh-cof/notify-token-update", CORRELATION_ID, ("authorization", &authorization))?;
        let outcome = caller.call(TlsVersions::Only13, Some(credential.clone()), request).await?;
        let acknowledged = matches!(&outcome, Ok(answer) if answer.status == 204 && answer.body.is_empty());
        let what = if acknowledged { format!("204, {why}") } else { format!("{}, instead of 204", in_words(&outcome)) };
        outage.tell(acknowledged, who, &what)?;
    }
    let early = backend.events(CORRELATION_ID).len();
    backend.is_down(false);
    for _ in 0..LOOKS {
        if !backend.events(CORRELATION_ID).is_empty() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    // A second one would come at once.
    tokio::time::sleep(PAUSE).await;
    let events = backend.events(CORRELATION_ID);
    let what = match events.as_slice() {
        [id] => format!("it has the event, once: ce-id {id}"),
        events => format!("it has {} events, instead of one", events.len()),
    };
    outage.tell(early == 0 && events.len() == 1, "the backend is up again", &what)?;
    Ok(outage)
}

impl Outage {
    fn tell(&mut self, as_it_should_be: bool, who: &str, what: &str) -> Result<(), Error> {
        self.calls += 1;
        self.right += usize::from(as_it_should_be);
        told(as_it_should_be, who, what)
    }
}
