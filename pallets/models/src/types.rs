//! What the pallet stores.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	BoundedVec,
	traits::{ConstU32, Footprint},
};
use infergrid_primitives::{Hash, market::Price, model::Profile};
use polkadot_sdk::*;
use scale_info::TypeInfo;

/// What there is to know about a model without its files.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct ModelInfo {
	/// A name for people, in UTF-8; not unique.
	pub name: BoundedVec<u8, ConstU32<64>>,
	/// [`infergrid_primitives::model::Manifest::id`], by which whoever has the files finds the model.
	pub manifest_hash: Hash,
	/// Decoder layers.
	pub layers: u32,
	/// Size of the weights in bytes.
	pub weight_bytes: u64,
	/// SPDX identifier of the licence, or `unknown`.
	pub licence: BoundedVec<u8, ConstU32<32>>,
}

impl ModelInfo {
	/// Whether every field has a sensible value.
	pub fn is_valid(&self) -> bool {
		let is_text = |bytes: &[u8]| !bytes.is_empty() && core::str::from_utf8(bytes).is_ok();
		is_text(&self.name) && is_text(&self.licence) && self.layers > 0 && self.weight_bytes > 0
	}
}

/// A registered model.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Model<AccountId, Ticket, BlockNumber> {
	/// Who registered it and earns its royalties.
	pub creator: AccountId,
	/// What it is.
	pub info: ModelInfo,
	/// Share of each fee in percent.
	pub royalty: u8,
	/// The deposit for this entry and the model's profiles.
	pub ticket: Ticket,
	/// The block that retired it.
	pub retired_at: Option<BlockNumber>,
}

/// What a model with this many profiles takes in the state.
pub fn footprint(info: &ModelInfo, profiles: usize) -> Footprint {
	let profile_len = Profile::max_encoded_len().saturating_add(size_of::<Hash>());
	// One blob: `Footprint` multiplies count and size.
	Footprint::from_parts(
		1,
		info.encoded_size()
			.saturating_add(profile_len.saturating_mul(profiles)),
	)
}

/// What a miner offers for a profile.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct OfferTerms {
	/// What 1,000 tokens cost.
	pub price: Price,
	/// Requests at the same time.
	pub capacity: u32,
	/// The worker's libp2p peer id.
	pub peer: BoundedVec<u8, ConstU32<64>>,
	/// Where to dial it: a multiaddr as text.
	pub address: BoundedVec<u8, ConstU32<128>>,
}

impl OfferTerms {
	/// Whether the peer can be dialled as far as the chain can tell.
	pub fn is_dialable(&self) -> bool {
		!self.peer.is_empty()
			&& self.address.first() == Some(&b'/')
			&& core::str::from_utf8(&self.address).is_ok()
	}
}

/// An offer and what of it is taken.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Offer {
	/// The offer.
	pub terms: OfferTerms,
	/// Requests assigned and not released yet.
	pub in_use: u32,
}
