//! # Models
//!
//! The register of models, of the profiles that pin how a model is run for money, of the miners
//! that offer a profile and of the verifiers that stand for its audits.
//!
//! ## Pallet API
//!
//! See the [`pallet`] module for the calls, the storage, the events and the errors. Other pallets
//! read it and draw from it through [`infergrid_primitives::market::Registry`], which [`Pallet`]
//! implements.
//!
//! ## Overview
//!
//! - A **model** is known by the hash of its creator and its manifest. Another's registration of the
//!   same files is another model, so nobody can register first what somebody else is about to. Its
//!   creator holds a deposit by the size of
//!   what is stored, and earns a royalty of each fee, within [`Config::MinRoyalty`] and
//!   [`Config::MaxRoyalty`].
//! - A **profile** is registered by the model's creator and never changes: its id is its hash.
//! - An **offer** is made by a miner with an active bond, or by its worker key. Its price is at most
//!   [`Config::MaxPriceFactor`] times the profile's reference price. An offer that is withdrawn
//!   while requests run on it takes no new ones and goes with the last of them.
//! - A **verifier** with an active bond stands for a profile's audits.
//! - Who offers a profile or stands for it is kept in bounded lists. When a list is full, a newcomer
//!   takes the place of the smallest active bond, if its own is larger; so a list cannot be
//!   squatted by bonds that have left.
//!
//! ### Draws
//!
//! [`draw`] chooses by active bond from 32 bytes of randomness. An operator whose bond does not
//! count (not active yet, below the minimum, ejected) is never drawn, whatever list it is in.
//!
//! ### Retirement
//!
//! [`Pallet::retire_model`] closes a model on which nobody offers any more. Work that is still to be
//! audited or paid needs the profile, the creator and the verifiers, so they stay; a second call
//! [`Config::RetireDelay`] blocks later clears them and frees the deposit. The delay must outlast
//! every audit.

#![cfg_attr(not(feature = "std"), no_std)]
#![allow(
	missing_debug_implementations,
	clippy::expect_used,
	reason = "what FRAME's macros write"
)]

extern crate alloc;

pub use draw::draw;
pub use pallet::*;
pub use types::{Model, ModelInfo, Offer, OfferTerms, footprint};
pub use weights::WeightInfo;

mod draw;
mod models;
mod offers;
mod registry;
mod types;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(feature = "runtime-benchmarks")]
pub use benchmarking::BenchmarkHelper;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "try-runtime"))]
mod try_state;

#[polkadot_sdk::frame_support::pallet]
pub mod pallet {
	use super::{types::*, *};
	use frame_support::{
		pallet_prelude::*,
		traits::{Consideration, Footprint},
	};
	use frame_system::pallet_prelude::*;
	use infergrid_primitives::{
		AccountBytes, Balance, Hash,
		limits::Field,
		market::{Bonds, Price},
		model::Profile,
	};
	use polkadot_sdk::*;

	/// A model as it is stored.
	pub type ModelOf<T> = Model<
		<T as frame_system::Config>::AccountId,
		<T as Config>::Consideration,
		BlockNumberFor<T>,
	>;

	/// A list of operators of a profile.
	pub type ListOf<T> =
		BoundedVec<<T as frame_system::Config>::AccountId, <T as Config>::MaxCandidates>;

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(2);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config:
		polkadot_sdk::frame_system::Config<
			AccountId: Into<AccountBytes>,
			RuntimeEvent: From<Event<Self>>,
		>
	{
		/// The deposit for a model and its profiles, by size.
		type Consideration: Consideration<Self::AccountId, Footprint>;

		/// Bonds and worker keys.
		type Bonds: Bonds<Self::AccountId>;

		/// Smallest royalty in percent of a fee.
		#[pallet::constant]
		type MinRoyalty: Get<u8>;

		/// Largest royalty in percent of a fee.
		#[pallet::constant]
		type MaxRoyalty: Get<u8>;

		/// Largest price of an offer as a multiple of the profile's reference price.
		#[pallet::constant]
		type MaxPriceFactor: Get<u32>;

		/// Largest number of profiles of a model.
		#[pallet::constant]
		type MaxProfiles: Get<u32>;

		/// Largest number of miners, and of verifiers, of a profile.
		#[pallet::constant]
		type MaxCandidates: Get<u32>;

		/// Blocks from a model's retirement until it can be cleared.
		#[pallet::constant]
		type RetireDelay: Get<BlockNumberFor<Self>>;

		/// Weights of the calls.
		type WeightInfo: WeightInfo;

		/// Makes operators for benchmarks.
		#[cfg(feature = "runtime-benchmarks")]
		type BenchmarkHelper: BenchmarkHelper<Self::AccountId>;
	}

