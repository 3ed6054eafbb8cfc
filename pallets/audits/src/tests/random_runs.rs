//! Random histories: whatever verifiers do, every audit ends once, and money adds up.

use crate::{mock::*, pallet::*, types::*};
use infergrid_mock_market::bond_account;
use infergrid_primitives::{
	Balance,
	audit::{Verdict, Vote},
	market::Role,
};
use polkadot_sdk::frame_support::traits::fungible::Inspect;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
	Submit {
		always: bool,
	},
	Commit {
		audit: u8,
		verifier: u8,
	},
	Reveal {
		audit: u8,
		verifier: u8,
		as_committed: bool,
	},
	Wait {
		blocks: u32,
	},
	Rate {
		percent: u32,
	},
}

fn step() -> impl Strategy<Value = Step> {
	let seat = (any::<u8>(), 0u8..4);
	prop_oneof![
		2 => any::<bool>().prop_map(|always| Step::Submit { always }),
		8 => seat.clone().prop_map(|(audit, verifier)| Step::Commit { audit, verifier }),
		8 => (seat, prop::bool::weighted(0.9)).prop_map(|((audit, verifier), as_committed)| {
			Step::Reveal { audit, verifier, as_committed }
		}),
		4 => (1u32..6).prop_map(|blocks| Step::Wait { blocks }),
		1 => (0u32..=100).prop_map(|percent| Step::Rate { percent }),
	]
}

/// How a verifier votes on an audit: most agree, and what about changes from audit to audit.
fn opinion(audit: u64, verifier: u8) -> Vote {
	let verdicts = [
		Verdict::Valid,
		Verdict::Invalid,
		Verdict::Unavailable,
		Verdict::Unproven,
	];
	let common = verdicts[(audit % 3) as usize];
	match (audit + u64::from(verifier)) % 7 {
		0 => vote(verdicts[usize::from(verifier)], 100),
		1 => vote(common, 5_000),
		2 => vote(common, 0),
		_ => vote(common, 100),
	}
}

/// Every account that can hold money in these tests.
fn total() -> Balance {
	let people = [MINER, PAYER, CREATOR].into_iter().chain(VERIFIERS);
	let bonds = VERIFIERS
		.iter()
		.map(|who| bond_account(who, Role::Verifier));
	people
		.chain(bonds)
		.chain([bond_account(&MINER, Role::Miner)])
		.map(|account| Balances::total_balance(&account))
		.sum()
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(32))]

	#[test]
	fn every_audit_ends_once(steps in prop::collection::vec(step(), 1..100)) {
		chain(4).execute_with(|| {
			assert_eq!(total(), Balances::total_issuance());
			let mut audits = 0u64;
			for step in steps {
				match step {
					Step::Submit { always } => {
						let work = infergrid_primitives::market::Work { always, ..work(audits) };
						assert_eq!(submit(work), audits);
						audits += 1;
					},
					Step::Commit { audit, verifier } if audits > 0 => {
						let audit = u64::from(audit) % audits;
						let who = &VERIFIERS[usize::from(verifier)];
						let hash = commitment(audit, who, &opinion(audit, verifier));
						let _ = AuditsPallet::commit_vote(by(who), audit, hash);
					}
					Step::Reveal { audit, verifier, as_committed } if audits > 0 => {
						let audit = u64::from(audit) % audits;
						let who = &VERIFIERS[usize::from(verifier)];
						let vote = match as_committed {
							true => opinion(audit, verifier),
							false => vote(Verdict::Valid, 1),
						};
						let _ = AuditsPallet::reveal_vote(by(who), audit, vote, SALT);
					}
					Step::Wait { blocks } => run_on(blocks),
					Step::Rate { percent } => {
						AuditRate::<Test>::put(polkadot_sdk::sp_runtime::Perbill::from_percent(percent));
					},
					Step::Commit { .. } | Step::Reveal { .. } => {},
				}
				AuditsPallet::check_invariants().expect("invariants hold");
				assert_eq!(total(), Balances::total_issuance(), "no money without an owner");
			}
			// Every window of every round passes; then nothing is left open.
			run_on(4 * (DRAW_DELAY + COMMIT_BLOCKS + REVEAL_BLOCKS + 4) + ESCROW_BLOCKS);
			for audit in 0..audits {
				assert!(Outcomes::of(audit).is_some(), "audit {audit} ended");
				if let Some(stored) = Audits::<Test>::get(audit) {
					assert!(matches!(stored.phase, Phase::Concluded { .. }));
				}
			}
			assert_eq!(Commitments::<Test>::iter().count(), 0);
			System::run_to_block::<AllPalletsWithSystem>(System::block_number() + HISTORY + 20);
			assert_eq!(Audits::<Test>::iter().count(), 0);
			assert_eq!(Votes::<Test>::iter().count(), 0);
			assert_eq!(Agenda::<Test>::iter().count(), 0);
		});
	}
}
