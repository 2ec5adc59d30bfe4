//! A name server on loopback, over UDP and TCP, that says what a test wants and counts what it is asked.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, CNAME};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

/// What is said to a question.
#[derive(Clone)]
pub(crate) enum Says {
    /// Addresses with one TTL.
    Addresses(u32, Vec<[u8; 4]>),
    /// An alias with its TTL, and whatever is said of the other name.
    Alias(u32, &'static str),
    /// Nothing, with this code: NXDOMAIN, SERVFAIL, REFUSED; `NoError` = the name exists.
    Code(ResponseCode),
    /// Over UDP that it does not fit, over TCP addresses.
    OverTcp(u32, Vec<[u8; 4]>),
    /// One thing to the first questions, and then another.
    First(usize, Box<Says>, Box<Says>),
    Silence,
}

/// One question, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) name: String,
    pub(crate) kind: RecordType,
    pub(crate) tcp: bool,
}

/// A running name server. Its threads end with the process.
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Question>>>,
}

struct Zone {
    names: HashMap<String, Says>,
    asked: Arc<Mutex<Vec<Question>>>,
}

impl NameServer {
    /// Knows these names, which have A records alone; of others that there are none.
    pub(crate) fn start(names: impl IntoIterator<Item = (&'static str, Says)>) -> Self {
        let (udp, tcp) = sockets();
        let (address, asked) = (udp.local_addr().unwrap(), Arc::<Mutex<Vec<Question>>>::default());
        let names = names.into_iter().map(|(name, says)| (name.to_owned(), says)).collect();
        let zone = Arc::new(Zone { names, asked: Arc::clone(&asked) });
        let of_udp = Arc::clone(&zone);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = udp.recv_from(&mut buffer) {
                if let Some(answer) = of_udp.answer(&buffer[..length], false) {
                    let _ = udp.send_to(&answer, from);
                }
            }
        });
        std::thread::spawn(move || {
            for mut stream in tcp.incoming().map_while(Result::ok) {
                let mut length = [0; 2];
                while stream.read_exact(&mut length).is_ok() {
                    let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
                    stream.read_exact(&mut question).unwrap();
                    let Some(answer) = zone.answer(&question, true) else { break };
                    let framed = [&u16::try_from(answer.len()).unwrap().to_be_bytes()[..], &answer].concat();
                    stream.write_all(&framed).unwrap();
                }
            }
        });
        Self { address, asked }
    }

    /// Every question so far.
    pub(crate) fn asked(&self) -> Vec<Question> {
        self.asked.lock().unwrap().clone()
    }

    /// How often the A records of a name were asked for.
    pub(crate) fn times(&self, name: &str) -> usize {
        let asked = self.asked();
        asked.iter().filter(|question| question.name == name && question.kind == RecordType::A).count()
    }
}

/// Both of one port.
fn sockets() -> (UdpSocket, TcpListener) {
    for _ in 0..100 {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
            return (udp, tcp);
        }
    }
    panic!("no port is free for both UDP and TCP");
}

impl Zone {
    fn answer(&self, question: &[u8], tcp: bool) -> Option<Vec<u8>> {
        let question = Message::from_vec(question).unwrap();
        let query = question.queries[0].clone();
        let name = query.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
        let kind = query.query_type();
        let mut asked = self.asked.lock().unwrap();
        let before = asked.iter().filter(|known| known.name == name && known.kind == kind).count();
        asked.push(Question { name: name.clone(), kind, tcp });
        drop(asked);
        let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
        answer.metadata.recursion_desired = true;
        answer.metadata.recursion_available = true;
        answer.add_query(query);
        self.fill(&mut answer, &name, kind, tcp, before)?;
        Some(answer.to_vec().unwrap())
    }

    /// `None` = nothing is said.
    fn fill(&self, answer: &mut Message, name: &str, kind: RecordType, tcp: bool, before: usize) -> Option<()> {
        let mut says = self.names.get(name).cloned().unwrap_or(Says::Code(ResponseCode::NXDomain));
        while let Says::First(count, first, then) = says {
            says = if before < count { *first } else { *then };
        }
        let owner = Name::from_ascii(format!("{name}.")).unwrap();
        match says {
            Says::OverTcp(..) if !tcp => answer.metadata.truncation = true,
            Says::Addresses(ttl, addresses) | Says::OverTcp(ttl, addresses) if kind == RecordType::A => {
                let data = addresses.into_iter().map(|octets| RData::A(A(Ipv4Addr::from(octets))));
                answer.add_answers(data.map(|data| Record::from_rdata(owner.clone(), ttl, data)));
            }
            Says::Alias(ttl, other) => {
                let target = CNAME(Name::from_ascii(format!("{other}.")).unwrap());
                answer.add_answer(Record::from_rdata(owner, ttl, RData::CNAME(target)));
                self.fill(answer, other, kind, tcp, before)?;
            }
            Says::Code(code) => answer.metadata.response_code = code,
            Says::Silence => return None,
            // They have no AAAA records.
            Says::Addresses(..) | Says::OverTcp(..) | Says::First(..) => {}
        }
        Some(())
    }
}
