//! Any process may be killed without warning in the middle of a task and started again: the task ends
//! paid or refunded, exactly once, and no money is stuck.

use anyhow::{Context, Result, bail, ensure};
use infergrid_chain::{Chain, Key, Submitter, TaskOrder};
use infergrid_primitives::{AccountBytes, TaskId, audit::Verdict, request::SamplingParams};
use infergrid_tests::{
	client::{chat_body, order, submit},
	grid::{Grid, Setup},
	history::{History, assigned, committee, delivered, paid, submitted, submitted_by, verdict},
	keys::{GATEWAY, Operator, PAYERS},
	process::Process,
	wait::eventually,
};
use serde_json::Value;
use std::time::Duration;

const QUESTION: &str = "What does a verifier do?";
const SOON: Duration = Duration::from_secs(180);
const AUDITED: Duration = Duration::from_secs(600);
const DOWN: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn killed_processes_lose_no_money() -> Result<()> {
	let mut grid = Grid::start("crash", &Setup::default()).await?;
	let result = run(&mut grid).await;
	grid.end(result)
}

async fn run(grid: &mut Grid) -> Result<()> {
	let chain = grid.chain().await?;
	let mut history = History::from_now(&chain);
	let max_fee = grid.terms.reference_output;
	let order = order(grid, QUESTION, SamplingParams::greedy(96), max_fee);
	let [first, second, third, _] = PAYERS;
	let [by_first, by_second, by_third] = [
		grid.submitter(&chain, first)?,
		grid.submitter(&chain, second)?,
		grid.submitter(&chain, third)?,
	];

	// Both at the same time: the audit of the one task takes longer than all of the other.
	let url = format!("{}/v1/chat/completions", grid.gateway_url);
	let workers = kill_workers(
		&chain,
		by_first,
		&order,
		&mut grid.miners,
		&mut grid.verifiers,
	);
	let rest = kill_gateway_and_node(
		&chain,
		by_second,
		&order,
		&url,
		grid.gateway.as_mut().context("a gateway")?,
		&mut grid.nodes[1],
	);
	let (by_workers, (by_node, by_gateway)) = tokio::try_join!(workers, rest)?;
	grid.say("killed and restarted two workers, the gateway and a node");

	// Whoever was down works again.
	let (after, ()) = tokio::try_join!(submit(&by_third, &order), answers(&url))?;
	let known = [by_workers, by_node, by_gateway, after];
	history.until_over(&known, AUDITED).await?;
	// The gateway's answer was a task, too, and so was each attempt at it.
	let all = submitted(history.events());
	history.until_over(&all, AUDITED).await?;
	let events = history.events();
	for task in all {
		let fee = paid(events, task)?;
		ensure!(
			fee != Some(0) && fee <= Some(max_fee),
			"task {task}: {fee:?}"
		);
		let receipts = delivered(events, task).len();
		ensure!(receipts <= 1, "task {task} was delivered {receipts} times");
		let verdict = verdict(events, task);
		ensure!(
			verdict != Some(Verdict::Invalid),
			"the honest miner of task {task} was condemned"
		);
	}
	ensure!(
		paid(events, after)?.is_some(),
		"a task after all restarts was not paid"
	);
	let view = chain.latest().await?;
	for uri in [first, second, third, GATEWAY] {
		let funds = view.funds(&Key::from_uri(uri)?.public()).await?;
		ensure!(
			funds.reserved == 0,
			"{} plancks of {uri} are stuck",
			funds.reserved
		);
	}
	Ok(())
}

/// A miner dies as soon as it knows of its task, a verifier as soon as it is drawn.
async fn kill_workers(
	chain: &Chain,
	payer: Submitter,
	order: &TaskOrder,
	miners: &mut [Process],
	verifiers: &mut [Process],
) -> Result<TaskId> {
	let mut history = History::from_now(chain);
	let task = submit(&payer, order).await?;
	let miner = history
		.until("miner", SOON, |events| assigned(events, task))
		.await?;
	bounce(&mut miners[index_of(&Operator::miners(), &miner)?]).await?;
	let drawn = history
		.until("committee", AUDITED, |events| committee(events, task))
		.await?;
	bounce(&mut verifiers[index_of(&Operator::verifiers(), &drawn[0])?]).await?;
	Ok(task)
}

/// The gateway dies in the middle of a task of its own, a node between an assignment and the
/// delivery.
async fn kill_gateway_and_node(
	chain: &Chain,
	payer: Submitter,
	order: &TaskOrder,
	url: &str,
	gateway: &mut Process,
	node: &mut Process,
) -> Result<(TaskId, TaskId)> {
	let mut history = History::from_now(chain);
	let asked = tokio::spawn(chat(url).send());
	let task = submit(&payer, order).await?;
	let gateways = Key::from_uri(GATEWAY)?.public();
	let by_gateway = history
		.until("task of the gateway", SOON, |events| {
			submitted_by(events, &gateways)
		})
		.await?;
	history
		.until("assignment", SOON, |events| assigned(events, task))
		.await?;
	tokio::try_join!(bounce(gateway), bounce(node))?;
	asked.abort();
	Ok((task, by_gateway))
}

/// Kills a process, leaves it down for a moment, and starts it again.
async fn bounce(process: &mut Process) -> Result<()> {
	process.kill();
	tokio::time::sleep(DOWN).await;
	process.restart()
}

fn chat(url: &str) -> reqwest::RequestBuilder {
	reqwest::Client::new()
		.post(url)
		.timeout(AUDITED)
		.json(&chat_body(QUESTION, 0.0, 96))
}

/// Asks the gateway until it answers: it may not listen yet.
async fn answers(url: &str) -> Result<()> {
	let answer = eventually("answer of the gateway", AUDITED, || async {
		let answer: Value = chat(url).send().await?.error_for_status()?.json().await?;
		Ok(Some(answer))
	});
	let answer = answer.await?;
	let text = answer["choices"][0]["message"]["content"].as_str();
	ensure!(
		text.is_some_and(|text| !text.is_empty()),
		"the gateway gives no answer: {answer}"
	);
	Ok(())
}

fn index_of(operators: &[Operator], account: &AccountBytes) -> Result<usize> {
	for (index, operator) in operators.iter().enumerate() {
		if operator.operator_key()?.public() == *account {
			return Ok(index);
		}
	}
	bail!("an operator that no test knows")
}
