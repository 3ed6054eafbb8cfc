//! A market that answers by itself: it says back what the last message says, or does what it asks.

use async_trait::async_trait;
use futures::{StreamExt, stream};
use infergrid_checkpoint::{Checkpoint, StopMatcher};
use infergrid_gateway::*;
use infergrid_primitives::{
	Hash, TokenId,
	audit::Verdict,
	hashing::blake2_256,
	market::{Price, Shares},
	request::{Finish, Receipt},
};
use serde_json::{Value, json};
use std::{
	collections::HashMap,
	path::Path,
	sync::{
		Arc, Mutex,
		atomic::{AtomicUsize, Ordering},
	},
	time::Duration,
};

pub(crate) const MODEL: &str = "parrot";
pub(crate) const BARE_MODEL: &str = "owner/bare";
pub(crate) const CONTEXT: u32 = 2_000;
/// Of prompt and answer together, for which the market grants time.
pub(crate) const LONGEST: u32 = 1_900;
pub(crate) const MINER: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

const END: TokenId = 256;
const SPECIAL: [&str; 5] = [
	"<|end|>",
	"<|system|>",
	"<|user|>",
	"<|assistant|>",
	"<|begin|>",
];

/// What the fake remembers.
#[derive(Default)]
pub(crate) struct Seen {
	pub(crate) orders: Mutex<Vec<Order>>,
	pub(crate) running: Arc<AtomicUsize>,
	pub(crate) receipts: Mutex<HashMap<Hash, ReceiptProgress>>,
	pub(crate) kept: Mutex<HashMap<Hash, KeptAnswer>>,
}

pub(crate) struct FakeMarket {
	pub(crate) models: Vec<Arc<Model>>,
	pub(crate) seen: Arc<Seen>,
	pub(crate) down: bool,
	pub(crate) problems: Vec<String>,
}

impl FakeMarket {
	/// Over model files written to `directory`.
	pub(crate) fn new(directory: &Path) -> Self {
		let model = |name: &str, template: bool| {
			let directory = directory.join(name);
			write_checkpoint(&directory, template);
			Arc::new(Model {
				name: name.into(),
				aliases: Vec::new(),
				profile: blake2_256(name.as_bytes()),
				owner: "ferdie".into(),
				created: 1_700_000_000,
				context: CONTEXT,
				longest: LONGEST,
				sampling: SamplingDefaults::default(),
				checkpoint: Arc::new(Checkpoint::open(directory).unwrap()),
			})
		};
		let models = vec![model(MODEL, true), model(BARE_MODEL, false)];
		Self {
			models,
			seen: Arc::default(),
			down: false,
			problems: Vec::new(),
		}
	}
}

/// Counts an order from its start to its end, however it ends.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
	fn drop(&mut self) {
		self.0.fetch_sub(1, Ordering::SeqCst);
	}
}

#[async_trait]
impl Market for FakeMarket {
	async fn models(&self) -> Result<Vec<Arc<Model>>, MarketError> {
		if self.down {
			Err(MarketError::Unavailable)
		} else {
			Ok(self.models.clone())
		}
	}

	async fn order(&self, orders: Vec<Order>) -> Result<Vec<OrderStream>, OrderError> {
		match orders.iter().find_map(refusal) {
			Some(error) => Err(error),
			None => Ok(orders.into_iter().map(|order| self.begin(order)).collect()),
		}
	}

	async fn answer(&self, request_id: &Hash) -> Result<Option<KeptAnswer>, MarketError> {
		Ok(self.seen.kept.lock().unwrap().get(request_id).cloned())
	}

	async fn health(&self) -> Health {
		Health {
			finality_age: Some(Duration::from_secs(2)),
			funds: Some(7),
			problems: self.problems.clone(),
		}
	}

	async fn receipt(&self, request_id: &Hash) -> Result<Option<ReceiptProgress>, MarketError> {
		Ok(self.seen.receipts.lock().unwrap().get(request_id).cloned())
	}
}

