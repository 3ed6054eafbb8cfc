//! What is refused before a fee is paid.

use super::fake::{FakeNode, account};
use crate::{
	Bond, Call, Key, ModelInfo, OfferTerms, Refusal, Standing, SubmitError, Submitter, ait,
};
use codec::Encode;
use infergrid_primitives::{
	AIT, AccountBytes, Balance, Hash,
	market::{Price, Role},
	model::{Arithmetic, Profile, ProofParams, model_id},
	request::Consent,
};
use std::{sync::Arc, time::Duration};

const MODEL: Hash = [4; 32];

struct Scene {
	node: Arc<FakeNode>,
	submitter: Submitter,
	profile: Profile,
}

/// A chain with a model of the signer, a profile of it, and money on the signer's account.
async fn scene() -> Scene {
	let node = FakeNode::new(5);
	let chain = node.chain().await;
	let proof = ProofParams::F32;
	let scene = Scene {
		submitter: Submitter::new(chain, Key::from_uri("//Alice").unwrap()),
		profile: Profile {
			model: MODEL,
			arithmetic: Arithmetic::F32,
			sampler: 1,
			proof,
			calibration: proof.uncalibrated(),
			context: 100,
			min_tokens_per_second: 10,
			reference_input: AIT,
			reference_output: AIT,
		},
		node,
	};
	let who = scene.who();
	scene.put("System", "Account", (who,), account(0)).await;
	let id = scene.profile.id();
	let profile = scene.profile.encode();
	scene.put("Models", "Profiles", (id,), profile).await;
	scene
}

impl Scene {
	fn who(&self) -> AccountBytes {
		self.submitter.account()
	}

	async fn put<K>(&self, pallet: &'static str, entry: &'static str, key: K, value: Vec<u8>)
	where
		K: subxt::ext::frame_decode::storage::IntoEncodableValues
			+ subxt::ext::frame_decode::helpers::IntoDecodableValues,
	{
		let chain = self.submitter.chain();
		let key = chain.latest().await.unwrap().key_of(pallet, entry, key);
		let number = self
			.node
			.build(|block| drop(block.storage.insert(key, value)));
		self.node.finalize(number);
		chain.reach(number, Duration::from_secs(9)).await.unwrap();
	}

	/// Fills the profile's list for `role` with operators that have `active` plancks bonded.
	async fn fill(&self, role: Role, active: Balance) -> Vec<AccountBytes> {
		let view = self.submitter.chain().latest().await.unwrap();
		let places = view.max_candidates().unwrap() as u8;
		let operators: Vec<AccountBytes> = (0..places).map(|place| [100 + place; 32]).collect();
		let bond = (
			active,
			0 as Balance,
			0u32,
			Vec::<(Balance, u32)>::new(),
			0 as Balance,
			0 as Balance,
		)
			.encode();
		let bonds: Vec<_> = operators
			.iter()
			.map(|operator| {
				let key = (subxt::utils::Static(role), *operator);
				view.key_of("RoleStaking", "Bonds", key)
			})
			.collect();
		self.node.build(|block| {
			block
				.storage
				.extend(bonds.into_iter().map(|key| (key, bond.clone())));
		});
		let list = match role {
			Role::Miner => "Miners",
			_ => "Verifiers",
		};
		let id = self.profile.id();
		self.put("Models", list, (id,), operators.encode()).await;
		operators
	}

	async fn bond(&self, role: Role, active: Balance, activates_at: u32) {
		let unlocking = vec![(1 as Balance, 9u32)];
		let bond = (
			active,
			active,
			activates_at,
			unlocking,
			0 as Balance,
			0 as Balance,
		)
			.encode();
		let key = (subxt::utils::Static(role), self.who());
		self.put("RoleStaking", "Bonds", key, bond).await;
	}

	async fn refusal(&self, call: &Call) -> Option<Refusal> {
		match self.submitter.preflight(call).await {
			Ok(()) => None,
			Err(SubmitError::Refused { reason, .. }) => Some(reason),
			Err(error) => panic!("{error}"),
		}
	}

	/// The dispatch error that `call` would end with; the refusal mentions `part`.
	async fn fails(&self, call: &Call, error: &str, part: &str) {
		let refusal = self.refusal(call).await;
		let Some(Refusal::WouldFail { error: found, .. }) = &refusal else {
			panic!("{call:?}: {refusal:?}");
		};
		assert_eq!(*found, error);
		let told = refusal.unwrap().to_string();
		assert!(told.contains(part), "{told}");
	}

