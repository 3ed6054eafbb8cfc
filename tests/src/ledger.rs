//! Who paid what, by the events of a whole chain, and whether the chain's state says the same.

use anyhow::{Context, Result, ensure};
use infergrid_chain::{Event, View};
use infergrid_devnet::Plan;
use infergrid_primitives::{AIT, AccountBytes, Balance, TaskId, market::Role};
use std::collections::{BTreeMap, HashMap};

use crate::keys::{ENDOWMENT, account};

/// What an account gained and lost by the market, in plancks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
	/// Fees of its tasks.
	pub spent: Balance,
	/// Shares of fees for mining.
	pub mined: Balance,
	/// Shares of fees for models.
	pub royalties: Balance,
	/// Fees of its extrinsics.
	pub extrinsics: Balance,
	/// Taken from its bonds.
	pub slashed: Balance,
}

/// What everybody gained and lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
	/// By account.
	pub accounts: BTreeMap<AccountBytes, Flow>,
	/// The treasury's shares of fees.
	pub treasury: Balance,
}

/// Sums `events`, which must be those of a whole chain. Every fee must have been shared out to the
/// planck.
pub fn who_paid_what(events: &[Event]) -> Result<Ledger> {
	let mut ledger = Ledger::default();
	let mut payers: HashMap<TaskId, AccountBytes> = HashMap::new();
	for event in events {
		match event {
			Event::TaskSubmitted(event) => {
				payers.insert(event.task, event.payer);
			}
			Event::TaskSettled(event) => {
				let payer = payers.get(&event.task).context("a task from nowhere")?;
				ledger.of(*payer).spent += event.fee;
				ledger.of(event.miner).mined += event.shares.miner;
				ledger.of(event.creator).royalties += event.shares.creator;
				ledger.treasury += event.shares.treasury;
			}
			Event::Slashed(event) => ledger.of(event.operator).slashed += event.amount,
			Event::TransactionFeePaid(event) => ledger.of(event.who).extrinsics += event.actual_fee,
			_ => {}
		}
	}
	let flows = ledger.accounts.values();
	let spent: Balance = flows.clone().map(|flow| flow.spent).sum();
	let shared: Balance = flows.map(|flow| flow.mined + flow.royalties).sum();
	ensure!(
		spent == shared + ledger.treasury,
		"{spent} plancks were paid, {shared} and {} for the treasury arrived",
		ledger.treasury
	);
	Ok(ledger)
}

impl Ledger {
	fn of(&mut self, account: AccountBytes) -> &mut Flow {
		self.accounts.entry(account).or_default()
	}

	/// What `account` gained and lost.
	pub fn flow(&self, account: &AccountBytes) -> Flow {
		self.accounts.get(account).copied().unwrap_or_default()
	}

	/// Fails unless what each of `payers` owns, what everybody has earned and what the planned
	/// operators have bonded is in the state exactly what the events say. `payers` own
	/// [`ENDOWMENT`] at genesis and do nothing but pay for tasks, which are all over.
	pub async fn check(&self, view: &View, plan: &Plan, payers: &[&str]) -> Result<()> {
		for uri in payers {
			let payer = account(uri)?;
			let (flow, funds) = (self.flow(&payer), view.funds(&payer).await?);
			ensure!(
				funds.reserved == 0,
				"{} plancks of {uri} are stuck",
				funds.reserved
			);
			let left = ENDOWMENT - flow.spent - flow.extrinsics;
			ensure!(
				funds.free == left,
				"{uri} has {} plancks, should have {left}: {flow:?}",
				funds.free
			);
		}
		for (who, flow) in &self.accounts {
			let earned = view.earnings(who).await?;
			let earned = earned.map_or((0, 0), |earned| (earned.mined, earned.royalties));
			ensure!(
				earned == (flow.mined, flow.royalties),
				"the state says {earned:?}, the events {flow:?}"
			);
		}
		for (who, role, bond) in bonds(plan) {
			let operator = account(who)?;
			let active = view.bond(role, &operator).await?.map(|bond| bond.active);
			let left = bond - self.flow(&operator).slashed;
			ensure!(
				active == Some(left),
				"{who} has bonded {active:?} as {role:?}, should have {left}"
			);
		}
		Ok(())
	}
}

/// What the workers of a usual grid have bonded at genesis.
fn bonds(plan: &Plan) -> Vec<(&str, Role, Balance)> {
	let miners = plan.miners.iter().map(|part| part.who.operator.as_str());
	let miners = miners.map(|who| (who, Role::Miner, 10_000 * AIT));
	let verifiers = plan.verifiers.iter().map(|part| part.who.operator.as_str());
	miners
		.chain(verifiers.map(|who| (who, Role::Verifier, 5_000 * AIT)))
		.collect()
}

#[cfg(test)]
mod tests {
	use super::*;
	use infergrid_chain::event::{TaskSettled, TaskSubmitted};
	use infergrid_primitives::market::Shares;

	fn settled(fee: Balance) -> [Event; 2] {
		let submitted = TaskSubmitted {
			task: 7,
			payer: [1; 32],
			profile: [0; 32],
			request_id: [0; 32],
			max_fee: 100,
		};
		let settled = TaskSettled {
			task: 7,
			miner: [2; 32],
			creator: [3; 32],
			fee,
			shares: Shares {
				miner: 7,
				creator: 2,
				treasury: 1,
			},
		};
		[Event::TaskSubmitted(submitted), Event::TaskSettled(settled)]
	}

	#[test]
	fn a_fee_goes_to_three() {
		let ledger = who_paid_what(&settled(10)).unwrap();
		assert_eq!(ledger.flow(&[1; 32]).spent, 10);
		assert_eq!(ledger.flow(&[2; 32]).mined, 7);
		assert_eq!(ledger.flow(&[3; 32]).royalties, 2);
		assert_eq!(ledger.treasury, 1);
	}

	#[test]
	fn a_planck_that_is_lost_is_found_out() {
		assert!(who_paid_what(&settled(11)).is_err());
	}
}
