//! A node that does what a test says, behind the transport's door. Its metadata are those of the real
//! runtime.

use crate::{Chain, Options, transport::Dial};
use codec::{Compact, Encode};
use futures::{StreamExt, future::BoxFuture, stream};
use infergrid_primitives::{BlockNumber, Hash, hashing::blake2_256};
use serde_json::{Value, json, value::to_raw_value};
use std::{
	collections::{BTreeMap, VecDeque},
	sync::{Arc, Mutex, MutexGuard},
};
use subxt::rpcs::{
	Error as RpcError, RpcClient, UserError,
	client::{RawRpcFuture, RawRpcSubscription, RawValue, RpcClientT},
};
use tokio::sync::watch;

/// What `Metadata_metadata_at_version` of the runtime answers for version 16.
pub(super) const METADATA: &[u8] = include_bytes!("../../fixtures/metadata.scale");
pub(super) const URL: &str = "ws://one";

type Storage = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Default)]
pub(super) struct Block {
	pub(super) storage: Storage,
	pub(super) extrinsics: Vec<Vec<u8>>,
}

#[derive(Default)]
pub(super) struct State {
	/// From the genesis block on; those after the finalized one are the best chain.
	pub(super) blocks: Vec<Block>,
	pub(super) finalized: BlockNumber,
	/// Nothing can be asked, and streams end.
	pub(super) down: bool,
	pub(super) syncing: bool,
	/// The state of blocks before this one is forgotten.
	pub(super) kept_from: BlockNumber,
	/// How the next extrinsics are answered, before those that are taken.
	pub(super) refusals: VecDeque<(i32, &'static str)>,
	/// What the runtime says of an extrinsic that is refused, SCALE-encoded.
	pub(super) validity: Vec<u8>,
	/// Extrinsics that came, taken or not.
	pub(super) submitted: Vec<Vec<u8>>,
	/// Questions by method, for which the connection breaks so many times.
	pub(super) failures: BTreeMap<&'static str, u32>,
	/// Values of the storage that were read.
	pub(super) reads: usize,
}

pub(super) struct FakeNode {
	state: Mutex<State>,
	changed: watch::Sender<()>,
}

/// Endpoints by their URL.
pub(super) struct Endpoints(pub(super) Vec<(&'static str, Arc<FakeNode>)>);

struct Connection(Arc<FakeNode>);

pub(super) fn hash_of(number: BlockNumber) -> Hash {
	blake2_256(&number.encode())
}

impl FakeNode {
	/// A node with blocks up to `finalized`, all of them finalized and empty.
	pub(super) fn new(finalized: BlockNumber) -> Arc<Self> {
		let node = Arc::new(Self {
			state: Mutex::default(),
			changed: watch::Sender::new(()),
		});
		node.state().blocks.push(Block::default());
		node.finalize(finalized);
		node
	}

	pub(super) async fn chain(self: &Arc<Self>) -> Chain {
		self.chain_with(|_| {}).await
	}

	pub(super) async fn chain_with(self: &Arc<Self>, change: impl FnOnce(&mut Options)) -> Chain {
		let mut options = Options::new(vec![URL.to_owned()]);
		change(&mut options);
		let endpoints = Endpoints(vec![(URL, self.clone())]);
		Chain::dial(options, Box::new(endpoints)).await.unwrap()
	}

	pub(super) fn state(&self) -> MutexGuard<'_, State> {
		self.state.lock().unwrap()
	}

	/// Changes the state, and lets streams see it.
	pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
		change(&mut self.state());
		self.changed.send_replace(());
	}

	/// Adds a block with `change` to the best chain.
	pub(super) fn build(&self, change: impl FnOnce(&mut Block)) -> BlockNumber {
		let mut state = self.state();
		let mut block = Block {
			extrinsics: Vec::new(),
			..state.blocks.last().cloned().unwrap()
		};
		block.storage.remove(&events_key());
		change(&mut block);
		state.blocks.push(block);
		state.blocks.len() as BlockNumber - 1
	}

	/// Finalizes block `number`, building those that are not there.
	pub(super) fn finalize(&self, number: BlockNumber) {
		while (self.state().blocks.len() as BlockNumber) <= number {
			self.build(|_| {});
		}
		self.change(|state| state.finalized = number);
	}

	/// Puts the extrinsics that came into a new block, each with the outcome given, and finalizes it.
	pub(super) fn include(&self, nonce: (&[u8], u32), outcome: &Outcome) -> BlockNumber {
		let sent = self.state().submitted.last().cloned().unwrap();
		let number = self.build(|block| {
			block.extrinsics = vec![sent];
			block.storage.insert(nonce.0.to_vec(), account(nonce.1));
			block.storage.insert(events_key(), outcome.events());
		});
		self.finalize(number);
		number
	}

	fn answer(&self, method: &str, params: &[Value]) -> Result<Value, RpcError> {
		let mut state = self.state();
		if state.down {
			return Err(RpcError::Client("the connection is broken".into()));
		}
		if let Some(left) = state.failures.get_mut(method).filter(|left| **left > 0) {
			*left -= 1;
			return Err(RpcError::Client("the connection broke".into()));
		}
		let best = state.blocks.len() as BlockNumber - 1;
		let hash = |value: Option<&Value>| match value.and_then(Value::as_str) {
			None => Some(best),
			Some(text) => (0..=best).find(|number| hex(&hash_of(*number)) == text),
		};
		Ok(match method {
			"chain_getBlockHash" => match params.first().and_then(Value::as_u64) {
				None => json!(hex(&hash_of(best))),
				Some(number) if number <= best.into() => json!(hex(&hash_of(number as u32))),
				Some(_) => Value::Null,
			},
			"chain_getFinalizedHead" => json!(hex(&hash_of(state.finalized))),
			"chain_getHeader" => hash(params.first()).map_or(Value::Null, header),
			"chain_getBlock" => hash(params.first()).map_or(Value::Null, |number| {
				let extrinsics = &state.blocks[number as usize].extrinsics;
				let extrinsics: Vec<_> = extrinsics.iter().map(|bytes| hex(bytes)).collect();
				json!({
					"block": {"header": header(number), "extrinsics": extrinsics},
					"justifications": null,
				})
			}),
			"system_health" => {
				json!({"peers": 3, "isSyncing": state.syncing, "shouldHavePeers": true})
			}
			"system_accountNextIndex" => json!(0),
			"author_submitExtrinsic" => {
				let bytes = unhex(&params[0]);
				state.submitted.push(bytes.clone());
				match state.refusals.pop_front() {
					Some((code, message)) => return Err(user(code, message)),
					None => json!(hex(&blake2_256(&bytes))),
				}
			}
			"state_call" => {
				known(&state, hash(params.get(2)))?;
				match params[0].as_str().unwrap() {
					"Core_version" => json!(hex(&version())),
					"Metadata_metadata_versions" => json!(hex(&vec![16u32].encode())),
					"Metadata_metadata_at_version" => json!(hex(METADATA)),
					"TaggedTransactionQueue_validate_transaction" => json!(hex(&state.validity)),
					other => panic!("no runtime call {other}"),
				}
			}
			"state_getStorage" => {
				let number = known(&state, hash(params.get(1)))?;
				state.reads += 1;
				let value = state.blocks[number as usize]
					.storage
					.get(&unhex(&params[0]));
				value.map_or(Value::Null, |value| json!(hex(value)))
			}
			"state_getKeysPaged" => {
				let number = known(&state, hash(params.get(3)))?;
				let (prefix, after) = (
					unhex(&params[0]),
					params.get(2).filter(|key| !key.is_null()),
				);
				let after = after.map(unhex);
				let keys: Vec<_> = state.blocks[number as usize]
					.storage
					.keys()
					.filter(|key| {
						key.starts_with(&prefix) && after.as_ref().is_none_or(|after| *key > after)
					})
					.map(|key| hex(key))
					.collect();
				json!(keys)
			}
			"state_queryStorageAt" => {
				let number = known(&state, hash(params.get(1)))?;
				state.reads += params[0].as_array().unwrap().len();
				let storage = &state.blocks[number as usize].storage;
				let changes: Vec<_> = params[0]
					.as_array()
					.unwrap()
					.iter()
					.map(|key| json!([key, storage.get(&unhex(key)).map(|value| hex(value))]))
					.collect();
				json!([{"block": hex(&hash_of(number)), "changes": changes}])
			}
			other => panic!("no method {other}"),
		})
	}

	fn heads(self: Arc<Self>) -> RawRpcSubscription {
		let mut changes = self.changed.subscribe();
		changes.mark_changed();
		let heads = stream::unfold(
			(changes, self, None),
			|(mut changes, node, last)| async move {
				loop {
					changes.changed().await.ok()?;
					let (down, finalized) = {
						let state = node.state();
						(state.down, state.finalized)
					};
					if down {
						return None;
					}
					if last != Some(finalized) {
						return Some((
							Ok(raw(&header(finalized))),
							(changes, node, Some(finalized)),
						));
					}
				}
			},
		);
		RawRpcSubscription {
			stream: heads.boxed(),
			id: Some("heads".into()),
		}
	}
}

/// The block whose state is asked for, or the node's word that it does not have it.
fn known(state: &State, number: Option<BlockNumber>) -> Result<BlockNumber, RpcError> {
	match number {
		None => Err(user(
			4003,
			"Client error: UnknownBlock: Header was not found in the database",
		)),
		Some(number) if number < state.kept_from => Err(user(
			4003,
			"Client error: UnknownBlock: State already discarded for BlockId::Hash",
		)),
		Some(number) => Ok(number),
	}
}

impl RpcClientT for Connection {
	fn request_raw<'a>(
		&'a self,
		method: &'a str,
		params: Option<Box<RawValue>>,
	) -> RawRpcFuture<'a, Box<RawValue>> {
		Box::pin(async move {
			let params = params.map_or_else(|| "[]".to_owned(), |params| params.get().to_owned());
			let params: Vec<Value> = serde_json::from_str(&params).unwrap();
			self.0.answer(method, &params).map(|answer| raw(&answer))
		})
	}

	fn subscribe_raw<'a>(
		&'a self,
		method: &'a str,
		_: Option<Box<RawValue>>,
		_: &'a str,
	) -> RawRpcFuture<'a, RawRpcSubscription> {
		Box::pin(async move {
			assert_eq!(method, "chain_subscribeFinalizedHeads");
			if self.0.state().down {
				return Err(RpcError::Client("the connection is broken".into()));
			}
			Ok(self.0.clone().heads())
		})
	}
}

