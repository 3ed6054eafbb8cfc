//! A market small enough to see through, for the tests of pallets that need one.
//!
//! [`Market`] stands in for bonds, registry, fee split and author randomness. Bonds are real money:
//! each lies in an account of its own ([`bond_account`]), so that slashes move issuance as they do
//! in a runtime. State lies in storage, so that a failed call rolls it back.

#![expect(
	clippy::expect_used,
	reason = "what fails here is a test's own mistake"
)]

use codec::{Decode, Encode};
use infergrid_primitives::{
	Balance, Hash, WorkerKey,
	hashing::blake2_256,
	market::{Assignment, Bonds, FeeSplit, Overexposed, Price, Registry, Role, Shares},
	model::{Arithmetic, Profile, ProofParams},
	randomness::AuthorRandomness,
};
use polkadot_sdk::{
	frame_support::{
		Blake2_128Concat, Twox64Concat,
		pallet_prelude::ValueQuery,
		storage_alias,
		traits::{
			fungible::{Balanced, Credit, Inspect, Mutate, MutateHold},
			tokens::{Fortitude, Precision, Preservation, Restriction},
		},
	},
	frame_system,
	sp_runtime::{AccountId32, DispatchError, SaturatedConversion},
};
use std::{collections::BTreeMap, marker::PhantomData};

/// Accounts of the market.
pub type AccountId = AccountId32;

/// A miner's offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Offer {
	/// What it asks.
	pub price: Price,
	/// Tasks it takes at a time.
	pub capacity: u32,
	/// Tasks it has.
	pub in_use: u32,
}

#[storage_alias]
pub type Profiles = StorageMap<MockMarket, Twox64Concat, Hash, Profile>;
#[storage_alias]
pub type Creators = StorageMap<MockMarket, Twox64Concat, Hash, (AccountId, u8)>;
#[storage_alias]
pub type Offers =
	StorageDoubleMap<MockMarket, Twox64Concat, Hash, Blake2_128Concat, AccountId, Offer>;
#[storage_alias]
pub type Verifiers = StorageMap<MockMarket, Twox64Concat, Hash, Vec<AccountId>, ValueQuery>;
#[storage_alias]
pub type Workers = StorageMap<MockMarket, Twox64Concat, WorkerKey, AccountId>;
#[storage_alias]
pub type Ejected = StorageMap<MockMarket, Twox64Concat, (AccountId, Role), ()>;
#[storage_alias]
pub type AtWork = StorageMap<MockMarket, Twox64Concat, (AccountId, Role), Balance, ValueQuery>;
#[storage_alias]
pub type SplitFails = StorageValue<MockMarket, bool, ValueQuery>;
#[storage_alias]
pub type NoVrf = StorageValue<MockMarket, bool, ValueQuery>;
/// Tells chains apart whose blocks from here on have other authors.
#[storage_alias]
pub type Authors = StorageValue<MockMarket, u32, ValueQuery>;

/// Where the treasury's share of a fee goes.
pub const TREASURY: AccountId = AccountId::new([0x77; 32]);
/// Candidates that a draw is said to read.
pub const MAX_CANDIDATES: u32 = 16;

/// The account in which `operator`'s bond for `role` lies.
pub fn bond_account(operator: &AccountId, role: Role) -> AccountId {
	AccountId::new(blake2_256(&("bond", operator, role).encode()))
}

/// A profile with a context of 2,048 tokens and 100 tokens per second; `tag` tells models apart.
pub fn profile(tag: u8) -> Profile {
	Profile {
		model: [tag; 32],
		arithmetic: Arithmetic::F32,
		sampler: 1,
		proof: ProofParams::default(),
		calibration: [0; 32],
		context: 2_048,
		min_tokens_per_second: 100,
		reference_input: 0,
		reference_output: 0,
	}
}

/// Registers `profile`, made by `creator` for `royalty` percent, and gives its identifier.
pub fn register(profile: Profile, creator: &AccountId, royalty: u8) -> Hash {
	let id = profile.id();
	Profiles::insert(id, profile);
	Creators::insert(id, (creator.clone(), royalty));
	id
}

