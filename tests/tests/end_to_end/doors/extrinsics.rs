//! The chain's calls.

use anyhow::{Context, Result, ensure};
use infergrid_chain::{
	Call, Chain, Key, OfferTerms, Refusal, SubmitError, Submitter, TaskInput, TaskOrder,
};
use infergrid_primitives::{
	AIT, BlockNumber, Hash,
	audit::{Measures, Verdict, Vote},
	market::{Price, Role},
	model::Profile,
	request::{Consent, Finish, Receipt, SamplingParams},
};
use infergrid_tests::{
	client::{order, submit},
	grid::Grid,
	history::History,
	keys::Operator,
};
use std::time::Duration;

/// How a worker's duties are refused from whoever is no operator's worker.
const UNPAIRED: &str = "RoleStaking::WorkerNotPaired";

/// A call with the error that it must have.
type Row = (&'static str, Call, &'static str);

fn receipt(grid: &Grid, worker: &Key) -> Receipt {
	Receipt {
		request_id: grid.profile,
		miner: worker.public(),
		worker_key: worker.public(),
		n_prompt: 1,
		n_out: 1,
		finish: Finish::Length,
		output_commit: [0; 32],
		trace_root: [0; 32],
		fee: 1,
		ttft_ms: 1,
		total_ms: 1,
	}
}

/// How long a task may take with everything around it.
const AUDITED: Duration = Duration::from_secs(600);

/// Tries every call in the name of `uri`, and those that the runtime cannot decode in that of `other`.
pub(crate) async fn refuses(grid: &Grid, chain: &Chain, uri: &str, other: &str) -> Result<()> {
	let payer = grid.submitter(uri)?;
	tokio::try_join!(
		calls(grid, chain, &payer),
		results(grid, chain, &payer),
		oversized(grid, grid.submitter(other)?),
	)?;
	Ok(())
}

fn terms() -> OfferTerms {
	OfferTerms {
		price: Price {
			input: 1,
			output: 1,
		},
		capacity: 1,
		peer: vec![1],
		address: b"/ip4/127.0.0.1/tcp/1".to_vec(),
	}
}

fn good(grid: &Grid) -> TaskOrder {
	order(grid, "hello", SamplingParams::greedy(16), AIT)
}

async fn calls(grid: &Grid, chain: &Chain, payer: &Submitter) -> Result<()> {
	let stranger = payer.key();
	let good = good(grid);
	let task = |change: &dyn Fn(&mut TaskOrder)| {
		let mut order = good.clone();
		change(&mut order);
		Call::submit_task(&order)
	};
	let terms = terms();
	let vote = Vote {
		verdict: Verdict::Valid,
		measures: Measures::default(),
		fingerprint: [0; 32],
	};
	let unknown: Hash = [9; 32];
	let receipt = receipt(grid, stranger);
	let signature = stranger.sign(&receipt.payload(&chain.genesis()));
	let others = Key::from_uri("//Dave//worker")?;
	let consent = Consent {
		operator: others.public(),
		counter: 0,
		valid_until: BlockNumber::MAX,
	};
	let consents = others.sign(&consent.payload(&chain.genesis()));
	let finished = u64::MAX;
	let rows: Vec<Row> = vec![
		(
			"profile",
			task(&|order| order.profile = unknown),
			"Tasks::ProfileNotFound",
		),
		(
			"no tokens",
			task(&|order| order.params.max_tokens = 0),
			"Tasks::InvalidParams",
		),
		(
			"hot",
			task(&|order| order.params.temperature_micros = 2_000_001),
			"Tasks::InvalidParams",
		),
		(
			"no mass",
			task(&|order| order.params.top_p_micros = 0),
			"Tasks::InvalidParams",
		),
		(
			"no prompt",
			task(&|order| order.input = TaskInput::Inline(vec![])),
			"Tasks::InvalidPrompt",
		),
		(
			"no UTF-8",
			task(&|order| order.input = TaskInput::Inline(vec![0xFF])),
			"Tasks::InvalidPrompt",
		),
		(
			"no committed tokens",
			task(&|order| {
				order.input = TaskInput::Committed {
					commitment: unknown,
					n_prompt: 0,
				};
			}),
			"Tasks::InvalidPrompt",
		),
		(
			"long",
			task(&|order| order.params.max_tokens = 1 << 20),
			"Tasks::ExceedsContext",
		),
		(
			"no money",
			task(&|order| order.max_fee = 0),
			"Tasks::MaxFeeTooLow",
		),
		(
			"rich",
			task(&|order| order.max_fee = u128::MAX / 4),
			"Tasks::InsufficientFunds",
		),
		(
			"impatient",
			task(&|order| order.patience = 1),
			"Tasks::PatienceOutOfRange",
		),
		(
			"hasty",
			task(&|order| order.patience = 6),
			"Tasks::PatienceTooShort",
		),
		("cancel", Call::cancel_task(finished), "Tasks::TaskNotFound"),
		(
			"result",
			Call::submit_result(finished, &receipt, &signature),
			UNPAIRED,
		),
		("offer", Call::set_offer(&grid.profile, &terms), "Models::"),
		("stand", Call::stand(&grid.profile), "Models::"),
		("withdraw", Call::withdraw_offer(&grid.profile), "Models::"),
		(
			"profile of another's model",
			Call::register_profile(&changed(grid)),
			"Models::",
		),
		("commit", Call::commit_vote(finished, &unknown), UNPAIRED),
		(
			"reveal",
			Call::reveal_vote(finished, &vote, &unknown),
			UNPAIRED,
		),
		("small bond", Call::bond(Role::Miner, 1), "RoleStaking::"),
		(
			"pair",
			Call::pair_worker(&others.public(), &consent, &consents),
			"RoleStaking::",
		),
	];
	let refusals = rows.iter().map(|(name, call, _)| async {
		match payer.submit(call, None).await {
			Ok(_) => Ok((*name, "success".to_owned())),
			Err(error @ SubmitError::Dispatch { .. }) => {
				Ok((*name, error.dispatch_error().unwrap_or_default().to_owned()))
			}
			Err(SubmitError::Refused {
				reason: Refusal::WouldFail { error, .. },
				..
			}) => Ok((*name, error.to_owned())),
			Err(error) => Err(anyhow::Error::from(error).context(*name)),
		}
	});
	let found = futures::future::try_join_all(refusals).await?;
	let wrong: Vec<String> = rows
		.iter()
		.zip(found)
		.filter(|((_, _, expected), (_, found))| !found.starts_with(expected))
		.map(|((name, _, expected), (_, found))| format!("{name}: {found} instead of {expected}"))
		.collect();
	ensure!(wrong.is_empty(), "{}", wrong.join("\n"));

	Ok(())
}

