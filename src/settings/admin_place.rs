//! Where the admin listener of a running server is, for whoever asks that server.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::layers::Layers;
use super::origin::Origin;
use super::pem_source::PemSource;
use super::reader::{Reader, Section};
use super::secret::{self, SecretSource};
use super::toml_layer::Author;
use super::typed::{self, Parsed, Raw, address};
use super::{DEFAULTS, Sources, salvage, sources, toml_layer, variables};

/// What [`DEFAULTS`] say.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);

/// What of `[admin]` it takes to ask a running server. It goes on with the last good configuration whatever becomes of that on disk, so
/// what is wrong there keeps nobody from asking: nothing is looked at but these settings, nor the files that they name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminPlace {
    /// Its address.
    pub listen: SocketAddr,
    /// Whether the configuration says so, or is read well enough to know that it does not. Otherwise the address is a guess.
    pub is_known: bool,
    /// What administrators show; `None` = there is no token.
    pub token: Option<SecretSource>,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// The chain that is shown then, where it is known.
    pub certificate_chain: Option<PemSource>,
}

impl AdminPlace {
    /// What can be learned from the file, however broken, and from the variables; else the defaults.
    #[must_use]
    pub fn look_up(sources: &Sources) -> Self {
        let file = sources.file.as_deref();
        let read = file.and_then(|path| Some((path, salvage::salvaged(&sources::read_roughly(path)?))));
        // A file that was emptied says nothing, as one that is gone.
        let is_whole = match &read {
            Some((_, salvaged)) => salvaged.is_whole && !salvaged.text.trim().is_empty(),
            None => file.is_none(),
        };
        let text = read.as_ref().map(|(path, salvaged)| (*path, salvaged.text.as_str()));
        let (listen, place) = look_into(text, &sources.environment);
        let Some(listen) = listen else {
            let (of_variables, _) = look_into(None, &sources.environment);
            return Self { listen: of_variables.unwrap_or(DEFAULT_LISTEN), is_known: false, ..place };
        };
        Self { listen, is_known: is_whole || place.is_known, ..place }
    }
}

/// The address, where one can be understood, and the rest; it is known where somebody wrote it.
fn look_into(file: Option<(&Path, &str)>, environment: &[(OsString, OsString)]) -> (Option<SocketAddr>, AdminPlace) {
    let mut layers = Layers::default();
    toml_layer::add(&mut layers, DEFAULTS, Author::Default);
    if let Some((path, text)) = file {
        toml_layer::add(&mut layers, text, Author::File(Arc::from(path)));
    }
    let variables = variables::readable(&mut layers, environment);
    variables::add_settings(&mut layers, &variables);
    let (entries, origins, findings) = layers.merge();
    Reader::new(origins, findings).read(entries, |root| root.within("admin", of_admin))
}

fn of_admin(section: &mut Section<'_>) -> (Option<SocketAddr>, AdminPlace) {
    let is_known = !matches!(section.origin_of("listen"), Origin::Default);
    let listen = section.optional("listen", address).flatten();
    let text = section.optional("token", secret::secret_text).flatten().map(SecretSource::Text);
    let in_file = section.optional("token_file", path).flatten().map(SecretSource::File);
    let digest = section.optional("token_sha256", secret::sha256).flatten().map(SecretSource::Sha256);
    let token = text.or(in_file).or(digest);
    let chain = section.within_if_written("tls", |section| section.optional("certificate_chain", pem).flatten());
    let (tls, certificate_chain) = (chain.is_some(), chain.flatten());
    (listen, AdminPlace { listen: DEFAULT_LISTEN, is_known, token, tls, certificate_chain })
}

/// A path, of whatever is there.
fn path(raw: &Raw<'_>) -> Parsed<PathBuf> {
    Ok(raw.base.join(Zeroizing::new(typed::text(raw)?).as_str()))
}

