//! From the server name of a ClientHello to an environment: environments never mix.

/// The environments of one listener, each with the name that chooses it.
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
    /// The environments of a listener. Two with one host, or several of which one has none, are refused by the caller.
    pub fn new(environments: impl IntoIterator<Item = (Option<String>, E)>) -> Self {
        Self(environments.into_iter().collect())
    }

    /// The environment for a server name (RFC 6066 section 3): case and a trailing dot aside, it has to be the environment's
    /// host. An environment without a host, alone on its listener, takes any name; a client without a name is taken where one
    /// environment listens.
    ///
    /// # Errors
    /// [`HostRefusal`] where no environment, or no certain one, is meant.
    pub fn choose(&self, server_name: Option<&str>) -> Result<&E, HostRefusal> {
        match (self.0.as_slice(), server_name) {
            ([(_, only)], None) | ([(None, only)], Some(_)) => Ok(only),
            (_, None) => Err(HostRefusal::NameMissing),
            (all, Some(name)) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                all.iter()
                    .find(|(host, _)| host.as_deref().is_some_and(|host| host.eq_ignore_ascii_case(name)))
                    .map(|(_, environment)| environment)
                    .ok_or(HostRefusal::NameUnknown)
            }
        }
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
}