	/// Why money is on hold.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// Deposit for a model and its profiles.
		#[codec(index = 0)]
		ModelDeposit,
	}

	/// Models by the hash of their manifest. The creator holds a deposit.
	#[pallet::storage]
	pub type Models<T: Config> = StorageMap<_, Blake2_128Concat, Hash, ModelOf<T>, OptionQuery>;

	/// The profiles of a model.
	#[pallet::storage]
	pub type ProfilesOf<T: Config> =
		StorageMap<_, Blake2_128Concat, Hash, BoundedVec<Hash, T::MaxProfiles>, ValueQuery>;

	/// Profiles by their hash. The deposit is part of the model's.
	#[pallet::storage]
	pub type Profiles<T: Config> = StorageMap<_, Blake2_128Concat, Hash, Profile, OptionQuery>;

	/// Offers by profile and miner, withdrawn ones included while requests run on them. Miners pay
	/// by their bond.
	#[pallet::storage]
	pub type Offers<T: Config> = StorageDoubleMap<
		_,
		Blake2_128Concat,
		Hash,
		Blake2_128Concat,
		T::AccountId,
		Offer,
		OptionQuery,
	>;

	/// The miners of a profile that take new requests.
	#[pallet::storage]
	pub type Miners<T: Config> = StorageMap<_, Blake2_128Concat, Hash, ListOf<T>, ValueQuery>;

	/// The verifiers that stand for audits of a profile.
	#[pallet::storage]
	pub type Verifiers<T: Config> = StorageMap<_, Blake2_128Concat, Hash, ListOf<T>, ValueQuery>;

	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A model was registered.
		ModelRegistered {
			/// Its id.
			model: Hash,
			/// Who earns its royalties.
			creator: T::AccountId,
			/// Share of each fee in percent.
			royalty: u8,
		},
		/// A profile of a model was registered.
		ProfileRegistered {
			/// The profile's id.
			profile: Hash,
			/// The model's id.
			model: Hash,
		},
		/// A miner offers a profile, or changed its offer.
		OfferSet {
			/// The profile.
			profile: Hash,
			/// The miner.
			miner: T::AccountId,
			/// What 1,000 tokens cost.
			price: Price,
			/// Requests at the same time.
			capacity: u32,
		},
		/// A miner takes no new requests for a profile.
		OfferWithdrawn {
			/// The profile.
			profile: Hash,
			/// The miner.
			miner: T::AccountId,
		},
		/// A verifier stands for audits of a profile.
		Standing {
			/// The profile.
			profile: Hash,
			/// The verifier.
			verifier: T::AccountId,
		},
		/// A verifier no longer stands for audits of a profile.
		StoodDown {
			/// The profile.
			profile: Hash,
			/// The verifier.
			verifier: T::AccountId,
		},
		/// A model is closed for new profiles, offers and verifiers.
		ModelRetired {
			/// The model.
			model: Hash,
		},
		/// A retired model and its profiles are gone.
		ModelCleared {
			/// The model.
			model: Hash,
		},
	}

	#[pallet::error]
	pub enum Error<T> {
		/// The creator has registered the model already: use it.
		ModelExists,
		/// No such model: register it first.
		UnknownModel,
		/// A name or licence is empty or not UTF-8, or a count is zero: correct the metadata.
		InvalidModelInfo,
		/// The royalty is outside `MinRoyalty`..=`MaxRoyalty`: choose one within.
		InvalidRoyalty,
		/// Only the model's creator can do this.
		NotCreator,
		/// The profile is registered already.
		ProfileExists,
		/// No such profile: its model's creator must register it first.
		UnknownProfile,
		/// The profile names a sampler that there is not: name version 1.
		UnknownSampler,
		/// `top_k` is out of its bounds: choose from 32 to 1,024.
		InvalidTopK,
		/// `chunk` is out of its bounds: choose from 1 to 256, and at most `top_k`.
		InvalidChunk,
		/// `max_exponent_mismatches` would let every proof pass or fail: choose from a hundredth of
		/// `top_k`, rounded up, to half of it.
		InvalidExponentMismatches,
		/// `max_mantissa_mean_milli` would let every proof pass or fail: choose from 100 to 21,000.
		InvalidMantissaMean,
		/// `max_mantissa_median_milli` would let every proof pass or fail: choose from 1,000 to
		/// 18,000.
		InvalidMantissaMedian,
		/// `hard_margin_milli` would let every choice pass or fail: choose from 10 to 4,000.
		InvalidHardMargin,
		/// `max_fingerprint_distance` would let all fingerprints agree or none: choose from 32 to 2^24.
		InvalidFingerprintDistance,
		/// The context is out of its bounds: choose from 2 to 2^20 tokens.
		InvalidContext,
		/// `min_tokens_per_second` is out of its bounds: choose from 1 to 100,000.
		InvalidSpeed,
		/// The model has as many profiles as it can.
		TooManyProfiles,
		/// The model is retired: choose another.
		Retired,
		/// Miners with an active bond offer a profile of the model: wait until they have withdrawn.
		StillOffered,
		/// The model is retired, and cannot be cleared before `RetireDelay` blocks have passed.
		TooEarly,
		/// The operator has no bond that counts in this role: bond, and wait for its activation.
		NoActiveBond,
		/// The price is above `MaxPriceFactor` times the reference price: ask for less.
		PriceTooHigh,
		/// The capacity is zero: offer at least 1, or withdraw.
		ZeroCapacity,
		/// The peer id is empty or the address is no multiaddr such as `/ip4/…/tcp/…`.
		InvalidAddress,
		/// The list is full: bond more than its smallest active bond.
		ListFull,
		/// There is no offer to withdraw.
		NoOffer,
		/// The verifier stands already.
		AlreadyStanding,
		/// The verifier does not stand.
		NotStanding,
	}

	impl<T> From<Field> for Error<T> {
		fn from(field: Field) -> Self {
			match field {
				Field::Sampler => Self::UnknownSampler,
				Field::TopK => Self::InvalidTopK,
				Field::Chunk => Self::InvalidChunk,
				Field::ExponentMismatches => Self::InvalidExponentMismatches,
				Field::MantissaMean => Self::InvalidMantissaMean,
				Field::MantissaMedian => Self::InvalidMantissaMedian,
				Field::HardMargin => Self::InvalidHardMargin,
				Field::FingerprintDistance => Self::InvalidFingerprintDistance,
				Field::Context => Self::InvalidContext,
				Field::Speed => Self::InvalidSpeed,
			}
		}
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn integrity_test() {
			assert!(
				T::MinRoyalty::get() <= T::MaxRoyalty::get(),
				"no royalty is possible"
			);
			assert!(
				T::MaxRoyalty::get() <= 100,
				"a royalty is a share of the fee"
			);
			assert!(T::MaxPriceFactor::get() > 0, "no price is possible");
			assert!(T::MaxCandidates::get() > 0, "no offer is possible");
			assert!(T::MaxProfiles::get() > 0, "no profile is possible");
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call(weight(<T as Config>::WeightInfo))]
	impl<T: Config> Pallet<T> {
		/// Registers a model. Its id follows from the creator and the manifest: see
		/// [`infergrid_primitives::model::model_id`].
		///
		/// ## Dispatch Origin
		///
		/// Signed by the creator, who holds the deposit.
		///
		/// ## Errors
		///
		/// - [`Error::ModelExists`], [`Error::InvalidModelInfo`], [`Error::InvalidRoyalty`]
		/// - `TokenError` when the free money does not suffice for the deposit.
		///
		/// ## Events
		///
		/// [`Event::ModelRegistered`]
		#[pallet::call_index(0)]
		pub fn register_model(
			origin: OriginFor<T>,
			info: ModelInfo,
			royalty: u8,
		) -> DispatchResult {
			let creator = ensure_signed(origin)?;
			Self::do_register_model(creator, info, royalty)
		}

		/// Registers a profile of a model. Its id is its hash.
		///
		/// ## Dispatch Origin
		///
		/// Signed by the model's creator, whose deposit grows.
		///
		/// ## Errors
		///
		/// - An error for each [`infergrid_primitives::limits::Field`] that is out of its bounds.
		/// - [`Error::ProfileExists`], [`Error::UnknownModel`],
		///   [`Error::NotCreator`], [`Error::Retired`], [`Error::TooManyProfiles`]
		/// - `TokenError` when the free money does not suffice for the deposit.
		///
		/// ## Events
		///
		/// [`Event::ProfileRegistered`]
		#[pallet::call_index(1)]
		pub fn register_profile(origin: OriginFor<T>, profile: Profile) -> DispatchResult {
			let creator = ensure_signed(origin)?;
			Self::do_register_profile(&creator, profile)
		}

		/// Makes an offer for a profile, or replaces it.
		///
		/// ## Dispatch Origin
		///
		/// Signed by a miner with an active bond, or by its worker key.
		///
		/// ## Errors
		///
		/// - [`Error::UnknownProfile`], [`Error::Retired`], [`Error::NoActiveBond`],
		///   [`Error::PriceTooHigh`], [`Error::ZeroCapacity`], [`Error::InvalidAddress`],
		///   [`Error::ListFull`]
		///
		/// ## Events
		///
		/// [`Event::OfferSet`], and [`Event::OfferWithdrawn`] for a miner that gave way.
		#[pallet::call_index(2)]
		pub fn set_offer(origin: OriginFor<T>, profile: Hash, offer: OfferTerms) -> DispatchResult {
			let miner = Self::operator(ensure_signed(origin)?);
			Self::do_set_offer(miner, profile, offer)
		}

		/// Takes no new requests for a profile.
		///
		/// ## Dispatch Origin
		///
		/// Signed by the miner or by its worker key.
		///
		/// ## Errors
		///
		/// - [`Error::NoOffer`]
		///
		/// ## Events
		///
		/// [`Event::OfferWithdrawn`]
		#[pallet::call_index(3)]
		pub fn withdraw_offer(origin: OriginFor<T>, profile: Hash) -> DispatchResult {
			let miner = Self::operator(ensure_signed(origin)?);
			Self::do_withdraw_offer(&miner, &profile)
		}

		/// Stands for audits of a profile.
		///
		/// ## Dispatch Origin
		///
		/// Signed by a verifier with an active bond, or by its worker key.
		///
		/// ## Errors
		///
		/// - [`Error::UnknownProfile`], [`Error::Retired`], [`Error::NoActiveBond`],
		///   [`Error::AlreadyStanding`], [`Error::ListFull`]
		///
		/// ## Events
		///
		/// [`Event::Standing`], and [`Event::StoodDown`] for a verifier that gave way.
		#[pallet::call_index(4)]
		pub fn stand(origin: OriginFor<T>, profile: Hash) -> DispatchResult {
			let verifier = Self::operator(ensure_signed(origin)?);
			Self::do_stand(verifier, profile)
		}

		/// No longer stands for audits of a profile. Audits already drawn go on.
		///
		/// ## Dispatch Origin
		///
		/// Signed by the verifier or by its worker key.
		///
		/// ## Errors
		///
		/// - [`Error::NotStanding`]
		///
		/// ## Events
		///
		/// [`Event::StoodDown`]
		#[pallet::call_index(5)]
		pub fn stand_down(origin: OriginFor<T>, profile: Hash) -> DispatchResult {
			let verifier = Self::operator(ensure_signed(origin)?);
			Self::do_stand_down(verifier, &profile)
		}

		/// Closes a model; called again `RetireDelay` blocks later, clears it.
		///
		/// ## Dispatch Origin
		///
		/// Signed by the model's creator.
		///
		/// ## Details
		///
		/// A model is open for as long as a miner with an active bond offers it; offers whose miners
		/// have none, and so get no work, are closed with it. Clearing frees the deposit and stands the
		/// verifiers down.
		///
		/// ## Errors
		///
		/// - [`Error::UnknownModel`], [`Error::NotCreator`], [`Error::StillOffered`],
		///   [`Error::TooEarly`]
		///
		/// ## Events
		///
		/// [`Event::ModelRetired`] the first time, [`Event::ModelCleared`] the second.
		#[pallet::call_index(6)]
		pub fn retire_model(origin: OriginFor<T>, id: Hash) -> DispatchResult {
			let creator = ensure_signed(origin)?;
			Self::do_retire_model(&creator, id)
		}
	}

	/// Limits for those that build on the register.
	impl<T: Config> Pallet<T> {
		/// The largest price an offer for `profile` may ask.
		pub fn price_cap(profile: &Profile) -> Price {
			let factor = Balance::from(T::MaxPriceFactor::get());
			Price {
				input: profile.reference_input.saturating_mul(factor),
				output: profile.reference_output.saturating_mul(factor),
			}
		}
	}
}
