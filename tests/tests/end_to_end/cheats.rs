//! Dishonest miners on a running chain: each is condemned, slashed and, if its answer was seen, ejected,
//! and its payer refunded in full, while an honest miner beside them is paid.

use crate::metrics;
use anyhow::{Context, Result, bail, ensure};
use infergrid_chain::{Chain, Event};
use infergrid_primitives::{
	AIT, AccountBytes, Balance, TaskId,
	audit::Verdict,
	market::{Price, Role},
	model::Profile,
	request::SamplingParams,
};
use infergrid_tests::{
	cheap_model,
	client::{order, submit},
	demo_model,
	forge::{Forge, Order, Style},
	grid::{Grid, Setup, profile},
	history::{History, delivered, paid, verdict},
	keys::{PAYERS, STRANGER_BOND, account, stranger},
	questions,
	stranger::Stranger,
};
use std::{
	collections::{HashMap, HashSet},
	sync::Arc,
	time::Duration,
};

const STYLES: [Style; 7] = [
	Style::OtherModel,
	Style::TruncatedPrompt,
	Style::PerfectProof,
	Style::AfterEnd,
	Style::Overcount,
	Style::EarlyEnd,
	Style::Mute,
];
const HONEST_TASKS: usize = 3;
const MAX_TOKENS: u32 = 96;
const AUDITED: Duration = Duration::from_secs(600);
/// Seconds until the verifiers know of what is final.
const TOLD_WITHIN: u32 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn cheats_are_condemned_and_honest_miners_paid() -> Result<()> {
	let forged = tokio::task::spawn_blocking(|| {
		let forge = Forge::new(&demo_model(), &cheap_model())?;
		let question = occasion(&forge, &profile(&demo_model())?)?;
		anyhow::Ok((Arc::new(forge), question))
	});
	let setup = Setup {
		miners: 1,
		gateway: false,
		strangers: STYLES.len(),
		..Setup::default()
	};
	let grid = Grid::start("cheats", &setup).await?;
	let result = async {
		let (forge, question) = forged.await??;
		run(&grid, forge, &question).await
	};
	let result = result.await;
	grid.end(result).await
}

