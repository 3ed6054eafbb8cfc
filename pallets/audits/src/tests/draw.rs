use crate::{mock::*, pallet::*, types::*};
use infergrid_mock_market as market;
use infergrid_primitives::{
	Hash,
	audit::Verdict,
	market::Audits as _,
	randomness::{Redeemed, Ticket, Tickets},
};
use polkadot_sdk::{
	frame_support::assert_ok,
	frame_system,
	sp_core::{H256, bytes::from_hex},
	sp_runtime::{DispatchError, Perbill},
};

#[test]
fn work_is_drawn_when_eight_outputs_after_the_next_block_are_known() {
	run(|| {
		run_to(5);
		let audit = submit(work(7));
		assert_eq!(
			events(),
			vec![Event::AuditScheduled {
				audit,
				task: 7,
				draw_at: 5 + DRAW_DELAY
			}]
		);
		run_to(5 + DRAW_DELAY - 1);
		assert!(matches!(phase(audit), Phase::Scheduled { .. }));
		run_to(5 + DRAW_DELAY);
		// Every block of this chain has an output, so that they count as blocks do: those of 7 to 14.
		let expected = worth(&Ticket { first: 7, count: 8 });
		let Phase::Committing {
			round: 0,
			randomness,
			until,
			committee,
		} = phase(audit)
		else {
			panic!("a miner on probation is audited");
		};
		assert_eq!(
			randomness,
			AuditsPallet::round_randomness(&expected, audit, 0)
		);
		assert_eq!(until, 15 + COMMIT_BLOCKS);
		assert_eq!(committee.len(), 3);
	});
}

fn worth(ticket: &Ticket) -> Hash {
	match Randomness::redeem(ticket) {
		Redeemed::Ready(hash) => hash,
		other => panic!("not ready: {other:?}"),
	}
}

/// What a committee was drawn from, and its members.
fn seats(audit: u64) -> (Hash, Vec<AccountId>) {
	match phase(audit) {
		Phase::Committing {
			randomness,
			committee,
			..
		} => (randomness, committee.into_inner()),
		other => panic!("no committee in {other:?}"),
	}
}

/// Goes on to block `n` without service.
fn stand_still_to(n: u32) {
	let share = ServiceShare::get();
	ServiceShare::set(&Perbill::zero());
	run_to(n);
	ServiceShare::set(&share);
}

#[test]
fn a_draw_that_is_served_late_draws_the_same() {
	let drawn_late_by = |blocks| {
		chain(4).execute_with(|| {
			let audit = submit(work(7));
			stand_still_to(DRAW_DELAY + blocks);
			run_on(1);
			seats(audit)
		})
	};
	let at_once = drawn_late_by(0);
	for late in [1, 7, 100, DAY - 8] {
		assert_eq!(drawn_late_by(late), at_once, "{late} blocks late");
	}
}

#[test]
fn a_late_revealer_cannot_choose_the_next_committee() {
	// The last vote of a round without a verdict is revealed in block `LAST`.
	const LAST: u32 = 1 + DRAW_DELAY + 4;
	let redrawn_with_other_authors_in = |blocks: std::ops::Range<u32>| {
		chain(4).execute_with(|| {
			let audit = drawn();
			let go_to = |n| {
				while System::block_number() < n {
					market::Authors::put(u32::from(blocks.contains(&System::block_number())));
					run_on(1);
				}
			};
			go_to(LAST);
			let committee = committee(audit);
			let ballot = vote(Verdict::Unproven, 0);
			for member in &committee {
				commit(audit, member, &ballot);
			}
			for member in &committee {
				reveal(audit, member, ballot.clone());
			}
			go_to(LAST + 1);
			let Phase::Scheduled {
				round: 1, ticket, ..
			} = phase(audit)
			else {
				panic!("the next round is drawn later")
			};
			assert!(matches!(Randomness::redeem(&ticket), Redeemed::Pending(_)));
			go_to(LAST + 1 + DRAW_DELAY);
			seats(audit).0
		})
	};
	let honest = redrawn_with_other_authors_in(0..0);
	// Whatever the authors up to the last reveal and its count gave, and the one after that.
	assert_eq!(redrawn_with_other_authors_in(LAST - 3..LAST + 3), honest);
	for block in LAST + 3..LAST + 11 {
		assert_ne!(redrawn_with_other_authors_in(block..block + 1), honest);
	}
}

