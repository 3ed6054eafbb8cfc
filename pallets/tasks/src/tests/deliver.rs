use crate::{mock::*, pallet::*, types::*};
use infergrid_mock_market::{at_work, in_use};
use infergrid_primitives::request::Assurance;
use polkadot_sdk::frame_support::{assert_ok, dispatch::Pays};

#[test]
fn a_receipt_frees_the_surplus_and_the_miner_and_goes_to_audit() {
	run(1, || {
		let (task, miner) = assigned();
		events();
		let TaskStatus::Assigned { window, .. } = status(task) else {
			panic!("assigned")
		};
		let receipt = receipt(task, &miner, 30);
		let post = hand_in(task, &miner, receipt.clone()).expect("an honest receipt");
		assert_eq!(post.pays_fee, Pays::No);
		assert_eq!(held(&PAYER), receipt.fee);
		assert_eq!(Balances::free_balance(PAYER), FUNDS - receipt.fee);
		assert_eq!(in_use(profile_id(), &miner), 0);
		assert_eq!(at_work(&miner), receipt.fee);
		assert_eq!(Receipts::<Test>::get(task), Some(receipt.clone()));
		let fee = receipt.fee;
		let expected = TaskStatus::Delivered {
			miner: miner.clone(),
			fee,
			anchor: window.anchor,
			audit: 0,
		};
		assert_eq!(status(task), expected);
		assert_eq!(
			events(),
			vec![Event::ResultSubmitted {
				task,
				miner: miner.clone(),
				request_id: receipt.request_id,
				output_commit: receipt.output_commit,
				trace_root: receipt.trace_root,
				n_prompt: N_PROMPT,
				n_out: 30,
				fee,
				audit: 0,
			}]
		);
		let audit = pallet_audits::Audits::<Test>::get(0).expect("audit is scheduled");
		assert_eq!(audit.work.task, task);
		assert_eq!(audit.work.miner, miner);
		assert_eq!(audit.work.payer, PAYER);
		assert_eq!(audit.work.fee, fee);
		assert_eq!(audit.work.tokens, N_PROMPT + 30);
		assert!(!audit.work.always);
	});
}

#[test]
fn the_payers_wish_for_an_audit_is_handed_on() {
	run(1, || {
		let task = Order {
			assurance: Assurance::Always,
			..order()
		}
		.submit(&PAYER)
		.expect("taken");
		run_on(DRAW_DELAY);
		assert_ok!(hand_in(task, &MINERS[0], receipt(task, &MINERS[0], 1)));
		assert!(
			pallet_audits::Audits::<Test>::get(0)
				.expect("scheduled")
				.work
				.always
		);
	});
}

#[test]
fn a_result_counts_up_to_the_last_block_of_its_window() {
	run(1, || {
		let (task, miner) = assigned();
		run_on(WINDOW);
		assert_ok!(hand_in(task, &miner, receipt(task, &miner, MAX_TOKENS)));
		run_on(3);
		assert!(matches!(status(task), TaskStatus::Delivered { .. }));
	});
}

#[test]
fn a_second_miner_can_deliver_what_the_first_one_missed() {
	run(2, || {
		let (task, first) = assigned();
		run_on(WINDOW + 1 + DRAW_DELAY);
		let second = miner_of(task);
		assert_ne!(first, second);
		assert_ok!(hand_in(task, &second, receipt(task, &second, 5)));
		assert!(Missed::<Test>::iter().next().is_none());
	});
}

#[test]
fn any_worker_of_the_miner_may_deliver() {
	run(1, || {
		use polkadot_sdk::sp_core::{Pair, sr25519};
		let (task, miner) = assigned();
		let pair = sr25519::Pair::from_seed(&[77; 32]);
		let key = pair.public().0;
		infergrid_mock_market::pair(&miner, key);
		let mut receipt = receipt(task, &miner, 5);
		receipt.worker_key = key;
		let signature = pair.sign(&receipt.payload(&TasksPallet::genesis_hash())).0;
		let origin = RuntimeOrigin::signed(key.into());
		assert_ok!(TasksPallet::submit_result(origin, task, receipt, signature));
	});
}
