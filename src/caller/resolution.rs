//! From a name to addresses, as Thales asks for it (I9): through DNS every time, and an address is used no longer than its record lives.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::system_conf::read_system_conf;

/// Whom names are asked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameServers {
    /// The name servers of `/etc/resolv.conf`.
    System,
    /// This one, over UDP, and over TCP where an answer is too long.
    One(SocketAddr),
}

/// A DNS client that remembers nothing: what it says has just been asked. The hosts file and search domains play no part.
#[derive(Clone)]
pub struct Resolver {
    client: TokioResolver,
    servers: Vec<SocketAddr>,
    patience: Duration,
}

/// What a name came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The addresses, those of the A records first; at least one.
    pub addresses: Vec<IpAddr>,
    /// The names that the name stands for (CNAME), in order; none where it has addresses itself.
    pub aliases: Vec<String>,
    /// The least TTL of all records on the way from the name to its addresses.
    pub ttl: Duration,
    /// How long the answer took.
    pub took: Duration,
    /// Why the records of one kind (A or AAAA) could not be asked, where those of the other could.
    pub half: Option<ResolutionError>,
}

/// Why a name came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolutionError {
    /// Nobody to ask.
    #[error("no name server is known: {0}")]
    NoServer(String),
    /// Not a name.
    #[error("{0:?} is not a host name")]
    NotAName(String),
    /// A name below one that DNS never has, so that nobody is asked for it (RFC 6761 section 6.4, RFC 7686).
    #[error("there are no names below .{0}: no name server was asked")]
    NeverThere(&'static str),
    /// NXDOMAIN (RFC 1035 section 4.1.1).
    #[error("there is no such name (NXDOMAIN)")]
    NoSuchName,
    /// The name exists, and has neither A nor AAAA records.
    #[error("the name exists, but has no address (neither A nor AAAA records)")]
    NoAddress,
    /// SERVFAIL.
    #[error("the name server failed (SERVFAIL)")]
    ServerFailed,
    /// REFUSED.
    #[error("the name server refuses to answer (REFUSED)")]
    Refused,
    /// Another response code.
    #[error("the name server answers with the error {0}")]
    OtherCode(String),
    /// No answer.
    #[error("no answer from the name server within {0:?}")]
    Silent(Duration),
    /// The name server is out of reach, or what it sent is not DNS.
    #[error("the name server cannot be asked: {0}")]
    Unreachable(String),
}

impl Resolver {
    /// A client of these servers; a name is given up after `patience`.
    ///
    /// # Errors
    /// [`ResolutionError::NoServer`]: `/etc/resolv.conf` cannot be read, or names none.
    pub fn new(servers: NameServers, patience: Duration) -> Result<Self, ResolutionError> {
        let nobody = |error: NetError| ResolutionError::NoServer(error.to_string());
        let (config, mut options) = match servers {
            NameServers::System => read_system_conf().map_err(nobody)?,
            NameServers::One(address) => (only(address), ResolverOpts::default()),
        };
        let asked = config.name_servers().iter().flat_map(|server| {
            let port = server.connections.first().map_or(53, |connection| connection.port);
            std::iter::once(SocketAddr::new(server.ip, port))
        });
        let servers = asked.collect();
        // A second datagram goes out when the first is lost.
        options.timeout = patience / 2;
        options.attempts = 1;
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        options.preserve_intermediates = true;
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let client = builder.with_options(options).build().map_err(nobody)?;
        Ok(Self { client, servers, patience })
    }

    /// Who is asked for a name: nobody for `localhost` and names below it, which are loopback by definition (RFC 6761 section 6.3), nor
    /// for names that are never there.
    #[must_use]
    pub fn servers_for(&self, host: &str) -> &[SocketAddr] {
        let asked = !is_below(host, "localhost") && never_there(host).is_none();
        if asked { &self.servers } else { &[] }
    }

    /// Asks for the A and the AAAA records of an absolute name.
    ///
    /// # Errors
    /// [`ResolutionError`]: there is no address.
    pub async fn resolve(&self, host: &str) -> Result<Resolution, ResolutionError> {
        let mut name = Name::from_ascii(host).map_err(|_| ResolutionError::NotAName(host.to_owned()))?;
        name.set_fqdn(true);
        if let Some(top) = never_there(host) {
            return Err(ResolutionError::NeverThere(top));
        }
        let start = Instant::now();
        let (v4, v6) = tokio::join!(self.records(&name, RecordType::A), self.records(&name, RecordType::AAAA));
        let (records, half) = match (v4, v6) {
            (Ok(v4), Ok(v6)) => ([v4, v6].concat(), None),
            (Ok(records), Err(error)) | (Err(error), Ok(records)) => (records, Some(error)),
            (Err(error), Err(other)) => return Err(telling(error, other)),
        };
        let path = Path::from(name, &records);
        if path.addresses.is_empty() {
            return Err(half.unwrap_or(ResolutionError::NoAddress));
        }
        let ttl = Duration::from_secs(u64::from(path.ttl));
        let Path { addresses, aliases, .. } = path;
        Ok(Resolution { addresses, aliases, ttl, took: start.elapsed(), half })
    }

