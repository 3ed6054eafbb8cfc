//! What each call answers to malformed, oversized, unauthorised and replayed input.

use crate::{mock::*, pallet::*, types::*};
use codec::{Compact, Decode, Encode};
use infergrid_primitives::{
	AIT,
	request::{MICROS, Receipt, SamplingParams},
};
use polkadot_sdk::{
	frame_support::{assert_noop, assert_ok, traits::ConstU32},
	sp_runtime::{BoundedVec, DispatchError},
};

#[test]
fn submit_refuses() {
	run(1, || {
		let committed = |n_prompt| TaskInput::Committed {
			commitment: [0; 32],
			n_prompt,
		};
		let greedy = SamplingParams::greedy;
		#[rustfmt::skip]
		let table = [
			(Order { profile: [0; 32], ..order() }, Error::<Test>::ProfileNotFound),
			(Order { params: greedy(0), ..order() }, Error::InvalidParams),
			(Order { params: SamplingParams { temperature_micros: 2 * MICROS + 1, ..greedy(9) }, ..order() }, Error::InvalidParams),
			(Order { params: SamplingParams { top_p_micros: 0, ..greedy(9) }, ..order() }, Error::InvalidParams),
			(Order { params: SamplingParams { presence_penalty_micros: i32::MIN, ..greedy(9) }, ..order() }, Error::InvalidParams),
			(Order { max_fee: MIN_FEE - 1, ..order() }, Error::MaxFeeTooLow),
			(Order { max_fee: 0, ..order() }, Error::MaxFeeTooLow),
			(Order { input: inline(b""), ..order() }, Error::InvalidPrompt),
			(Order { input: inline(&[b'a', 0xc3]), ..order() }, Error::InvalidPrompt),
			(Order { input: committed(0), ..order() }, Error::InvalidPrompt),
			(Order { input: committed(2_048 - MAX_TOKENS + 1), ..order() }, Error::ExceedsContext),
			(Order { input: committed(u32::MAX), ..order() }, Error::ExceedsContext),
			(Order { params: greedy(u32::MAX), ..order() }, Error::ExceedsContext),
			(Order { input: inline(&[b'a'; 2_000]), ..order() }, Error::ExceedsContext),
			(Order { patience: 4, ..order() }, Error::PatienceOutOfRange),
			(Order { patience: 1_001, ..order() }, Error::PatienceOutOfRange),
			(Order { patience: DRAW_DELAY + WINDOW - 1, ..order() }, Error::PatienceTooShort),
			(Order { max_fee: FUNDS, ..order() }, Error::InsufficientFunds),
			(Order { max_fee: u128::MAX, ..order() }, Error::InsufficientFunds),
		];
		for (order, error) in table {
			let shown = format!("{order:?}");
			let root = polkadot_sdk::sp_io::storage::root(Default::default());
			assert_eq!(order.submit(&PAYER), Err(error.into()), "{shown}");
			assert_eq!(
				root,
				polkadot_sdk::sp_io::storage::root(Default::default()),
				"{shown}"
			);
		}
		assert_eq!(
			order().submit(&[99; 32].into()),
			Err(Error::<Test>::InsufficientFunds.into())
		);
		let order = order();
		assert_noop!(
			TasksPallet::submit(
				RuntimeOrigin::none(),
				order.profile,
				order.input,
				order.params,
				order.max_fee,
				order.patience,
				0,
				order.assurance
			),
			DispatchError::BadOrigin
		);
	});
}

#[test]
fn submit_result_refuses() {
	run(2, || {
		let queued = Order {
			max_fee: MIN_FEE,
			..order()
		}
		.submit(&PAYER)
		.expect("taken");
		let (task, miner) = assigned();
		let other = MINERS
			.iter()
			.find(|other| **other != miner)
			.expect("three miners")
			.clone();
		let good = receipt(task, &miner, 10);

		#[rustfmt::skip]
		let table: Vec<(Receipt, Error<Test>)> = vec![
			(Receipt { request_id: [0; 32], ..good.clone() }, Error::WrongRequest),
			(Receipt { miner: other.clone().into(), ..good.clone() }, Error::WrongSigner),
			(Receipt { worker_key: worker_key(&other), ..good.clone() }, Error::WrongSigner),
			(Receipt { n_prompt: N_PROMPT - 1, ..good.clone() }, Error::WrongPromptLength),
			(Receipt { n_prompt: N_PROMPT + 1, ..good.clone() }, Error::WrongPromptLength),
			(Receipt { n_out: 0, ..good.clone() }, Error::WrongAnswerLength),
			(Receipt { n_out: MAX_TOKENS + 1, ..good.clone() }, Error::WrongAnswerLength),
			(Receipt { fee: good.fee + 1, ..good.clone() }, Error::WrongFee),
			(Receipt { fee: 0, ..good.clone() }, Error::WrongFee),
		];
		for (bad, error) in table {
			assert_noop!(hand_in(task, &miner, bad), error);
		}

		let signature = sign(&good, &miner);
		let submit = |origin, task, receipt: &Receipt, signature| {
			TasksPallet::submit_result(origin, task, receipt.clone(), signature)
		};
		assert_noop!(
			submit(RuntimeOrigin::none(), task, &good, signature),
			DispatchError::BadOrigin
		);
		// Neither somebody else's worker, nor the operator itself, nor a stranger.
		for origin in [
			by(&other),
			RuntimeOrigin::signed(miner.clone()),
			RuntimeOrigin::signed([99; 32].into()),
		] {
			assert_noop!(
				submit(origin, task, &good, signature),
				Error::<Test>::NotAssignedWorker
			);
		}
		assert_noop!(
			submit(by(&miner), 99, &good, signature),
			Error::<Test>::TaskNotFound
		);
		assert_noop!(
			submit(by(&miner), queued, &good, signature),
			Error::<Test>::NotAssigned
		);
		assert_noop!(
			submit(by(&miner), task, &good, [0; 64]),
			Error::<Test>::BadSignature
		);
		assert_noop!(
			submit(by(&miner), task, &good, sign(&good, &other)),
			Error::<Test>::BadSignature
		);
		// A field that only the signature covers.
		let altered = Receipt {
			output_commit: [0; 32],
			..good.clone()
		};
		assert_noop!(
			submit(by(&miner), task, &altered, signature),
			Error::<Test>::BadSignature
		);

		assert_ok!(submit(by(&miner), task, &good, signature));
		assert_noop!(
			submit(by(&miner), task, &good, signature),
			Error::<Test>::AlreadyDelivered
		);
	});
}

