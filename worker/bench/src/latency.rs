//! The gateway in front of the bare engine, without chain and network, to see what it adds.

use crate::BenchError;
use async_trait::async_trait;
use futures::StreamExt;
use infergrid_checkpoint::{ChatMessage, Checkpoint, RenderOptions};
use infergrid_client::{Client, Question, Turn};
use infergrid_gateway::{
	Delivery, Health, KeptAnswer, Market, MarketError, Model, Order, OrderError, OrderEvent,
	OrderStream, Placement, ReceiptProgress, Settings,
};
use infergrid_primitives::{
	Hash, TokenId,
	model::ProofParams,
	request::{Receipt, SamplingParams},
};
use infergrid_proof::{Assignment, Compute, ComputeError, Server};
use serde::Serialize;
use std::{
	ops::ControlFlow,
	path::Path,
	sync::Arc,
	time::{Duration, Instant},
};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const NAME: &str = "local";
const QUESTION: &str = "What is Infergrid?";
const TOKENS: u32 = 32;
/// Requests per side.
const ROUNDS: u32 = 20;
const SEED: Hash = [7; 32];

/// What the gateway adds to the engine's own time: medians, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
	/// Requests per side.
	pub rounds: u32,
	/// Tokens of each answer.
	pub tokens: u32,
	/// Until the bare engine's first token.
	pub engine_first_token_ms: f64,
	/// Until the bare engine's last token.
	pub engine_total_ms: f64,
	/// What the gateway adds to the first token.
	pub added_first_token_ms: f64,
	/// What the gateway adds to the whole answer.
	pub added_total_ms: f64,
}

/// Answers with the local engine.
struct LocalMarket {
	engine: Arc<Server>,
	model: Arc<Model>,
	orders: TaskTracker,
}

#[async_trait]
impl Market for LocalMarket {
	async fn models(&self) -> Result<Vec<Arc<Model>>, MarketError> {
		Ok(vec![self.model.clone()])
	}

	async fn order(&self, orders: Vec<Order>) -> Result<Vec<OrderStream>, OrderError> {
		Ok(orders.into_iter().map(|order| self.begin(order)).collect())
	}

	async fn answer(&self, _: &Hash) -> Result<Option<KeptAnswer>, MarketError> {
		Ok(None)
	}

	async fn health(&self) -> Health {
		Health {
			finality_age: None,
			funds: None,
			problems: Vec::new(),
		}
	}

	async fn receipt(&self, _: &Hash) -> Result<Option<ReceiptProgress>, MarketError> {
		Ok(None)
	}
}

impl LocalMarket {
	fn begin(&self, order: Order) -> OrderStream {
		let (events, receiver) = mpsc::channel(256);
		let engine = self.engine.clone();
		self.orders.spawn(async move {
			let placement = Placement {
				task: 0,
				request_id: [0; 32],
				miner: String::new(),
			};
			let _ = events.send(OrderEvent::Placed(placement)).await;
			let tokens = events.clone();
			let n_prompt = order.prompt.len() as u32;
			let result = engine
				.generate(
					assignment(order.prompt, order.params),
					None,
					Box::new(move |token| {
						match tokens.blocking_send(OrderEvent::Tokens(vec![token])) {
							Ok(()) => ControlFlow::Continue(()),
							Err(_) => ControlFlow::Break(()),
						}
					}),
				)
				.await;
			let end = match result {
				Err(_) => OrderEvent::Failed(OrderError::Withheld),
				Ok(generation) => OrderEvent::Done(Box::new(Delivery {
					receipt: Receipt {
						request_id: [0; 32],
						miner: [0; 32],
						worker_key: [0; 32],
						n_prompt,
						n_out: generation.tokens.len() as u32,
						finish: generation.finish,
						output_commit: [0; 32],
						trace_root: [0; 32],
						fee: 0,
						ttft_ms: 0,
						total_ms: 0,
					},
					signature: [0; 64],
				})),
			};
			let _ = events.send(end).await;
		});
		ReceiverStream::new(receiver).boxed()
	}
}

