use crate::{mock::*, pallet::*, types::*};
use infergrid_mock_market::{Ejected, Market};
use infergrid_primitives::{
	AIT, Balance,
	audit::Verdict,
	market::{Bonds as _, Role},
};

const VALID: Verdict = Verdict::Valid;
const INVALID: Verdict = Verdict::Invalid;

fn concluded(audit: u64) -> Option<Verdict> {
	match phase(audit) {
		Phase::Concluded { verdict, .. } => Some(verdict),
		_ => None,
	}
}

fn free(account: &AccountId) -> Balance {
	Balances::free_balance(account)
}

#[test]
fn a_forger_loses_half_its_bond_and_its_seat() {
	run(|| {
		let audit = drawn();
		let members = committee(audit);
		let issuance = Balances::total_issuance();
		round(audit, &vec![vote(INVALID, 100); 3]);

		let slash = MINER_BOND / 2;
		assert_eq!(concluded(audit), Some(INVALID));
		assert_eq!(Outcomes::of(7), Some(Outcome::Refunded));
		assert_eq!(bond(&MINER, Role::Miner), MINER_BOND - slash);
		assert!(Ejected::contains_key((MINER, Role::Miner)));
		assert_eq!(free(&PAYER), 100 * AIT + slash / 10);
		for member in &members {
			assert_eq!(free(member), 100 * AIT + slash / 30);
		}
		// What does not divide by three is burnt with the rest.
		assert_eq!(
			issuance - Balances::total_issuance(),
			slash - slash / 10 - slash / 30 * 3
		);
		let seen = events();
		assert!(seen.contains(&Event::MinerPunished {
			audit,
			miner: MINER,
			class: FaultClass::Forgery,
			amount: slash
		}));
		assert!(seen.contains(&Event::AuditConcluded {
			audit,
			task: 7,
			verdict: INVALID
		}));
	});
}

#[test]
fn two_of_three_condemn_and_the_third_is_not_punished_for_its_opinion() {
	run(|| {
		let audit = drawn();
		let members = committee(audit);
		round(
			audit,
			&[vote(INVALID, 100), vote(INVALID, 100), vote(VALID, 100)],
		);
		assert_eq!(concluded(audit), Some(INVALID));
		assert_eq!(bond(&members[2], Role::Verifier), VERIFIER_BOND);
		assert_eq!(
			free(&members[2]),
			100 * AIT,
			"no share without voting with the verdict"
		);
		assert_eq!(free(&members[0]), 100 * AIT + MINER_BOND / 2 / 20);
	});
}

#[test]
fn a_miner_that_does_not_open_loses_a_twentieth_and_stays() {
	run(|| {
		let audit = drawn();
		round(audit, &vec![vote(Verdict::Unavailable, 0); 3]);
		assert_eq!(concluded(audit), Some(Verdict::Unavailable));
		assert_eq!(Outcomes::of(7), Some(Outcome::Refunded));
		assert_eq!(bond(&MINER, Role::Miner), MINER_BOND - MINER_BOND / 20);
		assert!(!Ejected::contains_key((MINER, Role::Miner)));
	});
}

#[test]
fn a_verifier_with_another_fingerprint_is_lazy() {
	run(|| {
		let audit = drawn();
		let members = committee(audit);
		let issuance = Balances::total_issuance();
		round(
			audit,
			&[vote(VALID, 100), vote(VALID, 9_000), vote(VALID, 100)],
		);
		assert_eq!(concluded(audit), Some(VALID));
		let slash = VERIFIER_BOND / 100;
		assert_eq!(bond(&members[1], Role::Verifier), VERIFIER_BOND - slash);
		assert_eq!(free(&members[0]), 100 * AIT + slash / 20);
		assert_eq!(free(&members[2]), 100 * AIT + slash / 20);
		assert_eq!(free(&PAYER), 100 * AIT, "a payer gains nothing by it");
		assert_eq!(issuance - Balances::total_issuance(), slash * 9 / 10);
		assert!(events().contains(&Event::VerifierPunished {
			audit,
			verifier: members[1].clone(),
			class: FaultClass::Lazy,
			amount: slash
		}));
	});
}

#[test]
fn a_silent_verifier_loses_a_thousandth() {
	run(|| {
		let audit = drawn();
		let members = committee(audit);
		round(audit, &[vote(VALID, 100), vote(VALID, 100)]);
		assert_eq!(concluded(audit), Some(VALID));
		assert_eq!(
			bond(&members[2], Role::Verifier),
			VERIFIER_BOND - VERIFIER_BOND / 1_000
		);
	});
}

