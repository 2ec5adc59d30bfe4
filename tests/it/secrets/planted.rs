//! What must not be found, and the forms in which it would be found.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Shortest part of a token or a key that counts as a part of it: half of the shortest secret that the server takes, twice over.
const SHORTEST_PART: usize = 16;

pub(super) const PAN_IN_BODY: &str = "4929001122334455";
pub(super) const PAN_IN_QUERY: &str = "4929001122334463";
pub(super) const PAN_IN_PATH: &str = "4929001122334471";
pub(super) const PAN_IN_HEADER: &str = "4929001122334489";
pub(super) const PAN_IN_ANSWER: &str = "4929001122334497";
pub(super) const OTP: &str = "otp-739154-kd82";
pub(super) const PIN: &str = "pin-block-041226CBA9876543";
pub(super) const API_KEY: &str = "api-key-live-Zq81ns0Xk2lw93Tr";
pub(super) const OLD_API_KEY: &str = "api-key-expired-Hd72jA91kSw0qPz";
pub(super) const WRONG_API_KEY: &str = "api-key-wrong-Bv63mC72xNs9wRt";
pub(super) const CLIENT_SECRET: &str = "client-secret-live-Lp05cX84vGf2yUi";
pub(super) const WRONG_CLIENT_SECRET: &str = "client-secret-wrong-Kj47bV95nHg3tOe";
pub(super) const MADE_UP_TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJtYWRlLXVwIn0.c2lnbmF0dXJlLW9mLW5vYm9keQ";
pub(super) const COOKIE: &str = "session-cookie-Wm16dD06fLd4zAs";
pub(super) const BACKEND_ERROR: &str = "backend-trace-Qn27eE17gKc5aSd";
pub(super) const NEXT_API_KEY: &str = "api-key-next-Gy38\tfF28hJb6bDf";

/// What was planted, by what it is.
#[derive(Default)]
pub(super) struct Planted(Vec<(String, String)>);

impl Planted {
    /// Everything that is known before a run.
    pub(super) fn known() -> Self {
        let mut planted = Self::default();
        for (what, value) in [
            ("card number in a body", PAN_IN_BODY),
            ("card number in a query", PAN_IN_QUERY),
            ("card number in a path", PAN_IN_PATH),
            ("card number in a header", PAN_IN_HEADER),
            ("card number in an answer", PAN_IN_ANSWER),
            ("one-time password", OTP),
            ("PIN block", PIN),
            ("API key", API_KEY),
            ("expired API key", OLD_API_KEY),
            ("wrong API key", WRONG_API_KEY),
            ("client secret", CLIENT_SECRET),
            ("wrong client secret", WRONG_CLIENT_SECRET),
            ("made-up token", MADE_UP_TOKEN),
            ("cookie", COOKIE),
            ("backend's error", BACKEND_ERROR),
            ("API key that is none", NEXT_API_KEY),
        ] {
            planted.add(what, value);
        }
        planted
    }

    pub(super) fn add(&mut self, what: &str, value: &str) {
        self.0.push((what.to_owned(), value.to_owned()));
    }

    /// What `text` gives away, of whatever case.
    pub(super) fn found_in(&self, text: &[u8]) -> Vec<&str> {
        let text = String::from_utf8_lossy(text).to_lowercase();
        let gives_away = |value: &str| forms(value).iter().any(|form| text.contains(form));
        self.0.iter().filter(|(_, value)| gives_away(value)).map(|(what, _)| what.as_str()).collect()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(what, value)| (what.as_str(), value.as_str()))
    }
}

/// `value`, its halves where they are long enough, and all of these encoded, in small letters.
fn forms(value: &str) -> Vec<String> {
    let mut parts = vec![value];
    let (first, second) = value.split_at(value.len() / 2);
    parts.extend([first, second].into_iter().filter(|half| half.len() >= SHORTEST_PART));
    let mut forms = Vec::new();
    for part in parts {
        forms.push(part.to_owned());
        forms.push(part.bytes().map(|byte| format!("%{byte:02x}")).collect());
        let reserved = |byte: u8| !byte.is_ascii_alphanumeric() && !b"-._~".contains(&byte);
        forms.push(
            part.bytes()
                .map(|byte| if reserved(byte) { format!("%{byte:02x}") } else { char::from(byte).to_string() })
                .collect(),
        );
        forms.push(part.bytes().map(|byte| format!("{byte:02x}")).collect());
        // Wherever it stands in what was encoded: behind a user name, for instance.
        for before in 0..3 {
            let bytes = [&b"\0\0\0"[..before], part.as_bytes()].concat();
            for text in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
                let whole = &text[[0, 2, 3][before]..];
                // The last character may share its bits with what follows.
                forms.push(whole[..whole.len() - 1].to_owned());
            }
        }
        // As a list of numbers, which is how Rust prints bytes.
        forms.push(format!("{:?}", part.as_bytes()).trim_matches(['[', ']']).to_owned());
    }
    forms.iter().map(|form| form.to_lowercase()).collect()
}
