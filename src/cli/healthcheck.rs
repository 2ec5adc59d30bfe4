//! `issuer-host healthcheck`: `/readyz`, asked without a shell or curl.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;

use super::configuration::ConfigurationFile;
use super::{Error, say};
use crate::caller::{Caller, CallerOptions, Http, ServerTrust};
use crate::pki::pem;
use crate::settings::{AdminSettings, AdminTlsSettings, Settings};

/// A probe that has to wait this long is answered.
const PATIENCE: Duration = Duration::from_secs(3);

const EXAMPLES: &str = "\
Examples:
  issuer-host healthcheck --config issuer-host.toml
  issuer-host healthcheck --address 127.0.0.1:9090";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    configuration: ConfigurationFile,
    /// The admin listener; default: `[admin] listen` of the configuration. Without --config it is asked in plain HTTP
    #[arg(long, value_name = "ADDRESS")]
    address: Option<SocketAddr>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let (address, trust) = match arguments.address {
        Some(address) if !arguments.configuration.is_argument() => (address, None),
        address => {
            let AdminSettings { listen, tls, .. } = Settings::load(&arguments.configuration.sources())?.admin;
            (address.unwrap_or(listen), tls.as_ref().map(own_certificate).transpose()?)
        }
    };
    let (status, body) =
        ask(reachable(address), trust).map_err(|error| format!("{address} does not answer: {error}"))?;
    say(body.trim())?;
    Ok(if status == 200 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// It is this very server that is asked, whatever its certificate says of names and time: an expired one stops administrators, and no
/// restart makes it younger.
fn own_certificate(tls: &AdminTlsSettings) -> Result<ServerTrust, Error> {
    let source = &tls.certificate_chain;
    let chain = pem::certificates(&source.read()?).map_err(|error| format!("{}: {error}", source.shown()))?;
    let leaf = chain.into_iter().next().ok_or_else(|| format!("{}: there is no certificate in it", source.shown()))?;
    Ok(ServerTrust::Exactly(leaf))
}

/// A wildcard address is listened on, not called.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// One HTTP/1.1 exchange on a socket with time limits, over TLS where there is somebody to trust.
fn ask(address: SocketAddr, trust: Option<ServerTrust>) -> Result<(u16, String), Error> {
    let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let Some(trust) = trust else { return exchange(socket, address) };
    let name = ServerName::from(address.ip());
    let caller = Caller::new(CallerOptions { http: Http::V1, ..CallerOptions::new(address, name.clone(), trust) })?;
    let connection = ClientConnection::new(Arc::clone(caller.tls_config()), name)?;
    exchange(StreamOwned::new(connection, socket), address)
}

/// The answer is a status and a short text.
fn exchange(mut stream: impl Read + Write, address: SocketAddr) -> Result<(u16, String), Error> {
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    // The answer is a line; whatever is longer than this is not our server.
    stream.take(64 * 1024).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("the answer is no HTTP")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("the answer is no HTTP")?;
    Ok((status, body.to_owned()))
}
