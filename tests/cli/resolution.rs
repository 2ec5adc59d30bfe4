//! Names and their addresses (I9), held against a name server that counts what it is asked.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::ResponseCode;
use issuer_host::caller::resolution::{NameServers, Resolution, ResolutionError, ResolvedName, Resolver};

use super::dns::{NameServer, Says};

const HOST: &str = "api.bank.test";
const ONE: [u8; 4] = [192, 0, 2, 1];
const TWO: [u8; 4] = [192, 0, 2, 2];

fn resolver(server: &NameServer, patience: Duration) -> Resolver {
    Resolver::new(NameServers::One(server.address), patience).unwrap()
}

async fn resolve(says: Says) -> Result<Resolution, ResolutionError> {
    let server = NameServer::start([(HOST, says)]);
    resolver(&server, Duration::from_secs(20)).resolve(HOST).await
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[tokio::test]
async fn an_address_is_asked_for_again_when_its_ttl_has_run_out_and_not_before() {
    let then = Says::Addresses(60, vec![TWO]);
    let says = Says::First(1, Box::new(Says::Addresses(60, vec![ONE])), Box::new(then));
    let server = NameServer::start([(HOST, says)]);
    let mut name = ResolvedName::new(resolver(&server, seconds(20)), HOST);
    let start = Instant::now();
    let first = name.current(start).await.unwrap();
    assert!(first.fresh && first.resolution.addresses == [IpAddr::from(ONE)] && first.resolution.ttl == seconds(60));
    for later in [0, 1, 59] {
        let current = name.current(start + seconds(later)).await.unwrap();
        assert!(!current.fresh && current.left == seconds(60 - later), "{current:?}");
        assert_eq!(current.resolution.addresses, [IpAddr::from(ONE)]);
    }
    assert_eq!(server.times(HOST), 1);
    let second = name.current(start + seconds(60)).await.unwrap();
    assert!(second.fresh && second.resolution.addresses == [IpAddr::from(TWO)], "{second:?}");
    assert_eq!(server.times(HOST), 2);
    assert!(
        !name.current(start + seconds(119)).await.unwrap().fresh,
        "the new answer's TTL counts from its own question"
    );
}

#[tokio::test]
async fn an_address_without_a_ttl_is_asked_for_every_time() {
    let server = NameServer::start([(HOST, Says::Addresses(0, vec![ONE]))]);
    let mut name = ResolvedName::new(resolver(&server, seconds(20)), HOST);
    let start = Instant::now();
    for times in 1..=3 {
        assert!(name.current(start).await.unwrap().fresh);
        assert_eq!(server.times(HOST), times, "nothing below remembers either");
    }
}

#[tokio::test]
async fn an_address_is_used_no_more_when_nothing_takes_its_place() {
    let then = Says::Code(ResponseCode::ServFail);
    let says = Says::First(1, Box::new(Says::Addresses(60, vec![ONE])), Box::new(then));
    let server = NameServer::start([(HOST, says)]);
    let mut name = ResolvedName::new(resolver(&server, seconds(20)), HOST);
    let start = Instant::now();
    assert!(name.current(start).await.is_ok(), "control");
    assert_eq!(name.current(start + seconds(61)).await, Err(ResolutionError::ServerFailed));
    // Not even for a clock that stands still.
    assert_eq!(name.current(start).await, Err(ResolutionError::ServerFailed));
}

#[tokio::test]
async fn the_least_ttl_on_the_way_counts() {
    let server = NameServer::start([
        (HOST, Says::Alias(300, "edge.bank.test")),
        ("edge.bank.test", Says::Alias(5, "node.bank.test")),
        ("node.bank.test", Says::Addresses(60, vec![ONE, TWO])),
        ("short.bank.test", Says::Alias(300, "node.bank.test")),
    ]);
    let resolver = resolver(&server, seconds(20));
    let resolution = resolver.resolve(HOST).await.unwrap();
    assert_eq!(resolution.ttl, seconds(5));
    assert_eq!(resolution.aliases, ["edge.bank.test", "node.bank.test"]);
    assert_eq!(resolution.addresses, [IpAddr::from(ONE), IpAddr::from(TWO)]);
    assert_eq!(resolver.resolve("short.bank.test").await.unwrap().ttl, seconds(60), "control");
}

#[tokio::test]
async fn an_answer_that_is_too_long_for_a_datagram_is_fetched_over_tcp() {
    let server =
        NameServer::start([(HOST, Says::OverTcp(60, vec![ONE])), ("short.test", Says::Addresses(60, vec![ONE]))]);
    let resolver = resolver(&server, seconds(20));
    assert_eq!(resolver.resolve(HOST).await.unwrap().addresses, [IpAddr::from(ONE)]);
    assert!(server.asked().iter().any(|question| question.tcp) && server.asked().iter().any(|question| !question.tcp));
    let before = server.asked().len();
    resolver.resolve("short.test").await.unwrap();
    assert!(server.asked()[before..].iter().all(|question| !question.tcp), "control");
}

#[tokio::test]
async fn each_way_to_come_to_nothing_has_a_name_of_its_own() {
    assert_eq!(resolve(Says::Code(ResponseCode::NXDomain)).await, Err(ResolutionError::NoSuchName));
    assert_eq!(resolve(Says::Code(ResponseCode::NoError)).await, Err(ResolutionError::NoAddress));
    assert_eq!(resolve(Says::Code(ResponseCode::ServFail)).await, Err(ResolutionError::ServerFailed));
    assert_eq!(resolve(Says::Code(ResponseCode::Refused)).await, Err(ResolutionError::Refused));
    assert_eq!(
        resolve(Says::Code(ResponseCode::NotImp)).await,
        Err(ResolutionError::OtherCode(ResponseCode::NotImp.to_string()))
    );
    assert_eq!(resolve(Says::Alias(60, "nowhere.bank.test")).await, Err(ResolutionError::NoSuchName));
    let silent = NameServer::start([(HOST, Says::Silence)]);
    let patience = Duration::from_millis(200);
    assert_eq!(resolver(&silent, patience).resolve(HOST).await, Err(ResolutionError::Silent(patience)));
    assert!(silent.times(HOST) >= 1);
    let good = resolve(Says::Addresses(60, vec![ONE])).await.unwrap();
    assert!(
        good.addresses == [IpAddr::from(ONE)] && good.half.is_none() && good.aliases.is_empty(),
        "control: {good:?}"
    );
    let server = NameServer::start([]);
    let resolver = resolver(&server, seconds(20));
    assert!(matches!(resolver.resolve("no..name").await, Err(ResolutionError::NotAName(_))));
    assert_eq!(server.asked(), []);
}