impl Dial for Endpoints {
	fn dial(&self, url: String) -> BoxFuture<'static, Result<RpcClient, RpcError>> {
		let found = self.0.iter().find(|(known, _)| *known == url);
		let node = found.map(|(_, node)| node.clone()).unwrap();
		Box::pin(async move {
			if node.state().down {
				return Err(RpcError::Client("connection refused".into()));
			}
			Ok(RpcClient::new(Connection(node)))
		})
	}
}

/// How an extrinsic ends.
pub(super) enum Outcome {
	Success,
	/// The index of a pallet, and of its error.
	Failure(u8, u8),
}

impl Outcome {
	/// The events of a block whose only extrinsic ends so.
	fn events(&self) -> Vec<u8> {
		// `DispatchInfo`: the weight, the class, whether a fee is paid.
		let info = (Compact(1u64), Compact(0u64), 0u8, 0u8);
		// The phase, the index of `System`, the event's index, its fields, no topics.
		let phase = (0u8, 0u32);
		let event = match self {
			Self::Success => (phase, 0u8, 0u8, info, Vec::<Hash>::new()).encode(),
			Self::Failure(pallet, error) => {
				let error = (3u8, *pallet, [*error, 0, 0, 0]);
				(phase, 0u8, 1u8, error, info, Vec::<Hash>::new()).encode()
			}
		};
		[Compact(1u32).encode(), event].concat()
	}
}

