//! An honest miner is never condemned: two hundred audited requests at temperatures 0 and 1, with every
//! sampling parameter, through real miners and real verifiers on a running chain.

use anyhow::{Context, Result, bail, ensure};
use futures::future::try_join_all;
use infergrid_chain::{Event, Submitter, TaskOrder, View};
use infergrid_checkpoint::Checkpoint;
use infergrid_primitives::{
	AccountBytes, Balance, Hash, TaskId,
	audit::{Measures, Verdict, Vote},
	request::{SamplingParams, StopString},
};
use infergrid_swarm::{NodeSecret, Swarm, SwarmConfig, SwarmHandle};
use infergrid_tests::{
	all_kinds_of_questions,
	client::{Sealed, order, peer_of, submit},
	demo_model,
	forge::sampling,
	grid::{Grid, Setup},
	history::{History, assigned, committee, delivered, paid, unpunished, verdict},
	keys::PAYERS,
};
use std::{collections::HashSet, time::Duration};

/// Of the same question at the same temperature, each with other sampling parameters.
const ROUNDS: u64 = 6;
/// Of so many requests one seals its prompt.
const SEALED: usize = 7;
const LEAST: usize = 200;
const CAPACITY: u32 = 128;
const SOON: Duration = Duration::from_secs(300);
const AUDITED: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_honest_answers_pass_their_audits() -> Result<()> {
	let setup = Setup {
		capacity: Some(CAPACITY),
		gateway: false,
		..Setup::default()
	};
	let grid = Grid::start("honest", &setup).await?;
	let result = run(&grid).await;
	grid.end(result).await
}

/// A request, and its prompt where the chain does not see it.
struct Request {
	order: TaskOrder,
	sealed: Option<Sealed>,
}

fn requests(grid: &Grid, genesis: &Hash) -> Result<Vec<Request>> {
	let checkpoint = Checkpoint::open(demo_model())?;
	let mut requests = Vec::new();
	for round in 0..ROUNDS {
		for question in all_kinds_of_questions()? {
			for temperature in [0.0, 1.0] {
				let number = requests.len();
				let mut params = sampling(temperature, [16, 48, 96][number % 3]);
				vary(&mut params, round)?;
				let max_fee = grid.terms.reference_output;
				let mut order = order(grid, &question, params, max_fee);
				let sealed = if number % SEALED == SEALED - 1 {
					let sealed = Sealed {
						salt: [number as u8; 32],
						prompt: checkpoint.encode_inline(&question)?,
					};
					order.input = sealed.input(genesis);
					Some(sealed)
				} else {
					None
				};
				requests.push(Request { order, sealed });
			}
		}
	}
	Ok(requests)
}

/// Every sampling parameter has its turn.
fn vary(params: &mut SamplingParams, round: u64) -> Result<()> {
	match round {
		1 => params.top_p_micros = 900_000,
		2 => params.top_k = 20,
		3 => params.frequency_penalty_micros = 300_000,
		4 => params.presence_penalty_micros = 500_000,
		5 => {
			let stop: Result<StopString, _> = b"the".to_vec().try_into();
			let stop = stop.ok().context("a short stop string")?;
			let pushed = params.stop.try_push(stop);
			pushed.ok().context("one stop string")?;
		}
		_ => {}
	}
	Ok(())
}

async fn run(grid: &Grid) -> Result<()> {
	let chain = grid.chain();
	let genesis = chain.genesis();
	let mut history = History::from_now(chain);
	let requests = requests(grid, &genesis)?;
	let payers = PAYERS
		.iter()
		.map(|uri| grid.submitter(uri))
		.collect::<Result<Vec<_>>>()?;
	let mut config = SwarmConfig::new(NodeSecret::new([6; 32]), Vec::new(), genesis);
	config.addresses.allow_local = true;
	let (swarm, node) = Swarm::builder(config).start().await?;
	let asking = requests
		.iter()
		.zip(payers.iter().cycle())
		.map(|(request, payer)| ask(grid, &swarm, payer, request));
	let tasks = try_join_all(asking).await;
	node.shutdown().await;
	let tasks = tasks?;
	grid.say("every request is on chain, every sealed prompt with its miner");

	history.until_over(&tasks, AUDITED).await?;
	grid.say("every task is over");
	let events = history.events();
	let view = chain.latest().await?;
	let reading = tasks.iter().map(|task| votes(&view, events, *task));
	let votes = try_join_all(reading).await?;
	let mut counts = Counts::default();
	for ((task, request), votes) in tasks.iter().zip(&requests).zip(votes) {
		counts
			.add(events, *task, request, &votes)
			.with_context(|| format!("task {task}, {:?}", request.order.params))?;
	}
	unpunished(events)?;
	let redrawn = |event: &&Event| matches!(event, Event::AuditRedrawn(_));
	ensure!(
		events.iter().find(redrawn).is_none(),
		"a verifier kept the others waiting"
	);
	for payer in &payers {
		let funds = view.funds(&payer.account()).await?;
		ensure!(funds.reserved == 0, "{} plancks are stuck", funds.reserved);
	}
	counts.judge()
}

