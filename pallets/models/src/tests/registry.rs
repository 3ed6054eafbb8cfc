use crate::{Offers, mock::*};
use infergrid_primitives::market::{Bonds as _, Price, Registry, Role};
use polkadot_sdk::*;
use std::collections::BTreeSet;

fn randomness(n: u32) -> [u8; 32] {
	sp_io::hashing::blake2_256(&n.to_le_bytes())
}

#[test]
fn miners_are_assigned_by_bond() {
	execute(|| {
		let id = register();
		let small = offer(id, 1, 100, 1);
		let large = offer(id, 2, 300, 1);
		let mut seen = [0_u32; 2];
		for n in 0..2_000 {
			let assignment = Models::assign(&id, &randomness(n), 1, 1, u128::MAX, &[]).unwrap();
			assert_eq!(
				assignment.price,
				Price {
					input: 1_000,
					output: 2_000
				}
			);
			seen[usize::from(assignment.miner == large)] += 1;
			assert!([&small, &large].contains(&&assignment.miner));
			Models::release(&id, &assignment.miner);
		}
		// 500 and 1,500, six standard deviations apart at most.
		assert!((384..=616).contains(&seen[0]), "{seen:?}");
	});
}

#[test]
fn assignment_takes_capacity_and_release_gives_it_back() {
	execute(|| {
		let id = register();
		let miner = offer(id, 1, 10, 2);
		let assign = || Models::assign(&id, &[1; 32], 1, 1, u128::MAX, &[]);
		assert_eq!(assign().unwrap().miner, miner);
		assert_eq!(assign().unwrap().miner, miner);
		assert_eq!(assign(), None);
		assert_eq!(Offers::<Test>::get(id, &miner).unwrap().in_use, 2);
		Models::release(&id, &miner);
		assert!(assign().is_some());
	});
}

#[test]
fn miners_that_are_too_dear_excluded_or_without_a_bond_are_not_assigned() {
	execute(|| {
		let id = register();
		let miner = offer(id, 1, 10, 9);
		let fee = Price {
			input: 1_000,
			output: 2_000,
		}
		.fee(7, 5);
		let assign = |max_fee, excluded: &[AccountId]| {
			Models::assign(&id, &[1; 32], 7, 5, max_fee, excluded).is_some()
		};
		assert!(assign(fee, &[]));
		assert!(!assign(fee - 1, &[]));
		assert!(!assign(fee, std::slice::from_ref(&miner)));
		FakeBonds::eject(&miner, Role::Miner);
		assert!(!assign(fee, &[]));
		assert!(Models::assign(&[0; 32], &[1; 32], 7, 5, fee, &[]).is_none());
	});
}

#[test]
fn committees_are_distinct_without_the_excluded_and_without_bonds_that_left() {
	execute(|| {
		let id = register();
		let verifiers: Vec<_> = (1..=4).map(|n| operator(n, Role::Verifier, 10)).collect();
		for verifier in &verifiers {
			Models::stand(signed(verifier.clone()), id).unwrap();
		}
		FakeBonds::eject(&verifiers[3], Role::Verifier);
		let mut firsts = BTreeSet::new();
		for n in 0..100 {
			let drawn = Models::draw_verifiers(&id, &randomness(n), 3, &[verifiers[0].clone()]);
			let distinct: BTreeSet<_> = drawn.iter().cloned().collect();
			assert_eq!(
				distinct,
				BTreeSet::from([verifiers[1].clone(), verifiers[2].clone()])
			);
			firsts.insert(drawn[0].clone());
		}
		assert_eq!(firsts.len(), 2);
		assert_eq!(Models::draw_verifiers(&id, &[1; 32], 1, &[]).len(), 1);
		assert!(Models::draw_verifiers(&[0; 32], &[1; 32], 3, &[]).is_empty());
	});
}
