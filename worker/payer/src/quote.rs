//! What to bid for an order and how long to wait for it, or that it would not be answered in time.

use crate::{
	bid::{BidError, Choice, bid},
	ledger::Situation,
	order::{OrderError, OrderRequest, Terms},
};
use infergrid_primitives::{Balance, BlockNumber, Hash, market::Price};
use std::{
	collections::HashMap,
	sync::{Arc, Mutex, MutexGuard, PoisonError},
	time::Duration,
};

/// Without a limit of the client's, a miner may ask at most this many times the reference price.
const PRICE_LIMIT: Balance = 4;

/// What an order may cost and how long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quote {
	/// In plancks.
	pub(crate) max_fee: Balance,
	/// In blocks.
	pub(crate) patience: BlockNumber,
	/// Blocks until a miner is likely to have it.
	pub(crate) wait: BlockNumber,
}

/// What earlier attempts at an order have come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turn {
	/// The last bid, in plancks, that found nobody.
	pub(crate) last: Balance,
	/// Blocks that they have taken.
	pub(crate) elapsed: BlockNumber,
}

/// Counts the orders that no miner has yet, by their profiles.
#[derive(Debug, Default)]
pub(crate) struct Queues(Arc<Mutex<HashMap<Hash, u32>>>);

/// A place in a queue; dropped when a miner has the order.
#[derive(Debug)]
pub(crate) struct InQueue {
	queues: Arc<Mutex<HashMap<Hash, u32>>>,
	profile: Hash,
}

impl Queues {
	/// Enters if `quote` has something for an order that finds so many before it.
	pub(crate) fn enter(
		&self,
		profile: &Hash,
		quote: impl FnOnce(u32) -> Result<Quote, OrderError>,
	) -> Result<(Quote, InQueue), OrderError> {
		let mut queues = lock(&self.0);
		let queued = queues.get(profile).copied().unwrap_or_default();
		let quote = quote(queued)?;
		queues.insert(*profile, queued.saturating_add(1));
		let place = InQueue {
			queues: self.0.clone(),
			profile: *profile,
		};
		Ok((quote, place))
	}
}

impl Drop for InQueue {
	fn drop(&mut self) {
		let mut queues = lock(&self.queues);
		match queues.remove(&self.profile) {
			Some(queued @ 2..) => queues.insert(self.profile, queued - 1),
			_ => None,
		};
	}
}

fn lock(queues: &Mutex<HashMap<Hash, u32>>) -> MutexGuard<'_, HashMap<Hash, u32>> {
	queues.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What to bid, and how long to wait. `queued` orders wait for a miner already.
///
/// A miner's window has room for an answer at the profile's least speed, and its capacity is what it
/// can do within it. So a queue in front of `capacity` moves on by `capacity` in each window.
pub(crate) fn quote(
	situation: &Situation,
	request: &OrderRequest,
	turn: Turn,
	(terms, queued): (&Terms, u32),
) -> Result<Quote, OrderError> {
	let (profile, rules) = (&situation.profile, &situation.rules);
	let n_prompt = request.prompt.len() as u32;
	let most = request.params.max_tokens;
	let window = rules.needed_patience(profile, n_prompt.saturating_add(most));
	if window > rules.max_patience {
		return Err(OrderError::Refused(format!(
			"{n_prompt} tokens and an answer of up to {most} take up to {window} blocks, and no order may \
			 take more than {}: ask for a shorter answer",
			rules.max_patience
		)));
	}
	let fee = |price: &Price| price.fee(n_prompt, most);
	let choices: Vec<_> = situation
		.offers
		.iter()
		.map(|(_, offer)| Choice {
			fee: fee(&offer.terms.price),
			free: offer.terms.capacity.saturating_sub(offer.in_use),
			capacity: offer.terms.capacity,
		})
		.collect();
	let limit = request.max_fee.unwrap_or_else(|| {
		fee(&Price {
			input: profile.reference_input.saturating_mul(PRICE_LIMIT),
			output: profile.reference_output.saturating_mul(PRICE_LIMIT),
		})
		.max(rules.min_fee)
	});
	let bid = bid(&choices, turn.last, limit, rules.min_fee).map_err(|error| match error {
		BidError::NoOffer => OrderError::NoMiner,
		BidError::TooDear { cheapest } => OrderError::TooDear { cheapest },
	})?;
	let wait = match queued < bid.free {
		true => 0,
		false => wait(window, queued - bid.free, bid.capacity),
	};
	// A miner that misses leaves time for another one.
	let two = window.saturating_mul(2);
	let longest = terms.patience.max(two).min(rules.max_patience);
	let needed = wait.saturating_add(window);
	let late = needed.saturating_add(turn.elapsed).saturating_sub(longest);
	if late > 0 {
		let millis = u64::from(rules.millisecs_per_block) * u64::from(late);
		return Err(OrderError::Busy {
			retry_after: Duration::from_millis(millis),
		});
	}
	let patience = terms.patience.max(wait.saturating_add(two));
	let patience = patience.saturating_sub(turn.elapsed).max(needed);
	Ok(Quote {
		max_fee: bid.max_fee,
		patience: patience.clamp(rules.min_patience, rules.max_patience),
		wait,
	})
}

