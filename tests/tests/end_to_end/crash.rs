//! Any process may be killed without warning in the middle of a task and started again: the task ends
//! paid or refunded, exactly once, nobody is punished, and every planck is where it belongs.

use anyhow::{Context, Result, bail, ensure};
use infergrid_chain::{Event, Submitter, TaskOrder};
use infergrid_primitives::{AccountBytes, TaskId, audit::Verdict, request::SamplingParams};
use infergrid_tests::{
	client::{chat_body, order, submit},
	grid::{Grid, Setup},
	history::{
		History, assigned, committee, delivered, paid, submitted, submitted_by, unpunished, verdict,
	},
	keys::{GATEWAY, PAYERS, account},
	ledger::who_paid_what,
	wait::eventually,
};
use serde_json::Value;
use std::time::Duration;

const QUESTION: &str = "What does a verifier do?";
const SOON: Duration = Duration::from_secs(180);
const AUDITED: Duration = Duration::from_secs(600);
const DOWN: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn killed_processes_lose_no_money_and_nobody_is_punished() -> Result<()> {
	let grid = Grid::start("crash", &Setup::default()).await?;
	let result = run(&grid).await;
	grid.end(result).await
}

async fn run(grid: &Grid) -> Result<()> {
	let mut history = History::from_genesis(grid.chain());
	let max_fee = grid.terms.reference_output;
	let order = order(grid, QUESTION, SamplingParams::greedy(96), max_fee);
	let [first, second, third, _] = PAYERS;
	let by_third = grid.submitter(third)?;

	// Both at the same time: the audit of the one task takes longer than all of the other.
	let workers = kill_workers(grid, grid.submitter(first)?, &order);
	let rest = kill_gateway_and_node(grid, grid.submitter(second)?, &order);
	let (by_workers, (by_node, by_gateway)) = tokio::try_join!(workers, rest)?;
	grid.say("killed and restarted two workers, the gateway and a node");

	// Whoever was down works again.
	let (after, ()) = tokio::try_join!(submit(&by_third, &order), answers(grid))?;
	let known = [by_workers, by_node, by_gateway, after];
	history.until_over(&known, AUDITED).await?;
	// The gateway's answer was a task, too, and so was each attempt at it.
	let all = submitted(history.events());
	history.until_over(&all, AUDITED).await?;
	let view = history.catch_up().await?;
	let events = history.events();
	unpunished(events)?;
	for task in all {
		ends_right(events, task).with_context(|| format!("task {task}"))?;
	}
	// Those whose payer asks the chain itself are answered, whoever was killed meanwhile.
	for task in [by_workers, by_node, after] {
		let fee = paid(events, task)?;
		ensure!(fee.is_some(), "task {task} was not paid");
	}
	let ledger = who_paid_what(events)?;
	let payers = [first, second, third, GATEWAY];
	ledger.check(&view, grid.handle.plan(), &payers).await
}

/// A task was delivered, found right and paid to who delivered it, or refunded: once.
fn ends_right(events: &[Event], task: TaskId) -> Result<()> {
	let fee = paid(events, task)?;
	let settled = events.iter().find_map(|event| match event {
		Event::TaskSettled(event) if event.task == task => Some(event.miner),
		_ => None,
	});
	let receipts = delivered(events, task);
	match receipts[..] {
		[] => ensure!(fee.is_none(), "{fee:?} was paid for nothing"),
		[receipt] => {
			ensure!(fee == Some(receipt.fee), "{fee:?} was paid for {receipt:?}");
			ensure!(settled == Some(receipt.miner), "another miner was paid");
			let verdict = verdict(events, task);
			ensure!(verdict == Some(Verdict::Valid), "found {verdict:?}");
		}
		_ => bail!("delivered {} times", receipts.len()),
	}
	Ok(())
}

/// A miner dies as soon as it knows of its task, a verifier as soon as it is drawn.
async fn kill_workers(grid: &Grid, payer: Submitter, order: &TaskOrder) -> Result<TaskId> {
	let mut history = History::from_now(grid.chain());
	let task = submit(&payer, order).await?;
	let miner = history
		.until("miner", SOON, |events| assigned(events, task))
		.await?;
	bounce(grid, &name_of(grid, &miner)?).await?;
	let drawn = history
		.until("committee", AUDITED, |events| committee(events, task))
		.await?;
	bounce(grid, &name_of(grid, &drawn[0])?).await?;
	Ok(task)
}

/// The gateway dies in the middle of a task of its own, a node between an assignment and the
/// delivery.
async fn kill_gateway_and_node(
	grid: &Grid,
	payer: Submitter,
	order: &TaskOrder,
) -> Result<(TaskId, TaskId)> {
	let mut history = History::from_now(grid.chain());
	let asked = tokio::spawn(chat(grid).send());
	let task = submit(&payer, order).await?;
	let gateways = account(GATEWAY)?;
	let by_gateway = history
		.until("task of the gateway", SOON, |events| {
			submitted_by(events, &gateways)
		})
		.await?;
	history
		.until("assignment", SOON, |events| assigned(events, task))
		.await?;
	tokio::try_join!(bounce(grid, "gateway"), bounce(grid, "bob"))?;
	asked.abort();
	Ok((task, by_gateway))
}

/// Kills a part, leaves it down for a moment, and starts it again.
async fn bounce(grid: &Grid, name: &str) -> Result<()> {
	grid.handle.crash(name).await?;
	tokio::time::sleep(DOWN).await;
	Ok(grid.handle.restart(name)?)
}

/// The part of a worker, by its operator's account.
fn name_of(grid: &Grid, operator: &AccountBytes) -> Result<String> {
	let plan = grid.handle.plan();
	let miners = plan.miners.iter().map(|part| &part.who);
	let verifiers = plan.verifiers.iter().map(|part| &part.who);
	for who in miners.chain(verifiers) {
		if account(&who.operator)? == *operator {
			return Ok(who.name.clone());
		}
	}
	bail!("an operator that the plan does not know")
}

fn chat(grid: &Grid) -> reqwest::RequestBuilder {
	reqwest::Client::new()
		.post(format!("{}/v1/chat/completions", grid.gateway_url()))
		.timeout(AUDITED)
		.json(&chat_body(QUESTION, 0.0, 96))
}

/// Asks the gateway until it answers: it may not listen yet.
async fn answers(grid: &Grid) -> Result<()> {
	let answer = eventually("answer of the gateway", AUDITED, || async {
		let answer: Value = chat(grid).send().await?.error_for_status()?.json().await?;
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