    /// The records of one kind and the aliases that lead to them; none is no error.
    async fn records(&self, name: &Name, kind: RecordType) -> Result<Vec<Record>, ResolutionError> {
        let silent = ResolutionError::Silent(self.patience);
        match tokio::time::timeout(self.patience, self.client.lookup(name.clone(), kind)).await {
            Err(_) | Ok(Err(NetError::Timeout)) => Err(silent),
            Ok(Ok(lookup)) => Ok(lookup.answers().to_vec()),
            Ok(Err(NetError::Dns(error))) => match error {
                DnsError::NoRecordsFound(NoRecords { response_code: ResponseCode::NXDomain, .. }) => {
                    Err(ResolutionError::NoSuchName)
                }
                DnsError::NoRecordsFound(_) => Ok(Vec::new()),
                DnsError::ResponseCode(ResponseCode::ServFail) => Err(ResolutionError::ServerFailed),
                DnsError::ResponseCode(ResponseCode::Refused) => Err(ResolutionError::Refused),
                DnsError::ResponseCode(code) => Err(ResolutionError::OtherCode(code.to_string())),
                error => Err(ResolutionError::Unreachable(error.to_string())),
            },
            Ok(Err(error)) => Err(ResolutionError::Unreachable(error.to_string())),
        }
    }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").field("servers", &self.servers).finish_non_exhaustive()
    }
}

/// A name, and what it came to while that holds.
#[derive(Debug)]
pub struct ResolvedName {
    resolver: Resolver,
    host: String,
    last: Option<(Resolution, Instant)>,
}

/// The addresses of a name at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    /// What the name came to.
    pub resolution: Resolution,
    /// Whether it has been asked for just now.
    pub fresh: bool,
    /// How much of its TTL is left.
    pub left: Duration,
}

impl ResolvedName {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(resolver: Resolver, host: &str) -> Self {
        Self { resolver, host: host.to_owned(), last: None }
    }

    /// Who is asked for it.
    #[must_use]
    pub fn servers(&self) -> &[SocketAddr] {
        self.resolver.servers_for(&self.host)
    }

    /// The addresses for connections that begin at `now`: those of the last answer while its TTL runs, else a new answer's. A TTL of 0
    /// is good for the connections that the answer was asked for (RFC 1035 section 3.2.1), and for no later ones.
    ///
    /// # Errors
    /// [`ResolutionError`]: what was known has run out, and nothing took its place.
    pub async fn current(&mut self, now: Instant) -> Result<Current, ResolutionError> {
        if let Some((resolution, asked)) = &self.last {
            let left = resolution.ttl.saturating_sub(now.saturating_duration_since(*asked));
            if !left.is_zero() {
                return Ok(Current { resolution: resolution.clone(), fresh: false, left });
            }
        }
        // Forgotten first: what has run out is used no more, whatever comes of this.
        self.last = None;
        let resolution = self.resolver.resolve(&self.host).await?;
        // The time that the answer took is taken off as well: nobody knows at which end it went by.
        let left = resolution.ttl.saturating_sub(resolution.took);
        self.last = Some((resolution.clone(), now));
        Ok(Current { resolution, fresh: true, left })
    }
}

/// The end of a name that DNS never has.
fn never_there(host: &str) -> Option<&'static str> {
    ["invalid", "onion"].into_iter().find(|top| is_below(host, top))
}

/// Whether a name is `top`, or ends with it.
fn is_below(host: &str, top: &str) -> bool {
    host.trim_end_matches('.').rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case(top))
}

/// One name server, at whatever port.
fn only(address: SocketAddr) -> ResolverConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut server.connections {
        connection.port = address.port();
    }
    ResolverConfig::from_parts(None, Vec::new(), vec![server])
}

/// Of two errors the one that says more: that there is no such name before what else the server said, and both before silence.
fn telling(one: ResolutionError, other: ResolutionError) -> ResolutionError {
    let rank = |error: &ResolutionError| match error {
        ResolutionError::NoSuchName => 0,
        ResolutionError::Silent(_) | ResolutionError::Unreachable(_) => 2,
        _ => 1,
    };
    if rank(&other) < rank(&one) { other } else { one }
}

/// The way from a name through its aliases to its addresses.
struct Path {
    addresses: Vec<IpAddr>,
    aliases: Vec<String>,
    /// In seconds, of the records on the way alone.
    ttl: u32,
}

impl Path {
    /// Records of other names, which a server may add, are left out.
    fn from(name: Name, records: &[Record]) -> Self {
        let mut path = Self { addresses: Vec::new(), aliases: Vec::new(), ttl: u32::MAX };
        let mut names = vec![name];
        let mut at = 0;
        while let Some(name) = names.get(at).cloned() {
            for record in records.iter().filter(|record| record.name == name) {
                let address = match &record.data {
                    RData::CNAME(target) => {
                        if !names.contains(&target.0) {
                            path.aliases.push(target.0.to_ascii().trim_end_matches('.').to_owned());
                            names.push(target.0.clone());
                        }
                        None
                    }
                    RData::A(address) => Some(IpAddr::V4(address.0)),
                    RData::AAAA(address) => Some(IpAddr::V6(address.0)),
                    _ => continue,
                };
                path.ttl = path.ttl.min(record.ttl);
                path.addresses.extend(address.filter(|address| !path.addresses.contains(address)));
            }
            at += 1;
        }
        path.addresses.sort_by_key(IpAddr::is_ipv6);
        path
    }
}
