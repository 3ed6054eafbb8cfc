//! Counting a committee's votes. Pure: votes in, findings out.
//!
//! - **Who ran the model** shows in the fingerprints. Votes with a fingerprint that lie within the
//!   profile's distance of one of them form a group; the largest group *agrees* if it is more than
//!   half of the committee.
//! - **Lazy** is a Valid or Invalid vote outside the agreeing group; its verdict does not count. An
//!   Invalid vote with an all-zero fingerprint is never lazy: an opening that does not bind or does
//!   not parse is condemned without running anything.
//! - **Valid** takes more than half of the committee inside the agreeing group. **Invalid** and
//!   **Unavailable** take more than half of the committee and the least number of condemners.

use alloc::vec::Vec;
use infergrid_primitives::audit::{
	FINGERPRINT_LEN, Fingerprint, Verdict, Vote, fingerprint_distance,
};

/// What a committee's votes come to. Members are named by their seat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
	/// What the committee found, if it found anything.
	pub verdict: Option<Verdict>,
	/// Members whose vote counted for the verdict.
	pub winners: Vec<usize>,
	/// Members that voted without running the model.
	pub lazy: Vec<usize>,
	/// Members without a revealed vote.
	pub silent: Vec<usize>,
}

/// Counts `votes`, one entry for each seat. `max_distance` is the largest squared distance between
/// honest fingerprints, `min_condemners` the least number of votes against a miner.
pub fn tally(votes: &[Option<Vote>], max_distance: u64, min_condemners: usize) -> Tally {
	let quorum = (votes.len() / 2).saturating_add(1);
	let group = agreeing(votes, max_distance).filter(|group| group.len() >= quorum);
	let is_lazy = |seat: usize, vote: &Vote| match (&group, vote.verdict) {
		(Some(group), Verdict::Valid) => !group.contains(&seat),
		(Some(group), Verdict::Invalid) => !group.contains(&seat) && ran(vote),
		_ => false,
	};

	let mut tally = Tally::default();
	let (mut valid, mut invalid, mut unavailable) = (Vec::new(), Vec::new(), Vec::new());
	for (seat, vote) in votes.iter().enumerate() {
		match vote {
			None => tally.silent.push(seat),
			Some(vote) if is_lazy(seat, vote) => tally.lazy.push(seat),
			Some(vote) => match vote.verdict {
				Verdict::Valid if group.is_some() => valid.push(seat),
				Verdict::Valid | Verdict::Unproven => {}
				Verdict::Invalid => invalid.push(seat),
				Verdict::Unavailable => unavailable.push(seat),
			},
		}
	}

	let condemners = quorum.max(min_condemners);
	let found = [
		(Verdict::Valid, valid, quorum),
		(Verdict::Invalid, invalid, condemners),
		(Verdict::Unavailable, unavailable, condemners),
	];
	// Each takes more than half, so at most one is reached.
	if let Some((verdict, winners, _)) = found
		.into_iter()
		.find(|(_, seats, needed)| seats.len() >= *needed)
	{
		tally.verdict = Some(verdict);
		tally.winners = winners;
	}
	tally
}

/// The largest group of seats with a fingerprint near that of one of them, the first of equals.
fn agreeing(votes: &[Option<Vote>], max_distance: u64) -> Option<Vec<usize>> {
	let prints: Vec<(usize, &Fingerprint)> = votes
		.iter()
		.enumerate()
		.filter_map(|(seat, vote)| {
			let vote = vote.as_ref().filter(|vote| ran(vote))?;
			matches!(vote.verdict, Verdict::Valid | Verdict::Invalid)
				.then_some((seat, &vote.fingerprint))
		})
		.collect();
	let mut largest: Option<Vec<usize>> = None;
	for (_, centre) in &prints {
		let near: Vec<usize> = prints
			.iter()
			.filter(|(_, print)| fingerprint_distance(centre, print) <= max_distance)
			.map(|(seat, _)| *seat)
			.collect();
		if largest
			.as_ref()
			.is_none_or(|group| near.len() > group.len())
		{
			largest = Some(near);
		}
	}
	largest
}

fn ran(vote: &Vote) -> bool {
	vote.fingerprint != [0; FINGERPRINT_LEN]
}