impl FakeMarket {
	fn begin(&self, order: Order) -> OrderStream {
		let mut orders = self.seen.orders.lock().unwrap();
		orders.push(order.clone());
		let placement = Placement {
			task: orders.len() as u64,
			request_id: blake2_256(&orders.len().to_le_bytes()),
			miner: MINER.into(),
		};
		drop(orders);
		self.seen.running.fetch_add(1, Ordering::SeqCst);
		let running = Running(self.seen.running.clone());
		let text = last_message(&order);
		let hang = text == "!hang" || text == "!wait";
		let (mut events, wait) = match text.as_str() {
			"!busy" => (
				vec![OrderEvent::Failed(OrderError::Busy {
					retry_after: Duration::from_secs(77),
				})],
				Duration::ZERO,
			),
			"!dear" => (
				vec![OrderEvent::Failed(OrderError::TooDear { cheapest: 5 })],
				Duration::ZERO,
			),
			"!late" => (
				vec![
					OrderEvent::Placed(placement),
					OrderEvent::Failed(OrderError::NotDelivered),
				],
				Duration::ZERO,
			),
			"!restart" => {
				let mut events = answer(&order, "first", &placement, &self.seen);
				events.truncate(5);
				events.push(OrderEvent::Restarted);
				events.extend(answer(&order, "second", &placement, &self.seen).split_off(1));
				(events, Duration::ZERO)
			}
			// Nobody has taken it at its first price.
			"!dearer" => {
				let first = Placement {
					request_id: blake2_256(&placement.request_id),
					..placement.clone()
				};
				let mut events = answer(&order, "dearer", &placement, &self.seen);
				events.insert(0, OrderEvent::Placed(first));
				(events, Duration::ZERO)
			}
			"!vanish" | "!wait" => (vec![], Duration::ZERO),
			"!break" => {
				let mut events = answer(&order, "three words only", &placement, &self.seen);
				events.truncate(5);
				events.push(OrderEvent::Failed(OrderError::Withheld));
				(events, Duration::ZERO)
			}
			"!slow" => (
				answer(&order, &"slow ".repeat(100), &placement, &self.seen),
				Duration::from_millis(20),
			),
			"!alien" => (
				vec![
					OrderEvent::Placed(placement),
					OrderEvent::Tokens(vec![4_000_000]),
				],
				Duration::ZERO,
			),
			"!hang" => (vec![OrderEvent::Placed(placement)], Duration::ZERO),
			text => (answer(&order, text, &placement, &self.seen), Duration::ZERO),
		};
		events.reverse();
		stream::unfold((events, running), move |(mut events, running)| async move {
			tokio::time::sleep(wait).await;
			match events.pop() {
				Some(event) => Some((event, (events, running))),
				None if hang => std::future::pending().await,
				None => None,
			}
		})
		.boxed()
	}
}

/// Why the market takes none of the orders that an order comes with.
fn refusal(order: &Order) -> Option<OrderError> {
	let seconds = Duration::from_secs;
	Some(match last_message(order).as_str() {
		"!nominer" => OrderError::NoMiner,
		"!funds" => OrderError::Funds,
		"!chain" => OrderError::ChainUnavailable,
		"!full" => OrderError::Full {
			retry_after: seconds(66),
		},
		"!closing" => OrderError::Closing {
			retry_after: seconds(55),
		},
		_ => return None,
	})
}

/// The text of the last message, or of the whole prompt if there is none.
fn last_message(order: &Order) -> String {
	let tokenizer = order.model.checkpoint.tokenizer().unwrap();
	let user = tokenizer.id("<|user|>").unwrap();
	let assistant = tokenizer.id("<|assistant|>").unwrap();
	let start = order
		.prompt
		.iter()
		.rposition(|id| *id == user)
		.map_or(0, |at| at + 1);
	let end = order
		.prompt
		.iter()
		.rposition(|id| *id == assistant)
		.unwrap_or(order.prompt.len());
	tokenizer.decode(&order.prompt[start..end]).unwrap()
}

