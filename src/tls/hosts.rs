//! From the server name of a ClientHello to an environment: environments never mix.

mod pattern;

pub use pattern::{HostPattern, without_trailing_dot};

/// The environments of one listener, each with the host that chooses it: a [`HostPattern`].
#[derive(Debug)]
pub struct Hosts<E>(Vec<(Option<String>, E)>);

/// Why no environment was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostRefusal {
    /// Several environments listen, and the client named none.
    #[error("the client sent no server name, and more than one environment listens here")]
    NameMissing,
    /// No environment has that name.
    #[error("no environment has the server name that the client asked for")]
    NameUnknown,
}

impl<E> Hosts<E> {
    /// The environments of a listener. Two with one host, or several of which one has none, are refused by the caller; a
    /// wildcard beside a host that it covers is not.
    pub fn new(environments: impl IntoIterator<Item = (Option<String>, E)>) -> Self {
        Self(environments.into_iter().collect())
    }

    /// The environment for a server name (RFC 6066 section 3): the one whose host it is, case and a trailing dot aside, else
    /// the one whose wildcard stands for it, so that a name belongs to whom it was given by name. An environment without a
    /// host, alone on its listener, takes any name; a client without a name is taken where one environment listens.
    ///
    /// # Errors
    /// [`HostRefusal`] where no environment, or no certain one, is meant.
    pub fn choose(&self, server_name: Option<&str>) -> Result<&E, HostRefusal> {
        match (self.0.as_slice(), server_name) {
            ([(_, only)], None) | ([(None, only)], Some(_)) => Ok(only),
            (_, None) => Err(HostRefusal::NameMissing),
            (_, Some(name)) => {
                self.named(name, false).or_else(|| self.named(name, true)).ok_or(HostRefusal::NameUnknown)
            }
        }
    }

    /// The environment whose host, a wildcard or not one, stands for `name`. Two wildcards never stand for one name: each
    /// stands for one label.
    fn named(&self, name: &str, wildcard: bool) -> Option<&E> {
        let hosts =
            self.0.iter().filter_map(|(host, environment)| Some((HostPattern::new(host.as_deref()?), environment)));
        let mut of_kind = hosts.filter(|(host, _)| host.is_wildcard() == wildcard);
        of_kind.find(|(host, _)| host.matches(name)).map(|(_, environment)| environment)
    }

    /// All environments of the listener.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.0.iter().map(|(_, environment)| environment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Hosts<u8> {
        Hosts::new([(Some("a.example".to_owned()), 1), (Some("b.example".to_owned()), 2)])
    }

    #[test]
    fn the_name_chooses_case_and_trailing_dot_aside() {
        assert_eq!(two().choose(Some("a.example")), Ok(&1));
        assert_eq!(two().choose(Some("B.Example.")), Ok(&2));
    }

    #[test]
    fn an_unknown_name_is_refused_even_where_one_environment_listens() {
        assert_eq!(two().choose(Some("c.example")), Err(HostRefusal::NameUnknown));
        let one = Hosts::new([(Some("a.example".to_owned()), 1)]);
        assert_eq!(one.choose(Some("c.example")), Err(HostRefusal::NameUnknown));
        assert_eq!(one.choose(Some("a.example")), Ok(&1));
    }

    #[test]
    fn no_name_is_taken_only_where_one_environment_listens() {
        assert_eq!(two().choose(None), Err(HostRefusal::NameMissing));
        assert_eq!(Hosts::new([(Some("a.example".to_owned()), 1)]).choose(None), Ok(&1));
    }

    #[test]
    fn an_environment_without_a_host_takes_any_name_when_alone() {
        let one = Hosts::new([(None, 1)]);
        assert_eq!(one.choose(Some("whatever.example")), Ok(&1));
        assert_eq!(one.choose(None), Ok(&1));
    }

    #[test]
    fn a_wildcard_takes_the_names_with_one_label_in_its_place() {
        let hosts = Hosts::new([(Some("*.bank.example".to_owned()), 1), (Some("other.example".to_owned()), 2)]);
        for name in ["a.bank.example", "A.Bank.Example."] {
            assert_eq!(hosts.choose(Some(name)), Ok(&1), "{name}");
        }
        for name in ["a.b.bank.example", "bank.example", ".bank.example", "192.0.2.7", ""] {
            assert_eq!(hosts.choose(Some(name)), Err(HostRefusal::NameUnknown), "{name}");
        }
        assert_eq!(hosts.choose(None), Err(HostRefusal::NameMissing));
        assert_eq!(Hosts::new([(Some("*.bank.example".to_owned()), 1)]).choose(None), Ok(&1));
    }

    #[test]
    fn a_host_wins_over_a_wildcard_that_covers_it_in_either_order() {
        let exact = || (Some("tsh.bank.example".to_owned()), "exact");
        let wildcard = || (Some("*.bank.example".to_owned()), "wildcard");
        for hosts in [Hosts::new([exact(), wildcard()]), Hosts::new([wildcard(), exact()])] {
            assert_eq!(hosts.choose(Some("TSH.bank.example.")), Ok(&"exact"));
            assert_eq!(hosts.choose(Some("d1.bank.example")), Ok(&"wildcard"));
        }
    }

    #[test]
    fn wildcards_of_different_depth_do_not_take_each_other_s_names() {
        let wildcards = ["*.bank.example", "*.pp.bank.example"].map(|host| (Some(host.to_owned()), host));
        let hosts = Hosts::new(wildcards);
        assert_eq!(hosts.choose(Some("pp.bank.example")), Ok(&"*.bank.example"));
        assert_eq!(hosts.choose(Some("tsh.pp.bank.example")), Ok(&"*.pp.bank.example"));
    }
}