/// A question to which every style has an answer of its own.
fn occasion(forge: &Forge, profile: &Profile) -> Result<String> {
	for question in questions()? {
		let order = Order {
			prompt: forge.engine().checkpoint().encode_inline(&question)?,
			params: SamplingParams::greedy(MAX_TOKENS),
			seed: [0; 32],
			proof: profile.proof,
			context: profile.context,
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
	bail!("the demo model knows no question on which every cheat shows")
}

async fn run(grid: &Grid, forge: Arc<Forge>, question: &str) -> Result<()> {
	let chain = grid.chain();
	let mut history = History::from_now(chain);

	// The strangers are ten times cheaper than the honest miner, and each has room for one task:
	// tasks with little money, as many as strangers, go to one each.
	let price = Price {
		input: grid.terms.reference_input / 10,
		output: grid.terms.reference_output / 10,
	};
	let identities: Vec<_> = (0..STYLES.len()).map(stranger).collect();
	let starting = identities
		.iter()
		.zip(STYLES)
		.map(|(who, style)| Stranger::start(chain, forge.clone(), who, style, &grid.terms, price));
	let mut strangers = futures::future::try_join_all(starting).await?;
	let styles: HashMap<AccountBytes, Style> = strangers
		.iter()
		.map(|stranger| (stranger.operator, stranger.style))
		.collect();
	grid.say("the cheats have their offers on chain");

	// Tasks are assigned in the order in which they come: those with plenty of money, submitted last,
	// find no stranger with room.
	let payer = grid.submitter(PAYERS[0])?;
	let reference = Price {
		input: grid.terms.reference_input,
		output: grid.terms.reference_output,
	};
	let greedy = SamplingParams::greedy(MAX_TOKENS);
	let little = price.fee(512, MAX_TOKENS);
	let fees = [little; STYLES.len()]
		.into_iter()
		.chain([reference.fee(512, MAX_TOKENS); HONEST_TASKS]);
	let orders: Vec<_> = fees
		.map(|max_fee| order(grid, question, greedy.clone(), max_fee))
		.collect();
	let submitting = orders.iter().map(|order| submit(&payer, order));
	let tasks = futures::future::try_join_all(submitting).await?;
	grid.say("the tasks are on chain");
	let over = history.until_over(&tasks, AUDITED).await;
	for stranger in &mut strangers {
		stranger.check().await?;
	}
	over?;
	let (cheated, honest) = tasks.split_at(STYLES.len());
	let events = history.events();
	let payer = payer.account();
	let punished = condemned(chain, events, cheated, &styles, &payer, little).await?;
	ensure!(
		punished.len() == STYLES.len(),
		"some cheats got no task: {punished:?}"
	);
	rewarded(events, honest)?;
	verifiers_earned(grid, events).await?;
	// Of the payer's money nothing is left on hold.
	let funds = chain.latest().await?.funds(&payer).await?;
	ensure!(funds.reserved == 0, "{} plancks are stuck", funds.reserved);
	Ok(())
}

/// The verifiers' metrics tell the tenth of the slashes that the chain gave to them.
async fn verifiers_earned(grid: &Grid, events: &[Event]) -> Result<()> {
	let slashed = events.iter().filter_map(|event| match event {
		Event::MinerPunished(event) => Some(event.amount as f64 / AIT as f64),
		_ => None,
	});
	let share = slashed.sum::<f64>() / 10.0;
	let mut told = 0.0;
	for _ in 0..TOLD_WITHIN {
		told = metrics::sum(grid, "verifier", "infergrid_verifier_earned_ait_total").await?;
		if (told - share).abs() < 1e-6 {
			return Ok(());
		}
		tokio::time::sleep(Duration::from_secs(1)).await;
	}
	bail!("the verifiers say that they earned {told} AIT, it is {share}")
}

/// Each of `tasks` was delivered by a cheat that was condemned for it; gives the cheats.
async fn condemned(
	chain: &Chain,
	events: &[Event],
	tasks: &[TaskId],
	styles: &HashMap<AccountBytes, Style>,
	payer: &AccountBytes,
	held: Balance,
) -> Result<HashSet<Style>> {
	let view = chain.latest().await?;
	let mut cheats = HashSet::new();
	for task in tasks {
		let receipts = delivered(events, *task);
		let [receipt] = receipts[..] else {
			bail!("task {task} was delivered {} times", receipts.len());
		};
		let miner = receipt.miner;
		let style = styles
			.get(&miner)
			.context("an honest miner got a cheap task")?;
		let verdict = verdict(events, *task);
		let (expected, share) = match style {
			Style::Mute => (Verdict::Unavailable, 20),
			_ => (Verdict::Invalid, 2),
		};
		ensure!(verdict == Some(expected), "{style:?} was found {verdict:?}");
		let refunds: Vec<_> = events
			.iter()
			.filter_map(|event| match event {
				Event::TaskRefunded(event) if event.task == *task => Some(event),
				_ => None,
			})
			.collect();
		let [refund] = refunds[..] else {
			bail!("{style:?}: {} refunds", refunds.len());
		};
		// The surplus over the fee was released at the delivery, the rest now.
		ensure!(
			refund.payer == *payer && refund.amount == receipt.fee && receipt.fee <= held,
			"{style:?}: {refund:?}"
		);
		let slashed: Balance = events
			.iter()
			.filter_map(|event| match event {
				Event::MinerPunished(event) if event.miner == miner => Some(event.amount),
				_ => None,
			})
			.sum();
		ensure!(slashed == STRANGER_BOND / share, "{style:?} lost {slashed}");
		let ejected = events
			.iter()
			.any(|event| matches!(event, Event::Ejected(event) if event.operator == miner));
		ensure!(
			ejected == (expected == Verdict::Invalid),
			"{style:?}, ejected: {ejected}"
		);
		let left = view
			.bond(Role::Miner, &miner)
			.await?
			.map_or(0, |bond| bond.active);
		let kept = match ejected {
			true => 0,
			false => STRANGER_BOND - slashed,
		};
		ensure!(left == kept, "{style:?} has an active bond of {left}");
		cheats.insert(*style);
	}
	Ok(cheats)
}

/// Each of `tasks` was paid to the honest miner, and nobody honest was punished.
fn rewarded(events: &[Event], tasks: &[TaskId]) -> Result<()> {
	let honest = account("//Alice//stash")?;
	for task in tasks {
		let fee = paid(events, *task)?;
		fee.with_context(|| format!("the honest task {task} was not paid"))?;
		ensure!(
			delivered(events, *task)
				.iter()
				.all(|receipt| receipt.miner == honest),
			"a cheat took the honest task {task}"
		);
	}
	let punished = events.iter().find(|event| match event {
		Event::MinerPunished(event) => event.miner == honest,
		Event::VerifierPunished(_) => true,
		_ => false,
	});
	ensure!(punished.is_none(), "somebody honest: {punished:?}");
	Ok(())
}
