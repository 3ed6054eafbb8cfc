use crate::{Error, Event, HoldReason, Models as ModelMap, Profiles, ProfilesOf, mock::*};
use frame_support::{assert_noop, assert_ok, traits::fungible::InspectHold};
use infergrid_primitives::{
	market::{Registry, Role},
	model::{Profile, model_id},
};
use polkadot_sdk::*;
use sp_runtime::TokenError;

fn deposit() -> u128 {
	Balances::balance_on_hold(&HoldReason::ModelDeposit.into(), &CREATOR)
}

#[test]
fn registering_holds_a_deposit_by_size() {
	execute(|| {
		assert_ok!(Models::register_model(signed(CREATOR), info(), 20));
		System::assert_last_event(
			Event::ModelRegistered {
				model: model(),
				creator: CREATOR,
				royalty: 20,
			}
			.into(),
		);
		let small = deposit();
		let mut longer = info();
		longer.manifest_hash = [1; 32];
		longer.name = vec![b'x'; 64].try_into().unwrap();
		assert_ok!(Models::register_model(signed(CREATOR), longer, 5));
		assert!(deposit() - small > small);
		let before = deposit();
		assert_ok!(Models::register_profile(signed(CREATOR), profile()));
		assert!(deposit() > before);
	});
}

#[test]
fn invalid_models_are_refused() {
	execute(|| {
		let register = |info, royalty| Models::register_model(signed(CREATOR), info, royalty);
		for royalty in [0, 4, 21, 100, 255] {
			assert_noop!(register(info(), royalty), Error::<Test>::InvalidRoyalty);
		}
		let spoilt: [fn(&mut crate::ModelInfo); 6] = [
			|info| info.name = Default::default(),
			|info| info.name = vec![0xff].try_into().unwrap(),
			|info| info.licence = Default::default(),
			|info| info.licence = vec![0xc0].try_into().unwrap(),
			|info| info.layers = 0,
			|info| info.weight_bytes = 0,
		];
		for spoil in spoilt {
			let mut info = info();
			spoil(&mut info);
			assert_noop!(register(info, 10), Error::<Test>::InvalidModelInfo);
		}
		assert_noop!(
			Models::register_model(signed(POOR), info(), 10),
			TokenError::FundsUnavailable
		);
		assert_ok!(register(info(), 10));
		assert_noop!(register(info(), 10), Error::<Test>::ModelExists);
	});
}

#[test]
fn whoever_registers_the_same_files_first_takes_nobodys_royalty() {
	execute(|| {
		assert_ok!(Models::register_model(signed(MALLORY), info(), 10));
		let id = register();
		assert_eq!(Models::creator(&id), Some((CREATOR, 20)));
		let copy = model_id(&MALLORY.into(), &info().manifest_hash);
		assert_ne!(copy, model());
		assert_eq!(ModelMap::<Test>::get(copy).unwrap().creator, MALLORY);
	});
}

#[test]
fn a_profile_is_known_by_its_hash_and_belongs_to_its_models_creator() {
	execute(|| {
		assert_noop!(
			Models::register_profile(signed(CREATOR), profile()),
			Error::<Test>::UnknownModel
		);
		let id = register();
		System::assert_last_event(
			Event::ProfileRegistered {
				profile: id,
				model: model(),
			}
			.into(),
		);
		assert_eq!(<Models as Registry<_>>::profile(&id), Some(profile()));
		assert_eq!(Models::creator(&id), Some((CREATOR, 20)));
		assert_eq!(Models::creator(&[0; 32]), None);
		assert_noop!(
			Models::register_profile(signed(CREATOR), profile()),
			Error::<Test>::ProfileExists
		);
		let other = Profile {
			context: 1_024,
			..profile()
		};
		assert_noop!(
			Models::register_profile(signed(MALLORY), other.clone()),
			Error::<Test>::NotCreator
		);
		for context in [100, 200] {
			assert_ok!(Models::register_profile(
				signed(CREATOR),
				Profile {
					context,
					..profile()
				}
			));
		}
		assert_noop!(
			Models::register_profile(signed(CREATOR), other),
			Error::<Test>::TooManyProfiles
		);
	});
}

