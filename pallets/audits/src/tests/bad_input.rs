//! What each call answers to malformed, oversized, unauthorised and replayed input.

use crate::{mock::*, pallet::*, types::*};
use codec::{Decode, Encode};
use infergrid_primitives::audit::{Verdict, Vote};
use polkadot_sdk::{frame_support::assert_noop, sp_runtime::DispatchError};

fn honest() -> Vote {
	vote(Verdict::Valid, 100)
}

#[test]
fn commit_vote_refuses() {
	run(|| {
		let audit = submit(work(7));
		let anybody = RuntimeOrigin::signed([77; 32].into());
		let hash = [1; 32];
		let commit = |origin, audit| AuditsPallet::commit_vote(origin, audit, hash);
		assert_noop!(
			commit(RuntimeOrigin::none(), audit),
			DispatchError::BadOrigin
		);
		assert_noop!(
			commit(RuntimeOrigin::root(), audit),
			DispatchError::BadOrigin
		);
		assert_noop!(commit(anybody, audit), Error::<Test>::NotPaired);
		// The operator itself is not its worker key.
		let operator = RuntimeOrigin::signed(VERIFIERS[0].clone());
		assert_noop!(commit(operator, audit), Error::<Test>::NotPaired);
		assert_noop!(commit(by(&VERIFIERS[0]), 99), Error::<Test>::AuditNotFound);
		assert_noop!(
			commit(by(&VERIFIERS[0]), audit),
			Error::<Test>::CommitClosed
		);

		run_on(DRAW_DELAY);
		assert_noop!(commit(by(&MINER), audit), Error::<Test>::NotOnCommittee);
		let members = committee(audit);
		assert!(commit(by(&members[0]), audit).is_ok());
		assert_noop!(
			commit(by(&members[0]), audit),
			Error::<Test>::AlreadyCommitted
		);

		run_on(COMMIT_BLOCKS + 1);
		assert_noop!(commit(by(&members[1]), audit), Error::<Test>::CommitClosed);
	});
}

#[test]
fn commit_vote_refuses_in_a_window_that_nobody_closed_yet() {
	run(|| {
		let audit = drawn();
		let member = committee(audit)[0].clone();
		System::set_block_number(System::block_number() + COMMIT_BLOCKS + 1);
		assert_noop!(
			AuditsPallet::commit_vote(by(&member), audit, [1; 32]),
			Error::<Test>::CommitClosed
		);
		// Let the service catch up for the invariants.
		run_on(1);
	});
}

#[test]
fn reveal_vote_refuses() {
	run(|| {
		let audit = drawn();
		let members = committee(audit);
		let reveal = |origin, audit| AuditsPallet::reveal_vote(origin, audit, honest(), SALT);
		assert_noop!(
			reveal(RuntimeOrigin::none(), audit),
			DispatchError::BadOrigin
		);
		let anybody = RuntimeOrigin::signed([77; 32].into());
		assert_noop!(reveal(anybody, audit), Error::<Test>::NotPaired);
		assert_noop!(reveal(by(&members[0]), 99), Error::<Test>::AuditNotFound);
		// Not before everybody committed or the window closed.
		commit(audit, &members[0], &honest());
		commit(audit, &members[1], &honest());
		assert_noop!(reveal(by(&members[0]), audit), Error::<Test>::RevealClosed);

		run_on(COMMIT_BLOCKS + 1);
		assert_noop!(reveal(by(&MINER), audit), Error::<Test>::NotOnCommittee);
		assert_noop!(reveal(by(&members[2]), audit), Error::<Test>::NotCommitted);
		let other = vote(Verdict::Invalid, 100);
		assert_noop!(
			AuditsPallet::reveal_vote(by(&members[0]), audit, other, SALT),
			Error::<Test>::CommitmentMismatch
		);
		assert_noop!(
			AuditsPallet::reveal_vote(by(&members[0]), audit, honest(), [6; 32]),
			Error::<Test>::CommitmentMismatch
		);
		assert!(reveal(by(&members[0]), audit).is_ok());
		assert_noop!(
			reveal(by(&members[0]), audit),
			Error::<Test>::AlreadyRevealed
		);

		System::set_block_number(System::block_number() + REVEAL_BLOCKS + 1);
		assert_noop!(reveal(by(&members[1]), audit), Error::<Test>::RevealClosed);
		// Counted and redrawn: an old vote does not fit the new round.
		run_on(1);
		assert_noop!(reveal(by(&members[1]), audit), Error::<Test>::RevealClosed);
	});
}

#[test]
fn a_copied_commitment_cannot_be_revealed() {
	run(|| {
		let audit = drawn();
		let members = committee(audit);
		let copied = commitment(audit, &members[0], &honest());
		for member in &members {
			assert!(AuditsPallet::commit_vote(by(member), audit, copied).is_ok());
		}
		reveal(audit, &members[0], honest());
		assert_noop!(
			AuditsPallet::reveal_vote(by(&members[1]), audit, honest(), SALT),
			Error::<Test>::CommitmentMismatch
		);
	});
}

#[test]
fn a_commitment_of_an_earlier_audit_cannot_be_revealed() {
	run(|| {
		let first = drawn();
		let old = commitment(first, &VERIFIERS[0], &honest());
		round(first, &vec![honest(); 3]);
		let second = drawn_again();
		for member in committee(second) {
			assert!(AuditsPallet::commit_vote(by(&member), second, old).is_ok());
		}
		assert_noop!(
			AuditsPallet::reveal_vote(by(&VERIFIERS[0]), second, honest(), SALT),
			Error::<Test>::CommitmentMismatch
		);
	});
}

fn drawn_again() -> u64 {
	let audit = submit(work(8));
	run_on(DRAW_DELAY);
	audit
}

#[test]
fn malformed_calls_do_not_decode() {
	let call = RuntimeCall::AuditsPallet(Call::reveal_vote {
		audit: 1,
		vote: honest(),
		salt: SALT,
	});
	let bytes = call.encode();
	assert!(RuntimeCall::decode(&mut &bytes[..]).is_ok());
	assert!(RuntimeCall::decode(&mut &bytes[..bytes.len() - 1]).is_err());
	let mut wrong = bytes.clone();
	// Pallet, call, audit (8 bytes), then the verdict.
	wrong[10] = 4;
	assert!(RuntimeCall::decode(&mut &wrong[..]).is_err());
	wrong[10] = Verdict::Unavailable as u8;
	assert!(RuntimeCall::decode(&mut &wrong[..]).is_ok());
	assert!(Phase::<AccountId>::decode(&mut &[9u8][..]).is_err());
}