/// Blocks until an order is taken that finds `before` others before it.
fn wait(window: BlockNumber, before: u32, capacity: u32) -> BlockNumber {
	let blocks = u64::from(window) * (u64::from(before) + 1) / u64::from(capacity.max(1));
	BlockNumber::try_from(blocks).unwrap_or(BlockNumber::MAX)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::tests::fake::{PROFILE, request, situation};
	use infergrid_primitives::request::Assurance;

	const TERMS: Terms = Terms {
		patience: 200,
		assurance: Assurance::Sampled,
		max_orders: 100,
	};

	/// The profile's window for 3 + 97 tokens at 10 tokens/s and 3 s a block: 20 + 4 + 1 blocks.
	const WINDOW: BlockNumber = 25;

	fn quoted(in_use: u32, queued: u32) -> Result<Quote, OrderError> {
		let situation = situation(&[(1_000, 4, in_use)]);
		quote(&situation, &request(97), Turn::default(), (&TERMS, queued))
	}

	#[test]
	fn a_free_miner_is_asked_at_once() {
		assert_eq!(quoted(0, 0).unwrap().patience, 200);
		assert_eq!(quoted(3, 0).unwrap().patience, 200);
	}

	#[test]
	fn an_order_waits_as_long_as_it_can_be_answered_in_time() {
		// 4 go in each window of 25 blocks: the last to be taken in time is taken after 175.
		assert_eq!(quoted(4, 27).unwrap().wait, 175);
		let error = quoted(4, 28).unwrap_err();
		// It would be taken after 181, and then there would be 6 blocks too few.
		let retry_after = Duration::from_secs(3 * 6);
		assert_eq!(error, OrderError::Busy { retry_after });
	}

	#[test]
	fn those_who_ask_at_once_are_counted_before_the_chain_counts_them() {
		let queues = Queues::default();
		let situation = situation(&[(1_000, 1, 0)]);
		let terms = Terms {
			patience: 0,
			..TERMS
		};
		let enter = |profile| {
			let turn = Turn::default();
			queues.enter(profile, |queued| {
				quote(&situation, &request(97), turn, (&terms, queued))
			})
		};
		let (_, first) = enter(&PROFILE).unwrap();
		let (_, second) = enter(&PROFILE).unwrap();
		assert!(matches!(enter(&PROFILE), Err(OrderError::Busy { .. })));
		assert!(enter(&[0; 32]).is_ok(), "another model has another queue");
		drop(first);
		assert!(enter(&PROFILE).is_ok());
		drop(second);
	}

	#[test]
	fn time_that_has_passed_is_not_given_again() {
		let again = |elapsed| {
			let turn = Turn { last: 1, elapsed };
			let situation = situation(&[(1_000, 4, 0)]);
			quote(&situation, &request(97), turn, (&TERMS, 0))
		};
		assert_eq!(again(50).unwrap().patience, 150);
		assert_eq!(again(200 - WINDOW).unwrap().patience, WINDOW);
		assert!(again(201 - WINDOW).is_err());
	}

	#[test]
	fn what_takes_longer_than_the_chain_allows_is_no_matter_of_coming_back() {
		let situation = situation(&[(1_000, 4, 0)]);
		let error = quote(&situation, &request(20_000), Turn::default(), (&TERMS, 0));
		assert!(matches!(error, Err(OrderError::Refused(_))), "{error:?}");
	}

	#[test]
	fn a_clients_limit_takes_the_place_of_the_payers() {
		let fee = Price {
			input: 9_000,
			output: 9_000,
		}
		.fee(3, 97);
		let dear = situation(&[(9_000, 4, 0)]);
		let ask = |max_fee| {
			let request = OrderRequest {
				max_fee,
				..request(97)
			};
			quote(&dear, &request, Turn::default(), (&TERMS, 0))
		};
		assert_eq!(ask(None), Err(OrderError::TooDear { cheapest: fee }));
		assert_eq!(ask(Some(fee)).unwrap().max_fee, fee);
		let less = ask(Some(fee - 1));
		assert_eq!(less, Err(OrderError::TooDear { cheapest: fee }));
	}
}
