//! Dishonest miners on a running chain: each is condemned, slashed and ejected and its payer refunded
//! in full, while an honest miner beside them is paid.

use anyhow::{Context, Result, ensure};
use infergrid_chain::{Chain, Event, TaskOrder, TaskStatus};
use infergrid_primitives::{
	AccountBytes, Balance, TaskId,
	audit::Verdict,
	market::{Price, Role},
	request::SamplingParams,
};
use infergrid_tests::{
	cheap_model,
	client::{end_of, history, order, status, submit},
	demo_model,
	forge::{Forge, Order, Style},
	grid::{Grid, STRANGER_BOND, Setup},
	keys::{Operator, PAYER},
	questions,
	stranger::Stranger,
	wait::eventually,
};
use std::{collections::HashMap, sync::Arc, time::Duration};

const STYLES: [Style; 6] = [
	Style::OtherModel,
	Style::TruncatedPrompt,
	Style::PerfectProof,
	Style::AfterEnd,
	Style::Overcount,
	Style::EarlyEnd,
];
const HONEST_TASKS: usize = 3;
const MAX_TOKENS: u32 = 96;
const AUDITED: Duration = Duration::from_secs(420);

/// A question to which every style has an answer of its own.
fn occasion(forge: &Forge, grid: &Grid) -> Result<String> {
	for question in questions()? {
		let order = Order {
			prompt: forge.engine().checkpoint().encode_inline(&question)?,
			params: SamplingParams::greedy(MAX_TOKENS),
			seed: [0; 32],
			proof: grid.terms.proof,
			context: grid.terms.context,
		};
		let honest = forge.answer(Style::Honest, &order)?;
		let differs = |style| {
			Ok::<_, anyhow::Error>(
				forge
					.answer(style, &order)?
					.is_some_and(|claim| Some(claim) != honest),
			)
		};
		let all = STYLES
			.into_iter()
			.map(differs)
			.collect::<Result<Vec<_>>>()?;
		if all.into_iter().all(|differs| differs) {
			return Ok(question);
		}
	}
	anyhow::bail!("the demo model knows no question on which every cheat shows")
}

#[tokio::test(flavor = "multi_thread")]
async fn cheats_are_condemned_and_honest_miners_paid() -> Result<()> {
	let setup = Setup {
		miners: 1,
		gateway: false,
		strangers: STYLES.len(),
		..Setup::default()
	};
	let mut grid = Grid::start(&setup).await?;
	let result = run(&grid).await;
	result
		.and_then(|()| grid.check())
		.map_err(|error| error.context(grid.report()))
}

async fn run(grid: &Grid) -> Result<()> {
	let chain = grid.chain().await?;
	let forge = Arc::new(Forge::new(&demo_model(), &cheap_model())?);
	let question = occasion(&forge, grid)?;
	let first = chain.finalized();

	// The strangers are ten times cheaper than the honest miner, and each has room for one task:
	// tasks with little money, as many as strangers, go to one each.
	let price = Price {
		input: grid.terms.reference_input / 10,
		output: grid.terms.reference_output / 10,
	};
	let identities: Vec<_> = (0..STYLES.len()).map(Operator::stranger).collect();
	let starting = identities
		.iter()
		.zip(STYLES)
		.map(|(who, style)| Stranger::start(&chain, forge.clone(), who, style, &grid.terms, price));
	let mut strangers = futures::future::try_join_all(starting).await?;
	let styles: HashMap<AccountBytes, Style> = strangers
		.iter()
		.map(|stranger| (stranger.operator, stranger.style))
		.collect();

	let payer = grid.submitter(&chain, PAYER).await?;
	let little = price.fee(512, MAX_TOKENS);
	let greedy = SamplingParams::greedy(MAX_TOKENS);
	let cheap: TaskOrder = order(grid, &question, greedy.clone(), little);
	let submitting = STYLES.iter().map(|_| submit(&payer, &cheap));
	let cheated = futures::future::try_join_all(submitting).await?;
	let miners = eventually("miner for each task", Duration::from_secs(120), || async {
		let mut miners = Vec::new();
		for task in &cheated {
			match status(&chain, *task).await? {
				TaskStatus::Assigned { miner, .. } | TaskStatus::Delivered { miner, .. } => {
					miners.push(miner);
				}
				_ => return Ok(None),
			}
		}
		Ok(Some(miners))
	})
	.await?;
	for stranger in &mut strangers {
		stranger.check().await?;
		ensure!(
			miners.contains(&stranger.operator),
			"{:?} got no task",
			stranger.style
		);
	}

	let reference = Price {
		input: grid.terms.reference_input,
		output: grid.terms.reference_output,
	};
	let plenty = reference.fee(512, MAX_TOKENS);
	let dear = order(grid, &question, greedy, plenty);
	let submitting = (0..HONEST_TASKS).map(|_| submit(&payer, &dear));
	let honest = futures::future::try_join_all(submitting).await?;

	for task in cheated.iter().chain(&honest) {
		end_of(&chain, *task, AUDITED).await?;
	}
	judge_history(&chain, first, &cheated, &honest, &styles, little).await
}

