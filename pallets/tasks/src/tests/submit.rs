use crate::{mock::*, pallet::*, types::*};
use infergrid_primitives::{
	market::Price,
	request::{Assurance, Payment, PromptCommitment, commit_inline},
};
use polkadot_sdk::{frame_support::assert_ok, sp_runtime::Perbill};

#[test]
fn a_task_waits_with_its_money_on_hold() {
	run(1, || {
		let task = submitted();
		assert_eq!(held(&PAYER), MAX_FEE);
		let stored = Tasks::<Test>::get(task).expect("stored");
		assert_eq!(stored.status, TaskStatus::Queued);
		assert_eq!((stored.submitted_at, stored.expires_at), (1, 1 + PATIENCE));
		assert_eq!(stored.request.payment, Payment::Task(task));
		let prompt = PromptCommitment::Salted {
			commitment: [4; 32],
			n_prompt: N_PROMPT,
		};
		assert_eq!(stored.request.prompt, prompt);
		assert_eq!(
			events(),
			vec![Event::TaskSubmitted {
				task,
				payer: PAYER,
				profile: profile_id(),
				request_id: stored.request.id(&TasksPallet::genesis_hash()),
				max_fee: MAX_FEE,
			}]
		);
		assert!(!Prompts::<Test>::contains_key(task));
	});
}

#[test]
fn an_inline_prompt_lies_on_chain() {
	run(1, || {
		let text = "Was ist ein Füllhorn?".as_bytes();
		let task = Order {
			input: inline(text),
			..order()
		}
		.submit(&PAYER)
		.expect("taken");
		let stored = Tasks::<Test>::get(task).expect("stored");
		assert_eq!(stored.request.prompt, commit_inline(text));
		assert_eq!(
			Prompts::<Test>::get(task).expect("stored").into_inner(),
			text
		);
	});
}

#[test]
fn equal_orders_are_two_requests() {
	run(1, || {
		let ids = [submitted(), submitted()]
			.map(|task| Tasks::<Test>::get(task).map(|task| task.request.id(&[0; 32])));
		assert_ne!(ids[0], ids[1]);
		assert_eq!(held(&PAYER), 2 * MAX_FEE);
	});
}

#[test]
fn an_order_that_is_submitted_twice_is_taken_once() {
	run(0, || {
		let order = || Order {
			user_nonce: Some(77),
			..order()
		};
		let task = order().submit(&PAYER).expect("taken");
		assert_eq!(Ordered::<Test>::get(PAYER, 77), Some(task));
		assert_eq!(
			order().submit(&PAYER),
			Err(Error::<Test>::NonceInUse.into())
		);
		assert_eq!(held(&PAYER), MAX_FEE);
		// Somebody else's nonces are others.
		assert_ok!(order().submit(&CREATOR));

		assert_ok!(TasksPallet::cancel(RuntimeOrigin::signed(PAYER), task));
		assert_eq!(
			order().submit(&PAYER),
			Err(Error::<Test>::NonceInUse.into())
		);
		run_on(HISTORY);
		assert_eq!(Ordered::<Test>::get(PAYER, 77), None);
		assert_ok!(order().submit(&PAYER));
	});
}

#[test]
fn an_audit_that_no_committee_can_make_is_not_sold() {
	run(1, || {
		let always = || Order {
			assurance: Assurance::Always,
			..order()
		};
		assert_ok!(always().submit(&PAYER));
		infergrid_mock_market::Verifiers::mutate(profile_id(), |standing| {
			standing.retain(|verifier| *verifier != VERIFIERS[0]);
		});
		let refused = Error::<Test>::TooFewVerifiers.into();
		assert_eq!(always().submit(&PAYER), Err(refused));
		assert_ok!(order().submit(&PAYER));
	});
}

#[test]
fn nothing_is_taken_while_the_service_is_behind() {
	for of_audits in [false, true] {
		let set = |share: Perbill| match of_audits {
			true => AuditsShare::set(&share),
			false => ServiceShare::set(&share),
		};
		run(1, || {
			set(Perbill::zero());
			run_on(MAX_LAG);
			let task = order()
				.submit(&PAYER)
				.expect("the service is hardly behind");
			run_on(1);
			assert_eq!(
				order().submit(&PAYER),
				Err(Error::<Test>::Overloaded.into())
			);
			assert_ok!(TasksPallet::cancel(RuntimeOrigin::signed(PAYER), task));
			set(Perbill::from_percent(25));
			run_on(1);
			assert_ok!(order().submit(&PAYER));
		});
	}
}

#[test]
fn the_payer_can_call_a_waiting_task_off() {
	run(0, || {
		let task = submitted();
		run_on(3);
		assert_ok!(TasksPallet::cancel(RuntimeOrigin::signed(PAYER), task));
		assert_eq!(held(&PAYER), 0);
		assert_eq!(Balances::free_balance(PAYER), FUNDS);
		assert_eq!(status(task), TaskStatus::Refunded(RefundReason::Cancelled));
		// What is left on the agenda finds nothing to do.
		run_on(PATIENCE);
		assert_eq!(status(task), TaskStatus::Refunded(RefundReason::Cancelled));
	});
}

#[test]
fn a_price_above_the_limit_finds_no_miner() {
	run(1, || {
		let least = PRICE.fee(N_PROMPT, MAX_TOKENS);
		let short = Order {
			max_fee: least - 1,
			..order()
		}
		.submit(&PAYER)
		.expect("taken");
		let enough = Order {
			max_fee: least,
			..order()
		}
		.submit(&PAYER)
		.expect("taken");
		run_on(DRAW_DELAY);
		assert_eq!(status(short), TaskStatus::Queued);
		assert!(matches!(status(enough), TaskStatus::Assigned { price, .. } if price == PRICE));
		infergrid_mock_market::offer(profile_id(), &MINERS[0], Price::default(), 2);
	});
}
