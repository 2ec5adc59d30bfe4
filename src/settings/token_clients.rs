//! `[environments.NAME.tokens.clients]`: who may ask our token endpoint for tokens.

use std::time::SystemTime;

use super::moment::moment;
use super::name;
use super::reader::Section;
use super::secret::SecretSource;
use super::typed::{Parsed, Raw, list, shown, text, wrong};

/// `[environments.NAME.tokens.clients.CLIENT]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenClientSettings {
    /// What it is called here: `[a-z0-9_]+`.
    pub name: String,
    /// The `client_id` that it shows; its name unless it is set. No two clients have the same.
    pub id: String,
    /// What it may ask for: the scopes that every token must have unless it is set.
    pub scopes: Vec<String>,
    /// Its secrets, at least one, by name. Several live side by side while one takes the place of another.
    pub secrets: Vec<ClientSecretSettings>,
}

/// `[environments.NAME.tokens.clients.CLIENT.secrets.SECRET]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSecretSettings {
    /// What it is called in logs: `[a-z0-9_]+`.
    pub name: String,
    /// The secret.
    pub secret: SecretSource,
    /// From when on it is refused; `None` = never.
    pub expires: Option<SystemTime>,
}

/// Reads the clients, in the order of their names. Each token needs the scopes of `demanded`, where those could be read.
pub(super) fn read(section: &mut Section<'_>, demanded: Option<&[String]>) -> Option<Vec<TokenClientSettings>> {
    let mut taken: Vec<(String, String)> = Vec::new();
    let clients = section.each_within("clients", |name, section| {
        let client = read_client(name, section, demanded)?;
        if let Some((_, other)) = taken.iter().find(|(id, _)| *id == client.id) {
            let remedy = "Give each client an id of its own; one client may have several secrets.";
            section.report(Some("id"), format!("The client {other} has the same id {}.", shown(&client.id)), remedy);
            return None;
        }
        taken.push((client.id.clone(), client.name.clone()));
        Some(client)
    });
    clients.into_iter().collect()
}

fn read_client(name: &str, section: &mut Section<'_>, demanded: Option<&[String]>) -> Option<TokenClientSettings> {
    let name = name::check(section, "a client", name);
    let id = section.optional("id", client_id);
    let scopes = section.optional("scopes", list(',', scope));
    let secrets = section.each_within("secrets", read_secret);
    if secrets.is_empty() {
        let remedy = format!("Write a table [{}.NAME] with secret_file in it.", section.key("secrets"));
        section.report(Some("secrets"), "Without a secret it cannot ask for a token.", remedy);
        return None;
    }
    let scopes = match (scopes?, demanded) {
        (Some(scopes), Some(demanded)) => {
            if let Some(lacking) = demanded.iter().find(|scope| !scopes.contains(scope)) {
                let problem = format!("It may not ask for {lacking}, so that its tokens would be refused.");
                let remedy = format!("Add {lacking}, or take it out of tokens.scope.");
                section.report(Some("scopes"), problem, remedy);
                return None;
            }
            scopes
        }
        (scopes, demanded) => scopes.unwrap_or_else(|| demanded.unwrap_or_default().to_vec()),
    };
    let name = name?;
    Some(TokenClientSettings {
        id: id?.unwrap_or_else(|| name.clone()),
        name,
        scopes,
        secrets: secrets.into_iter().collect::<Option<_>>()?,
    })
}

fn read_secret(name: &str, section: &mut Section<'_>) -> Option<ClientSecretSettings> {
    let name = name::check(section, "a secret", name);
    let secret = section.caller_secret("secret");
    let expires = section.optional("expires", moment);
    Some(ClientSecretSettings { name: name?, secret: secret?, expires: expires? })
}

/// A client's id: printable ASCII (RFC 6749 appendix A.1).
fn client_id(raw: &Raw<'_>) -> Parsed<String> {
    const LONGEST: usize = 256;
    let text = text(raw)?;
    if text.len() <= LONGEST && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Ok(text);
    }
    wrong(
        format!("{} is not the id of a client.", shown(&text)),
        format!("Write at most {LONGEST} printable ASCII characters."),
    )
}

/// A scope (RFC 6749 section 3.3).
pub(super) fn scope(raw: &Raw<'_>) -> Parsed<String> {
    let text = text(raw)?;
    if text.bytes().all(|byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~')) {
        return Ok(text);
    }
    let remedy = if text.contains(' ') {
        let several: Vec<String> = text.split_whitespace().map(|scope| format!("{scope:?}")).collect();
        format!("Write each scope by itself: [{}].", several.join(", "))
    } else {
        "Write printable ASCII characters without quotes and backslashes.".to_owned()
    };
    wrong(format!("{} is not a scope.", shown(&text)), remedy)
}
