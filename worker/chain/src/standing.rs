//! Whether the chain lets an operator work, and what to do where it does not.

use crate::{
	ReadError, View,
	alarm::{Alarm, Notice},
	amount::ait,
};
use infergrid_primitives::{AccountBytes, Balance, Hash, WorkerKey, market::Role};
use std::{fmt, time::Duration};

/// How an operator stands in one role for one profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
	/// The chain can give it work.
	Good,
	/// The worker key acts for somebody else, or for nobody.
	Unpaired,
	/// There is no bond for the role.
	NotBonded,
	/// The bond is below the least that works.
	BelowMinimum {
		/// What is bonded, in plancks.
		bonded: Balance,
		/// What is needed, in plancks.
		minimum: Balance,
	},
	/// The bond does not count yet.
	Waiting {
		/// The session from which it does.
		session: u32,
	},
	/// Not in the profile's list, which has a place: not asked for yet, or withdrawn.
	NotListed,
	/// Not in the profile's list, whose places all have larger bonds.
	ListFull {
		/// How many places there are.
		places: u32,
	},
}

impl Standing {
	/// Whether the chain can give work.
	pub fn is_good(&self) -> bool {
		*self == Self::Good
	}

	/// Whether the worker can mend it by itself, by asking for its place in the list again.
	pub fn is_mended_by_listing(&self) -> bool {
		// A bond that has grown may take the place of a smaller one.
		matches!(self, Self::NotListed | Self::ListFull { .. })
	}
}

impl fmt::Display for Standing {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Good => f.write_str("in good standing"),
			Self::Unpaired => f.write_str(
				"the worker key acts for the operator no more: pair it again with --operator-key-file",
			),
			Self::NotBonded => {
				f.write_str("the operator has no bond for this role: bond at least the minimum")
			}
			Self::BelowMinimum { bonded, minimum } => write!(
				f,
				"the bond of {} AIT is below the minimum of {} AIT: bond at least {} AIT more",
				ait(*bonded),
				ait(*minimum),
				ait(minimum.saturating_sub(*bonded))
			),
			Self::Waiting { session } => {
				write!(
					f,
					"the bond counts from session {session} on: wait until then"
				)
			}
			Self::NotListed => f.write_str(
				"not in the profile's list yet, which has a place: the worker asks for it now",
			),
			Self::ListFull { places } => write!(
				f,
				"all {places} places in the profile's list are taken: bond more than the smallest bond there"
			),
		}
	}
}

impl View {
	/// How `operator` stands in `role` for `profile`, with `worker` acting for it.
	pub async fn standing(
		&self,
		role: Role,
		operator: &AccountBytes,
		worker: &WorkerKey,
		profile: &Hash,
	) -> Result<Standing, ReadError> {
		if self.operator_of(worker).await?.as_ref() != Some(operator) {
			return Ok(Standing::Unpaired);
		}
		let Some(bond) = self.bond(role, operator).await? else {
			return Ok(Standing::NotBonded);
		};
		let minimum = self.minimum_bond(role)?;
		if bond.active < minimum {
			return Ok(Standing::BelowMinimum {
				bonded: bond.active,
				minimum,
			});
		}
		if bond.active.saturating_sub(bond.pending) < minimum
			&& self.session().await? < bond.activates_at
		{
			return Ok(Standing::Waiting {
				session: bond.activates_at,
			});
		}
		let (listed, entries) = match role {
			Role::Miner => match self.offer(profile, operator).await? {
				Some(_) => return Ok(Standing::Good),
				None => (false, self.offers(profile).await?.len()),
			},
			Role::Verifier => {
				let verifiers = self.verifiers(profile).await?;
				(verifiers.contains(operator), verifiers.len())
			}
			Role::Validator => return Ok(Standing::Good),
		};
		if listed {
			return Ok(Standing::Good);
		}
		let places = self.candidates()?;
		Ok(match entries < places as usize {
			true => Standing::NotListed,
			false => Standing::ListFull { places },
		})
	}
}

/// Says in the log what is wrong when it begins, again and again while it lasts, and when it is over.
#[derive(Debug)]
pub struct Complaint {
	/// What follows from it.
	consequence: &'static str,
	alarm: Alarm<Standing>,
}

impl Complaint {
	const REPEAT_AFTER: Duration = Duration::from_secs(600);

	/// Nothing is wrong yet. Where something is, `consequence` follows.
	pub fn new(consequence: &'static str) -> Self {
		Self {
			consequence,
			alarm: Alarm::new(Self::REPEAT_AFTER),
		}
	}

	/// To be told again and again how the operator stands.
	pub fn tell(&mut self, standing: &Standing) {
		let consequence = self.consequence;
		let trouble = (!standing.is_good()).then(|| standing.clone());
		match self.alarm.update(trouble) {
			// So it begins, and the worker mends it by itself.
			Some(Notice::Begins) if *standing == Standing::NotListed => {
				tracing::info!(%standing, "idle until then: {consequence}");
			}
			Some(Notice::Begins) => tracing::error!(%standing, "idle: {consequence}"),
			Some(Notice::Lasts) => tracing::error!(%standing, "still idle: {consequence}"),
			Some(Notice::Over) => tracing::info!("in good standing again"),
			None => {}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn each_standing_but_the_good_one_names_a_remedy() {
		let minimum = 1_000_000_000_000;
		let below = Standing::BelowMinimum {
			bonded: minimum / 2,
			minimum,
		};
		assert_eq!(
			below.to_string(),
			"the bond of 0.5 AIT is below the minimum of 1 AIT: bond at least 0.5 AIT more"
		);
		for (standing, remedy) in [
			(Standing::Unpaired, "--operator-key-file"),
			(Standing::NotBonded, "bond at least"),
			(Standing::Waiting { session: 7 }, "session 7"),
			(Standing::NotListed, "asks for it now"),
			(Standing::ListFull { places: 64 }, "bond more"),
		] {
			assert!(!standing.is_good());
			assert!(standing.to_string().contains(remedy), "{standing}");
		}
	}
}