/// PEM text, or the path of whatever is there.
fn pem(raw: &Raw<'_>) -> Parsed<PemSource> {
    match PemSource::inline(&Zeroizing::new(typed::text(raw)?)) {
        Some(inline) => Ok(inline),
        None => path(raw).map(PemSource::File),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::super::tests::{MINIMAL, Place};
    use super::*;

    const TOKEN: &str = "0123456789abcdef01234567";

    /// The sources whose file has this text.
    fn sources(place: &Place, text: impl AsRef<[u8]>) -> Sources {
        let file = place.path().join("issuer-host.toml");
        std::fs::write(&file, text).unwrap();
        Sources::from_file(file)
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn of_a_good_configuration_it_is_what_the_server_would_take() {
        let place = Place::new();
        let tls = "certificate_chain = \"chain.pem\"\nprivate_key = \"key.pem\"\n";
        for (admin, is_inline) in [
            (String::new(), false),
            (format!("[admin]\nlisten = \"127.0.0.1:9191\"\ntoken = \"{TOKEN}\"\n[admin.tls]\n{tls}"), false),
            ("[admin]\ntoken_file = \"ca.pem\"\n".to_owned(), false),
            (format!("[admin]\ntoken_sha256 = \"{}\"\n", "ab".repeat(32)), false),
            ("[admin]\ntls.certificate_chain = \"-----BEGIN X\"\ntls.private_key = \"key.pem\"\n".to_owned(), true),
        ] {
            let sources = sources(&place, format!("{admin}{MINIMAL}"));
            let settings = Settings::load(&sources).unwrap_or_else(|report| panic!("{report}")).admin;
            let found = AdminPlace::look_up(&sources);
            assert!(found.is_known, "{admin}");
            assert_eq!(
                (found.listen, &found.token, found.tls),
                (settings.listen, &settings.token, settings.tls.is_some())
            );
            assert_eq!(found.certificate_chain, settings.tls.map(|tls| tls.certificate_chain), "{admin}");
            assert_eq!(matches!(found.certificate_chain, Some(PemSource::Inline(_))), is_inline);
        }
        assert_eq!(Settings::load(&sources(&place, MINIMAL)).unwrap().admin.listen, DEFAULT_LISTEN);
    }

    #[test]
    fn what_is_wrong_elsewhere_and_files_that_are_gone_change_nothing() {
        let place = Place::new();
        let admin = "[admin]\nlisten = \"127.0.0.1:9191\"\ntoken_file = \"none\"\nhosts = 7\nnone = 1\n[admin.tls]\n\
                     certificate_chain = \"none.pem\"\n";
        for before in ["", "[server]\nlisten = [\n", "[log]\nlevel = \"loud\"\n", "# \u{e9}\n[log]\nlevel = \"\n"] {
            // As Latin-1, which is no UTF-8.
            let text: Vec<u8> = format!("{before}{admin}").chars().map(|c| u8::try_from(c).unwrap()).collect();
            let sources = sources(&place, text);
            assert!(Settings::load(&sources).is_err(), "control: no server starts with it");
            let expected = AdminPlace {
                listen: address("127.0.0.1:9191"),
                is_known: true,
                token: Some(SecretSource::File(place.path().join("none"))),
                tls: true,
                certificate_chain: Some(PemSource::File(place.path().join("none.pem"))),
            };
            assert_eq!(AdminPlace::look_up(&sources), expected, "{before}");
        }
    }

    #[test]
    fn where_nothing_can_be_had_it_is_the_variables_and_then_the_default_which_is_a_guess() {
        let place = Place::new();
        for text in ["[admin\nlisten = \"127.0.0.1:9191\"", "[admin]\nlisten = \"here\"\n", "admin = 1\nx", ""] {
            let sources = sources(&place, text);
            let guess = AdminPlace::look_up(&sources);
            assert_eq!((guess.listen, guess.is_known), (DEFAULT_LISTEN, false), "{text}");
            let told = sources.with_variable("ISSUER_HOST__ADMIN__LISTEN", "127.0.0.1:9292");
            let told = AdminPlace::look_up(&told);
            assert_eq!((told.listen, told.is_known), (address("127.0.0.1:9292"), true), "{text}");
        }
        let gone = AdminPlace::look_up(&Sources::from_file(place.path().join("gone.toml")));
        assert_eq!((gone.listen, gone.is_known), (DEFAULT_LISTEN, false));
        let without = AdminPlace::look_up(&Sources::default());
        assert_eq!((without.listen, without.is_known), (DEFAULT_LISTEN, true), "control");
    }
}