/// What the runtime cannot even decode is refused at once and takes no nonce: nobody waits for it.
async fn oversized(grid: &Grid, payer: Submitter) -> Result<()> {
	let mut order = good(grid);
	order.input = TaskInput::Inline(vec![b'x'; 5_000]);
	let mut terms = terms();
	terms.peer = vec![1; 500];
	for (name, call) in [
		("a prompt of 5,000 bytes", Call::submit_task(&order)),
		(
			"a peer id of 500 bytes",
			Call::set_offer(&grid.profile, &terms),
		),
	] {
		let answer = payer.submit(&call, None).await;
		ensure!(
			matches!(answer, Err(SubmitError::Refused { .. })),
			"{name}: {answer:?}"
		);
	}
	let answer = payer.submit(&Call::cancel_task(u64::MAX), None).await;
	ensure!(
		matches!(answer, Err(SubmitError::Dispatch { .. })),
		"after what was refused: {answer:?}"
	);
	Ok(())
}

/// A result from somebody who is not the miner, and a replayed one.
async fn results(grid: &Grid, chain: &Chain, payer: &Submitter) -> Result<()> {
	let mut history = History::from_now(chain);
	let task = submit(payer, &good(grid)).await?;
	let receipt = receipt(grid, payer.key());
	let signature = payer.key().sign(&receipt.payload(&chain.genesis()));
	let foreign = Call::submit_result(task, &receipt, &signature);
	refused(payer, &foreign).await.context("a foreign result")?;

	history.until_over(&[task], AUDITED).await?;
	let delivered = chain.latest().await?.receipt(task).await?;
	let delivered = delivered.context("a receipt")?;
	let workers = (0..2).map(|number| Key::from_uri(&Operator::miner(number).worker));
	let worker = workers
		.collect::<Result<Vec<_>, _>>()?
		.into_iter()
		.find(|worker| worker.public() == delivered.worker_key)
		.context("another miner's receipt")?;
	let signature = worker.sign(&delivered.payload(&chain.genesis()));
	let again = Call::submit_result(task, &delivered, &signature);
	refused(payer, &again).await.context("a replayed result")
}

async fn refused(payer: &Submitter, result: &Call) -> Result<()> {
	let error = payer
		.submit(result, None)
		.await
		.err()
		.context("was taken")?;
	ensure!(
		matches!(
			error,
			SubmitError::Refused {
				reason: Refusal::WouldFail {
					error: UNPAIRED,
					..
				},
				..
			}
		),
		"{error}"
	);
	Ok(())
}

/// A profile of the demo model that its creator has not registered.
fn changed(grid: &Grid) -> Profile {
	let mut profile = grid.terms.clone();
	profile.context -= 1;
	profile
}
