//! What to bid for an order and how long to wait for it, or that it would not be answered in time.

use crate::{
	bid::{BidError, Choice, bid},
	ledger::Situation,
	order::{OrderError, OrderRequest},
	payer::Terms,
};
use infergrid_primitives::{Balance, BlockNumber, market::Price};
use std::{
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
}

/// Counts the orders that no miner has yet.
#[derive(Debug, Default)]
pub(crate) struct Queue(Arc<Mutex<u32>>);

/// A place in the queue; dropped when a miner has the order.
#[derive(Debug)]
pub(crate) struct InQueue(Arc<Mutex<u32>>);

impl Queue {
	/// Enters if `quote` has something for an order that finds so many before it.
	pub(crate) fn enter(
		&self,
		quote: impl FnOnce(u32) -> Result<Quote, OrderError>,
	) -> Result<(Quote, InQueue), OrderError> {
		let mut queued = lock(&self.0);
		let quote = quote(*queued)?;
		*queued += 1;
		Ok((quote, InQueue(self.0.clone())))
	}
}

impl Drop for InQueue {
	fn drop(&mut self) {
		let mut queued = lock(&self.0);
		*queued = queued.saturating_sub(1);
	}
}

fn lock(queued: &Mutex<u32>) -> MutexGuard<'_, u32> {
	queued.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What to bid, and how long to wait. `queued` orders wait for a miner already.
///
/// A miner's window has room for an answer at the profile's least speed, and its capacity is what it
/// can do within it. So a queue in front of `capacity` moves on by `capacity` in each window.
pub(crate) fn quote(
	situation: &Situation,
	request: &OrderRequest,
	attempt: usize,
	(terms, queued): (&Terms, u32),
) -> Result<Quote, OrderError> {
	let (profile, rules) = (&situation.profile, &situation.rules);
	let n_prompt = request.prompt.len() as u32;
	let most = request.params.max_tokens;
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
	});
	let bid = bid(&choices, attempt, limit, rules.min_fee).map_err(|error| match error {
		BidError::NoOffer => OrderError::NoMiner,
		BidError::TooDear { cheapest } => OrderError::TooDear { cheapest },
	})?;
	let window = rules.needed_patience(profile, n_prompt.saturating_add(most));
	let wait = match queued < bid.free {
		true => 0,
		false => wait(window, queued - bid.free, bid.capacity),
	};
	// A miner that misses leaves time for another one.
	let two = window.saturating_mul(2);
	let longest = terms.patience.max(two).min(rules.max_patience);
	if wait.saturating_add(window) > longest {
		let millis = u64::from(rules.millisecs_per_block) * u64::from(wait);
		return Err(OrderError::Busy {
			retry_after: Duration::from_millis(millis),
		});
	}
	let patience = terms.patience.max(wait.saturating_add(two));
	Ok(Quote {
		max_fee: bid.max_fee,
		patience: patience.clamp(rules.min_patience, rules.max_patience),
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
	use crate::tests::fake::{request, situation};
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
		quote(&situation, &request(97), 0, (&TERMS, queued))
	}

	#[test]
	fn a_free_miner_is_asked_at_once() {
		assert_eq!(quoted(0, 0).unwrap().patience, 200);
		assert_eq!(quoted(3, 0).unwrap().patience, 200);
	}

	#[test]
	fn an_order_waits_as_long_as_it_can_be_answered_in_time() {
		// 4 go in each window of 25 blocks: the last to be taken in time is taken after 175.
		assert!(quoted(4, 27).is_ok());
		let error = quoted(4, 28).unwrap_err();
		let retry_after = Duration::from_secs(3 * (u64::from(WINDOW) * 29 / 4));
		assert_eq!(error, OrderError::Busy { retry_after });
	}

	#[test]
	fn those_who_ask_at_once_are_counted_before_the_chain_counts_them() {
		let queue = Queue::default();
		let situation = situation(&[(1_000, 1, 0)]);
		let terms = Terms {
			patience: 0,
			..TERMS
		};
		let enter = || queue.enter(|queued| quote(&situation, &request(97), 0, (&terms, queued)));
		let (_, first) = enter().unwrap();
		let (_, second) = enter().unwrap();
		assert!(matches!(enter(), Err(OrderError::Busy { .. })));
		drop(first);
		assert!(enter().is_ok());
		drop(second);
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
			quote(&dear, &request, 0, (&TERMS, 0))
		};
		assert_eq!(ask(None), Err(OrderError::TooDear { cheapest: fee }));
		assert_eq!(ask(Some(fee)).unwrap().max_fee, fee);
		let less = ask(Some(fee - 1));
		assert_eq!(less, Err(OrderError::TooDear { cheapest: fee }));
	}
}
