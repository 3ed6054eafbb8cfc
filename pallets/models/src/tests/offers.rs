use crate::{Error, Event, Miners, OfferTerms, Offers, Verifiers, mock::*};
use frame_support::{assert_noop, assert_ok};
use infergrid_primitives::market::{Price, Registry, Role};
use polkadot_sdk::*;

const FREE: Price = Price {
	input: 0,
	output: 0,
};

#[test]
fn a_miner_or_its_worker_key_makes_an_offer_and_changes_it() {
	execute(|| {
		let id = register();
		let miner = operator(1, Role::Miner, 10);
		let price = Price {
			input: 1,
			output: 2,
		};
		assert_ok!(Models::set_offer(
			signed(miner.clone()),
			id,
			terms(price, 3)
		));
		System::assert_last_event(
			Event::OfferSet {
				profile: id,
				miner: miner.clone(),
				price,
				capacity: 3,
			}
			.into(),
		);
		FakeBonds::pair([77; 32], miner.clone());
		let worker = AccountId::new([77; 32]);
		assert_ok!(Models::set_offer(
			signed(worker.clone()),
			id,
			terms(FREE, 5)
		));
		assert_eq!(Miners::<Test>::get(id).to_vec(), vec![miner.clone()]);
		assert_eq!(
			Offers::<Test>::get(id, &miner).unwrap().terms,
			terms(FREE, 5)
		);
		assert_ok!(Models::withdraw_offer(signed(worker), id));
		System::assert_last_event(
			Event::OfferWithdrawn {
				profile: id,
				miner: miner.clone(),
			}
			.into(),
		);
		assert_noop!(
			Models::withdraw_offer(signed(miner), id),
			Error::<Test>::NoOffer
		);
		assert_eq!(Offers::<Test>::iter().count(), 0);
		assert_eq!(Miners::<Test>::iter().count(), 0);
	});
}

#[test]
fn offers_that_cannot_be_are_refused() {
	execute(|| {
		let id = register();
		let miner = operator(1, Role::Miner, 10);
		let set = |terms: OfferTerms| Models::set_offer(signed(miner.clone()), id, terms);
		assert_noop!(
			Models::set_offer(signed(miner.clone()), [0; 32], terms(FREE, 1)),
			Error::<Test>::UnknownProfile
		);
		assert_noop!(
			Models::set_offer(signed(MALLORY), id, terms(FREE, 1)),
			Error::<Test>::NoActiveBond
		);
		assert_noop!(set(terms(FREE, 0)), Error::<Test>::ZeroCapacity);
		for price in [
			Price {
				input: 10_001,
				output: 0,
			},
			Price {
				input: 0,
				output: 20_001,
			},
		] {
			assert_noop!(set(terms(price, 1)), Error::<Test>::PriceTooHigh);
		}
		for address in ["", "127.0.0.1:4001"] {
			let address = address.as_bytes().to_vec().try_into().unwrap();
			assert_noop!(
				set(OfferTerms {
					address,
					..terms(FREE, 1)
				}),
				Error::<Test>::InvalidAddress
			);
		}
		assert_noop!(
			set(OfferTerms {
				address: vec![b'/', 0xff].try_into().unwrap(),
				..terms(FREE, 1)
			}),
			Error::<Test>::InvalidAddress
		);
		assert_noop!(
			set(OfferTerms {
				peer: Default::default(),
				..terms(FREE, 1)
			}),
			Error::<Test>::InvalidAddress
		);
		assert_ok!(set(terms(
			Price {
				input: 10_000,
				output: 20_000
			},
			1
		)));
	});
}

