//! What an account has.

use crate::{OperatorError, bonds::name_of};
use infergrid_chain::{Bond, Earnings, Funds, View, address, ait};
use infergrid_primitives::{AccountBytes, Balance, WorkerKey, market::Role};
use serde_json::{Map, Value, json};

const ROLES: [Role; 3] = [Role::Validator, Role::Miner, Role::Verifier];

/// Bonds, money and worker keys of an account after a block.
#[derive(Clone, Debug)]
pub struct Statement {
	account: AccountBytes,
	session: u32,
	funds: Funds,
	earned: Option<Earnings>,
	bonds: Vec<Position>,
	/// The keys that act for it.
	workers: Vec<WorkerKey>,
}

#[derive(Clone, Debug)]
struct Position {
	role: Role,
	/// What the chain asks of those who come in.
	minimum: Balance,
	/// What it asks of those who are in.
	working: Balance,
	bond: Option<Bond>,
}

impl Statement {
	/// That of `account` in `view`.
	pub async fn read(view: &View, account: &AccountBytes) -> Result<Self, OperatorError> {
		let mut bonds = Vec::new();
		for role in ROLES {
			bonds.push(Position {
				role,
				minimum: view.minimum_bond(role)?,
				working: view.working_bond(role)?,
				bond: view.bond(role, account).await?,
			});
		}
		Ok(Self {
			account: *account,
			session: view.session().await?,
			funds: view.funds(account).await?,
			earned: view.earnings(account).await?,
			bonds,
			workers: view.workers_of(account).await?,
		})
	}

	/// For programs; amounts in plancks, as text.
	pub fn json(&self) -> Value {
		let bonds = self.bonds.iter().map(|position| {
			let bond = position.bond.as_ref().map(bond_json);
			let minimum = position.minimum.to_string();
			let working = position.working.to_string();
			let value = json!({"minimum": minimum, "working_minimum": working, "bond": bond});
			(name_of(position.role).to_owned(), value)
		});
		let earned = self.earned.as_ref();
		json!({
			"account": address(&self.account),
			"session": self.session,
			"free": self.funds.free.to_string(),
			"on_hold": self.funds.reserved.to_string(),
			"earned_mining": earned.map_or_else(|| "0".into(), |e| e.mined.to_string()),
			"earned_royalties": earned.map_or_else(|| "0".into(), |e| e.royalties.to_string()),
			"roles": bonds.collect::<Map<_, _>>(),
			"workers": self.workers.iter().map(address).collect::<Vec<_>>(),
		})
	}

	/// For people.
	pub fn render(&self) -> String {
		let mut lines = vec![
			format!("account    {}", address(&self.account)),
			format!("free       {} AIT", ait(self.funds.free)),
			format!("on hold    {} AIT", ait(self.funds.reserved)),
		];
		if let Some(earned) = &self.earned {
			lines.push(format!(
				"earned     {} AIT mining, {} AIT royalties",
				ait(earned.mined),
				ait(earned.royalties)
			));
		}
		let bonds = self.bonds.iter();
		lines.extend(bonds.map(|position| {
			let told = position.tell(self.session);
			format!("{:<10} {told}", name_of(position.role))
		}));
		let workers = self.workers.iter();
		lines.extend(workers.map(|worker| format!("worker     {}", address(worker))));
		lines.join("\n")
	}
}

impl Position {
	fn tell(&self, session: u32) -> String {
		let minimum = ait(self.minimum);
		let Some(bond) = &self.bond else {
			return format!("no bond, the minimum is {minimum} AIT");
		};
		let mut told = format!("{} AIT, the minimum is {minimum} AIT", ait(bond.active));
		if bond.active >= self.working {
			told += &format!(", {} AIT to stay at work", ait(self.working));
		} else if bond.active > 0 {
			told += " to come in again";
		}
		if bond.pending > 0 && session < bond.activates_at {
			told += &format!(
				"; {} AIT count from session {} on, now is {session}",
				ait(bond.pending),
				bond.activates_at
			);
		}
		if bond.at_work > 0 {
			told += &format!("; {} AIT of fees are at work on it", ait(bond.at_work));
		}
		if bond.locked > 0 {
			told += &format!(
				"; {} AIT are locked for a slash that is ordered",
				ait(bond.locked)
			);
		}
		for unlock in &bond.unlocking {
			told += &format!(
				"; {} AIT can be withdrawn from session {} on, now is {session}",
				ait(unlock.amount),
				unlock.at
			);
		}
		told
	}
}

fn bond_json(bond: &Bond) -> Value {
	let unbonding = bond.unlocking.iter();
	let unbonding: Vec<_> = unbonding
		.map(|unlock| json!({"amount": unlock.amount.to_string(), "session": unlock.at}))
		.collect();
	json!({
		"active": bond.active.to_string(),
		"pending": bond.pending.to_string(),
		"counts_from_session": bond.activates_at,
		"at_work": bond.at_work.to_string(),
		"locked": bond.locked.to_string(),
		"unbonding": unbonding,
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use infergrid_chain::Unlock;
	use infergrid_primitives::AIT;

	fn statement() -> Statement {
		let bond = Bond {
			active: 100 * AIT,
			pending: 20 * AIT,
			activates_at: 7,
			unlocking: vec![Unlock {
				amount: AIT / 2,
				at: 9,
			}],
			at_work: 2 * AIT,
			locked: 3 * AIT,
		};
		let position = |role, bond| Position {
			role,
			minimum: 100 * AIT,
			working: 50 * AIT,
			bond,
		};
		Statement {
			account: [1; 32],
			session: 6,
			funds: Funds {
				free: 3 * AIT,
				reserved: 0,
			},
			earned: None,
			bonds: vec![
				position(Role::Miner, Some(bond)),
				position(Role::Verifier, None),
			],
			workers: vec![[2; 32]],
		}
	}

	#[test]
	fn people_read_when_a_bond_counts_and_when_it_can_be_had_back() {
		let shown = statement().render();
		for part in [
			"free       3 AIT",
			"miner      100 AIT, the minimum is 100 AIT, 50 AIT to stay at work; 20 AIT count from session 7 on, now is 6; \
			 2 AIT of fees are at work on it; 3 AIT are locked for a slash that is ordered; \
			 0.5 AIT can be withdrawn from session 9 on, now is 6",
			"verifier   no bond, the minimum is 100 AIT",
			&format!("worker     {}", address(&[2; 32])),
		] {
			assert!(shown.contains(part), "{shown}");
		}
	}

	#[test]
	fn programs_read_plancks_as_text() {
		let shown = statement().json();
		assert_eq!(shown["free"], "3000000000000");
		assert_eq!(shown["earned_mining"], "0");
		let miner = &shown["roles"]["miner"]["bond"];
		assert_eq!(miner["pending"], "20000000000000");
		assert_eq!(miner["at_work"], "2000000000000");
		assert_eq!(miner["locked"], "3000000000000");
		assert_eq!(miner["unbonding"][0]["session"], 9);
		assert!(shown["roles"]["verifier"]["bond"].is_null());
		assert_eq!(shown["workers"], json!([address(&[2; 32])]));
	}
}
