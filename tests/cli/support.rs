//! An operator at work: a directory with a configuration in it, and the program that reads it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use super::pki::{Authority, Spec};

pub(crate) const BAD_CONFIGURATION: i32 = 78;
pub(crate) const HOST: &str = "issuer.bank.test";

/// A directory with a sound configuration in it, which each test breaks in its own way.
pub(crate) struct Operator {
    pub(crate) directory: TempDir,
    pub(crate) clients: Authority,
    pub(crate) servers: Authority,
}

impl Operator {
    pub(crate) fn new() -> Self {
        let operator = Self {
            directory: TempDir::new().unwrap(),
            clients: Authority::root("Client Root"),
            servers: Authority::root("Server Root"),
        };
        operator.write("client-ca.pem", &operator.clients.pem());
        operator.serve_with(Spec::server(HOST));
        operator.write("issuer-host.toml", SOUND);
        operator
    }

    /// The same with the sample PKI.
    pub(crate) fn with_samples() -> Self {
        let operator = Self::new();
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs-sample");
        for (name, sample) in [
            ("client-ca.pem", "thales-client-ca.pem"),
            ("server-chain.pem", "server-chain.pem"),
            ("server-key.pem", "server-key.pem"),
        ] {
            operator.write(name, &fs::read_to_string(samples.join(sample)).unwrap());
        }
        operator.edit("issuer.bank.test", "issuer.sample");
        operator
    }

    pub(crate) fn serve_with(&self, spec: Spec) {
        let identity = self.servers.intermediate("Server Issuing CA").issue(spec);
        self.write("server-chain.pem", &identity.chain_pem());
        self.write("server-key.pem", &identity.key_pem());
    }

    /// A file for its owner alone, as keys have to be.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.directory.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Replaces a piece of the configuration that is there.
    pub(crate) fn edit(&self, piece: &str, other: &str) {
        let path = self.directory.path().join("issuer-host.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(piece), "{piece:?} is not in the configuration");
        fs::write(path, text.replace(piece, other)).unwrap();
    }

    pub(crate) fn run(&self, subcommand: &str) -> Output {
        run(self.directory.path(), &[subcommand, "--config", "issuer-host.toml"])
    }

    /// `check`, with all that is configured.
    pub(crate) fn check(&self) -> Output {
        run(self.directory.path(), &["check", "--details", "--config", "issuer-host.toml"])
    }

    /// Asserts that `check` takes the configuration with a warning; what it says, with single spaces.
    #[track_caller]
    pub(crate) fn is_warned(&self) -> String {
        let output = self.check();
        let text = text_of(&output);
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(text.contains("can be served; look at the "), "{text}");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Asserts that `check` finds a requirement that is not met, though the configuration can be served; what it says, with single
    /// spaces.
    #[track_caller]
    pub(crate) fn falls_short(&self) -> String {
        let output = self.check();
        let text = text_of(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("can be served, but "), "{text}");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Asserts that `check` and `serve` both refuse the configuration, and that what they say holds all of `words`; `check` parts them
    /// at a semicolon, into what is wrong and what to do.
    #[track_caller]
    pub(crate) fn is_told(&self, words: &[&str]) {
        for subcommand in ["check", "serve"] {
            let output = self.run(subcommand);
            let text = text_of(&output);
            assert_eq!(output.status.code(), Some(BAD_CONFIGURATION), "{subcommand}: {text}");
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let told = words.iter().flat_map(|words| match subcommand {
                "check" => words.split("; ").collect(),
                _ => vec![*words],
            });
            for word in told {
                assert!(
                    text.to_lowercase().contains(&word.to_lowercase()),
                    "{subcommand} does not say {word:?}:\n{text}"
                );
            }
            assert!(!text.contains("panicked"), "{text}");
        }
    }
}

pub(crate) const SOUND: &str = r#"
[server]
listen = ["127.0.0.1:0"]

[admin]
listen = "127.0.0.1:0"

[environments.preprod]
product = "tsh"
customer_id = "ISSUER0001"
host = "issuer.bank.test"
client_ca = "client-ca.pem"
certificate_chain = "server-chain.pem"
private_key = "server-key.pem"

[environments.preprod.backend]
url = "http://127.0.0.1:8080"
"#;

pub(crate) fn run(directory: &Path, arguments: &[&str]) -> Output {
    command(directory, arguments).output().unwrap()
}

pub(crate) fn command(directory: &Path, arguments: &[&str]) -> Command {
    // `timeout` so that a server that starts where it should not fails the test and does not hang it.
    let mut command = Command::new("timeout");
    command.arg("60").arg(env!("CARGO_BIN_EXE_issuer-host")).args(arguments).current_dir(directory);
    // Nothing that happens to be set where the tests run is a setting.
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command
}

pub(crate) fn text_of(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Text without what is another one in each run: times and digests.
pub(crate) fn without_times(text: &str) -> String {
    let is_time = |word: &str, pattern: &str| {
        word.len() == pattern.len()
            && word.chars().zip(pattern.chars()).all(|(c, p)| if p == '0' { c.is_ascii_digit() } else { c == p })
    };
    let masked = |word: &str| match word.trim_end_matches([',', ';']) {
        bare if is_time(bare, "0000-00-00") => word.replace(bare, "YYYY-MM-DD"),
        bare if is_time(bare, "00:00") => word.replace(bare, "HH:MM"),
        bare if bare.strip_prefix('(').is_some_and(|days| days.parse::<u32>().is_ok()) => "(N".to_owned(),
        bare if bare.len() == 64 && bare.bytes().all(|byte| byte.is_ascii_hexdigit()) => "[digest]".to_owned(),
        _ => word.to_owned(),
    };
    let line = |line: &str| line.split(' ').map(masked).collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}