#[test]
fn an_offer_withdrawn_while_in_use_ends_with_its_last_request() {
	execute(|| {
		let id = register();
		let miner = offer(id, 1, 10, 2);
		let assign = || Models::assign(&id, &[1; 32], 1, 1, u128::MAX, &[]);
		assert!(assign().is_some() && assign().is_some());
		assert_ok!(Models::withdraw_offer(signed(miner.clone()), id));
		// Its address is still there for the requests that run.
		assert_eq!(Offers::<Test>::get(id, &miner).unwrap().in_use, 2);
		assert_eq!(assign(), None);
		Models::release(&id, &miner);
		assert_eq!(Offers::<Test>::get(id, &miner).unwrap().in_use, 1);
		// Offered again, it remembers what runs.
		offer(id, 1, 10, 2);
		assert_eq!(Offers::<Test>::get(id, &miner).unwrap().in_use, 1);
		assert_ok!(Models::withdraw_offer(signed(miner.clone()), id));
		Models::release(&id, &miner);
		assert!(!Offers::<Test>::contains_key(id, &miner));
		// One release too many changes nothing.
		Models::release(&id, &miner);
		assert!(!Offers::<Test>::contains_key(id, &miner));
	});
}

#[test]
fn a_full_list_of_miners_admits_only_a_larger_bond() {
	execute(|| {
		let id = register();
		for n in 1..=4 {
			offer(id, n, 10 * u128::from(n), 1);
		}
		let newcomer = operator(9, Role::Miner, 10);
		assert_noop!(
			Models::set_offer(signed(newcomer.clone()), id, terms(FREE, 1)),
			Error::<Test>::ListFull
		);
		// The smallest active bond gives way, here one that has left.
		let gone = operator(3, Role::Miner, 0);
		assert_ok!(Models::set_offer(
			signed(newcomer.clone()),
			id,
			terms(FREE, 1)
		));
		System::assert_has_event(
			Event::OfferWithdrawn {
				profile: id,
				miner: gone.clone(),
			}
			.into(),
		);
		assert!(!Offers::<Test>::contains_key(id, &gone));
		assert_eq!(Miners::<Test>::get(id).len(), MAX_CANDIDATES as usize);
	});
}

#[test]
fn verifiers_stand_and_stand_down() {
	execute(|| {
		let id = register();
		let verifier = operator(1, Role::Verifier, 10);
		FakeBonds::pair([78; 32], verifier.clone());
		let worker = AccountId::new([78; 32]);
		assert_noop!(
			Models::stand(signed(worker.clone()), [0; 32]),
			Error::<Test>::UnknownProfile
		);
		assert_noop!(
			Models::stand(signed(MALLORY), id),
			Error::<Test>::NoActiveBond
		);
		assert_noop!(
			Models::stand_down(signed(worker.clone()), id),
			Error::<Test>::NotStanding
		);
		assert_ok!(Models::stand(signed(worker.clone()), id));
		System::assert_last_event(
			Event::Standing {
				profile: id,
				verifier: verifier.clone(),
			}
			.into(),
		);
		assert_noop!(
			Models::stand(signed(verifier.clone()), id),
			Error::<Test>::AlreadyStanding
		);
		assert_ok!(Models::stand_down(signed(worker), id));
		System::assert_last_event(
			Event::StoodDown {
				profile: id,
				verifier,
			}
			.into(),
		);
		assert_eq!(Verifiers::<Test>::iter().count(), 0);
	});
}

#[test]
fn a_full_list_of_verifiers_admits_only_a_larger_bond() {
	execute(|| {
		let id = register();
		for n in 1..=4 {
			let verifier = operator(n, Role::Verifier, 10);
			assert_ok!(Models::stand(signed(verifier), id));
		}
		let newcomer = operator(9, Role::Verifier, 10);
		assert_noop!(Models::stand(signed(newcomer), id), Error::<Test>::ListFull);
		let newcomer = operator(9, Role::Verifier, 11);
		assert_ok!(Models::stand(signed(newcomer.clone()), id));
		// Among equals the highest account gives way.
		let verifiers = Verifiers::<Test>::get(id);
		assert!(verifiers.contains(&newcomer) && !verifiers.contains(&AccountId::new([104; 32])));
	});
}
