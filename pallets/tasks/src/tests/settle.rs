use crate::{mock::*, pallet::*, types::*};
use infergrid_mock_market::{AtWork, Ejected, SplitFails, TREASURY};
use infergrid_primitives::{
	AuditId, Balance, Hash,
	audit::{FINGERPRINT_LEN, Measures, Verdict, Vote},
	market::{Escrow, Role, Shares},
};
use pallet_audits::Phase;
use polkadot_sdk::frame_support::assert_ok;

const SALT: Hash = [6; 32];

/// The audit's whole committee votes `verdict`.
pub(crate) fn vote_all(audit: AuditId, verdict: Verdict) {
	let phase = pallet_audits::Audits::<Test>::get(audit)
		.expect("audit exists")
		.phase;
	let Phase::Committing { committee, .. } = phase else {
		panic!("drawn: {phase:?}")
	};
	let vote = Vote {
		verdict,
		measures: Measures::default(),
		fingerprint: [100; FINGERPRINT_LEN],
	};
	for member in &committee {
		let hash = vote.commitment(&TasksPallet::genesis_hash(), audit, member.as_ref(), &SALT);
		assert_ok!(AuditsPallet::commit_vote(by(member), audit, hash));
	}
	for member in &committee {
		assert_ok!(AuditsPallet::reveal_vote(
			by(member),
			audit,
			vote.clone(),
			SALT
		));
	}
	run_on(1);
}

fn free(account: &AccountId) -> Balance {
	Balances::free_balance(account)
}

#[test]
fn a_passed_audit_pays_three_shares() {
	run(1, || {
		let (task, miner) = delivered();
		let fee = held(&PAYER);
		run_on(10);
		events();
		vote_all(0, Verdict::Valid);
		let shares = Shares {
			miner: fee * 7 / 10,
			creator: fee / 5,
			treasury: fee / 10,
		};
		assert_eq!(shares.miner + shares.creator + shares.treasury, fee);
		assert_eq!(free(&miner), FUNDS + shares.miner);
		assert_eq!(free(&CREATOR), FUNDS + shares.creator);
		assert_eq!(free(&TREASURY), FUNDS + shares.treasury);
		assert_eq!(free(&PAYER), FUNDS - fee);
		assert_eq!(held(&PAYER), 0);
		assert_eq!(
			status(task),
			TaskStatus::Settled {
				miner: miner.clone(),
				shares
			}
		);
		assert_eq!(AtWork::iter().count(), 0);
		assert_eq!(
			events(),
			vec![Event::TaskSettled {
				task,
				miner,
				creator: CREATOR,
				fee,
				shares
			}]
		);
	});
}

#[test]
fn a_condemned_result_is_refunded_in_full() {
	run(1, || {
		let (task, miner) = delivered();
		let fee = held(&PAYER);
		run_on(10);
		events();
		vote_all(0, Verdict::Invalid);
		assert_eq!(status(task), TaskStatus::Refunded(RefundReason::Condemned));
		// The payer also has its tenth of the slash.
		assert_eq!(free(&PAYER), FUNDS + BOND / 20);
		assert_eq!(free(&miner), FUNDS);
		assert_eq!(bond(&miner, Role::Miner), BOND / 2);
		assert!(Ejected::contains_key((miner, Role::Miner)));
		assert_eq!(
			events(),
			vec![Event::TaskRefunded {
				task,
				payer: PAYER,
				amount: fee,
				reason: RefundReason::Condemned
			}]
		);
		// Nobody is left to assign to.
		let next = submitted();
		run_on(DRAW_DELAY);
		assert_eq!(status(next), TaskStatus::Queued);
	});
}

#[test]
fn money_moves_once_whatever_the_audit_says_again() {
	run(1, || {
		let (task, _) = delivered();
		run_on(10);
		vote_all(0, Verdict::Valid);
		let before = (free(&PAYER), free(&MINERS[0]), Balances::total_issuance());
		<TasksPallet as Escrow<AccountId>>::settle(task);
		<TasksPallet as Escrow<AccountId>>::refund(task);
		<TasksPallet as Escrow<AccountId>>::settle(99);
		<TasksPallet as Escrow<AccountId>>::refund(99);
		assert_eq!(
			(free(&PAYER), free(&MINERS[0]), Balances::total_issuance()),
			before
		);
		let open = submitted();
		<TasksPallet as Escrow<AccountId>>::settle(open);
		<TasksPallet as Escrow<AccountId>>::refund(open);
		assert_eq!(status(open), TaskStatus::Queued);
	});
}

#[test]
fn a_payment_that_fails_is_tried_again_and_moves_nothing_meanwhile() {
	run(1, || {
		let (task, miner) = delivered();
		let fee = held(&PAYER);
		run_on(10);
		SplitFails::put(true);
		vote_all(0, Verdict::Valid);
		assert_eq!(held(&PAYER), fee);
		assert_eq!(free(&miner), FUNDS, "half a split is rolled back");
		assert!(Unpaid::<Test>::contains_key(task));
		<TasksPallet as Escrow<AccountId>>::refund(task);
		assert_eq!(held(&PAYER), fee, "what was earned is not refunded");
		run_on(3 * MAX_RETRY);
		assert!(matches!(status(task), TaskStatus::Delivered { .. }));
		SplitFails::put(false);
		run_on(MAX_RETRY);
		assert!(matches!(status(task), TaskStatus::Settled { .. }));
		assert_eq!(held(&PAYER), 0);
		assert_eq!(free(&miner), FUNDS + fee * 7 / 10);
		assert_eq!(Unpaid::<Test>::iter().count(), 0);
	});
}

#[test]
fn finished_tasks_are_forgotten_after_a_while() {
	run(1, || {
		let (task, _) = delivered();
		run_on(10);
		vote_all(0, Verdict::Valid);
		let cancelled = Order {
			input: inline(b"hello"),
			max_fee: MIN_FEE,
			..order()
		}
		.submit(&PAYER)
		.expect("taken");
		assert_ok!(TasksPallet::cancel(RuntimeOrigin::signed(PAYER), cancelled));
		run_on(HISTORY - 1);
		assert!(Tasks::<Test>::contains_key(task));
		run_on(1);
		assert_eq!(Tasks::<Test>::iter().count(), 0);
		assert_eq!(Prompts::<Test>::iter().count(), 0);
		assert_eq!(Receipts::<Test>::iter().count(), 0);
		run_on(5);
		assert_eq!(Agenda::<Test>::iter().count(), 0);
		assert_eq!(AgendaPages::<Test>::iter().count(), 0);
	});
}
