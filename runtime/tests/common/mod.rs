//! Builds blocks of the real runtime in memory, with real BABE digests.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
	clippy::expect_used,
	clippy::unwrap_used,
	reason = "clippy takes only functions marked #[test] for tests"
)]

use codec::Encode;
use infergrid_runtime::{
	AccountId, AllPalletsWithSystem, Balance, CheckOperational, Executive, Header, Nonce, Runtime,
	RuntimeCall, RuntimeGenesisConfig, SignedPayload, TxExtension, UncheckedExtrinsic, VERSION,
	constants::SLOT_DURATION, genesis,
};
use polkadot_sdk::*;
use serde_json::Value;
use sp_consensus_babe::{
	BABE_ENGINE_ID, Slot,
	digests::{PreDigest, SecondaryVRFPreDigest},
};
use sp_core::{ByteArray, Pair, crypto::VrfSecret, sr25519};
use sp_io::TestExternalities;
use sp_keyring::Sr25519Keyring;
use sp_runtime::{
	ApplyExtrinsicResult, Digest, DigestItem, MultiAddress, MultiSignature,
	generic::Era,
	traits::{Hash as _, Header as _},
};

/// The slot before block 1.
const FIRST_SLOT: u64 = 600_000_000;

/// The genesis configuration of a preset, as the client makes it: the patch merged into the default.
pub(crate) fn genesis_json(preset: &str) -> Value {
	fn merge(base: &mut Value, patch: Value) {
		match (base, patch) {
			(Value::Object(base), Value::Object(patch)) => {
				for (key, value) in patch {
					merge(base.entry(key).or_insert(Value::Null), value);
				}
			}
			(base, patch) => *base = patch,
		}
	}
	let patch = genesis::preset(&preset.into()).expect("the preset exists");
	let mut json = serde_json::to_value(RuntimeGenesisConfig::default()).unwrap();
	merge(&mut json, serde_json::from_slice(&patch).unwrap());
	json
}

/// The pair of `uri`.
pub(crate) fn pair(uri: &str) -> sr25519::Pair {
	sr25519::Pair::from_string(uri, None).unwrap()
}

/// The account of `uri`.
pub(crate) fn account(uri: &str) -> AccountId {
	pair(uri).public().0.into()
}

/// A chain that its authors, Alice alone at first, extend by one block for each slot, in turn.
pub(crate) struct Chain {
	/// Validators whose nodes are on.
	pub(crate) authors: Vec<Sr25519Keyring>,
	ext: TestExternalities,
	parent: sp_core::H256,
	number: u32,
	slot: u64,
}

impl Chain {
	/// A chain with the genesis of `preset`.
	pub(crate) fn new(preset: &str) -> Self {
		Self::from_genesis(&genesis_json(preset))
	}

	/// A chain with this genesis configuration.
	pub(crate) fn from_genesis(json: &Value) -> Self {
		let json = serde_json::to_vec(json).unwrap();
		let mut ext = TestExternalities::new_empty();
		ext.execute_with(|| {
			frame_support::genesis_builder_helper::build_state::<RuntimeGenesisConfig>(json)
				.expect("the preset makes a genesis");
		});
		ext.commit_all().unwrap();
		ext.execute_with(|| check_state(0));
		let parent = sp_runtime::traits::BlakeTwo256::hash(b"genesis");
		Self {
			authors: vec![Sr25519Keyring::Alice],
			ext,
			parent,
			number: 0,
			slot: FIRST_SLOT,
		}
	}

	/// Makes a chain without blocks believe that its genesis is another.
	pub(crate) fn pretend_genesis(&mut self, seed: &[u8]) {
		assert_eq!(self.number, 0, "the genesis is fixed by the first block");
		self.parent = sp_runtime::traits::BlakeTwo256::hash(seed);
	}

	/// Runs `f` on the state of the last block.
	pub(crate) fn query<R>(&mut self, f: impl FnOnce() -> R) -> R {
		self.ext.execute_with(f)
	}

	/// Asks every pallet whether its state is consistent, where the build has the question.
	pub(crate) fn check(&mut self) {
		let number = self.number;
		self.query(|| check_state(number));
	}

	/// Signs `call` as `uri` for the next block. `offset` counts the signer's transactions that go
	/// before it into the same block.
	pub(crate) fn sign(
		&mut self,
		uri: &str,
		call: impl Into<RuntimeCall>,
		offset: Nonce,
	) -> UncheckedExtrinsic {
		self.sign_with_tip(uri, call, offset, 0)
	}