#[test]
fn without_a_verdict_the_committee_is_redrawn_three_times_and_the_work_paid() {
	run(|| {
		let audit = drawn();
		let mut randomness = Vec::new();
		for round_number in 0..=3u8 {
			let Phase::Committing {
				round: current,
				randomness: drawn,
				..
			} = phase(audit)
			else {
				panic!("round {round_number} runs");
			};
			assert_eq!(current, round_number);
			randomness.push(drawn);
			assert_eq!(Outcomes::of(7), None);
			round(audit, &vec![vote(Verdict::Unproven, 0); 3]);
			run_on(DRAW_DELAY);
		}
		assert_eq!(concluded(audit), Some(Verdict::Unproven));
		assert_eq!(Outcomes::of(7), Some(Outcome::Settled));
		assert_eq!(bond(&MINER, Role::Miner), MINER_BOND);
		for verifier in &VERIFIERS[..3] {
			assert_eq!(
				bond(verifier, Role::Verifier),
				VERIFIER_BOND,
				"Unproven never slashes"
			);
		}
		randomness.dedup();
		assert_eq!(randomness.len(), 4, "each round is drawn afresh");
		let redrawn = events()
			.into_iter()
			.filter(|event| matches!(event, Event::AuditRedrawn { .. }))
			.count();
		assert_eq!(redrawn, 3);
	});
}

#[test]
fn a_committee_that_never_votes_is_slashed_in_each_round() {
	run(|| {
		let audit = drawn();
		for _ in 0..4 {
			run_on(COMMIT_BLOCKS + 1 + DRAW_DELAY);
		}
		assert_eq!(concluded(audit), Some(Verdict::Unproven));
		assert_eq!(Outcomes::of(7), Some(Outcome::Settled));
		let mut expected = VERIFIER_BOND;
		for _ in 0..4 {
			expected -= expected / 1_000;
		}
		assert_eq!(bond(&VERIFIERS[0], Role::Verifier), expected);
	});
}

#[test]
fn a_split_of_fingerprints_convicts_nobody() {
	run(|| {
		let audit = drawn();
		round(
			audit,
			&[vote(VALID, 100), vote(VALID, 5_000), vote(VALID, -5_000)],
		);
		assert!(matches!(phase(audit), Phase::Scheduled { round: 1, .. }));
		for verifier in &VERIFIERS[..3] {
			assert_eq!(bond(verifier, Role::Verifier), VERIFIER_BOND);
		}
	});
}

#[test]
fn one_verifier_alone_condemns_nobody_and_may_pass() {
	chain(1).execute_with(|| {
		let audit = drawn();
		for _ in 0..4 {
			round(audit, &[vote(INVALID, 100)]);
			run_on(DRAW_DELAY);
		}
		assert_eq!(concluded(audit), Some(Verdict::Unproven));
		assert_eq!(bond(&MINER, Role::Miner), MINER_BOND);

		let audit = submit(work(8));
		run_on(DRAW_DELAY);
		round(audit, &[vote(VALID, 100)]);
		assert_eq!(concluded(audit), Some(VALID));
	});
}

#[test]
fn probation_counts_passes_in_a_row() {
	run(|| {
		let mut task = 100;
		let mut audited = |verdict| {
			task += 1;
			let audit = submit(work(task));
			run_on(DRAW_DELAY);
			if matches!(phase(audit), Phase::Escrowed { .. }) {
				return None;
			}
			round(audit, &vec![vote(verdict, 100); 3]);
			Some(Probation::<Test>::get(MINER))
		};
		AuditRate::<Test>::put(polkadot_sdk::sp_runtime::Perbill::zero());
		assert_eq!(audited(VALID), Some(1));
		assert_eq!(audited(Verdict::Unavailable), Some(0));
		assert_eq!(audited(VALID), Some(1));
		assert_eq!(audited(VALID), Some(2));
		assert_eq!(audited(VALID), None, "probation is over");
	});
}

#[test]
fn an_account_that_cannot_take_its_share_has_it_burnt() {
	run(|| {
		// Below the existential deposit a new account cannot be opened.
		let payer = AccountId::new([55; 32]);
		let audit = submit(infergrid_primitives::market::Work {
			payer: payer.clone(),
			..work(7)
		});
		run_on(DRAW_DELAY);
		let bond = 10 * EXISTENTIAL_DEPOSIT;
		let rest = MINER_BOND - bond;
		drop(Market::<Test, Balances>::slash(&MINER, Role::Miner, rest));
		let issuance = Balances::total_issuance();
		round(audit, &vec![vote(INVALID, 100); 3]);
		let slash = bond / 2;
		assert!(slash / 10 < EXISTENTIAL_DEPOSIT);
		assert_eq!(free(&payer), 0);
		let each = slash / 10 / 3;
		assert_eq!(issuance - Balances::total_issuance(), slash - 3 * each);
	});
}
