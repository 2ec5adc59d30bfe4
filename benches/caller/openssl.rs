//! What a caller in C takes for the same: `openssl s_time`, which opens one connection after another.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use issuer_host::caller::load::cpu_time;

use crate::Error;

/// How many connections `openssl` opened, and CPU time of both ends for each, in microseconds.
pub(crate) struct Opened {
    pub(crate) rate: f64,
    pub(crate) server: f64,
    pub(crate) caller: f64,
}

/// Opens connections for `seconds`, each with a full handshake, a request of one line and the answer to it; `version` is an option of
/// `openssl s_time`. The chain of the client is found in `trust`, as `s_time` sends no certificate but the leaf of its own.
pub(crate) fn connections(
    address: SocketAddr,
    server_pid: u32,
    pki: &Path,
    trust: &Path,
    version: &str,
    seconds: u32,
) -> Result<Opened, Error> {
    let mut command = Command::new("openssl");
    command.args(["s_time", "-new", "-www", "/", "-verify", "3", version, "-connect", &address.to_string()]);
    command.args(["-time", &seconds.to_string()]).arg("-CAfile").arg(trust);
    command.arg("-cert").arg(pki.join("client-chain.pem")).arg("-key").arg(pki.join("client-key.pem"));
    let (server, own) = (cpu_time(Some(server_pid)).ok_or("the server is gone")?, of_children()?);
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("openssl cannot be run: {error}"))?;
    let own = of_children()?.saturating_sub(own);
    let server = cpu_time(Some(server_pid)).ok_or("the server is gone")?.saturating_sub(server);
    let said = String::from_utf8_lossy(&output.stdout);
    // "12 connections in 0.34s; 35.29 connections/user sec, bytes read 5678", then the same by the clock.
    let line = said
        .lines()
        .find(|line| line.contains(" connections in ") && line.contains("bytes read"))
        .ok_or_else(|| format!("openssl s_time opened nothing: {said}{}", String::from_utf8_lossy(&output.stderr)))?;
    let opened: f64 = line.split(' ').next().unwrap_or_default().parse()?;
    let read: u64 = line.rsplit(' ').next().unwrap_or_default().parse()?;
    if !output.status.success() || opened < 1.0 || read == 0 {
        return Err(format!("openssl s_time was not answered: {said}").into());
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / opened;
    Ok(Opened { rate: opened / f64::from(seconds), server: each(server), caller: each(own) })
}

/// CPU time of the children that have ended: fields 16 and 17 of `/proc/self/stat` (proc(5)), in ticks of 10 ms.
fn of_children() -> Result<Duration, Error> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("what /proc/self/stat says is not understood")?;
    let ticks = fields.split_whitespace().skip(13).take(2).map(str::parse::<u32>).sum::<Result<u32, _>>()?;
    Ok(Duration::from_millis(10) * ticks)
}