/// An account that has used `nonce` nonces and has money.
pub(super) fn account(nonce: u32) -> Vec<u8> {
	let (consumers, providers, sufficients) = (0u32, 1u32, 0u32);
	let (free, reserved, frozen, flags) = (10u128.pow(16), 0u128, 0u128, 1u128 << 127);
	(
		(nonce, consumers, providers, sufficients),
		(free, reserved, frozen, flags),
	)
		.encode()
}

/// The storage key of `System.Events`.
pub(super) fn events_key() -> Vec<u8> {
	hex::decode("26aa394eea5630e07c48ae0c9558cef780d41e5e16056765bc8461851072c9d7").unwrap()
}

fn version() -> Vec<u8> {
	let apis = Vec::<([u8; 8], u32)>::new();
	("infergrid", "infergrid", 1u32, 1u32, 1u32, apis, 1u32, 1u8).encode()
}

fn header(number: BlockNumber) -> Value {
	let parent = number.saturating_sub(1);
	json!({
		"parentHash": hex(&hash_of(parent)),
		"number": format!("{number:#x}"),
		"stateRoot": hex(&[1; 32]),
		"extrinsicsRoot": hex(&[2; 32]),
		"digest": {"logs": []},
	})
}

fn user(code: i32, message: &str) -> RpcError {
	RpcError::User(UserError {
		code,
		message: message.into(),
		data: None,
	})
}

fn raw(value: &Value) -> Box<RawValue> {
	to_raw_value(value).unwrap()
}

fn hex(bytes: &[u8]) -> String {
	format!("0x{}", hex::encode(bytes))
}

fn unhex(value: &Value) -> Vec<u8> {
	hex::decode(value.as_str().unwrap().trim_start_matches("0x")).unwrap()
}
