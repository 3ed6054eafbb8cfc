//! Any process may be killed without warning in the middle of a task and started again: the task ends
//! paid or refunded, exactly once, and no money is stuck.

use anyhow::{Context, Result, ensure};
use infergrid_chain::{Chain, Event, Key, TaskStatus};
use infergrid_primitives::{
	AccountBytes, Balance, TaskId, audit::Verdict, request::SamplingParams,
};
use infergrid_tests::{
	client::{chat_body, end_of, history, order, status, submit},
	grid::{Grid, Setup},
	keys::{GATEWAY, Operator, PAYER},
	process::Process,
	wait::eventually,
};
use std::time::Duration;

const QUESTION: &str = "What does a verifier do?";
const SOON: Duration = Duration::from_secs(120);
const AUDITED: Duration = Duration::from_secs(600);
const DOWN: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn killed_processes_lose_no_money() -> Result<()> {
	let mut grid = Grid::start(&Setup::default()).await?;
	let result = run(&mut grid).await;
	result
		.and_then(|()| grid.check())
		.map_err(|error| error.context(grid.report()))
}

async fn run(grid: &mut Grid) -> Result<()> {
	let chain = grid.chain().await?;
	let first = chain.finalized();
	let payer = grid.submitter(&chain, PAYER).await?;
	let max_fee = grid.terms.reference_output;
	let greedy = SamplingParams::greedy(96);
	let order = order(grid, QUESTION, greedy, max_fee);

	// A miner dies as soon as it knows of the task, a verifier as soon as it is drawn.
	let task = submit(&payer, &order).await?;
	let miner = assigned(&chain, task).await?;
	bounce(&mut grid.miners[index_of(&Operator::miners(), &miner)?]).await?;
	let drawn = committee(&chain, first, task).await?;
	bounce(&mut grid.verifiers[index_of(&Operator::verifiers(), &drawn[0])?]).await?;
	let by_miner_and_verifier = task;

	// A node dies between assignment and delivery, and the gateway in the middle of its own task.
	let task = submit(&payer, &order).await?;
	let asked = ask(grid);
	let by_gateway = submitted_by(&chain, first, &Key::from_uri(GATEWAY)?.public()).await?;
	assigned(&chain, task).await?;
	if let Some(gateway) = &mut grid.gateway {
		bounce(gateway).await?;
	}
	bounce(&mut grid.nodes[1]).await?;
	asked.abort();

	for task in [by_miner_and_verifier, task, by_gateway] {
		end_of(&chain, task, AUDITED).await?;
	}
	let events = history(&chain, first).await?;
	for task in [by_miner_and_verifier, task, by_gateway] {
		once(&events, task, max_fee).with_context(|| format!("task {task}"))?;
	}
	let view = chain.latest().await?;
	for uri in [PAYER, GATEWAY] {
		let funds = view.funds(&Key::from_uri(uri)?.public()).await?;
		ensure!(
			funds.reserved == 0,
			"{} plancks of {uri} are stuck",
			funds.reserved
		);
	}
	// Whoever was down works again.
	let task = submit(&payer, &order).await?;
	let end = end_of(&chain, task, AUDITED).await?;
	ensure!(
		matches!(end, TaskStatus::Settled { .. }),
		"after all restarts: {end:?}"
	);
	let answer: serde_json::Value = chat(grid).send().await?.error_for_status()?.json().await?;
	let text = answer["choices"][0]["message"]["content"]
		.as_str()
		.unwrap_or_default();
	ensure!(!text.is_empty(), "the gateway gives no answer: {answer}");
	Ok(())
}

/// Kills a process, leaves it down for a moment, and starts it again.
async fn bounce(process: &mut Process) -> Result<()> {
	process.kill();
	tokio::time::sleep(DOWN).await;
	process.restart()
}

fn chat(grid: &Grid) -> reqwest::RequestBuilder {
	let url = format!("{}/v1/chat/completions", grid.gateway_url);
	reqwest::Client::new()
		.post(url)
		.timeout(AUDITED)
		.json(&chat_body(QUESTION, 0.0, 96))
}

/// Asks the gateway; nobody waits for the answer.
fn ask(grid: &Grid) -> tokio::task::JoinHandle<()> {
	let request = chat(grid);
	tokio::spawn(async move {
		let _ = request.send().await;
	})
}

async fn assigned(chain: &Chain, task: TaskId) -> Result<AccountBytes> {
	eventually("miner", SOON, || async {
		Ok(match status(chain, task).await? {
			TaskStatus::Assigned { miner, .. }
			| TaskStatus::Delivered { miner, .. }
			| TaskStatus::Settled { miner, .. } => Some(miner),
			TaskStatus::Queued | TaskStatus::Refunded(_) => None,
		})
	})
	.await
}

async fn committee(chain: &Chain, first: u32, task: TaskId) -> Result<Vec<AccountBytes>> {
	eventually("committee", SOON, || async {
		Ok(history(chain, first)
			.await?
			.into_iter()
			.find_map(|event| match event {
				Event::AuditDrawn(event) if event.task == task => Some(event.committee),
				_ => None,
			}))
	})
	.await
}

async fn submitted_by(chain: &Chain, first: u32, payer: &AccountBytes) -> Result<TaskId> {
	eventually("task of the gateway", SOON, || async {
		Ok(history(chain, first)
			.await?
			.into_iter()
			.find_map(|event| match event {
				Event::TaskSubmitted(event) if event.payer == *payer => Some(event.task),
				_ => None,
			}))
	})
	.await
}

fn index_of(operators: &[Operator], account: &AccountBytes) -> Result<usize> {
	for (index, operator) in operators.iter().enumerate() {
		if operator.operator_key()?.public() == *account {
			return Ok(index);
		}
	}
	anyhow::bail!("an operator that no test knows")
}

/// The task was paid once or refunded once, and what was paid is what was shared.
fn once(events: &[Event], task: TaskId, max_fee: Balance) -> Result<()> {
	let mut ends = 0;
	let mut delivered = 0;
	for event in events {
		match event {
			Event::TaskSettled(event) if event.task == task => {
				ends += 1;
				let shares = event.shares;
				ensure!(
					shares.miner + shares.creator + shares.treasury == event.fee,
					"{shares:?}"
				);
				ensure!(
					event.fee > 0 && event.fee <= max_fee,
					"a fee of {}",
					event.fee
				);
			}
			Event::TaskRefunded(event) if event.task == task => ends += 1,
			Event::ResultSubmitted(event) if event.task == task => delivered += 1,
			Event::AuditConcluded(event) if event.task == task => {
				ensure!(
					event.verdict != Verdict::Invalid,
					"an honest miner was condemned"
				);
			}
			_ => {}
		}
	}
	ensure!(ends == 1, "ended {ends} times");
	ensure!(delivered <= 1, "delivered {delivered} times");
	Ok(())
}