	fn offer(&self, capacity: u32, price: Balance) -> Call {
		let terms = OfferTerms {
			price: Price {
				input: price,
				output: 1,
			},
			capacity,
			peer: vec![1],
			address: b"/ip4/203.0.113.7/tcp/1".to_vec(),
		};
		Call::set_offer(&self.profile.id(), &terms)
	}
}

#[tokio::test(start_paused = true)]
async fn an_offer_that_the_chain_would_refuse_is_not_sent() {
	let scene = scene().await;
	let fair = scene.offer(1, 10 * AIT);
	let retired = (scene.who(), info("small"), 10u8, 7u128, Some(1u32));
	scene.fails(&fair, "Models::UnknownModel", "publish").await;
	let open = (scene.who(), info("small"), 10u8, 7u128, None::<u32>);
	for (model, error) in [
		(retired.encode(), Some("Models::Retired")),
		(open.encode(), None),
	] {
		scene.put("Models", "Models", (MODEL,), model).await;
		if let Some(error) = error {
			scene.fails(&fair, error, "choose another").await;
		}
	}
	scene
		.fails(&scene.offer(0, 1), "Models::ZeroCapacity", "at least 1")
		.await;
	let dear = scene.offer(1, 10 * AIT + 1);
	scene.fails(&dear, "Models::PriceTooHigh", "10 AIT").await;

	scene
		.fails(&fair, "Models::NoActiveBond", "there is none")
		.await;
	let minimum = scene.minimum(Role::Miner).await;
	let working = scene.working(Role::Miner).await;
	assert!(working < minimum);
	scene.bond(Role::Miner, working - 1, 0).await;
	let below = format!("below the working minimum of {} AIT", ait(working));
	scene.fails(&fair, "Models::NoActiveBond", &below).await;
	scene.bond(Role::Miner, working, 0).await;
	assert_eq!(scene.refusal(&fair).await, None);
	scene.bond(Role::Miner, minimum, 1).await;
	scene
		.fails(&fair, "Models::NoActiveBond", "session 1")
		.await;
	scene.bond(Role::Miner, minimum, 0).await;
	assert_eq!(scene.refusal(&fair).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_place_in_a_list_that_is_full_of_larger_bonds_is_not_asked_for() {
	let scene = scene().await;
	let open = (scene.who(), info("small"), 10u8, 7u128, None::<u32>);
	scene.put("Models", "Models", (MODEL,), open.encode()).await;
	let id = scene.profile.id();
	let worker = [8u8; 32];
	let who = scene.who().encode();
	scene.put("RoleStaking", "Workers", (worker,), who).await;
	for (role, call) in [
		(Role::Miner, scene.offer(1, AIT)),
		(Role::Verifier, Call::stand(&id)),
	] {
		scene
			.fails(&call, "Models::NoActiveBond", "there is none")
			.await;
		let minimum = scene.minimum(role).await;
		scene.bond(role, minimum + AIT, 0).await;
		assert_eq!(scene.refusal(&call).await, None);
		assert_eq!(scene.standing(role, &worker).await, Standing::NotListed);
		let mut operators = scene.fill(role, minimum + AIT).await;
		let needed = format!("more than {} AIT are needed", ait(minimum + AIT));
		scene.fails(&call, "Models::ListFull", &needed).await;
		let outbid = scene.standing(role, &worker).await;
		assert_eq!(
			outbid,
			Standing::Outbid {
				bonded: minimum + AIT,
				smallest: minimum + AIT,
			}
		);
		assert!(!outbid.is_mended_by_listing());
		// What is pending does not count yet.
		let pending = (
			2 * minimum,
			minimum - 1,
			5u32,
			Vec::<(Balance, u32)>::new(),
			0 as Balance,
			0 as Balance,
		);
		let key = (subxt::utils::Static(role), scene.who());
		scene
			.put("RoleStaking", "Bonds", key, pending.encode())
			.await;
		assert!(matches!(
			scene.standing(role, &worker).await,
			Standing::Outbid { bonded, .. } if bonded == minimum + 1
		));
		scene.bond(role, minimum + AIT + 1, 0).await;
		assert_eq!(scene.refusal(&call).await, None);
		assert!(scene.standing(role, &worker).await.is_mended_by_listing());
		operators[0] = scene.who();
		let list = if role == Role::Miner {
			"Miners"
		} else {
			"Verifiers"
		};
		scene.put("Models", list, (id,), operators.encode()).await;
		scene.bond(role, minimum, 0).await;
		assert_eq!(scene.standing(role, &worker).await, Standing::Good);
		match role {
			Role::Miner => assert_eq!(scene.refusal(&call).await, None),
			_ => {
				scene
					.fails(&call, "Models::AlreadyStanding", "stands already")
					.await
			}
		}
	}
}

#[tokio::test(start_paused = true)]
async fn an_offer_whose_miner_has_left_the_list_is_none() {
	let scene = scene().await;
	let id = scene.profile.id();
	for miner in [[6u8; 32], [7u8; 32]] {
		let terms = OfferTerms {
			price: Price {
				input: 1,
				output: 1,
			},
			capacity: 1,
			peer: vec![1],
			address: b"/ip4/203.0.113.7/tcp/1".to_vec(),
		};
		let record = (terms, 1u32).encode();
		scene.put("Models", "Offers", (id, miner), record).await;
	}
	let listed = vec![[6u8; 32]].encode();
	scene.put("Models", "Miners", (id,), listed).await;
	let view = scene.submitter.chain().latest().await.unwrap();
	let offers = view.offers(&id).await.unwrap();
	assert_eq!(offers.len(), 1);
	assert_eq!(offers[0].0, [6; 32]);
	assert!(view.offer(&id, &[6; 32]).await.unwrap().is_some());
	assert_eq!(view.offer(&id, &[7; 32]).await.unwrap(), None);
	assert!(view.last_offer(&id, &[7; 32]).await.unwrap().is_some());
}

impl Scene {
	async fn standing(&self, role: Role, worker: &AccountBytes) -> Standing {
		let view = self.submitter.chain().latest().await.unwrap();
		let id = self.profile.id();
		view.standing(role, &self.who(), worker, &id).await.unwrap()
	}

	async fn minimum(&self, role: Role) -> Balance {
		let view = self.submitter.chain().latest().await.unwrap();
		view.minimum_bond(role).unwrap()
	}

	/// What must stay bonded for `at_work` plancks of open work.
	async fn bond_for_work(&self, at_work: Balance) -> Balance {
		let view = self.submitter.chain().latest().await.unwrap();
		let bond = Bond {
			active: 1_000 * AIT,
			pending: 0,
			activates_at: 0,
			unlocking: Vec::new(),
			at_work,
			locked: 0,
		};
		view.bond_for_work(&bond).unwrap()
	}

	async fn working(&self, role: Role) -> Balance {
		let view = self.submitter.chain().latest().await.unwrap();
		view.working_bond(role).unwrap()
	}
}

#[tokio::test(start_paused = true)]
async fn open_work_needs_twice_as_much_bonded() {
	let scene = scene().await;
	assert_eq!(scene.bond_for_work(0).await, 0);
	assert_eq!(scene.bond_for_work(3 * AIT).await, 6 * AIT);
}

#[tokio::test(start_paused = true)]
async fn a_pairing_or_a_withdrawal_that_the_chain_would_refuse_is_not_sent() {
	let scene = scene().await;
	let withdraw = Call::withdraw_unbonded(Role::Verifier);
	let consent = |counter, valid_until| Consent {
		operator: scene.who(),
		counter,
		valid_until,
	};
	let pairs = |consent| Call::pair_worker(&[8; 32], &consent, &[0; 64]);
	let pair = pairs(consent(0, 1_000_000));
	let unpair = Call::unpair_worker(&[8; 32]);
	for call in [&withdraw, &pair] {
		scene
			.fails(call, "RoleStaking::NotBonded", "bond first")
			.await;
	}
	scene
		.fails(&unpair, "RoleStaking::WorkerNotPaired", "pair the key")
		.await;
	scene.bond(Role::Verifier, 5, 0).await;
	scene
		.fails(&withdraw, "RoleStaking::NothingToWithdraw", "session 9")
		.await;
	assert_eq!(scene.refusal(&pair).await, None);
	scene
		.fails(
			&pairs(consent(1, 1_000_000)),
			"RoleStaking::ConsentUsed",
			"a new one",
		)
		.await;
	scene
		.fails(
			&pairs(consent(0, 0)),
			"RoleStaking::ConsentExpired",
			"a new one",
		)
		.await;
	let stranger = [6u8; 32].encode();
	scene
		.put("RoleStaking", "Workers", ([8u8; 32],), stranger)
		.await;
	scene
		.fails(&pair, "RoleStaking::WorkerAlreadyPaired", "unpair it")
		.await;
	scene
		.fails(&unpair, "RoleStaking::NotYourWorker", "sign with")
		.await;
	let session = 9u32.encode();
	scene.put("Session", "CurrentIndex", (), session).await;
	assert_eq!(scene.refusal(&withdraw).await, None);
	// All of it is locked for a slash.
	let unlocking = vec![(1 as Balance, 9u32)];
	let bond = (
		0 as Balance,
		0 as Balance,
		0u32,
		unlocking,
		0 as Balance,
		1 as Balance,
	);
	let key = (subxt::utils::Static(Role::Verifier), scene.who());
	scene.put("RoleStaking", "Bonds", key, bond.encode()).await;
	scene
		.fails(&withdraw, "RoleStaking::SlashPending", "are locked")
		.await;
	assert!(scene.node.state().submitted.is_empty());
}

fn info(name: &str) -> ModelInfo {
	ModelInfo {
		name: name.into(),
		manifest_hash: [1; 32],
		layers: 4,
		weight_bytes: 100,
		licence: b"MIT".to_vec(),
	}
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_the_chain_would_refuse_is_not_sent() {
	let scene = scene().await;
	let register = |name: &str, royalty| Call::register_model(&info(name), royalty);
	for royalty in [4, 21] {
		scene
			.fails(
				&register("small", royalty),
				"Models::InvalidRoyalty",
				"between 5 % and 20 %",
			)
			.await;
	}
	scene
		.fails(&register("", 5), "Models::InvalidModelInfo", "not empty")
		.await;
	for royalty in [5, 20] {
		assert_eq!(scene.refusal(&register("small", royalty)).await, None);
	}
	let profile = |context| {
		Call::register_profile(&Profile {
			context,
			..scene.profile.clone()
		})
	};
	scene
		.fails(&profile(1), "Models::InvalidContext", "context is 1, not")
		.await;
	scene
		.fails(&profile(200), "Models::UnknownModel", "publish")
		.await;
	let stranger = ([6u8; 32], info("small"), 10u8, 7u128, None::<u32>);
	scene
		.put("Models", "Models", (MODEL,), stranger.encode())
		.await;
	assert_eq!(
		scene.refusal(&register("small", 5)).await,
		None,
		"another's model of the same files stands in nobody's way"
	);
	let mine = model_id(&scene.who(), &info("small").manifest_hash);
	let own = (scene.who(), info("small"), 10u8, 7u128, None::<u32>);
	scene.put("Models", "Models", (mine,), own.encode()).await;
	scene
		.fails(&register("small", 5), "Models::ModelExists", "use it")
		.await;
	scene
		.fails(&profile(200), "Models::NotCreator", "creator")
		.await;
	scene
		.fails(&profile(100), "Models::ProfileExists", "use it")
		.await;
}

#[tokio::test(start_paused = true)]
async fn an_account_without_money_is_told_before_it_sends() {
	let scene = scene().await;
	let poor = Submitter::new(
		scene.submitter.chain().clone(),
		Key::from_uri("//Bob").unwrap(),
	);
	let call = Call::register_model(&info("small"), 5);
	let refused = poor.preflight(&call).await.unwrap_err();
	assert!(matches!(
		refused,
		SubmitError::Refused {
			reason: Refusal::Payment,
			..
		}
	));
}

#[tokio::test(start_paused = true)]
async fn the_models_with_profiles_are_named() {
	let scene = scene().await;
	let model = (scene.who(), info("small"), 10u8, 7u128, None::<u32>);
	scene
		.put("Models", "Models", (MODEL,), model.encode())
		.await;
	let view = scene.submitter.chain().latest().await.unwrap();
	let told = crate::profiles::registered(&view).await.unwrap();
	assert_eq!(told, format!("small ({})", "04".repeat(32)));
}
