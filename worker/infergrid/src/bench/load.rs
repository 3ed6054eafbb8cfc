//! `infergrid bench --load URL`: how a gateway, and the grid behind it, bear many clients at once.

mod asking;
mod watch;

use crate::{cli::Context, failure::Failure, output};
use asking::{Outcome, Served};
use clap::Args;
use futures::future::join_all;
use infergrid_keys::Secret;
use serde::Serialize;
use std::{
	collections::BTreeMap,
	time::{Duration, Instant},
};
use watch::{OnChain, Watch};

/// Flags of `infergrid bench --load`.
#[derive(Args, Clone, Debug)]
pub(super) struct LoadArgs {
	/// Ask the gateway at URL, many clients at once, instead of measuring this machine
	#[arg(long, value_name = "URL")]
	load: Option<String>,
	/// Clients that ask at the same time, with --load
	#[arg(long, value_name = "N", default_value_t = 16, requires = "load", value_parser = clap::value_parser!(u32).range(1..=4_096))]
	clients: u32,
	/// Tokens that each asks for, with --load
	#[arg(long, value_name = "N", default_value_t = 512, requires = "load", value_parser = clap::value_parser!(u32).range(1..))]
	tokens: u32,
	/// Follow the chain through --node, and tell which miner missed a deadline and who was slashed
	#[arg(long, requires = "load")]
	watch: bool,
	/// Key to show to the gateway, with --load
	#[arg(
		long,
		value_name = "KEY",
		env = "INFERGRID_API_KEY",
		hide_env_values = true
	)]
	api_key: Option<Secret>,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Report {
	gateway: String,
	model: String,
	asked_tokens: u32,
	clients: Vec<Outcome>,
	/// Clients by what they were told: `answered`, or the error's status and code.
	outcomes: BTreeMap<String, usize>,
	tokens: u64,
	seconds: f64,
	tokens_per_second: f64,
	/// With --watch.
	chain: Option<OnChain>,
}

impl LoadArgs {
	/// The gateway to load, if that is what is wanted.
	pub(super) fn gateway(&self) -> Option<&str> {
		self.load.as_deref()
	}
}

/// Asks, and prints what came of it.
pub(super) async fn run(
	args: &LoadArgs,
	gateway: &str,
	json: bool,
	context: &Context,
) -> Result<(), Failure> {
	let gateway = gateway.trim_end_matches('/').trim_end_matches("/v1");
	let key = args.api_key.as_ref().map(|key| key.expose().to_owned());
	let client = asking::Client::new(gateway, key)?;
	let model = client.model().await?;
	let watch = match args.watch {
		true => Some(Watch::start(context.common.node.clone()).await?),
		false => None,
	};
	tracing::info!(
		gateway,
		clients = args.clients,
		tokens = args.tokens,
		"asking"
	);
	let started = Instant::now();
	let asking = (0..args.clients).map(|number| client.ask(&model, number, args.tokens));
	let clients = join_all(asking).await;
	let elapsed = started.elapsed();
	let mut report = Report::new(gateway, model, args.tokens, clients, elapsed);
	if let Some(watch) = watch {
		report.chain = Some(watch.end().await?);
	}
	output::line(if json {
		serde_json::to_string_pretty(&report).map_err(Failure::internal)?
	} else {
		report.render()
	});
	Ok(())
}

impl Report {
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
		}
	}

	fn render(&self) -> String {
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
		if let Some(chain) = &self.chain {
			lines.extend(chain.render());
		}
		lines.join("\n")
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use asking::Refused;

	fn report() -> Report {
		let answered = Outcome {
			client: 0,
			seconds: 8.0,
			served: Some(Served {
				first_token_seconds: 2.25,
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
		Report::new("http://g", "m".into(), 64, vec![answered, refused], elapsed)
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
