//! The server's chain, seen whatever becomes of the handshake.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::Error;
use rustls_pki_types::{CertificateDer, UnixTime};

use super::{ChainJudge, ShownChain};

/// The chain that the server sent in the last full handshake. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Presented(Arc<Mutex<Vec<CertificateDer<'static>>>>);

impl Presented {
    /// Leaf first, as it was sent; empty where the handshake never got that far.
    #[must_use]
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Decides as the judge behind it does, and keeps what it was asked about.
#[derive(Debug)]
pub(in crate::caller) struct Presenting {
    pub(in crate::caller) judge: Arc<dyn ChainJudge>,
    pub(in crate::caller) presented: Presented,
}

impl ChainJudge for Presenting {
    fn judge(&self, chain: ShownChain<'_>, now: UnixTime) -> Result<(), Error> {
        *self.presented.0.lock().unwrap_or_else(PoisonError::into_inner) = chain.to_owned();
        self.judge.judge(chain, now)
    }
}

#[cfg(test)]
mod tests {
    use rustls_pki_types::ServerName;

    use super::*;
    use crate::caller::verifier::TakingAny;

    /// Takes no chain.
    #[derive(Debug)]
    struct TakingNone;

    impl ChainJudge for TakingNone {
        fn judge(&self, _: ShownChain<'_>, _: UnixTime) -> Result<(), Error> {
            Err(Error::General("no".to_owned()))
        }
    }

    #[test]
    fn a_chain_is_kept_whether_it_is_taken_or_not() {
        let (leaf, above) = (CertificateDer::from(vec![1]), [CertificateDer::from(vec![2])]);
        let name = ServerName::try_from("a.test").unwrap();
        for (judge, taken) in [(Arc::new(TakingAny) as Arc<dyn ChainJudge>, true), (Arc::new(TakingNone), false)] {
            let presented = Presented::default();
            assert!(presented.chain().is_empty());
            let presenting = Presenting { judge, presented: presented.clone() };
            let chain = ShownChain { leaf: &leaf, above: &above, name: &name, ocsp_response: &[] };
            assert_eq!(presenting.judge(chain, crate::tls::now()).is_ok(), taken);
            assert_eq!(presented.chain(), [leaf.clone(), above[0].clone()]);
        }
    }
}
