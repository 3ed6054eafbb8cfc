//! What to bid for an answer. Pure: offers in, a price or a refusal out.

use infergrid_primitives::Balance;

/// One miner's offer, for the order at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
	/// What the longest answer would cost, in plancks.
	pub fee: Balance,
	/// Tasks that the miner can take now.
	pub free: u32,
	/// Tasks that it takes at a time.
	pub capacity: u32,
}

/// A price, and who could take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bid {
	/// The most that may be charged, in plancks.
	pub max_fee: Balance,
	/// Tasks that miners within that price can take now.
	pub free: u32,
	/// Tasks that they take at a time.
	pub capacity: u32,
}

/// Why there is no bid. Nothing was submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BidError {
	/// Nobody offers the profile.
	NoOffer,
	/// Everybody asks for more than the limit.
	TooDear {
		/// What the cheapest asks, in plancks.
		cheapest: Balance,
	},
}

/// Percent of the free capacity that a price should reach, by and by.
const QUANTILES: [u64; 3] = [25, 50, 100];

/// Bids as little as has a fair part of the free capacity within its price: a quarter of it, or where
/// a bid of `last` found nobody the half or all of it, whichever is more than `last`. So a dear offer
/// finds work when the cheap ones are busy, and not before. `limit` is the most to pay, `floor` the
/// least that the chain takes.
///
/// Where nobody is free, capacity stands for free capacity: the order waits in the chain's queue.
pub fn bid(
	choices: &[Choice],
	last: Balance,
	limit: Balance,
	floor: Balance,
) -> Result<Bid, BidError> {
	let mut offered: Vec<_> = choices
		.iter()
		.filter(|choice| choice.capacity > 0)
		.copied()
		.collect();
	offered.sort_by_key(|choice| choice.fee);
	let cheapest = offered.first().ok_or(BidError::NoOffer)?.fee.max(floor);
	offered.retain(|choice| choice.fee.max(floor) <= limit);
	if offered.is_empty() {
		return Err(BidError::TooDear { cheapest });
	}
	let sum = |places: fn(&Choice) -> u32| -> u64 {
		offered.iter().map(|choice| u64::from(places(choice))).sum()
	};
	let places: fn(&Choice) -> u32 = match sum(|choice| choice.free) {
		0 => |choice| choice.capacity,
		_ => |choice| choice.free,
	};
	let all = sum(places);
	let reaching = |percent: u64| {
		let wanted = all.saturating_mul(percent).div_ceil(100);
		let mut reached = 0;
		let enough = offered.iter().find(|choice| {
			reached += u64::from(places(choice));
			reached >= wanted
		});
		enough.map_or(cheapest, |choice| choice.fee)
	};
	let prices = QUANTILES.map(reaching);
	let dearer = prices.into_iter().find(|price| *price > last);
	let price = dearer.unwrap_or(prices[QUANTILES.len() - 1]);
	let within = offered.iter().filter(|choice| choice.fee <= price);
	let (free, capacity) = within.fold((0_u32, 0_u32), |(free, capacity), choice| {
		(
			free.saturating_add(choice.free),
			capacity.saturating_add(choice.capacity),
		)
	});
	Ok(Bid {
		max_fee: price.max(floor),
		free,
		capacity,
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	const NO_LIMIT: Balance = Balance::MAX;

	fn choice(fee: Balance, free: u32, capacity: u32) -> Choice {
		Choice {
			fee,
			free,
			capacity,
		}
	}

	fn price(choices: &[Choice], last: Balance) -> Balance {
		bid(choices, last, NO_LIMIT, 1).unwrap().max_fee
	}

	#[test]
	fn the_cheap_are_asked_first_and_the_dear_when_the_cheap_are_busy() {
		let mut choices = [choice(40, 4, 4), choice(10, 4, 4), choice(20, 4, 4)];
		assert_eq!(
			[0, 10, 20, 40].map(|last| price(&choices, last)),
			[10, 20, 40, 40]
		);
		choices[1].free = 0;
		assert_eq!(price(&choices, 0), 20);
		choices[2].free = 0;
		assert_eq!(price(&choices, 0), 40);
	}

	#[test]
	fn a_bid_that_found_nobody_is_not_made_again_while_there_are_dearer_offers() {
		let choices = [choice(10, 6, 6), choice(20, 1, 1)];
		assert_eq!([0, 10, 20].map(|last| price(&choices, last)), [10, 20, 20]);
	}

	#[test]
	fn where_nobody_is_free_the_price_follows_the_capacity() {
		let choices = [choice(10, 0, 1), choice(20, 0, 100)];
		let bid = bid(&choices, 0, NO_LIMIT, 1).unwrap();
		assert_eq!((bid.max_fee, bid.free, bid.capacity), (20, 0, 101));
	}

	#[test]
	fn equal_offers_share_the_work() {
		let choices = [choice(10, 1, 4), choice(10, 3, 4)];
		let bid = bid(&choices, 0, NO_LIMIT, 1).unwrap();
		assert_eq!((bid.max_fee, bid.free, bid.capacity), (10, 4, 8));
	}

	#[test]
	fn the_limit_holds_whoever_is_free() {
		let choices = [choice(10, 0, 4), choice(20, 4, 4), choice(90, 4, 4)];
		assert_eq!(bid(&choices, 10, 50, 1).unwrap().max_fee, 20);
		let error = bid(&choices, 0, 9, 1).unwrap_err();
		assert_eq!(error, BidError::TooDear { cheapest: 10 });
	}

	#[test]
	fn an_offer_without_capacity_is_none_and_the_chains_least_fee_is_bid() {
		let none = bid(&[choice(10, 0, 0)], 0, NO_LIMIT, 1).unwrap_err();
		assert_eq!(none, BidError::NoOffer);
		assert_eq!(bid(&[choice(1, 1, 1)], 0, NO_LIMIT, 5).unwrap().max_fee, 5);
		let error = bid(&[choice(1, 1, 1)], 0, 4, 5).unwrap_err();
		assert_eq!(error, BidError::TooDear { cheapest: 5 });
	}
}
