//! What is measured: a server that runs, or one that is started for it.

use std::net::SocketAddr;
use std::str::FromStr;

/// A server under load.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
}

/// A server to be started.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    /// A line for the shell.
    pub(crate) command: String,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, address, pid) = parts(text).ok_or_else(|| format!("`{text}` is not NAME=ADDRESS,PID"))?;
        let pid = pid.parse().map_err(|error| format!("`{pid}`: {error}"))?;
        Ok(Self { name: name.to_owned(), address: parsed(address)?, pid })
    }
}

impl FromStr for Program {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, address, command) = parts(text).ok_or_else(|| format!("`{text}` is not NAME=ADDRESS,COMMAND"))?;
        Ok(Self { name: name.to_owned(), address: parsed(address)?, command: command.to_owned() })
    }
}

fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_once('=')?;
    let (address, rest) = rest.split_once(',')?;
    Some((name, address, rest))
}

fn parsed(address: &str) -> Result<SocketAddr, String> {
    address.parse().map_err(|error| format!("`{address}`: {error}"))
}
