//! AES-256-GCM under keys that are derived from a master key, one for each thing that is sealed.
//!
//! ```text
//! version (1 byte) | nonce (12 bytes) | ciphertext and tag
//! ```

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::master_keys::MasterKey;

/// The only form so far.
const VERSION: u8 = 1;

/// Nothing is said of why: whoever asks may be the one who changed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotOpened;

/// What is sealed, and where it belongs: `label` and `context` make its key (the info of HKDF, RFC 5869 section 2.3), and nothing
/// opens with other associated data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seal<'s> {
    pub(super) label: &'static str,
    pub(super) context: &'s [u8],
    pub(super) associated: &'s [&'s [u8]],
}

impl Seal<'_> {
    /// `None` when there are no random bytes.
    pub(super) fn close(&self, key: &MasterKey, mut plain: Vec<u8>) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).ok()?;
        let derived = self.key(key).ok()?;
        let aad = Aad::from(self.associated_data(key));
        let tag = derived.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, &mut plain).ok()?;
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + plain.len() + tag.as_ref().len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.append(&mut plain);
        sealed.extend_from_slice(tag.as_ref());
        Some(sealed)
    }

    pub(super) fn open(&self, key: &MasterKey, sealed: &[u8]) -> Result<Vec<u8>, NotOpened> {
        let (&VERSION, rest) = sealed.split_first().ok_or(NotOpened)? else { return Err(NotOpened) };
        let (&nonce, rest) = rest.split_first_chunk::<NONCE_LEN>().ok_or(NotOpened)?;
        let mut bytes = rest.to_vec();
        let aad = Aad::from(self.associated_data(key));
        let opened = self.key(key)?.open_in_place(Nonce::assume_unique_for_key(nonce), aad, &mut bytes);
        let length = opened.map_err(|_| NotOpened)?.len();
        bytes.truncate(length);
        Ok(bytes)
    }

    fn key(&self, master: &MasterKey) -> Result<LessSafeKey, NotOpened> {
        let info = [self.label.as_bytes(), b"\0", self.context];
        let derived = master.prk.expand(&info, &AES_256_GCM).map_err(|_| NotOpened)?;
        Ok(LessSafeKey::new(UnboundKey::from(derived)))
    }

    /// Each piece is led by its length; the key's name is the last.
    fn associated_data(&self, key: &MasterKey) -> Vec<u8> {
        let mut data = Vec::new();
        for piece in self.associated.iter().copied().chain([key.name.as_bytes()]) {
            data.extend_from_slice(&(piece.len() as u64).to_be_bytes());
            data.extend_from_slice(piece);
        }
        data
    }
}