/// `text` as a miner would give it: one event for each token, to the first end.
fn answer(order: &Order, text: &str, placement: &Placement, seen: &Seen) -> Vec<OrderEvent> {
	let tokenizer = order.model.checkpoint.tokenizer().unwrap();
	let stops = order
		.params
		.stop
		.iter()
		.map(|stop| String::from_utf8(stop.to_vec()).unwrap());
	let mut matcher = StopMatcher::new(tokenizer, stops);
	let mut ids = tokenizer.encode(text, false).unwrap();
	ids.push(END);
	let mut out = Vec::new();
	let mut finish = Finish::Length;
	for id in ids {
		if out.len() as u32 == order.params.max_tokens {
			break;
		}
		out.push(id);
		if id == END {
			finish = Finish::EndOfSequence;
			break;
		}
		if matcher.push(id).unwrap() {
			finish = Finish::StopString;
			break;
		}
	}
	let (n_prompt, n_out) = (order.prompt.len() as u32, out.len() as u32);
	let fee = Price {
		input: 1_000_000_000,
		output: 2_000_000_000,
	}
	.fee(n_prompt, n_out);
	let receipt = Receipt {
		request_id: placement.request_id,
		miner: [1; 32],
		worker_key: [2; 32],
		n_prompt,
		n_out,
		finish,
		output_commit: [3; 32],
		trace_root: [4; 32],
		fee,
		ttft_ms: 5,
		total_ms: 6,
	};
	let shares = Shares {
		miner: fee - fee / 10 - fee / 5,
		creator: fee / 5,
		treasury: fee / 10,
	};
	let progress = ReceiptProgress {
		placement: placement.clone(),
		receipt: Some(receipt.clone()),
		settlement: Settlement::Settled { fee, shares },
		transaction_fee: Some(7),
		audit: Some(AuditProgress {
			audit: 9,
			phase: "concluded".into(),
			verdict: Some(Verdict::Valid),
		}),
		block: Some(42),
	};
	seen.receipts
		.lock()
		.unwrap()
		.insert(placement.request_id, progress);
	let mut events = vec![
		OrderEvent::Placed(placement.clone()),
		OrderEvent::Assigned(placement.clone()),
	];
	events.extend(out.into_iter().map(|id| OrderEvent::Tokens(vec![id])));
	events.push(OrderEvent::Done(Box::new(Delivery {
		receipt,
		signature: [7; 64],
	})));
	events
}

/// A model without weights, whose tokens are the 256 bytes and a few marks.
fn write_checkpoint(directory: &Path, template: bool) {
	std::fs::create_dir_all(directory).unwrap();
	let vocab_size = 256 + SPECIAL.len();
	let config = json!({
		"model_type": "llama", "vocab_size": vocab_size, "hidden_size": 8, "intermediate_size": 8,
		"num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": CONTEXT,
		"eos_token_id": END,
	});
	let write = |name: &str, text: String| std::fs::write(directory.join(name), text).unwrap();
	write("config.json", config.to_string());
	write("tokenizer.json", byte_tokenizer().to_string());
	if template {
		let source = "{%- for m in messages %}\
			{%- if loop.first and m.role == 'assistant' %}{{ raise_exception('The user speaks first.') }}{% endif %}\
			{{- '<|' + m.role + '|>' + m.content }}{% endfor %}\
			{%- if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";
		write("chat_template.jinja", source.into());
	}
}

/// Byte-level tokens: each byte is shown as a printable character.
fn byte_tokenizer() -> Value {
	let printable = |byte: u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
	let mut next = 256;
	let mut vocab = serde_json::Map::new();
	for byte in 0..256 {
		let shown = if printable(byte) {
			byte
		} else {
			next += 1;
			next - 1
		};
		vocab.insert(char::from_u32(shown).unwrap().to_string(), json!(byte));
	}
	let added: Vec<_> = SPECIAL
		.iter()
		.enumerate()
		.map(|(i, content)| {
			json!({"id": 256 + i, "content": content, "single_word": false, "lstrip": false,
				"rstrip": false, "normalized": false, "special": true})
		})
		.collect();
	let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
	json!({
		"version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
		"normalizer": null, "pre_tokenizer": byte_level, "post_processor": null, "decoder": byte_level,
		"model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
			"end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab,
			"merges": []},
	})
}
