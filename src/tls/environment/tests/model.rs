//! Epochs and retirement beside a plain model of them: epochs come and go while handshakes are under way, requests come at any time, and
//! the environment may end. A request passes if and only if its chain does under the epoch in force, then.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::pki::minting::valid;
use crate::tls::verdict::Retired;

const CAS: usize = 3;
/// Of each CA, one with a short life and one with a long one.
const CLIENTS: usize = 2 * CAS;
/// Years from now until the end of a CA and of a client. The second CA ends before its clients do.
const CA_LIVES: [i32; CAS] = [9, 3, 9];
const CLIENT_LIVES: [i32; CLIENTS] = [2, 7, 5, 7, 2, 7];
const YEAR: Duration = Duration::from_secs(366 * 24 * 60 * 60);

#[derive(Clone, Debug)]
enum Step {
    /// An epoch with these CAs, that knows of these clients that they were revoked: a bit for each.
    Install {
        cas: u8,
        revoked: u8,
    },
    /// A client shows its chain, and the epoch in force then judges it.
    Begin {
        client: usize,
    },
    /// A handshake is done, under whatever epoch is in force meanwhile.
    Finish {
        handshake: Index,
    },
    /// A request, or a timer that looks at the verdict, in so many years.
    Ask {
        connection: Index,
        years: i32,
    },
    /// A connection ends.
    End {
        connection: Index,
    },
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let ask = (any::<Index>(), 0..10_i32);
    prop_oneof![
        4 => (1..1_u8 << CAS, prop_oneof![2 => Just(0), 1 => 0..1_u8 << CLIENTS])
            .prop_map(|(cas, revoked)| Step::Install { cas, revoked }),
        6 => (0..CLIENTS).prop_map(|client| Step::Begin { client }),
        6 => any::<Index>().prop_map(|handshake| Step::Finish { handshake }),
        8 => ask.prop_map(|(connection, years)| Step::Ask { connection, years: (years - 2).max(0) }),
        2 => any::<Index>().prop_map(|connection| Step::End { connection }),
        1 => Just(Step::Close),
    ]
}

/// Who there is. Keys cost more than all the rest of a case.
struct People {
    cas: Vec<Minted>,
    clients: Vec<Minted>,
    credential: Minted,
}

impl People {
    fn new() -> Self {
        let this_year = time::OffsetDateTime::now_utc().year();
        let living = |params, years: i32| valid(params, 2020, this_year + years);
        let cas: Vec<_> =
            (0..CAS).map(|at| Minted::self_signed(living(ca(&format!("CA {at}")), CA_LIVES[at]))).collect();
        let client = |at: usize| cas[at / 2].issue(living(client(&format!("client {at}")), CLIENT_LIVES[at]));
        let clients = (0..CLIENTS).map(client).collect();
        let credential = Minted::self_signed(ca("Server CA")).issue(server("issuer.test", &["issuer.test"]));
        Self { cas, clients, credential }
    }

    fn epoch(&self, number: u64, of: InForce) -> Epoch {
        let this_update = time::OffsetDateTime::now_utc() - time::Duration::hours(1);
        let cas: Vec<usize> = (0..CAS).filter(|at| of.cas & (1 << at) != 0).collect();
        let list = |at: &usize| {
            let revoked: Vec<_> =
                [2 * at, 2 * at + 1].into_iter().filter(|client| of.revoked & (1 << client) != 0).collect();
            let revoked: Vec<&Minted> = revoked.into_iter().map(|client| &self.clients[client]).collect();
            let next_update = this_update + time::Duration::days(20 * 365);
            self.cas[*at].crl(&rcgen::CertificateRevocationListParams {
                this_update,
                next_update,
                ..crl(number, &revoked)
            })
        };
        let lists: Vec<String> = if of.revoked == 0 { Vec::new() } else { cas.iter().map(list).collect() };
        let anchors: Vec<&Minted> = cas.iter().map(|at| &self.cas[*at]).collect();
        epoch_with(number, &anchors, &self.credential, &lists)
    }
}

#[derive(Clone, Copy, Debug)]
struct InForce {
    cas: u8,
    revoked: u8,
}

impl InForce {
    fn admits(self, client: usize) -> bool {
        self.cas & (1 << (client / 2)) != 0 && self.revoked & (1 << client) == 0
    }
}

/// Whether `client` and its CA are still valid in so many years: their lives end with January, this year is not over.
fn lives(client: usize, years: i32) -> bool {
    years < CLIENT_LIVES[client].min(CA_LIVES[client / 2])
}

struct Handshake {
    client: usize,
    epoch: u64,
    accepted: Accepted,
}

struct Connection {
    client: usize,
    live: LiveStanding,
    opened_under: u64,
    is_retired: bool,
}

