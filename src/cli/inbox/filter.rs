//! Which entries a command is about.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::store::Opened;
use crate::cli::Error;
use crate::cli::names::products;
use crate::inbox::Sealing;
use crate::inbox::entry::{Millis, State};
use crate::inbox::store::{DestinationKey, Filter};
use crate::thales::Product;

#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct FilterArguments {
    /// Only of this environment
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Only of operations of this name
    #[arg(long, value_name = "NAME")]
    operation: Option<String>,
    /// Only in this state: pending, delivered, dead, discarded
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<State>,
    /// Only received then or later: RFC 3339, or how long ago, such as 2h
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Moment>,
    /// Only received before
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Moment>,
    /// Only with this correlation id
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
    /// Only about this card, token...: a value of the ordering key; of a key of several parts, one after the other
    #[arg(long, value_name = "VALUE", requires = "environment", requires = "product")]
    key: Vec<String>,
    /// The product whose key it is
    #[arg(long, value_name = "PRODUCT", requires = "key", value_parser = products())]
    product: Option<Product>,
    /// The backend that the operation goes to, where it has one of its own
    #[arg(long, value_name = "NAME", requires = "key", default_value = "", hide_default_value = true)]
    backend: String,
}

/// The names of the arguments above that choose entries.
pub(super) const CHOOSING: [&str; 7] = ["environment", "operation", "state", "since", "until", "correlation_id", "key"];

impl FilterArguments {
    /// Whether a lane is asked for, which only the inbox's own key can tell.
    pub(super) fn needs_sealing(&self) -> bool {
        !self.key.is_empty()
    }

    /// The filter at `now`. `sealing` is needed where [`needs_sealing`](Self::needs_sealing) says so.
    pub(super) fn filter(&self, now: Millis, sealing: Option<&Sealing>) -> Result<Filter, Error> {
        let lane = match (self.key.as_slice(), &self.environment, self.product) {
            ([], _, _) => None,
            (values, Some(environment), Some(product)) => {
                let sealing = sealing.ok_or("the inbox's key is needed to find a lane")?;
                let of = DestinationKey { environment: environment.clone(), destination: self.backend.clone() };
                let values: Vec<_> = values.iter().map(|value| value.clone().into_bytes()).collect();
                Some(sealing.lane(&of, product.name(), &values))
            }
            _ => return Err("--key needs --environment and --product".into()),
        };
        Ok(Filter {
            environment: self.environment.clone(),
            operation: self.operation.clone(),
            state: self.state,
            lane,
            correlation_id: self.correlation_id.clone(),
            since: self.since.map(|moment| moment.at(now)),
            until: self.until.map(|moment| moment.at(now)),
        })
    }

    /// The filter on an inbox that is open.
    pub(super) fn on(&self, opened: &Opened) -> Result<Filter, Error> {
        self.filter(now(), Some(&opened.sealing))
    }
}

/// A point of time as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    At(Millis),
    Ago(Duration),
}

impl Moment {
    /// What it means at `now`.
    pub(super) fn at(self, now: Millis) -> Millis {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => now.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)),
        }
    }
}

/// The wall clock.
pub(super) fn now() -> Millis {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}

/// Reads `2027-01-31T00:00:00Z`, `2h` or `2h ago`.
pub(super) fn moment(text: &str) -> Result<Moment, String> {
    let text = text.trim();
    if let Ok(ago) = humantime::parse_duration(text.strip_suffix("ago").unwrap_or(text).trim()) {
        return Ok(Moment::Ago(ago));
    }
    let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
        "write date, time and zone, such as 2027-01-31T00:00:00Z, or how long ago, such as 2h".to_owned()
    })?;
    // Years of four digits are far from the ends of 64 bits.
    Ok(Moment::At(i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)))
}

fn state(name: &str) -> Result<State, String> {
    State::of_name(name).ok_or_else(|| format!("write one of {}", State::ALL.map(State::name).join(", ")))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::inbox::testing::Memory;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        filter: FilterArguments,
    }

    fn line(words: &str) -> Result<FilterArguments, clap::Error> {
        Line::try_parse_from(["x"].into_iter().chain(words.split_whitespace())).map(|line| line.filter)
    }

    #[test]
    fn a_time_is_a_moment_or_how_long_ago_it_was() {
        assert_eq!(moment("2h"), Ok(Moment::Ago(Duration::from_secs(7200))));
        assert_eq!(moment("2h 30m ago"), Ok(Moment::Ago(Duration::from_secs(9000))));
        assert_eq!(moment("1970-01-01T01:00:00.5+01:00"), Ok(Moment::At(500)));
        assert_eq!(Moment::Ago(Duration::from_secs(1)).at(5000), 4000);
        assert_eq!(Moment::Ago(Duration::MAX).at(0), -i64::MAX);
        for bad in ["", "ago", "yesterday", "2027-01-31", "-2h"] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_part_of_a_filter_is_taken_over() {
        let words = "--environment preprod --operation o --state dead --since 1s --until 1970-01-01T00:00:01Z \
                     --correlation-id c";
        let filter = line(words).unwrap().filter(5000, None).unwrap();
        let expected = Filter {
            environment: Some("preprod".into()),
            operation: Some("o".into()),
            state: Some(State::Dead),
            lane: None,
            correlation_id: Some("c".into()),
            since: Some(4000),
            until: Some(1000),
        };
        assert_eq!(filter, expected);
        assert_eq!(line("").unwrap().filter(0, None).unwrap(), Filter::default());
    }

    #[tokio::test]
    async fn a_card_is_found_by_its_lane() {
        let sealing = Sealing::establish(&Memory::default(), None).await.unwrap();
        let arguments = line("--environment preprod --product d1 --key ISSUER0001 --key notify").unwrap();
        let of = DestinationKey { environment: "preprod".into(), destination: String::new() };
        let lane = sealing.lane(&of, "d1", &[b"ISSUER0001".to_vec(), b"notify".to_vec()]);
        assert!(arguments.needs_sealing());
        assert_eq!(arguments.filter(0, Some(&sealing)).unwrap().lane, Some(lane));
        let elsewhere =
            line("--environment preprod --product d1 --key ISSUER0001 --key notify --backend cards").unwrap();
        assert_ne!(elsewhere.filter(0, Some(&sealing)).unwrap().lane, Some(lane));
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for words in ["--state lost", "--since soon", "--key CARD7", "--key CARD7 --product d1", "--product d1"] {
            assert!(line(words).is_err(), "{words}");
        }
    }
}
