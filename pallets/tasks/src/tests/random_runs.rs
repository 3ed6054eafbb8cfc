//! Random histories through submission, draw, delivery, miss, audit and payment: every task ends
//! settled or refunded exactly once, and money adds up after each step.

use crate::{mock::*, pallet::*, types::*};
use infergrid_mock_market::{AtWork, SplitFails, TREASURY, bond_account};
use infergrid_primitives::{
	AIT, AuditId, Balance, TaskId,
	audit::{FINGERPRINT_LEN, Measures, Verdict, Vote},
	market::Role,
	request::Assurance,
};
use polkadot_sdk::frame_support::traits::fungible::Inspect;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Step {
	Submit {
		inline: bool,
		fee: u8,
		patience: u8,
		always: bool,
	},
	Cancel {
		task: u8,
	},
	Deliver {
		task: u8,
		n_out: u8,
	},
	/// A committee's members commit and reveal at once; none for one who stays silent.
	Vote {
		audit: u8,
		votes: [Option<(u8, i16)>; 3],
	},
	Wait {
		blocks: u8,
	},
	SplitFails {
		fails: bool,
	},
	Capacity {
		miner: u8,
		capacity: u8,
	},
}

fn step() -> impl Strategy<Value = Step> {
	let print = prop_oneof![6 => Just(100i16), 1 => Just(7_000), 1 => Just(0)];
	let verdict = prop_oneof![5 => Just(0u8), 3 => Just(1), 1 => Just(2), 1 => Just(3)];
	let ballot = prop::option::weighted(0.9, (verdict, print));
	prop_oneof![
		4 => (any::<bool>(), 0u8..20, 0u8..60, any::<bool>()).prop_map(
			|(inline, fee, patience, always)| Step::Submit { inline, fee, patience, always }
		),
		1 => any::<u8>().prop_map(|task| Step::Cancel { task }),
		6 => (any::<u8>(), 0u8..60).prop_map(|(task, n_out)| Step::Deliver { task, n_out }),
		6 => (any::<u8>(), prop::array::uniform3(ballot))
			.prop_map(|(audit, votes)| Step::Vote { audit, votes }),
		6 => (1u8..8).prop_map(|blocks| Step::Wait { blocks }),
		1 => any::<bool>().prop_map(|fails| Step::SplitFails { fails }),
		1 => (0u8..3, 1u8..4).prop_map(|(miner, capacity)| Step::Capacity { miner, capacity }),
	]
}

fn ballot(verdict: u8, print: i16) -> Vote {
	let verdicts = [
		Verdict::Valid,
		Verdict::Invalid,
		Verdict::Unproven,
		Verdict::Unavailable,
	];
	Vote {
		verdict: verdicts[usize::from(verdict)],
		measures: Measures::default(),
		fingerprint: [print; FINGERPRINT_LEN],
	}
}

/// The money of every account of these tests.
fn total() -> Balance {
	let people = [PAYER, CREATOR, TREASURY]
		.into_iter()
		.chain(MINERS)
		.chain(VERIFIERS);
	let bonds = MINERS
		.iter()
		.map(|who| bond_account(who, Role::Miner))
		.chain(
			VERIFIERS
				.iter()
				.map(|who| bond_account(who, Role::Verifier)),
		);
	people
		.chain(bonds)
		.map(|account| Balances::total_balance(&account))
		.sum()
}

/// How each task ended, from the events: none twice.
#[derive(Default)]
struct Endings(BTreeMap<TaskId, &'static str>);

impl Endings {
	fn collect(&mut self) {
		for event in events() {
			let (task, ending) = match event {
				Event::TaskSettled { task, .. } => (task, "settled"),
				Event::TaskRefunded { task, .. } => (task, "refunded"),
				_ => continue,
			};
			assert_eq!(self.0.insert(task, ending), None, "task {task} ended twice");
		}
	}
}

/// Every verifier tries; those without a seat are refused.
fn vote(audit: AuditId, votes: [Option<(u8, i16)>; 3]) {
	let genesis = TasksPallet::genesis_hash();
	let cast = || {
		VERIFIERS
			.iter()
			.zip(votes)
			.filter_map(|(who, vote)| vote.map(|(verdict, print)| (who, ballot(verdict, print))))
	};
	for (who, vote) in cast() {
		let hash = vote.commitment(&genesis, audit, who.as_ref(), &[1; 32]);
		let _ = AuditsPallet::commit_vote(by(who), audit, hash);
	}
	for (who, vote) in cast() {
		let _ = AuditsPallet::reveal_vote(by(who), audit, vote, [1; 32]);
	}
}

fn act(step: Step) {
	let tasks = NextTask::<Test>::get();
	let audits = pallet_audits::NextAudit::<Test>::get();
	let pick = |index: u8, of: u64| u64::from(index).checked_rem(of).unwrap_or(u64::MAX);
	match step {
		Step::Submit {
			inline: on_chain,
			fee,
			patience,
			always,
		} => {
			let mut order = order();
			if on_chain {
				order.input = inline(b"hello there");
			}
			order.max_fee = Balance::from(fee) * AIT / 10;
			order.patience = patience.into();
			order.assurance = if always {
				Assurance::Always
			} else {
				Assurance::Sampled
			};
			let _ = order.submit(&PAYER);
		}
		Step::Cancel { task } => {
			let origin = RuntimeOrigin::signed(PAYER);
			let _ = TasksPallet::cancel(origin, pick(task, tasks));
		}
		Step::Deliver { task, n_out } => {
			let id = pick(task, tasks);
			if let Some(TaskStatus::Assigned { miner, .. }) =
				Tasks::<Test>::get(id).map(|task| task.status)
			{
				let _ = hand_in(id, &miner, receipt(id, &miner, n_out.into()));
			}
		}
		Step::Vote { audit, votes } => vote(pick(audit, audits), votes),
		Step::Wait { blocks } => run_on(blocks.into()),
		Step::SplitFails { fails } => SplitFails::put(fails),
		Step::Capacity { miner, capacity } => {
			let miner = &MINERS[usize::from(miner)];
			infergrid_mock_market::Offers::mutate(profile_id(), miner, |offer| {
				if let Some(offer) = offer {
					offer.capacity = capacity.into();
				}
			});
		}
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(32))]

	#[test]
	fn every_task_ends_once_and_money_adds_up(
		steps in prop::collection::vec(step(), 1..120),
	) {
		chain(3).execute_with(|| {
			let mut endings = Endings::default();
			let start = Balances::total_issuance();
			assert_eq!(total(), start);
			for step in steps {
				act(step);
				check();
				endings.collect();
				assert_eq!(total(), Balances::total_issuance(), "no money without an owner");
				assert!(Balances::total_issuance() <= start, "slashes burn, nothing mints");
			}
			// Payments work again, and every window passes.
			SplitFails::put(false);
			for _ in 0..20 {
				run_on(10);
				endings.collect();
			}
			let tasks = NextTask::<Test>::get();
			assert_eq!(endings.0.len() as u64, tasks, "every task ends");
			assert_eq!(held(&PAYER), 0);
			assert_eq!(AtWork::iter().count(), 0);
			for (_, offer) in infergrid_mock_market::Offers::iter_prefix(profile_id()) {
				assert_eq!(offer.in_use, 0, "capacity comes back");
			}
			System::run_to_block::<AllPalletsWithSystem>(System::block_number() + HISTORY);
			assert_eq!(Tasks::<Test>::iter().count(), 0);
			assert_eq!(Agenda::<Test>::iter().count(), 0);
		});
	}
}