#[test]
fn a_receipt_of_another_task_is_refused() {
	run(1, || {
		let [first, second] = [submitted(), submitted()];
		run_on(DRAW_DELAY);
		let miner = MINERS[0].clone();
		let receipt = receipt(first, &miner, 10);
		assert_noop!(
			hand_in(second, &miner, receipt.clone()),
			Error::<Test>::WrongRequest
		);
		assert_ok!(hand_in(first, &miner, receipt));
	});
}

#[test]
fn an_inline_prompt_cannot_be_counted_longer_than_it_can_be() {
	run(1, || {
		let task = Order {
			input: inline(b"hello"),
			..order()
		}
		.submit(&PAYER)
		.expect("taken");
		run_on(DRAW_DELAY);
		let miner = MINERS[0].clone();
		// Windows follow from the count: a padded one would keep the payer's money for years.
		for n_prompt in [0, 5 + OVERHEAD + 1, u32::MAX] {
			let wrong = Receipt {
				n_prompt,
				fee: PRICE.fee(n_prompt, 10),
				..receipt(task, &miner, 10)
			};
			assert_noop!(
				hand_in(task, &miner, wrong),
				Error::<Test>::WrongPromptLength
			);
		}
		let most = Receipt {
			n_prompt: 5 + OVERHEAD,
			fee: PRICE.fee(5 + OVERHEAD, 10),
			..receipt(task, &miner, 10)
		};
		assert_ok!(hand_in(task, &miner, most));
	});
}

#[test]
fn a_late_result_is_refused_even_before_the_miss_is_noticed() {
	run(1, || {
		let (task, miner) = assigned();
		let receipt = receipt(task, &miner, 10);
		System::set_block_number(System::block_number() + WINDOW + 1);
		assert_noop!(
			hand_in(task, &miner, receipt.clone()),
			Error::<Test>::TooLate
		);
		run_on(1);
		assert_noop!(hand_in(task, &miner, receipt), Error::<Test>::NotAssigned);
	});
}

#[test]
fn cancel_refuses() {
	run(1, || {
		let (task, _) = assigned();
		let cancel =
			|who: &AccountId, task| TasksPallet::cancel(RuntimeOrigin::signed(who.clone()), task);
		assert_noop!(
			TasksPallet::cancel(RuntimeOrigin::none(), task),
			DispatchError::BadOrigin
		);
		assert_noop!(cancel(&PAYER, 99), Error::<Test>::TaskNotFound);
		assert_noop!(cancel(&CREATOR, task), Error::<Test>::NotPayer);
		assert_noop!(cancel(&PAYER, task), Error::<Test>::NotQueued);
		let queued = Order {
			max_fee: MIN_FEE,
			..order()
		}
		.submit(&PAYER)
		.expect("taken");
		assert_ok!(cancel(&PAYER, queued));
		assert_noop!(cancel(&PAYER, queued), Error::<Test>::NotQueued);
	});
}

#[test]
fn oversized_and_malformed_calls_do_not_decode() {
	let order = order();
	let call = |text: Vec<u8>| {
		// The call as the wire has it, with a prompt of any length.
		let mut bytes = vec![3u8, 0];
		order.profile.encode_to(&mut bytes);
		bytes.push(0);
		text.encode_to(&mut bytes);
		order.params.encode_to(&mut bytes);
		Compact(AIT).encode_to(&mut bytes);
		40u32.encode_to(&mut bytes);
		7u64.encode_to(&mut bytes);
		bytes.push(0);
		bytes
	};
	assert!(RuntimeCall::decode(&mut &call(vec![b'a'; 4_096])[..]).is_ok());
	assert!(RuntimeCall::decode(&mut &call(vec![b'a'; 4_097])[..]).is_err());
	let whole = call(b"hello".to_vec());
	for cut in 0..whole.len() {
		assert!(
			RuntimeCall::decode(&mut &whole[..cut]).is_err(),
			"cut at {cut}"
		);
	}
	let mut unknown_input = whole.clone();
	unknown_input[34] = 2;
	assert!(RuntimeCall::decode(&mut &unknown_input[..]).is_err());
	let mut stop = BoundedVec::<BoundedVec<u8, ConstU32<65>>, ConstU32<5>>::default();
	stop.try_push(vec![b'x'; 65].try_into().expect("65 bytes"))
		.expect("one");
	let params = SamplingParams::greedy(1);
	let mut long_stop = params.encode();
	long_stop.pop();
	stop.encode_to(&mut long_stop);
	assert!(
		SamplingParams::decode(&mut &long_stop[..]).is_err(),
		"a stop string of 65 bytes"
	);
}