struct Model<'a> {
    people: &'a People,
    environment: Arc<TlsEnvironment>,
    number: u64,
    /// `None` = closed: it trusts nobody.
    in_force: Option<InForce>,
    handshakes: Vec<Handshake>,
    connections: Vec<Connection>,
}

impl<'a> Model<'a> {
    fn new(people: &'a People) -> Self {
        let all = InForce { cas: (1 << CAS) - 1, revoked: 0 };
        let environment = Arc::new(TlsEnvironment::new("test", people.epoch(1, all)));
        Self { people, environment, number: 1, in_force: Some(all), handshakes: Vec::new(), connections: Vec::new() }
    }

    fn admits(&self, client: usize) -> bool {
        self.in_force.is_some_and(|epoch| epoch.admits(client))
    }

    /// Those that no longer pass are retired, and counted.
    fn retire(&mut self) -> usize {
        let in_force = self.in_force;
        let failing = |connection: &&mut Connection| {
            !connection.is_retired && !in_force.is_some_and(|epoch| epoch.admits(connection.client))
        };
        self.connections.iter_mut().filter(failing).map(|connection| connection.is_retired = true).count()
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Install { cas, revoked } => {
                self.number += 1;
                let next = InForce { cas, revoked };
                let retired = self.environment.install(self.people.epoch(self.number, next));
                self.in_force = self.in_force.and(Some(next));
                assert_eq!(retired, self.retire());
            }
            Step::Close => {
                let retired = self.environment.close();
                self.in_force = None;
                assert_eq!(retired, self.retire());
            }
            Step::Begin { client } => {
                let chain = [self.people.clients[client].der.clone()];
                let digest = ChainDigest::of(&chain);
                let judged = self.environment.judge(&digest, &chain, crate::tls::now());
                assert_eq!(judged.is_ok(), self.admits(client));
                if let Ok((epoch, verdict)) = judged {
                    let accepted = Accepted { digest, verdict, remembered: false };
                    self.handshakes.push(Handshake { client, epoch, accepted });
                }
            }
            Step::Finish { handshake } if !self.handshakes.is_empty() => {
                let handshake = self.handshakes.swap_remove(handshake.index(self.handshakes.len()));
                let Handshake { client, epoch, accepted } = handshake;
                let admitted = self.environment.admit(epoch, &accepted);
                assert_eq!(admitted.is_ok(), self.admits(client), "a handshake under epoch {epoch}");
                let connection = |live| Connection { client, live, opened_under: epoch, is_retired: false };
                self.connections.extend(admitted.ok().map(connection));
            }
            Step::Ask { connection, years } if !self.connections.is_empty() => {
                let admits =
                    |connection: &Connection| self.in_force.is_some_and(|epoch| epoch.admits(connection.client));
                let at = connection.index(self.connections.len());
                let passes = {
                    let connection = &self.connections[at];
                    !connection.is_retired && admits(connection) && lives(connection.client, years)
                };
                let connection = &mut self.connections[at];
                let asked = connection.live.ask(SystemTime::now() + YEAR * u32::try_from(years).unwrap());
                assert_eq!(asked, if passes { Ok(()) } else { Err(Retired) });
                connection.is_retired |= !passes;
            }
            Step::End { connection } if !self.connections.is_empty() => {
                let at = connection.index(self.connections.len());
                self.connections.swap_remove(at);
            }
            Step::Finish { .. } | Step::Ask { .. } | Step::End { .. } => {}
        }
    }

    fn agrees(&self) {
        let mut by_epoch = BTreeMap::new();
        for connection in &self.connections {
            *by_epoch.entry(connection.opened_under).or_default() += 1;
            assert_eq!(connection.live.is_retired(), connection.is_retired, "client {}", connection.client);
            assert_eq!(connection.live.retired().now_or_never().is_some(), connection.is_retired);
        }
        assert_eq!(self.environment.live_by_epoch(), by_epoch, "who is live is known, and nobody else");
    }
}

#[test]
fn a_request_passes_if_and_only_if_its_chain_does_under_the_epoch_in_force() {
    let people = People::new();
    proptest!(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() },
        |(steps in prop::collection::vec(step(), 1..60))| {
            let mut model = Model::new(&people);
            for step in &steps {
                model.take(step);
                model.agrees();
            }
            let kept: Vec<_> = model.connections.iter().map(|connection| connection.live.share()).collect();
            model.connections.clear();
            model.agrees();
            for standing in kept {
                let before = standing.is_retired();
                prop_assert_eq!(model.environment.install(people.epoch(model.number + 1, InForce { cas: 1, revoked: 0 })), 0);
                prop_assert_eq!(standing.is_retired(), before, "a connection that is over is judged by nobody");
            }
        }
    );
}
