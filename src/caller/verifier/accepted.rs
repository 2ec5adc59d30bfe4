//! The server's chain, verified in full once and remembered.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::Error;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::{ChainJudge, ShownChain};

/// A server has few chains; those behind one name, and the new one after a rotation.
const REMEMBERED: usize = 8;

/// Takes a chain without another look when the very same bytes have been accepted before. Refusals are not remembered.
#[derive(Debug)]
pub(in crate::caller) struct Accepting {
    judge: Arc<dyn ChainJudge>,
    accepted: Mutex<Vec<Accepted>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Accepted {
    /// Leaf first.
    chain: Vec<CertificateDer<'static>>,
    name: ServerName<'static>,
    ocsp_response: Vec<u8>,
}

impl Accepting {
    /// Remembers what `judge` accepts.
    pub(in crate::caller) fn new(judge: Arc<dyn ChainJudge>) -> Self {
        Self { judge, accepted: Mutex::default() }
    }
}

impl Accepted {
    fn is(&self, chain: ShownChain<'_>) -> bool {
        self.chain.split_first().is_some_and(|(leaf, above)| leaf == chain.leaf && above == chain.above)
            && self.name == *chain.name
            && self.ocsp_response == chain.ocsp_response
    }
}

impl ChainJudge for Accepting {
    fn judge(&self, chain: ShownChain<'_>, now: UnixTime) -> Result<(), Error> {
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        if accepted.iter().any(|one| one.is(chain)) {
            return Ok(());
        }
        self.judge.judge(chain, now)?;
        if accepted.len() == REMEMBERED {
            accepted.remove(0);
        }
        let (name, ocsp_response) = (chain.name.to_owned(), chain.ocsp_response.to_vec());
        accepted.push(Accepted { chain: chain.to_owned(), name, ocsp_response });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Takes every chain but one, and counts.
    #[derive(Debug, Default)]
    struct Counting(AtomicUsize);

    impl ChainJudge for Counting {
        fn judge(&self, chain: ShownChain<'_>, _: UnixTime) -> Result<(), Error> {
            self.0.fetch_add(1, Ordering::Relaxed);
            if chain.leaf.as_ref() == b"bad" { Err(Error::General("bad".to_owned())) } else { Ok(()) }
        }
    }

    #[test]
    fn an_identical_chain_is_verified_once_and_any_other_again() {
        let counting = Arc::new(Counting::default());
        let accepting = Accepting::new(Arc::clone(&counting) as Arc<dyn ChainJudge>);
        let verify = |chain: &[&'static str], name: &'static str| {
            let chain: Vec<_> = chain.iter().map(|text| CertificateDer::from(text.as_bytes())).collect();
            let (leaf, above) = chain.split_first().unwrap();
            let name = ServerName::try_from(name).unwrap();
            let result =
                accepting.judge(ShownChain { leaf, above, name: &name, ocsp_response: &[] }, crate::tls::now());
            (result.is_ok(), counting.0.load(Ordering::Relaxed))
        };
        assert_eq!(verify(&["leaf", "ca"], "a.test"), (true, 1));
        assert_eq!(verify(&["leaf", "ca"], "a.test"), (true, 1), "remembered");
        assert_eq!(verify(&["leaf", "other"], "a.test"), (true, 2));
        assert_eq!(verify(&["leaf"], "a.test"), (true, 3));
        assert_eq!(verify(&["leaf", "ca"], "b.test"), (true, 4));
        assert_eq!(verify(&["bad"], "a.test"), (false, 5));
        assert_eq!(verify(&["bad"], "a.test"), (false, 6), "a refusal is not remembered");
        assert_eq!(verify(&["leaf", "ca"], "a.test"), (true, 6), "and drives nothing out");
    }

    #[test]
    fn only_so_many_chains_are_remembered() {
        let accepting = Accepting::new(Arc::new(Counting::default()));
        let name = ServerName::try_from("a.test").unwrap();
        for number in 0..100_u8 {
            let leaf = CertificateDer::from(vec![number]);
            let chain = ShownChain { leaf: &leaf, above: &[], name: &name, ocsp_response: &[] };
            accepting.judge(chain, crate::tls::now()).unwrap();
        }
        assert_eq!(accepting.accepted.lock().unwrap().len(), REMEMBERED);
    }
}