/// Lets `miner` offer `profile`.
pub fn offer(profile: Hash, miner: &AccountId, price: Price, capacity: u32) {
	Offers::insert(
		profile,
		miner,
		Offer {
			price,
			capacity,
			in_use: 0,
		},
	);
}

/// Lets `verifier` stand for `profile`.
pub fn stand(profile: Hash, verifier: &AccountId) {
	Verifiers::mutate(profile, |standing| standing.push(verifier.clone()));
}

/// Pairs `worker` with `operator`.
pub fn pair(operator: &AccountId, worker: WorkerKey) {
	Workers::insert(worker, operator);
}

/// The units of capacity that `miner` has in use.
pub fn in_use(profile: Hash, miner: &AccountId) -> u32 {
	Offers::get(profile, miner).map_or(0, |offer| offer.in_use)
}

/// What `miner` has at work.
pub fn at_work(miner: &AccountId) -> Balance {
	AtWork::get((miner, Role::Miner))
}

/// The stand-in: `T` is the test's runtime, `C` its money.
#[derive(Debug)]
pub struct Market<T, C>(PhantomData<(T, C)>);

impl<T, C> Market<T, C>
where
	T: frame_system::Config<AccountId = AccountId>,
	C: Inspect<AccountId, Balance = Balance> + Mutate<AccountId> + Balanced<AccountId>,
{
	/// Mints a bond.
	pub fn bond(operator: &AccountId, role: Role, amount: Balance) {
		C::mint_into(&bond_account(operator, role), amount).expect("a test can mint");
	}

	/// One of `candidates`, at random by bond.
	fn pick(randomness: &Hash, role: Role, candidates: &[AccountId]) -> Option<AccountId> {
		let bonds = candidates.iter().map(|who| Self::active_bond(who, role));
		let total: Balance = bonds.clone().sum();
		let mut point = Balance::decode(&mut &randomness[..])
			.ok()?
			.checked_rem(total)?;
		for (candidate, bond) in candidates.iter().zip(bonds) {
			match point.checked_sub(bond) {
				Some(rest) => point = rest,
				None => return Some(candidate.clone()),
			}
		}
		None
	}
}

impl<T, C> Bonds<AccountId> for Market<T, C>
where
	T: frame_system::Config<AccountId = AccountId>,
	C: Inspect<AccountId, Balance = Balance> + Mutate<AccountId> + Balanced<AccountId>,
{
	type Credit = Credit<AccountId, C>;

	fn operator_of(worker: &WorkerKey) -> Option<AccountId> {
		Workers::get(worker)
	}

	fn active_bond(operator: &AccountId, role: Role) -> Balance {
		match Ejected::contains_key((operator, role)) {
			true => 0,
			false => Self::slashable(operator, role),
		}
	}

	fn slashable(operator: &AccountId, role: Role) -> Balance {
		C::total_balance(&bond_account(operator, role))
	}

	fn slash(operator: &AccountId, role: Role, amount: Balance) -> Self::Credit {
		C::withdraw(
			&bond_account(operator, role),
			amount,
			Precision::BestEffort,
			Preservation::Expendable,
			Fortitude::Force,
		)
		.unwrap_or_default()
	}

	fn eject(operator: &AccountId, role: Role) {
		Ejected::insert((operator, role), ());
	}

	fn reserve_exposure(
		operator: &AccountId,
		role: Role,
		amount: Balance,
	) -> Result<(), Overexposed> {
		let at_work = AtWork::get((operator, role)) + amount;
		if at_work > Self::active_bond(operator, role) / 2 {
			return Err(Overexposed);
		}
		AtWork::insert((operator, role), at_work);
		Ok(())
	}

	fn release_exposure(operator: &AccountId, role: Role, amount: Balance) {
		let left = AtWork::take((operator, role)).checked_sub(amount);
		match left.expect("no more is released than was reserved") {
			0 => {}
			left => AtWork::insert((operator, role), left),
		}
	}

	fn exposures(role: Role) -> BTreeMap<AccountId, Balance> {
		AtWork::iter()
			.filter(|((_, of), at_work)| *of == role && *at_work > 0)
			.map(|((operator, _), at_work)| (operator, at_work))
			.collect()
	}
}

