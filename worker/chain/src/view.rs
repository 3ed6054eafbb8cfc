//! The chain's state after one block.

mod events;
mod market;
mod operator;

pub(crate) use events::Outcome;

use crate::{
	block::BlockId,
	error::ReadError,
	records::{Plain, Record},
};
use codec::Encode;
use std::{
	collections::BTreeSet,
	fmt,
	sync::{Mutex, PoisonError},
};
use subxt::{
	PolkadotConfig,
	client::OnlineClientAtBlock,
	ext::{
		frame_decode::{helpers::IntoDecodableValues, storage::IntoEncodableValues},
		scale_decode::DecodeAsType,
	},
	storage::PrefixOf,
};

/// The chain's state after one block. Reads are repeated at other endpoints when one fails.
///
/// Of a list, an item that this version cannot decode is left out, so that it does not hide the others,
/// and that is logged once; a single record that cannot be decoded is [`ReadError::Undecodable`].
#[derive(Clone, Debug)]
pub struct View {
	at: OnlineClientAtBlock<PolkadotConfig>,
	block: BlockId,
}

impl View {
	pub(crate) fn new(at: OnlineClientAtBlock<PolkadotConfig>, block: BlockId) -> Self {
		Self { at, block }
	}

	/// The block.
	pub fn block(&self) -> BlockId {
		self.block
	}

	#[cfg(test)]
	pub(crate) fn raw(&self) -> &OnlineClientAtBlock<PolkadotConfig> {
		&self.at
	}

	fn constant<T: DecodeAsType>(
		&self,
		pallet: &'static str,
		name: &'static str,
	) -> Result<T, ReadError> {
		self.at
			.constants()
			.entry(subxt::dynamic::constant::<T>(pallet, name))
			.map_err(|error| ReadError::from_subxt(item(pallet, name), error))
	}

	/// The value at `key` of a storage entry.
	async fn get<K, R: Record>(
		&self,
		pallet: &'static str,
		entry: &'static str,
		key: K,
	) -> Result<Option<R>, ReadError>
	where
		K: IntoEncodableValues + IntoDecodableValues + Encode,
	{
		let encoded = key.encode();
		let address = subxt::dynamic::storage::<K, R::Wire>(pallet, entry);
		let found = self
			.at
			.storage()
			.try_fetch(address, key)
			.await
			.map_err(|error| ReadError::from_subxt(item(pallet, entry), error))?;
		let Some(found) = found else {
			return Ok(None);
		};
		let wire = found
			.decode()
			.map_err(|error| ReadError::undecodable(item(pallet, entry), &encoded, error))?;
		Ok(Some(R::from_wire(wire)))
	}

	/// As [`View::get`], for a value that decodes as it is.
	async fn plain<K, T>(
		&self,
		pallet: &'static str,
		entry: &'static str,
		key: K,
	) -> Result<Option<T>, ReadError>
	where
		K: IntoEncodableValues + IntoDecodableValues + Encode,
		T: codec::Decode + Send + Sync + 'static,
	{
		let found = self.get::<K, Plain<T>>(pallet, entry, key).await?;
		Ok(found.map(|plain| plain.0))
	}

	/// Every entry of a map with a single key.
	async fn all<K, R>(
		&self,
		pallet: &'static str,
		entry: &'static str,
	) -> Result<Vec<(K, R)>, ReadError>
	where
		R: Record,
		K: codec::Decode + Encode + Send + Sync + 'static,
	{
		let listed = self
			.list::<(subxt::utils::Static<K>,), _, R>(pallet, entry, ())
			.await?;
		Ok(listed
			.into_iter()
			.map(|((key,), record)| (key.0, record))
			.collect())
	}

	/// The entries of a map whose keys begin with `prefix`.
	async fn list<K, P, R>(
		&self,
		pallet: &'static str,
		entry: &'static str,
		prefix: P,
	) -> Result<Vec<(K, R)>, ReadError>
	where
		R: Record,
		K: IntoEncodableValues + IntoDecodableValues,
		P: PrefixOf<K>,
	{
		let address = subxt::dynamic::storage::<K, R::Wire>(pallet, entry);
		let mut entries = self
			.at
			.storage()
			.iter(address, prefix)
			.await
			.map_err(|error| ReadError::from_subxt(item(pallet, entry), error))?;
		let mut list = Vec::new();
		let mut skipped = Skipped::default();
		while let Some(found) = entries.next().await {
			let found = found.map_err(|error| ReadError::from_subxt(item(pallet, entry), error))?;
			let wire = found.value().decode();
			let key = found.key().and_then(|key| key.decode());
			let key_text = || hex::encode(found.key_bytes());
			match (key, wire) {
				(Ok(key), Ok(wire)) => list.push((key, R::from_wire(wire))),
				(Err(error), _) => skipped.add(key_text, &error),
				(_, Err(error)) => skipped.add(key_text, &error),
			}
		}
		skipped.tell(pallet, entry);
		Ok(list)
	}
}

fn item(pallet: &str, entry: &str) -> String {
	format!("{pallet}.{entry}")
}

/// Items of a list that this version cannot decode: a newer runtime has put them there.
#[derive(Default)]
struct Skipped {
	count: usize,
	/// The first one's key and what is wrong with it.
	first: Option<(String, String)>,
}

impl Skipped {
	fn add(&mut self, key: impl FnOnce() -> String, error: &impl fmt::Display) {
		self.count += 1;
		if self.first.is_none() {
			self.first = Some((key(), error.to_string()));
		}
	}

	/// Says it once for each kind of item.
	fn tell(self, pallet: &'static str, entry: &'static str) {
		static TOLD: Mutex<BTreeSet<(&str, &str)>> = Mutex::new(BTreeSet::new());
		let Some((key, error)) = self.first else {
			return;
		};
		let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
		if told.insert((pallet, entry)) {
			tracing::error!(
				chain.item = item(pallet, entry),
				chain.key = key,
				count = self.count,
				error,
				"the chain has records that this version cannot read, and leaves out: upgrade infergrid to \
				 the version that fits the runtime"
			);
		}
	}
}
