//! Blocks that peers announce, whether or not they can be imported.

use futures::channel::mpsc::{self, Receiver, Sender};
use infergrid_runtime::{Header, opaque::Block};
use polkadot_sdk::{
	sc_consensus_babe::{self, CompatibleDigestItem},
	sp_consensus::block_validation::{
		BlockAnnounceValidator, DefaultBlockAnnounceValidator, Validation,
	},
	sp_consensus_babe::{AuthorityId, AuthorityPair, BabeAuthorityWeight, Slot},
	sp_core::Pair,
	sp_runtime::traits::Header as _,
};
use std::{error::Error, future::Future, pin::Pin, time::Instant};

/// How many announcements wait; more are dropped: authors make more blocks.
const WAITING: usize = 64;

/// An announced header, which anybody may have made up, and when it came.
pub(crate) type Announced = (Header, Instant);

/// Listens to announcements, and leaves what becomes of them to the default.
#[derive(Debug)]
pub(crate) struct Listener {
	announced: Sender<Announced>,
}

/// A listener, and what it hears.
pub(crate) fn listen() -> (Listener, Receiver<Announced>) {
	let (sender, receiver) = mpsc::channel(WAITING);
	(Listener { announced: sender }, receiver)
}

impl BlockAnnounceValidator<Block> for Listener {
	fn validate(
		&mut self,
		header: &Header,
		data: &[u8],
	) -> Pin<Box<dyn Future<Output = Result<Validation, Box<dyn Error + Send>>> + Send>> {
		let _ = self.announced.try_send((header.clone(), Instant::now()));
		BlockAnnounceValidator::<Block>::validate(&mut DefaultBlockAnnounceValidator, header, data)
	}
}

/// The slot for which a header was made, if it names one.
pub(crate) fn slot(header: &Header) -> Option<Slot> {
	let digest = sc_consensus_babe::find_pre_digest::<Block>(header).ok()?;
	Some(digest.slot())
}

/// Who of `authorities` has sealed a header. Whether it was its turn is not asked.
pub(crate) fn author(
	mut header: Header,
	authorities: &[(AuthorityId, BabeAuthorityWeight)],
) -> Option<AuthorityId> {
	let digest = sc_consensus_babe::find_pre_digest::<Block>(&header).ok()?;
	let seal = header.digest_mut().pop()?.as_babe_seal()?;
	let (author, _) = authorities.get(usize::try_from(digest.authority_index()).ok()?)?;
	AuthorityPair::verify(&seal, header.hash(), author).then(|| author.clone())
}

#[cfg(test)]
mod tests {
	use super::*;
	use futures::{StreamExt, executor::block_on};
	use polkadot_sdk::{
		sp_consensus_babe::digests::{PreDigest, SecondaryPlainPreDigest},
		sp_runtime::DigestItem,
	};

	fn pair(seed: u8) -> AuthorityPair {
		AuthorityPair::from_seed(&[seed; 32])
	}

	/// A header for a slot of authority 1, sealed by `pair`.
	fn sealed(pair: &AuthorityPair) -> Header {
		let mut header = Header::new(
			7,
			Default::default(),
			Default::default(),
			Default::default(),
			Default::default(),
		);
		let digest = PreDigest::SecondaryPlain(SecondaryPlainPreDigest {
			authority_index: 1,
			slot: 42.into(),
		});
		header
			.digest_mut()
			.push(DigestItem::babe_pre_digest(digest));
		let seal = pair.sign(header.hash().as_ref());
		header.digest_mut().push(DigestItem::babe_seal(seal));
		header
	}

	#[test]
	fn an_author_is_who_has_sealed() {
		let authorities = [(pair(1).public(), 1), (pair(2).public(), 1)];
		let header = sealed(&pair(2));
		assert_eq!(slot(&header), Some(42.into()));
		assert_eq!(author(header.clone(), &authorities), Some(pair(2).public()));
		assert_eq!(
			author(sealed(&pair(3)), &authorities),
			None,
			"a forged seal"
		);
		assert_eq!(
			author(header.clone(), &authorities[..1]),
			None,
			"of another set"
		);
		let mut changed = header;
		changed.set_number(8);
		assert_eq!(author(changed, &authorities), None);
	}

	#[test]
	fn what_is_announced_is_heard_and_judged_as_without_a_listener() {
		let (mut listener, mut announced) = listen();
		let header = sealed(&pair(2));
		let valid = block_on(listener.validate(&header, &[])).unwrap();
		assert_eq!(valid, Validation::Success { is_new_best: false });
		let invalid = block_on(listener.validate(&header, &[1])).unwrap();
		assert_eq!(invalid, Validation::Failure { disconnect: true });
		assert_eq!(block_on(announced.next()).unwrap().0, header);

		for _ in 0..10 * WAITING {
			drop(listener.validate(&header, &[]));
		}
	}
}
