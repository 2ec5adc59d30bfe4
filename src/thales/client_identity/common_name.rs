//! Common names of client certificates (I4, I5).

use super::{EnvironmentCode, Part, PublicKey, Refusal, Service, Subject};

/// What Thales calls the customer: the `tspId` or `merchantGatewayId`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier(String);

impl Identifier {
    /// Takes an identifier that can stand between the slashes of a CN.
    ///
    /// # Errors
    /// [`Refusal::Identifier`].
    pub fn new(service: Service, given: &str) -> Result<Self, Refusal> {
        let refused = |problem| Refusal::Identifier { service, given: given.to_owned(), problem };
        if given.is_empty() {
            return Err(refused("it is empty"));
        }
        if given.contains(['<', '>', '{', '}']) {
            return Err(refused("put the identifier that the portal shows in the place of the brackets"));
        }
        if !given.bytes().all(|byte| byte.is_ascii_graphic() && !b"/\\\"'".contains(&byte)) {
            return Err(refused(
                "it stands between slashes, and may hold no slash, quote, blank or other letters than ASCII",
            ));
        }
        Ok(Self(given.to_owned()))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A CN that follows the pattern of a service, for a key of one algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommonName {
    text: String,
    environment: Option<EnvironmentCode>,
}

/// The pattern that xPay publishes. D1 publishes its beginning only: the rest is taken to be the same.
const PATTERN: &str = "TLSMA-{algorithm}/{id}/TSH/TSP.{env}";

impl CommonName {
    /// The template for a service, unless one is given.
    #[must_use]
    pub const fn default_template() -> &'static str {
        PATTERN
    }

    /// What every CN begins with, for a key of this kind: the algorithm is told there (I4).
    #[must_use]
    pub fn beginning(key: &PublicKey) -> String {
        format!("TLSMA-{}/", algorithm(key))
    }

    /// Fills a template: `{algorithm}` is RSA or ECDSA as the key is, `{id}` the identifier, `{env}` the code.
    ///
    /// # Errors
    /// [`Refusal`] when something else is to be replaced, or what comes out does not follow the pattern.
    pub fn from_template(
        service: Service,
        template: &str,
        key: &PublicKey,
        identifier: &Identifier,
        environment: EnvironmentCode,
    ) -> Result<Self, Refusal> {
        service.admits(key)?;
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, behind)) = rest.split_once('{') {
            text.push_str(before);
            let (placeholder, after) = behind.split_once('}').unwrap_or((behind, ""));
            text.push_str(match placeholder {
                "algorithm" => algorithm(key),
                "id" => identifier.as_str(),
                "env" => environment.code(),
                other => return Err(Refusal::Template(other.to_owned())),
            });
            rest = after;
        }
        text.push_str(rest);
        let name = Self::checked(service, text, key)?;
        if !name.text.split('/').any(|piece| piece == identifier.as_str()) {
            let problem =
                format!("does not hold {} between slashes: put {{id}} into the template", identifier.as_str());
            return Err(Refusal::CommonName { common_name: name.text, problem });
        }
        if name.environment == Some(environment.other()) {
            return Err(Refusal::OtherEnvironment { common_name: name.text, environment });
        }
        Ok(name)
    }

    /// The CN of a subject that there is already, for a renewal with a key of the same algorithm (I6).
    ///
    /// # Errors
    /// [`Refusal`] when there is not exactly one CN, or it does not follow the pattern.
    pub fn of_subject(service: Service, subject: &Subject, key: &PublicKey) -> Result<Self, Refusal> {
        let mut names = subject.texts(Part::CommonName);
        match (names.pop(), names.len()) {
            (Some(name), 0) => Self::checked(service, name, key),
            (last, before) => Err(Refusal::CommonNames(before + usize::from(last.is_some()))),
        }
    }

    fn checked(service: Service, text: String, key: &PublicKey) -> Result<Self, Refusal> {
        service.admits(key)?;
        let refused = |problem: String| Err(Refusal::CommonName { common_name: text.clone(), problem });
        let start = Self::beginning(key);
        let Some(rest) = text.strip_prefix(&start) else {
            return refused(format!("must begin with {start} for a key of the kind {key}"));
        };
        let pieces: Vec<&str> = rest.split('/').collect();
        let environment = match (service, pieces.as_slice()) {
            (_, ["", ..]) => return refused("has no identifier".to_owned()),
            (Service::Xpay, pieces) => match environment_of_xpay(pieces) {
                None => {
                    return refused(format!("must be {start}<tspId>/TSH/TSP.PPR, or PRD at its end for production"));
                }
                found => found,
            },
            // Its tail is not published: whatever stands there after a dot or a slash is looked at.
            (_, pieces) => pieces.iter().skip(1).flat_map(|piece| piece.split('.')).find_map(code),
        };
        Ok(Self { text, environment })
    }

    /// Its text, with plain slashes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether what follows the identifier is what xPay publishes.
    #[must_use]
    pub fn ends_as_for_xpay(&self) -> bool {
        let pieces: Vec<&str> = self.text.split('/').skip(1).collect();
        environment_of_xpay(&pieces).is_some()
    }

    /// The environment whose code it bears, where it bears one.
    #[must_use]
    pub fn environment(&self) -> Option<EnvironmentCode> {
        self.environment
    }
}

/// The environment of a CN of xPay's, in its pieces from the identifier on.
fn environment_of_xpay(pieces: &[&str]) -> Option<EnvironmentCode> {
    match pieces {
        // One example of Thales' has TSH where the others have TSP.
        [_, "TSH", last] => last.strip_prefix("TSP.").or_else(|| last.strip_prefix("TSH.")).and_then(code),
        _ => None,
    }
}

fn algorithm(key: &PublicKey) -> &'static str {
    if matches!(key, PublicKey::Rsa { .. }) { "RSA" } else { "ECDSA" }
}

fn code(text: &str) -> Option<EnvironmentCode> {
    EnvironmentCode::ALL.into_iter().find(|found| found.code() == text)
}
