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
	/// The bond is below the least that stays at work.
	BelowMinimum {
		/// What is bonded, in plancks.
		bonded: Balance,
		/// What would have been enough to stay, in plancks.
		working: Balance,
		/// What is needed to come in again, in plancks.
		minimum: Balance,
	},
	/// The bond does not count yet.
	Waiting {
		/// The session from which it does.
		session: u32,
	},
	/// Not in the profile's list, which has a place for it.
	NotListed,
	/// Not in the profile's list, which is full of larger bonds.
	Outbid {
		/// What counts of the bond, in plancks.
		bonded: Balance,
		/// The smallest bond in the list, in plancks: what the operator must exceed.
		smallest: Balance,
	},
}

impl Standing {
	/// Whether the chain can give work.
	pub fn is_good(&self) -> bool {
		*self == Self::Good
	}

	/// Whether the worker can mend it by itself, by asking for its place in the list again.
	pub fn is_mended_by_listing(&self) -> bool {
		*self == Self::NotListed
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
			Self::BelowMinimum {
				bonded,
				working,
				minimum,
			} => write!(
				f,
				"the bond of {} AIT is below the working minimum of {} AIT: bond at least {} AIT more, with \
				 which it has {} AIT and comes in again",
				ait(*bonded),
				ait(*working),
				ait(minimum.saturating_sub(*bonded)),
				ait(*minimum)
			),
			Self::Waiting { session } => {
				write!(
					f,
					"the bond counts from session {session} on: wait until then"
				)
			}
			Self::NotListed => f.write_str(
				"the operator is not in the profile's list: the worker asks for a place in it again",
			),
			Self::Outbid { bonded, smallest } => write!(
				f,
				"the profile's list is full, and the operator's bond of {} AIT does not exceed the smallest \
				 in it: have more than {} AIT bonded",
				ait(*bonded),
				ait(*smallest)
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
		let working = self.working_bond(role)?;
		if bond.active < working {
			return Ok(Standing::BelowMinimum {
				bonded: bond.active,
				working,
				minimum: self.minimum_bond(role)?,
			});
		}
		let session = self.session().await?;
		let bonded = bond.counted(session, working);
		if bonded < working {
			return Ok(Standing::Waiting {
				session: bond.activates_at,
			});
		}
		if role == Role::Validator || self.candidates(role, profile).await?.contains(operator) {
			return Ok(Standing::Good);
		}
		Ok(match self.bond_to_beat(role, profile).await? {
			Some(smallest) if bonded <= smallest => Standing::Outbid { bonded, smallest },
			_ => Standing::NotListed,
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
			bonded: minimum / 4,
			working: minimum / 2,
			minimum,
		};
		assert_eq!(
			below.to_string(),
			"the bond of 0.25 AIT is below the working minimum of 0.5 AIT: bond at least 0.75 AIT more, with \
			 which it has 1 AIT and comes in again"
		);
		for (standing, remedy) in [
			(Standing::Unpaired, "--operator-key-file"),
			(Standing::NotBonded, "bond at least"),
			(Standing::Waiting { session: 7 }, "session 7"),
			(Standing::NotListed, "asks for a place"),
			(
				Standing::Outbid {
					bonded: minimum,
					smallest: 2 * minimum,
				},
				"more than 2 AIT",
			),
		] {
			assert!(!standing.is_good());
			assert!(standing.to_string().contains(remedy), "{standing}");
		}
	}
}
