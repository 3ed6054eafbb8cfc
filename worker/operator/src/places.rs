//! Where an operator works: what it offers, and what it stands for.

use crate::OperatorError;
use infergrid_chain::{Offer, Owed, View};
use infergrid_primitives::{AccountBytes, Hash};
use serde_json::{Value, json};

/// The places of an operator in the lists of profiles after a block.
#[derive(Clone, Debug, Default)]
pub struct Places {
	/// Profiles that it offers.
	offers: Vec<(Hash, Offer)>,
	/// Profiles for whose audits it stands.
	stands_for: Vec<Hash>,
}

impl Places {
	/// Those of `account` in `view`.
	pub async fn read(view: &View, account: &AccountBytes) -> Result<Self, OperatorError> {
		let mut places = Self::default();
		for (profile, _) in view.profiles().await? {
			if let Some(offer) = view.offer(&profile, account).await? {
				places.offers.push((profile, offer));
			}
			if view.verifiers(&profile).await?.contains(account) {
				places.stands_for.push(profile);
			}
		}
		Ok(places)
	}

	/// Whether the chain can give work at any time.
	pub fn is_empty(&self) -> bool {
		self.offers.is_empty() && self.stands_for.is_empty()
	}

	/// Whether whoever owes `owed` can stay away from now on without losing money.
	pub fn safe_to_stop(&self, owed: &Owed) -> bool {
		owed.is_empty() && self.is_empty()
	}

	/// The offers, for programs; prices in plancks, as text.
	pub fn offers(&self) -> Value {
		let offers = self.offers.iter().map(|(profile, offer)| {
			json!({
				"profile": hex(profile),
				"capacity": offer.terms.capacity,
				"in_use": offer.in_use,
				"price_input": offer.terms.price.input.to_string(),
				"price_output": offer.terms.price.output.to_string(),
				"address": String::from_utf8_lossy(&offer.terms.address),
			})
		});
		offers.collect()
	}

	/// The profiles for which it stands, for programs.
	pub fn stands_for(&self) -> Value {
		self.stands_for.iter().map(hex).collect()
	}

	/// For people: a line for each place.
	pub fn render(&self) -> Vec<String> {
		let offers = self.offers.iter().map(|(profile, offer)| {
			format!(
				"offer      profile {} at {}, {} of {} tasks taken",
				hex(profile),
				String::from_utf8_lossy(&offer.terms.address),
				offer.in_use,
				offer.terms.capacity
			)
		});
		let stands = self.stands_for.iter();
		let stands =
			stands.map(|profile| format!("verifies   stands for profile {}", hex(profile)));
		offers.chain(stands).collect()
	}

	/// For people: whether it is safe to stop for whoever owes `owed`.
	pub fn advice(&self, owed: &Owed) -> &'static str {
		match (owed.is_empty(), self.is_empty()) {
			(false, _) => "not yet: whoever stays away until these are due is slashed",
			(true, false) => {
				"nothing is owed now; SIGTERM withdraws the offer or stands down, and finishes first"
			}
			(true, true) => "it is safe to stop: nothing is owed",
		}
	}
}

fn hex(hash: &Hash) -> String {
	let digits = hash.iter().map(|byte| format!("{byte:02x}"));
	format!("0x{}", digits.collect::<String>())
}

#[cfg(test)]
mod tests {
	use super::*;
	use infergrid_chain::OfferTerms;
	use infergrid_primitives::market::Price;

	fn places() -> Places {
		let terms = OfferTerms {
			price: Price {
				input: 1,
				output: 2,
			},
			capacity: 4,
			peer: vec![1],
			address: b"/ip4/203.0.113.7/tcp/1".to_vec(),
		};
		Places {
			offers: vec![([1; 32], Offer { terms, in_use: 3 })],
			stands_for: vec![[0xab; 32]],
		}
	}

	#[test]
	fn a_verifier_has_a_line_of_its_own() {
		assert_eq!(
			places().render(),
			[
				format!(
					"offer      profile 0x{} at /ip4/203.0.113.7/tcp/1, 3 of 4 tasks taken",
					"01".repeat(32)
				),
				format!("verifies   stands for profile 0x{}", "ab".repeat(32)),
			]
		);
		assert_eq!(places().offers()[0]["price_output"], "2");
		assert_eq!(
			places().stands_for(),
			json!([format!("0x{}", "ab".repeat(32))])
		);
	}

	#[test]
	fn whoever_can_be_given_work_is_not_told_that_it_is_safe_to_stop() {
		let (nothing, mut vote) = (Owed::default(), Owed::default());
		vote.votes.push((1, 9));
		let offering = Places {
			stands_for: Vec::new(),
			..places()
		};
		let standing = Places {
			offers: Vec::new(),
			..places()
		};
		for working in [offering, standing] {
			assert!(!working.safe_to_stop(&nothing));
			assert!(working.advice(&nothing).contains("SIGTERM"));
		}
		assert!(Places::default().safe_to_stop(&nothing));
		assert!(Places::default().advice(&nothing).contains("is safe"));
		assert!(!Places::default().safe_to_stop(&vote));
		assert!(Places::default().advice(&vote).contains("not yet"));
	}
}