async fn judge_history(
	chain: &Chain,
	first: u32,
	cheated: &[TaskId],
	honest: &[TaskId],
	styles: &HashMap<AccountBytes, Style>,
	held: Balance,
) -> Result<()> {
	let view = chain.latest().await?;
	let payer = Operator {
		name: String::new(),
		operator: PAYER.into(),
		worker: PAYER.into(),
	};
	let payer = payer.operator_key()?.public();
	let honest_miner = Operator::miners()[0].operator_key()?.public();
	let events = history(chain, first).await?;
	for task in cheated {
		let fee = events.iter().find_map(|event| match event {
			Event::ResultSubmitted(event) if event.task == *task => Some((event.miner, event.fee)),
			_ => None,
		});
		let (miner, fee) = fee.with_context(|| format!("task {task} was never delivered"))?;
		let style = styles
			.get(&miner)
			.context("an honest miner got a cheap task")?;
		let verdict = events.iter().find_map(|event| match event {
			Event::AuditConcluded(event) if event.task == *task => Some(event.verdict),
			_ => None,
		});
		ensure!(
			verdict == Some(Verdict::Invalid),
			"{style:?} was found {verdict:?}"
		);
		let refunds: Vec<_> = events
			.iter()
			.filter_map(|event| match event {
				Event::TaskRefunded(event) if event.task == *task => Some(event),
				_ => None,
			})
			.collect();
		let [refund] = refunds[..] else {
			anyhow::bail!("{style:?}: {} refunds", refunds.len());
		};
		// The surplus over the fee was released at the delivery, the rest now.
		ensure!(
			refund.payer == payer && refund.amount == fee && fee <= held,
			"{style:?}: {refund:?}"
		);
		let slashed: Balance = events
			.iter()
			.filter_map(|event| match event {
				Event::MinerPunished(event) if event.miner == miner => Some(event.amount),
				_ => None,
			})
			.sum();
		ensure!(slashed == STRANGER_BOND / 2, "{style:?} lost {slashed}");
		let ejected = events
			.iter()
			.any(|event| matches!(event, Event::Ejected(event) if event.operator == miner));
		ensure!(ejected, "{style:?} may go on");
		let left = view
			.bond(Role::Miner, &miner)
			.await?
			.map_or(0, |bond| bond.active);
		ensure!(left == 0, "{style:?} still has an active bond of {left}");
	}
	for task in honest {
		let settled = events.iter().find_map(|event| match event {
			Event::TaskSettled(event) if event.task == *task => Some(event),
			_ => None,
		});
		let settled = settled.with_context(|| format!("the honest task {task} was not paid"))?;
		ensure!(
			settled.miner == honest_miner,
			"a stranger took the honest task {task}"
		);
		let shares = settled.shares;
		ensure!(
			shares.miner + shares.creator + shares.treasury == settled.fee,
			"{shares:?}"
		);
	}
	let punished = events
		.iter()
		.any(|event| matches!(event, Event::MinerPunished(event) if event.miner == honest_miner));
	ensure!(!punished, "the honest miner was punished");
	let lazy = events
		.iter()
		.any(|event| matches!(event, Event::VerifierPunished(_)));
	ensure!(!lazy, "an honest verifier was punished");
	// Of the payer's money nothing is left on hold.
	let funds = view.funds(&payer).await?;
	ensure!(funds.reserved == 0, "{} plancks are stuck", funds.reserved);
	Ok(())
}