impl<T, C> Registry<AccountId> for Market<T, C>
where
	T: frame_system::Config<AccountId = AccountId>,
	C: Inspect<AccountId, Balance = Balance> + Mutate<AccountId> + Balanced<AccountId>,
{
	fn profile(id: &Hash) -> Option<Profile> {
		Profiles::get(id)
	}

	fn creator(profile: &Hash) -> Option<(AccountId, u8)> {
		Creators::get(profile)
	}

	fn assign(
		profile: &Hash,
		randomness: &Hash,
		n_prompt: u32,
		max_tokens: u32,
		max_fee: Balance,
		excluded: &[AccountId],
	) -> Option<Assignment<AccountId>> {
		let mut candidates: Vec<AccountId> = Offers::iter_prefix(profile)
			.filter(|(miner, offer)| {
				offer.in_use < offer.capacity
					&& offer.price.fee(n_prompt, max_tokens) <= max_fee
					&& !excluded.contains(miner)
			})
			.map(|(miner, _)| miner)
			.collect();
		candidates.sort();
		let miner = Self::pick(randomness, Role::Miner, &candidates)?;
		let mut offer = Offers::get(profile, &miner)?;
		offer.in_use += 1;
		Offers::insert(profile, &miner, offer);
		Some(Assignment {
			miner,
			price: offer.price,
		})
	}

	fn release(profile: &Hash, miner: &AccountId) {
		Offers::mutate(profile, miner, |offer| {
			if let Some(offer) = offer {
				offer.in_use = offer
					.in_use
					.checked_sub(1)
					.expect("capacity is released once");
			}
		});
	}

	fn draw_verifiers(
		profile: &Hash,
		randomness: &Hash,
		seats: u32,
		excluded: &[AccountId],
	) -> Vec<AccountId> {
		let mut candidates: Vec<AccountId> = Verifiers::get(profile)
			.into_iter()
			.filter(|who| !excluded.contains(who))
			.collect();
		let mut drawn = Vec::new();
		for seat in 0..seats {
			let randomness = blake2_256(&(randomness, seat).encode());
			let Some(who) = Self::pick(&randomness, Role::Verifier, &candidates) else {
				break;
			};
			candidates.retain(|candidate| *candidate != who);
			drawn.push(who);
		}
		drawn
	}

	fn standing(profile: &Hash, except: &AccountId) -> u32 {
		let others = |verifier: &&AccountId| *verifier != except;
		Verifiers::get(profile).iter().filter(others).count() as u32
	}

	fn max_candidates() -> u32 {
		MAX_CANDIDATES
	}
}

impl<T, C, Reason> FeeSplit<AccountId, Reason> for Market<T, C>
where
	T: frame_system::Config<AccountId = AccountId>,
	C: MutateHold<AccountId, Reason = Reason> + Inspect<AccountId, Balance = Balance>,
{
	type Error = DispatchError;

	fn pay_held(
		reason: &Reason,
		payer: &AccountId,
		fee: Balance,
		miner: &AccountId,
		profile: &Hash,
	) -> Result<Shares, DispatchError> {
		let (creator, royalty) = Creators::get(profile).ok_or(DispatchError::CannotLookup)?;
		let share = |percent: u8| fee * Balance::from(percent) / 100;
		let shares = Shares {
			miner: fee - share(royalty) - share(10),
			creator: share(royalty),
			treasury: share(10),
		};
		let parts = [
			(miner, shares.miner),
			(&creator, shares.creator),
			(&TREASURY, shares.treasury),
		];
		for (who, amount) in parts {
			C::transfer_on_hold(
				reason,
				payer,
				who,
				amount,
				Precision::Exact,
				Restriction::Free,
				Fortitude::Force,
			)?;
		}
		// Last, so that a failure finds money to roll back.
		match SplitFails::get() {
			true => Err(DispatchError::Unavailable),
			false => Ok(shares),
		}
	}
}

impl<T: frame_system::Config, C> AuthorRandomness for Market<T, C> {
	fn parent() -> Option<Hash> {
		let block: u32 = frame_system::Pallet::<T>::block_number().saturated_into();
		(!NoVrf::get()).then(|| blake2_256(&("vrf", block, Authors::get()).encode()))
	}
}