#[test]
fn the_window_for_commitments_grows_with_the_tokens() {
	run(|| {
		// 100 tokens a second, 3 seconds a block.
		for (tokens, blocks) in [(1, 1), (300, 1), (301, 2), (2_048, 7)] {
			let audit = submit(infergrid_primitives::market::Work {
				tokens,
				..work(tokens.into())
			});
			run_on(DRAW_DELAY);
			let Phase::Committing { until, .. } = phase(audit) else {
				panic!("drawn")
			};
			assert_eq!(until, System::block_number() + COMMIT_BLOCKS - 1 + blocks);
		}
	});
}

/// Ends the miner's probation.
fn pass_probation() {
	Probation::<Test>::insert(MINER, PASSES);
}

#[test]
fn work_that_is_not_picked_is_paid_after_the_escrow() {
	run(|| {
		pass_probation();
		assert_ok!(AuditsPallet::set_audit_rate(
			RuntimeOrigin::root(),
			Perbill::zero()
		));
		let audit = drawn();
		let until = System::block_number() + ESCROW_BLOCKS;
		assert_eq!(phase(audit), Phase::Escrowed { until });
		run_to(until);
		assert_eq!(Outcomes::of(7), None);
		run_to(until + 1);
		assert_eq!(Outcomes::of(7), Some(Outcome::Settled));
		assert_eq!(
			phase(audit),
			Phase::Concluded {
				verdict: Verdict::Unproven,
				at: until + 1
			}
		);
		let seen = events();
		assert!(seen.contains(&Event::AuditSkipped {
			audit,
			task: 7,
			settles_at: until
		}));
		assert_eq!(
			Probation::<Test>::get(MINER),
			PASSES,
			"only audited outcomes count"
		);
	});
}

#[test]
fn a_payer_can_have_work_audited_always() {
	run(|| {
		pass_probation();
		AuditRate::<Test>::put(Perbill::zero());
		let audit = submit(infergrid_primitives::market::Work {
			always: true,
			..work(7)
		});
		run_on(DRAW_DELAY);
		assert!(matches!(phase(audit), Phase::Committing { .. }));
	});
}

#[test]
fn the_rate_is_the_share_of_audits() {
	run(|| {
		pass_probation();
		AuditRate::<Test>::put(Perbill::from_percent(30));
		let audits: Vec<_> = (0..400).map(|task| submit(work(task))).collect();
		// So many draws do not fit into one block.
		run_on(DRAW_DELAY + 5);
		let picked = audits
			.iter()
			.filter(|audit| matches!(phase(**audit), Phase::Committing { .. }))
			.count();
		assert!(
			(90..150).contains(&picked),
			"{picked} of 400 picked at 30 %"
		);
	});
}

#[test]
fn only_root_sets_the_rate() {
	run(|| {
		let rate = Perbill::from_percent(1);
		assert_eq!(
			AuditsPallet::set_audit_rate(RuntimeOrigin::signed(PAYER), rate),
			Err(DispatchError::BadOrigin)
		);
		assert_ok!(AuditsPallet::set_audit_rate(RuntimeOrigin::root(), rate));
		assert_eq!(AuditRate::<Test>::get(), rate);
	});
}

#[test]
fn without_verifiers_the_work_is_paid_after_the_escrow() {
	chain(0).execute_with(|| {
		let audit = drawn();
		let until = System::block_number() + ESCROW_BLOCKS;
		assert_eq!(phase(audit), Phase::Escrowed { until });
		run_to(until);
		assert_eq!(Outcomes::of(7), None);
		run_to(until + 1);
		assert_eq!(Outcomes::of(7), Some(Outcome::Settled));
	});
}

#[test]
fn a_payer_is_no_member_of_its_own_committee() {
	chain(3).execute_with(|| {
		let can_seat = |payer| AuditsPallet::can_seat(&profile_id(), payer);
		assert!(can_seat(&PAYER));
		assert!(!can_seat(&VERIFIERS[0]));
	});
	chain(4).execute_with(|| assert!(AuditsPallet::can_seat(&profile_id(), &VERIFIERS[0])));
}