	/// As [`Chain::sign`], with a tip in plancks.
	pub(crate) fn sign_with_tip(
		&mut self,
		uri: &str,
		call: impl Into<RuntimeCall>,
		offset: Nonce,
		tip: Balance,
	) -> UncheckedExtrinsic {
		let signer = pair(uri);
		let who = AccountId::from(signer.public().0);
		let genesis = if self.number == 0 {
			self.parent
		} else {
			self.query(|| frame_system::Pallet::<Runtime>::block_hash(0))
		};
		let nonce = self.query(|| frame_system::Pallet::<Runtime>::account_nonce(&who)) + offset;
		let extension: TxExtension = (
			frame_system::AuthorizeCall::new(),
			frame_system::CheckNonZeroSender::new(),
			frame_system::CheckSpecVersion::new(),
			frame_system::CheckTxVersion::new(),
			frame_system::CheckGenesis::new(),
			frame_system::CheckMortality::from(Era::Immortal),
			frame_system::CheckNonce::from(nonce),
			CheckOperational,
			frame_system::CheckWeight::new(),
			pallet_transaction_payment::ChargeTransactionPayment::from(tip),
			frame_metadata_hash_extension::CheckMetadataHash::new(false),
			frame_system::WeightReclaim::new(),
		);
		let call = call.into();
		let implicit = (
			(),
			(),
			VERSION.spec_version,
			VERSION.transaction_version,
			genesis,
			genesis,
			(),
			(),
			(),
			(),
			None,
			(),
		);
		let payload = SignedPayload::from_raw(call.clone(), extension.clone(), implicit);
		let signature = payload.using_encoded(|bytes| signer.sign(bytes));
		UncheckedExtrinsic::new_signed(
			call,
			MultiAddress::Id(who),
			MultiSignature::Sr25519(signature),
			extension,
		)
	}

	/// Makes, finalizes and checks a block with `extrinsics` after the inherents.
	pub(crate) fn block(
		&mut self,
		extrinsics: Vec<UncheckedExtrinsic>,
	) -> Vec<ApplyExtrinsicResult> {
		self.number += 1;
		self.slot += 1;
		let (number, parent, slot) = (self.number, self.parent, Slot::from(self.slot));
		let author = self.authors[self.slot as usize % self.authors.len()];
		let (header, results) = self.ext.execute_with(|| {
			let header = Header::new(
				number,
				Default::default(),
				Default::default(),
				parent,
				Digest {
					logs: vec![pre_digest(slot, author)],
				},
			);
			Executive::initialize_block(&header);
			let now = pallet_timestamp::Call::set {
				now: u64::from(slot) * SLOT_DURATION,
			};
			Executive::apply_extrinsic(UncheckedExtrinsic::new_bare(RuntimeCall::Timestamp(now)))
				.unwrap()
				.unwrap();
			let results = extrinsics
				.into_iter()
				.map(Executive::apply_extrinsic)
				.collect();
			let header = Executive::finalize_block();
			check_state(number);
			(header, results)
		});
		self.parent = header.hash();
		results
	}

	/// Makes `n` empty blocks.
	pub(crate) fn blocks(&mut self, n: u32) {
		for _ in 0..n {
			self.block(Vec::new());
		}
	}

	/// The hash over which everything on this chain is signed. Known from block 1 on.
	pub(crate) fn genesis(&mut self) -> [u8; 32] {
		self.query(|| frame_system::Pallet::<Runtime>::block_hash(0).0)
	}

	/// The number of the last block.
	pub(crate) fn number(&self) -> u32 {
		self.number
	}
}

/// The digest of a block that `author`'s node authors as a secondary author.
fn pre_digest(slot: Slot, author: Sr25519Keyring) -> DigestItem {
	type Babe = pallet_babe::Pallet<Runtime>;
	let author = author.pair();
	let authority_index = Babe::authorities()
		.iter()
		.position(|(id, _)| id.as_slice() == author.public().0.as_slice())
		.expect("the author is an authority") as u32;
	// The first block of an epoch is signed over the epoch that it opens.
	let (randomness, epoch) = if number_of_epoch(slot) > pallet_babe::EpochIndex::<Runtime>::get()
		&& frame_system::Pallet::<Runtime>::block_number() > 0
	{
		(
			pallet_babe::NextRandomness::<Runtime>::get(),
			pallet_babe::EpochIndex::<Runtime>::get() + 1,
		)
	} else {
		(
			Babe::randomness(),
			pallet_babe::EpochIndex::<Runtime>::get(),
		)
	};
	let data = sp_consensus_babe::make_vrf_sign_data(&randomness, slot, epoch);
	let digest = PreDigest::SecondaryVRF(SecondaryVRFPreDigest {
		authority_index,
		slot,
		vrf_signature: author.vrf_sign(&data),
	});
	DigestItem::PreRuntime(BABE_ENGINE_ID, digest.encode())
}

fn number_of_epoch(slot: Slot) -> u64 {
	let genesis = pallet_babe::GenesisSlot::<Runtime>::get();
	(u64::from(slot) - u64::from(genesis))
		/ u64::from(infergrid_runtime::constants::EPOCH_DURATION_IN_SLOTS)
}

/// Every pallet's own check of its state, where the build has them.
#[cfg(feature = "try-runtime")]
fn check_state(number: u32) {
	use frame_support::traits::{TryState, TryStateSelect};
	AllPalletsWithSystem::try_state(number, TryStateSelect::All).expect("the state is consistent");
}

#[cfg(not(feature = "try-runtime"))]
fn check_state(_number: u32) {
	let _ = core::marker::PhantomData::<AllPalletsWithSystem>;
}
