//! How a gateway, and the grid behind it, bear many clients at once.

mod asking;
mod busy;
mod watch;

use crate::BenchError;
use asking::Client;
use busy::Miners;
use futures::future::join_all;
use infergrid_keys::Secret;
use serde::Serialize;
use std::{
	collections::BTreeMap,
	time::{Duration, Instant},
};
use watch::Watch;

pub use asking::{Outcome, Refused, Served};
pub use busy::Busy;
pub use watch::{Missed, OnChain, Slashed};

/// Whom to ask for how much.
#[derive(Clone, Debug)]
pub struct LoadOptions {
	/// The gateway's URL, with or without a trailing `/v1`.
	pub gateway: String,
	/// What to show to it.
	pub key: Option<Secret>,
	/// Clients that ask at the same time.
	pub clients: u32,
	/// Tokens that each asks for.
	pub tokens: u32,
	/// Nodes through one of which to follow the chain meanwhile, if that is wanted.
	pub watch: Option<Vec<String>>,
	/// URLs of the metrics of miners whose models are watched.
	pub miners: Vec<String>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct LoadReport {
	/// The gateway's URL.
	pub gateway: String,
	/// The model that was asked.
	pub model: String,
	/// Tokens that each client asked for.
	pub asked_tokens: u32,
	/// What each lived through.
	pub clients: Vec<Outcome>,
	/// Clients by what they were told: `answered`, or the error's status and code.
	pub outcomes: BTreeMap<String, usize>,
	/// Of all answers.
	pub tokens: u64,
	/// From the first question to the last answer.
	pub seconds: f64,
	/// Of all clients together.
	pub tokens_per_second: f64,
	/// What the chain says, if it was followed.
	pub chain: Option<OnChain>,
	/// How much of the time the watched models have worked.
	pub busy: Vec<Busy>,
}

/// Asks a gateway for its first model, all clients at once.
pub async fn load(options: &LoadOptions) -> Result<LoadReport, BenchError> {
	let gateway = options
		.gateway
		.trim_end_matches('/')
		.trim_end_matches("/v1");
	let client = Client::new(gateway, options.key.clone())?;
	let model = client.model().await?;
	let watch = match &options.watch {
		Some(nodes) => Some(Watch::start(nodes.clone()).await?),
		None => None,
	};
	let miners = Miners::start(options.miners.clone()).await?;
	let (clients, tokens) = (options.clients, options.tokens);
	tracing::info!(gateway, clients, tokens, "asking");
	let started = Instant::now();
	let asking = (0..clients).map(|number| client.ask(&model, number, tokens));
	let clients = join_all(asking).await;
	let elapsed = started.elapsed();
	let mut report = LoadReport::new(gateway, model, tokens, clients, elapsed);
	let answers = report.clients.iter().filter_map(|it| it.served.as_ref());
	let last = answers.map(|served| served.last_token_seconds);
	let last = Duration::from_secs_f64(last.fold(0.0, f64::max));
	report.busy = miners.end(started + last).await;
	if let Some(watch) = watch {
		report.chain = Some(watch.end().await?);
	}
	Ok(report)
}

impl LoadReport {
	fn new(
		gateway: &str,
		model: String,
		asked_tokens: u32,
		clients: Vec<Outcome>,
		elapsed: Duration,
	) -> Self {
		let mut outcomes = BTreeMap::new();
		for client in &clients {
			*outcomes.entry(client.told()).or_default() += 1;
		}
		let answered = clients.iter().filter_map(|client| client.served.as_ref());
		let tokens = answered.map(|served| u64::from(served.tokens)).sum();
		let seconds = elapsed.as_secs_f64();
		Self {
			gateway: gateway.to_owned(),
			model,
			asked_tokens,
			clients,
			outcomes,
			tokens,
			seconds,
			tokens_per_second: tokens as f64 / seconds,
			chain: None,
			busy: Vec::new(),
		}
	}

	/// As a table of the clients with the sums below it.
	pub fn render(&self) -> String {
		let mut lines = vec![format!(
			"{:>6}  {:<32}  {:>12}  {:>8}  {:>6}",
			"client", "outcome", "first token", "total", "tokens"
		)];
		for client in &self.clients {
			let served = client.served.as_ref();
			let first = |served: &Served| format!("{:.1} s", served.first_token_seconds);
			lines.push(format!(
				"{:>6}  {:<32}  {:>12}  {:>6.1} s  {:>6}",
				client.client,
				client.told(),
				served.map_or("-".into(), first),
				client.seconds,
				served.map_or(0, |served| served.tokens),
			));
		}
		lines.push(String::new());
		for (told, clients) in &self.outcomes {
			lines.push(format!("{clients:>6}  {told}"));
		}
		lines.push(format!(
			"{:>6}  tokens in {:.1} s: {:.1} tokens/s",
			self.tokens, self.seconds, self.tokens_per_second
		));
		for Busy { metrics, share } in &self.busy {
			lines.push(format!(
				"{:>5.1}%  of the time the model of {metrics} has worked",
				share * 100.0
			));
		}
		if let Some(chain) = &self.chain {
			lines.extend(chain.render());
		}
		lines.join("\n")
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn report() -> LoadReport {
		let answered = Outcome {
			client: 0,
			seconds: 8.0,
			served: Some(Served {
				first_token_seconds: 2.25,
				last_token_seconds: 7.5,
				tokens: 40,
			}),
			refused: None,
		};
		let refused = Outcome {
			client: 1,
			seconds: 0.1,
			served: None,
			refused: Some(Refused {
				status: 503,
				code: "busy".into(),
				message: "come back later".into(),
				retry_after: Some(30),
			}),
		};
		let elapsed = Duration::from_secs(8);
		LoadReport::new("http://g", "m".into(), 64, vec![answered, refused], elapsed)
	}

	#[test]
	fn outcomes_are_counted_and_tokens_summed() {
		let report = report();
		assert_eq!(report.outcomes["answered"], 1);
		assert_eq!(report.outcomes["503 busy, retry after 30 s"], 1);
		assert_eq!((report.tokens, report.tokens_per_second), (40, 5.0));
	}

	#[test]
	fn the_table_shows_each_client_and_the_whole() {
		let shown = report().render();
		for part in [
			"2.2 s",
			"503 busy, retry after 30 s",
			"40  tokens in 8.0 s: 5.0 tokens/s",
		] {
			assert!(shown.contains(part), "{shown}");
		}
	}
}