#[test]
fn fewer_verifiers_make_a_smaller_committee() {
	chain(2).execute_with(|| {
		let audit = drawn();
		assert_eq!(committee(audit).len(), 2);
	});
}

#[test]
fn miner_and_payer_have_no_seat() {
	chain(4).execute_with(|| {
		for account in [MINER, PAYER] {
			market::stand(profile_id(), &account);
			infergrid_mock_market::Market::<Test, Balances>::bond(
				&account,
				infergrid_primitives::market::Role::Verifier,
				1_000_000 * infergrid_primitives::AIT,
			);
		}
		for task in 0..20 {
			submit(work(task));
		}
		// The invariants, checked in each block, forbid them a seat.
		run_on(DRAW_DELAY + 2);
	});
}

#[test]
fn a_draw_more_than_a_day_late_waits_for_new_outputs() {
	run(|| {
		let audit = submit(work(7));
		let late = DRAW_DELAY + DAY + 1;
		stand_still_to(late - 1);
		events();
		run_to(late);
		let draw_at = late + DRAW_DELAY;
		assert!(matches!(
			phase(audit),
			Phase::Scheduled { round: 0, draw_at: at, .. } if at == draw_at
		));
		assert_eq!(
			events(),
			vec![Event::AuditPostponed {
				audit,
				round: 0,
				draw_at
			}]
		);
		run_to(draw_at);
		assert!(matches!(phase(audit), Phase::Committing { .. }));
	});
}

#[test]
fn a_slot_without_an_output_delays_a_draw() {
	run(|| {
		let audit = submit(work(7));
		run_to(5);
		market::NoVrf::put(true);
		run_on(3);
		market::NoVrf::put(false);
		run_to(1 + DRAW_DELAY + 2);
		assert!(matches!(phase(audit), Phase::Scheduled { .. }));
		run_on(1);
		assert!(matches!(phase(audit), Phase::Committing { .. }));
	});
}

#[test]
fn late_draws_wait_their_turn_and_are_never_lost() {
	run(|| {
		// Room for one item in a block.
		ServiceShare::set(&Perbill::from_perthousand(5));
		AuditsPallet::check_config();
		for task in 0..30 {
			submit(work(task));
		}
		run_on(DRAW_DELAY);
		let drawn = |range: std::ops::Range<u64>| {
			range
				.filter(|audit| !matches!(phase(*audit), Phase::Scheduled { .. }))
				.count()
		};
		let first = drawn(0..30);
		assert!((1..30).contains(&first), "{first} drawn in the first block");
		run_on(40);
		assert_eq!(drawn(0..30), 30);
	});
}

/// What an implementation without our code hashes from the same outputs.
#[test]
fn randomness_is_that_of_the_vectors() {
	let vectors: serde_json::Value = serde_json::from_str(include_str!(
		"../../../../primitives/tests/vectors/protocol.json"
	))
	.unwrap();
	let bytes = |text: &serde_json::Value| from_hex(text.as_str().unwrap()).unwrap();
	let hash = |name: &str| {
		let mut payloads = vectors["payloads"].as_array().unwrap().iter();
		bytes(&payloads.find(|vector| vector["name"] == name).unwrap()["hash"])
	};
	let counted = |first: u8| -> [u8; 32] { core::array::from_fn(|at| first + at as u8) };
	new_test_ext().execute_with(|| {
		let genesis = H256::from_slice(&bytes(&vectors["genesis"]));
		frame_system::BlockHash::<Test>::insert(0, genesis);
		let committee = AuditsPallet::round_randomness(&counted(11), 9, 1);
		assert_eq!(committee.to_vec(), hash("committee"));
		let point = u64::from_le_bytes(hash("select")[..8].try_into().unwrap()) % 1_000_000_000;
		for (rate, picked) in [(point, false), (point + 1, true)] {
			AuditRate::<Test>::put(Perbill::from_parts(rate as u32));
			assert_eq!(AuditsPallet::is_picked(&counted(11), 9), picked);
		}
	});
}