/// Submits a request and brings its miner the prompt, if the chain does not.
async fn ask(
	grid: &Grid,
	swarm: &SwarmHandle,
	payer: &Submitter,
	request: &Request,
) -> Result<TaskId> {
	let chain = grid.chain();
	let mut history = History::from_now(chain);
	let task = submit(payer, &request.order).await?;
	if let Some(sealed) = &request.sealed {
		let miner = history
			.until("assignment", SOON, |events| assigned(events, task))
			.await?;
		let to = peer_of(chain, &grid.profile, &miner).await?;
		let me = swarm.peer_id().to_bytes();
		let delivery = sealed.delivery(&chain.genesis(), task, payer.key(), &me);
		let mut answer = swarm.infer(&to, delivery).await?;
		while let Some(part) = answer.next().await {
			part?;
		}
	}
	Ok(task)
}

/// The votes on a task, of as many verifiers as there are.
async fn votes(view: &View, events: &[Event], task: TaskId) -> Result<Vec<Vote>> {
	let receipts = delivered(events, task);
	let receipt = receipts.first().context("no receipt")?;
	let committee: HashSet<_> = committee(events, task)
		.context("no committee")?
		.into_iter()
		.collect();
	let all = Setup::default().verifiers;
	ensure!(committee.len() == all, "a committee of {}", committee.len());
	let reading = committee
		.iter()
		.map(|member| view.vote(receipt.audit, member));
	let votes = try_join_all(reading).await?;
	let votes: Option<Vec<_>> = votes.into_iter().collect();
	votes.with_context(|| format!("a verifier did not vote on task {task}"))
}

/// What was found in all audits together.
#[derive(Debug, Default)]
struct Counts {
	greedy: usize,
	hot: usize,
	sealed: usize,
	tokens: u32,
	fees: Balance,
	shares: Balance,
	checked: u32,
	exact: u32,
	worst: Measures,
	miners: HashSet<AccountBytes>,
}

impl Counts {
	/// Adds a task, which must have been found right by each verifier, and paid.
	fn add(
		&mut self,
		events: &[Event],
		task: TaskId,
		request: &Request,
		votes: &[Vote],
	) -> Result<()> {
		let receipts = delivered(events, task);
		let [receipt] = receipts[..] else {
			bail!("delivered {} times", receipts.len());
		};
		let found = verdict(events, task);
		ensure!(found == Some(Verdict::Valid), "found {found:?}");
		let fee = paid(events, task)?;
		ensure!(fee == Some(receipt.fee), "{fee:?} paid of {}", receipt.fee);
		for vote in votes {
			ensure!(vote.verdict == Verdict::Valid, "{vote:?}");
			ensure!(vote.measures.positions == receipt.n_out, "{vote:?}");
			self.exact += vote.measures.exact_tokens;
			self.checked += vote.measures.positions;
			self.worst = worse(&self.worst, &vote.measures);
		}
		match request.order.params.temperature_micros {
			0 => self.greedy += 1,
			_ => self.hot += 1,
		}
		self.sealed += usize::from(request.sealed.is_some());
		self.tokens += receipt.n_out;
		self.fees += receipt.fee;
		self.shares += shares(events, task);
		self.miners.insert(receipt.miner);
		Ok(())
	}

	fn judge(self) -> Result<()> {
		let requests = self.greedy + self.hot;
		println!(
			"{requests} honest answers audited by three verifiers each, found right and paid: {} at \
			 temperature 0, {} at temperature 1, {} with sealed prompts, {} tokens. Of {} tokens \
			 re-checked {} are the verifier's own choice; at worst {} mismatched exponents, mantissas \
			 off by {} (mean) and {} (median) thousandths, {} hard margins, a mean margin of {} \
			 thousandths",
			self.greedy,
			self.hot,
			self.sealed,
			self.tokens,
			self.checked,
			self.exact,
			self.worst.exponent_mismatches,
			self.worst.mantissa_mean_milli,
			self.worst.mantissa_median_milli,
			self.worst.hard_margins,
			self.worst.mean_margin_milli,
		);
		ensure!(requests >= LEAST, "only {requests} requests");
		ensure!(
			self.greedy == self.hot,
			"the temperatures are not half and half"
		);
		let miners = self.miners.len();
		ensure!(miners == 2, "the work went to {miners} miners");
		ensure!(
			self.shares == self.fees,
			"fees of {}, shares of {}",
			self.fees,
			self.shares
		);
		Ok(())
	}
}

/// What was paid out for a task.
fn shares(events: &[Event], task: TaskId) -> Balance {
	let shares = events.iter().filter_map(|event| match event {
		Event::TaskSettled(event) if event.task == task => Some(event.shares),
		_ => None,
	});
	shares
		.map(|shares| shares.miner + shares.creator + shares.treasury)
		.sum()
}

/// The worse of two in each respect that has a better and a worse.
fn worse(a: &Measures, b: &Measures) -> Measures {
	Measures {
		exponent_mismatches: a.exponent_mismatches.max(b.exponent_mismatches),
		mantissa_mean_milli: a.mantissa_mean_milli.max(b.mantissa_mean_milli),
		mantissa_median_milli: a.mantissa_median_milli.max(b.mantissa_median_milli),
		hard_margins: a.hard_margins.max(b.hard_margins),
		mean_margin_milli: a.mean_margin_milli.max(b.mean_margin_milli),
		..Measures::default()
	}
}
