//! `issuer-host healthcheck`: `/readyz`, asked without a shell or curl.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use super::configuration::ConfigurationFile;
use super::{Error, say};
use crate::settings::Settings;

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
    /// The admin listener; default: `[admin] listen` of the configuration
    #[arg(long, value_name = "ADDRESS")]
    address: Option<SocketAddr>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let address = match arguments.address {
        Some(address) => address,
        None => Settings::load(&arguments.configuration.sources())?.admin.listen,
    };
    let (status, body) = ask(reachable(address)).map_err(|error| format!("{address} does not answer: {error}"))?;
    say(body.trim())?;
    Ok(if status == 200 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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

/// One HTTP/1.1 exchange on a socket with time limits; the answer is a status and a short text.
fn ask(address: SocketAddr) -> Result<(u16, String), Error> {
    let mut socket = TcpStream::connect_timeout(&address, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    write!(socket, "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    // The answer is a line; whatever is longer than this is not our server.
    socket.take(64 * 1024).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("the answer is no HTTP")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("the answer is no HTTP")?;
    Ok((status, body.to_owned()))
}
