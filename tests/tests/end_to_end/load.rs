//! Many clients at once: who can be served is served, who cannot is told so at once and when to come
//! back, and no honest miner or verifier loses anything by it.

use anyhow::{Context, Result, bail, ensure};
use infergrid_tests::{
	grid::{Grid, Setup},
	history::{History, submitted, unpunished},
	keys::GATEWAY,
	ledger::who_paid_what,
	process::{output_of, worker},
};
use serde_json::Value;
use std::time::Duration;
use tokio::process::Command;

/// What a grid of two cores is asked at a time, and what is too much for it.
const CLIENTS: u32 = 16;
const CROWD: u32 = 64;
const TOKENS: u32 = 64;
const AUDITED: Duration = Duration::from_secs(600);
/// To be told that there is no place.
const AT_ONCE: f64 = 10.0;

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_served_or_told_when_to_come_back_and_nobody_is_punished() -> Result<()> {
	let grid = Grid::with("load", |directory| {
		let mut plan = Setup::default().plan(directory)?;
		// Fewer than the crowd, so that some of it find no place.
		let most = ["--max-orders".to_owned(), (CROWD / 2).to_string()];
		plan.gateways[0].extra.args.extend(most);
		Ok(plan)
	})
	.await?;
	let result = run(&grid).await;
	grid.end(result).await
}

async fn run(grid: &Grid) -> Result<()> {
	let mut history = History::from_genesis(grid.chain());
	let clients = load(grid, CLIENTS).await?;
	ensure!(
		clients.len() == CLIENTS as usize,
		"{} clients",
		clients.len()
	);
	let answered = clients.iter().filter(|client| client.answered()).count();
	let told: Vec<_> = clients
		.iter()
		.map(|client| client.0["refused"].clone())
		.collect();
	ensure!(
		answered == clients.len(),
		"only {answered} were answered: {told:?}"
	);
	grid.say(&format!("{CLIENTS} clients were answered"));

	let crowd = load(grid, CROWD).await?;
	let answered = crowd.iter().filter(|client| client.answered()).count();
	for client in crowd.iter().filter(|client| !client.answered()) {
		client.was_told_at_once()?;
	}
	ensure!(
		answered >= CLIENTS as usize && answered < CROWD as usize,
		"{answered} of {CROWD} were answered"
	);
	grid.say(&format!("of {CROWD} clients {answered} were answered"));

	history.catch_up().await?;
	let tasks = submitted(history.events());
	history.until_over(&tasks, AUDITED).await?;
	let view = history.catch_up().await?;
	unpunished(history.events())?;
	let ledger = who_paid_what(history.events())?;
	ledger.check(&view, grid.handle.plan(), &[GATEWAY]).await
}

/// A client as `infergrid bench` describes it.
struct Client(Value);

impl Client {
	fn answered(&self) -> bool {
		self.0["served"]["tokens"].as_u64() > Some(0)
	}

	fn was_told_at_once(&self) -> Result<()> {
		let refused = &self.0["refused"];
		let (status, again) = (&refused["status"], refused["retry_after"].as_u64());
		ensure!(
			(*status == 429 || *status == 503) && again > Some(0),
			"a client was told neither no nor when to come back: {}",
			self.0
		);
		let seconds = self.0["seconds"].as_f64().context("seconds")?;
		ensure!(
			seconds < AT_ONCE,
			"a client waited for {seconds} s: {refused}"
		);
		Ok(())
	}
}

/// As many clients at once, by the command that operators use.
async fn load(grid: &Grid, clients: u32) -> Result<Vec<Client>> {
	let mut bench = Command::new(worker()?);
	bench.args(["--node", &grid.handle.rpc().join(",")]);
	bench.args(["bench", "--load", grid.gateway_url(), "--watch", "--json"]);
	bench.args(["--clients", &clients.to_string()]);
	bench.args(["--tokens", &TOKENS.to_string()]);
	let parts: Value = serde_json::from_str(&grid.handle.description())?;
	let parts = parts["parts"].as_array().context("parts")?;
	let miners = parts.iter().filter(|part| part["role"] == "miner");
	for metrics in miners.filter_map(|part| part["metrics"].as_str()) {
		bench.args(["--miner-metrics", metrics]);
	}
	let report: Value = serde_json::from_slice(&output_of(bench).await?)?;
	let (missed, slashed) = (&report["chain"]["missed"], &report["chain"]["slashed"]);
	let none = |list: &Value| list.as_array().is_some_and(Vec::is_empty);
	ensure!(
		none(missed) && none(slashed),
		"missed {missed}, slashed {slashed}"
	);
	let busy = report["busy"].as_array().context("busy")?;
	let worked = busy
		.iter()
		.filter(|model| model["share"].as_f64() > Some(0.0));
	ensure!(
		worked.count() == grid.handle.plan().miners.len(),
		"not every model has worked: {busy:?}"
	);
	let Value::Array(clients) = report["clients"].clone() else {
		bail!("no clients in {report}");
	};
	Ok(clients.into_iter().map(Client).collect())
}
