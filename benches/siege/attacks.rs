//! Which attacks there are.

use std::time::Duration;

/// An attack, and how much of it.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Sockets, or tasks that attack, at once.
    pub(crate) count: usize,
    pub(crate) seconds: u64,
    /// What the program has to do without, from the start or meanwhile.
    pub(crate) without: Without,
}

/// What the child process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Connections of an admitted caller with a head that never ends.
    SlowHeads,
    /// The same with a body that never ends.
    SlowBodies,
    /// Sockets with a hello in drips.
    SlowHellos,
    /// Admitted callers that ask for much and read nothing.
    ZeroWindows,
    /// Full handshakes of an admitted caller, one after the other.
    Handshakes,
    /// The same without a certificate.
    HandshakesWithout,
    /// Thirty certificates that certify each other.
    LongChains,
    /// Certificates of 64 kB and more.
    BigCertificates,
    RapidReset,
    Continuation,
    Pings,
    Settings,
    EmptyData,
    HeaderBombs,
    /// Bodies of 1 GB.
    HugeBodies,
    /// Sockets that say nothing.
    Silence,
    /// Bodies of 1 GB beside connections that lie idle.
    Crowd,
    /// Nothing: what is attacked is the disk.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Without {
    Nothing,
    /// More than a few descriptors: no newcomer can be let in.
    Descriptors,
    /// More than [`crate::cgroup::LIMIT`] of memory.
    Memory,
    /// Room on the disk of its inbox.
    Disk,
}

/// Longer than the longest deadline of a request, which is a minute: slow clients are to be seen to be cut.
const SLOW: u64 = 80;
const LONG: u64 = 20;
/// Slow clients at once.
const MANY: usize = 10_000;
/// Descriptors for all that is not attacked.
const SPARE: usize = 1000;
/// Tasks that attack as fast as they can.
const BUSY: usize = 32;
/// Connections that a flood of frames comes over.
const FLOODS: usize = 8;

pub(crate) const ATTACKS: &[Attack] = &[
    attack("slow heads", Kind::SlowHeads, MANY, SLOW),
    attack("slow bodies", Kind::SlowBodies, MANY, SLOW),
    attack("hellos in drips", Kind::SlowHellos, MANY, LONG),
    attack("zero windows", Kind::ZeroWindows, MANY, SLOW),
    attack("handshakes with a certificate", Kind::Handshakes, BUSY, LONG),
    attack("handshakes without a certificate", Kind::HandshakesWithout, BUSY, LONG),
    attack("chains of 30 certificates", Kind::LongChains, BUSY, LONG),
    attack("certificates of 64 kB", Kind::BigCertificates, BUSY, LONG),
    attack("h2 rapid reset", Kind::RapidReset, FLOODS, LONG),
    attack("h2 CONTINUATION", Kind::Continuation, FLOODS, LONG),
    attack("h2 PING", Kind::Pings, FLOODS, LONG),
    attack("h2 SETTINGS", Kind::Settings, FLOODS, LONG),
    attack("h2 empty DATA", Kind::EmptyData, FLOODS, LONG),
    attack("HPACK bombs", Kind::HeaderBombs, FLOODS, LONG),
    attack("bodies of 1 GB", Kind::HugeBodies, FLOODS, LONG),
    Attack { without: Without::Descriptors, ..attack("no descriptors", Kind::Silence, 500, LONG) },
    Attack { without: Without::Memory, ..attack("512 MiB of memory", Kind::Crowd, 4_000, 40) },
    Attack { without: Without::Disk, ..attack("full disk", Kind::Nothing, 0, LONG) },
];

const fn attack(name: &'static str, kind: Kind, count: usize, seconds: u64) -> Attack {
    Attack { name, kind, count, seconds, without: Without::Nothing }
}

impl Attack {
    /// How many at once, in processes that may have so many descriptors: a body that does not end, and an answer that is not taken, hold
    /// a connection to the backend as well.
    pub(crate) fn count(&self, quick: bool, descriptors: u64) -> usize {
        let room = usize::try_from(descriptors).unwrap_or(usize::MAX).saturating_sub(SPARE);
        let forwarded = matches!(self.kind, Kind::SlowBodies | Kind::ZeroWindows | Kind::Crowd);
        let room = if forwarded { room / 2 } else { room };
        self.count.min(if quick { 200 } else { room })
    }

    /// For how long.
    pub(crate) fn time(&self, quick: bool) -> Duration {
        Duration::from_secs(if quick { 5 } else { self.seconds })
    }
}