/// Asks `engine`, which serves the model in `directory`, and a gateway in front of it the same, in turns.
pub async fn latency(engine: Arc<Server>, directory: &Path) -> Result<Latency, BenchError> {
	let checkpoint = Arc::new(Checkpoint::open(directory)?);
	let message = ChatMessage {
		role: "user".into(),
		content: QUESTION.into(),
	};
	let prompt = checkpoint.encode_chat(&[message], &RenderOptions::default())?;
	let model = Model {
		name: NAME.into(),
		aliases: Vec::new(),
		profile: [0; 32],
		owner: String::new(),
		created: 0,
		context: checkpoint.config.context as u32,
		longest: u32::MAX,
		sampling: infergrid_gateway::SamplingDefaults::default(),
		checkpoint,
	};
	let market = LocalMarket {
		engine: engine.clone(),
		model: Arc::new(model),
		orders: TaskTracker::new(),
	};
	let listener = TcpListener::bind("127.0.0.1:0").await?;
	let url = format!("http://{}", listener.local_addr()?);
	let router = infergrid_gateway::router(Settings::default(), Arc::new(market));
	let stop = CancellationToken::new();
	let server = infergrid_gateway::serve(listener, router, 16, stop.clone().cancelled_owned());
	let asking = async {
		let client = Client::new(&url, None)?;
		let mut bare = Vec::new();
		let mut behind = Vec::new();
		for round in 0..=ROUNDS {
			let engine_times = ask_engine(&engine, prompt.clone()).await?;
			let gateway_times = ask_gateway(&client).await?;
			// The first round warms everything up.
			if round > 0 {
				bare.push(engine_times);
				behind.push(gateway_times);
			}
		}
		Ok::<_, BenchError>((bare, behind))
	};
	let (bare, behind) = tokio::select! {
		ended = server => {
			ended?;
			return Err(BenchError::GatewayEnded);
		},
		asked = asking => asked?,
	};
	let [bare_first, bare_total] = medians(bare);
	let [first, total] = medians(behind);
	Ok(Latency {
		rounds: ROUNDS,
		tokens: TOKENS,
		engine_first_token_ms: bare_first,
		engine_total_ms: bare_total,
		added_first_token_ms: first - bare_first,
		added_total_ms: total - bare_total,
	})
}

type Times = (Duration, Duration);

async fn ask_engine(engine: &Arc<Server>, prompt: Vec<TokenId>) -> Result<Times, ComputeError> {
	let started = Instant::now();
	let params = SamplingParams::greedy(TOKENS);
	let (first, mut told) = mpsc::channel(1);
	engine
		.generate(
			assignment(prompt, params),
			None,
			Box::new(move |_| {
				// Only the first instant is kept; the others find the channel full.
				let _ = first.try_send(started.elapsed());
				ControlFlow::Continue(())
			}),
		)
		.await?;
	let total = started.elapsed();
	Ok((told.recv().await.unwrap_or(total), total))
}

async fn ask_gateway(client: &Client) -> Result<Times, BenchError> {
	let turns = [Turn {
		role: "user",
		content: QUESTION.into(),
	}];
	let question = Question {
		model: NAME,
		turns: &turns,
		max_tokens: Some(TOKENS),
		temperature: Some(0.0),
	};
	let started = Instant::now();
	let mut first = None;
	client
		.ask(&question, |_| {
			first.get_or_insert_with(|| started.elapsed());
		})
		.await?;
	let total = started.elapsed();
	Ok((first.unwrap_or(total), total))
}

fn assignment(prompt: Vec<TokenId>, params: SamplingParams) -> Assignment {
	Assignment {
		prompt,
		params,
		seed: SEED,
		proof: ProofParams::default(),
		context: u32::MAX,
	}
}

fn medians(times: Vec<Times>) -> [f64; 2] {
	let (first, total): (Vec<_>, Vec<_>) = times.into_iter().unzip();
	[first, total].map(|mut times| {
		times.sort_unstable();
		times
			.get(times.len() / 2)
			.map_or(0.0, |time| time.as_secs_f64() * 1e3)
	})
}