#[test]
fn profiles_that_cannot_be_run_or_checked_are_refused() {
	execute(|| {
		register();
		type Spoil = fn(&mut Profile);
		let spoilt: [(Spoil, Error<Test>); 10] = [
			(|profile| profile.sampler = 2, Error::UnknownSampler),
			(|profile| profile.proof.top_k = 1, Error::InvalidTopK),
			(|profile| profile.proof.chunk = 257, Error::InvalidChunk),
			(
				|profile| profile.proof.max_exponent_mismatches = profile.proof.top_k,
				Error::InvalidExponentMismatches,
			),
			(
				|profile| profile.proof.max_mantissa_mean_milli = u32::MAX,
				Error::InvalidMantissaMean,
			),
			(
				|profile| profile.proof.max_mantissa_median_milli = 0,
				Error::InvalidMantissaMedian,
			),
			(
				|profile| profile.proof.hard_margin_milli = u32::MAX,
				Error::InvalidHardMargin,
			),
			(
				|profile| profile.proof.max_fingerprint_distance = 0,
				Error::InvalidFingerprintDistance,
			),
			(|profile| profile.context = 1, Error::InvalidContext),
			(
				|profile| profile.min_tokens_per_second = 0,
				Error::InvalidSpeed,
			),
		];
		for (spoil, error) in spoilt {
			let mut profile = profile();
			spoil(&mut profile);
			assert_noop!(Models::register_profile(signed(CREATOR), profile), error);
		}
	});
}

#[test]
fn a_retired_model_is_closed_and_then_cleared() {
	execute(|| {
		let id = register();
		let verifier = operator(1, Role::Verifier, 10);
		assert_ok!(Models::stand(signed(verifier.clone()), id));
		assert_noop!(
			Models::retire_model(signed(MALLORY), model()),
			Error::<Test>::NotCreator
		);
		assert_noop!(
			Models::retire_model(signed(CREATOR), [0; 32]),
			Error::<Test>::UnknownModel
		);
		assert_ok!(Models::retire_model(signed(CREATOR), model()));
		System::assert_last_event(Event::ModelRetired { model: model() }.into());

		// Work under way still finds everything it needs.
		assert_eq!(Models::creator(&id), Some((CREATOR, 20)));
		assert_eq!(
			Models::draw_verifiers(&id, &[1; 32], 3, &[]),
			vec![verifier]
		);
		// Nothing new begins.
		let miner = operator(2, Role::Miner, 10);
		assert_noop!(
			Models::set_offer(signed(miner), id, terms(Default::default(), 1)),
			Error::<Test>::Retired
		);
		let late = operator(3, Role::Verifier, 10);
		assert_noop!(Models::stand(signed(late), id), Error::<Test>::Retired);
		let other = Profile {
			context: 64,
			..profile()
		};
		assert_noop!(
			Models::register_profile(signed(CREATOR), other),
			Error::<Test>::Retired
		);

		assert_noop!(
			Models::retire_model(signed(CREATOR), model()),
			Error::<Test>::TooEarly
		);
		System::set_block_number(1 + RETIRE_DELAY);
		assert_ok!(Models::retire_model(signed(CREATOR), model()));
		System::assert_last_event(Event::ModelCleared { model: model() }.into());
		assert_eq!(deposit(), 0);
		assert_eq!(ModelMap::<Test>::iter().count(), 0);
		assert_eq!(ProfilesOf::<Test>::iter().count(), 0);
		assert_eq!(Profiles::<Test>::iter().count(), 0);
		assert!(crate::Verifiers::<Test>::get(id).is_empty());
	});
}

#[test]
fn a_model_that_is_offered_cannot_be_retired() {
	execute(|| {
		let id = register();
		let miner = offer(id, 1, 10, 1);
		assert_noop!(
			Models::retire_model(signed(CREATOR), model()),
			Error::<Test>::StillOffered
		);
		assert_ok!(Models::withdraw_offer(signed(miner), id));
		assert_ok!(Models::retire_model(signed(CREATOR), model()));
	});
}

#[test]
fn an_offer_without_a_bond_keeps_no_deposit_back() {
	execute(|| {
		let id = register();
		let miner = offer(id, 1, 10, 1);
		FakeBonds::set(&miner, Role::Miner, 0);
		assert_ok!(Models::retire_model(signed(CREATOR), model()));
		assert!(!crate::Offers::<Test>::contains_key(id, &miner));
		assert!(crate::Miners::<Test>::get(id).is_empty());
	});
}
