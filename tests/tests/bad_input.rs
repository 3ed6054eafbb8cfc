//! Malformed, oversized, unauthorised and replayed input at every door of a running grid, and the
//! answer each gets.

use anyhow::{Context, Result, ensure};
use infergrid_chain::{Call, Chain, Key, OfferTerms, SubmitError, Submitter, TaskInput, TaskOrder};
use infergrid_primitives::{
	AIT, Hash,
	audit::{Measures, Verdict, Vote},
	market::{Price, Role},
	request::{
		Finish, Receipt, SamplingParams, commit_tokens, delivery_payload, opening_payload,
		pairing_payload,
	},
};
use infergrid_swarm::{
	CallError, InferRequest, NodeSecret, OpeningRequest, PeerAddress, PeerId, Refusal, Swarm,
	SwarmConfig, SwarmHandle,
};
use infergrid_tests::{
	client::{chat_body, end_of, order, status, submit},
	grid::{Grid, Setup},
	keys::{CREATOR, Operator, PAYER},
	wait::eventually,
};
use serde_json::{Value, json};
use std::time::Duration;

/// The error that a refused call must have.
type Row = (&'static str, Call, &'static str);

#[tokio::test(flavor = "multi_thread")]
async fn every_door_refuses_what_it_should() -> Result<()> {
	let mut grid = Grid::start(&Setup {
		miners: 1,
		verifiers: 1,
		..Setup::default()
	})
	.await?;
	let result = run(&grid).await;
	result
		.and_then(|()| grid.check())
		.map_err(|error| error.context(grid.report()))
}

async fn run(grid: &Grid) -> Result<()> {
	let chain = grid.chain().await?;
	let doors = [
		http(grid).await.context("HTTP"),
		rpc(grid).await.context("JSON-RPC"),
		extrinsics(grid, &chain).await.context("extrinsics"),
		streams(grid, &chain).await.context("streams"),
	];
	let wrong: Vec<String> = doors
		.into_iter()
		.filter_map(Result::err)
		.map(|error| format!("{error:#}"))
		.collect();
	ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
	Ok(())
}

async fn http(grid: &Grid) -> Result<()> {
	let client = reqwest::Client::builder()
		.timeout(Duration::from_secs(60))
		.build()?;
	let with = |field: &str, value: Value| {
		let mut body = chat_body("hello", 0.0, 16);
		body[field] = value;
		body.to_string()
	};
	let chat = "/v1/chat/completions";
	let long = "x ".repeat(4_000);
	let rows: Vec<(&str, &str, String, u16, &str)> = vec![
		("no JSON", chat, "{".into(), 400, "invalid_json"),
		("not an object", chat, "[]".into(), 400, "invalid_json"),
		(
			"empty object",
			chat,
			"{}".into(),
			400,
			"missing_required_parameter",
		),
		(
			"unknown model",
			chat,
			with("model", json!("gpt-5")),
			404,
			"model_not_found",
		),
		(
			"model of a wrong type",
			chat,
			with("model", json!(7)),
			400,
			"invalid_value",
		),
		(
			"hot",
			chat,
			with("temperature", json!(2.5)),
			400,
			"invalid_value",
		),
		(
			"temperature as text",
			chat,
			with("temperature", json!("1")),
			400,
			"invalid_value",
		),
		(
			"no tokens",
			chat,
			with("max_tokens", json!(0)),
			400,
			"invalid_value",
		),
		(
			"negative tokens",
			chat,
			with("max_tokens", json!(-1)),
			400,
			"invalid_value",
		),
		(
			"too much mass",
			chat,
			with("top_p", json!(1.5)),
			400,
			"invalid_value",
		),
		(
			"no messages",
			chat,
			with("messages", json!([])),
			400,
			"invalid_value",
		),
		(
			"unknown role",
			chat,
			with("messages", json!([{"role": "emperor", "content": "x"}])),
			400,
			"invalid_value",
		),
		(
			"unknown field",
			chat,
			with("flavour", json!("mint")),
			400,
			"unknown_parameter",
		),
		(
			"two answers",
			chat,
			with("n", json!(2)),
			400,
			"unsupported_parameter",
		),
		(
			"too long",
			chat,
			with("messages", json!([{"role": "user", "content": long}])),
			400,
			"context_length_exceeded",
		),
		(
			"huge",
			chat,
			with("user", json!("y".repeat(20 << 20))),
			413,
			"request_too_large",
		),
		("unknown route", "/v1/chat", "{}".into(), 404, "unknown_url"),
	];
	let mut wrong = Vec::new();
	for (name, path, body, status, code) in rows {
		let request = client.post(format!("{}{path}", grid.gateway_url));
		let request = request
			.header("content-type", "application/json")
			.body(body);
		let answer = match request.send().await {
			Ok(answer) => answer,
			// A server may close the connection before a client has sent 20 MB.
			Err(error) if status == 413 && (error.is_request() || error.is_body()) => continue,
			Err(error) => return Err(error).context(name),
		};
		let found = answer.status().as_u16();
		let error: Value = answer.json().await.context(name)?;
		if found != status || error["error"]["code"] != code {
			wrong.push(format!("{name}: {found} {error}"));
		}
	}
	for (path, status, code) in [
		("/v1/receipts/zz", 400, "invalid_value"),
		(
			&format!("/v1/receipts/0x{}", "ab".repeat(32)),
			404,
			"receipt_not_found",
		),
		("/v1/chat/completions", 405, "method_not_allowed"),
	] {
		let answer = client
			.get(format!("{}{path}", grid.gateway_url))
			.send()
			.await?;
		let found = answer.status().as_u16();
		let error: Value = answer.json().await.context(path.to_owned())?;
		if found != status || error["error"]["code"] != code {
			wrong.push(format!("{path}: {found} {error}"));
		}
	}
	ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
	Ok(())
}

async fn rpc(grid: &Grid) -> Result<()> {
	let url = grid.endpoints[0].replacen("ws", "http", 1);
	let client = reqwest::Client::builder()
		.timeout(Duration::from_secs(30))
		.build()?;
	let call = |method: &str, params: Value| {
		json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
	};
	let mut wrong = Vec::new();
	for (name, body, code) in [
		("no JSON", "{".to_owned(), -32_700),
		(
			"unknown method",
			call("author_stealFunds", json!([])),
			-32_601,
		),
		(
			"wrong parameter",
			call("chain_getBlockHash", json!([{"a": 1}])),
			-32_602,
		),
		(
			"no hex",
			call("author_submitExtrinsic", json!(["hello"])),
			-32_602,
		),
		(
			"no extrinsic",
			call("author_submitExtrinsic", json!(["0x00"])),
			1_002,
		),
	] {
		let request = client
			.post(&url)
			.header("content-type", "application/json")
			.body(body);
		let answer: Value = request.send().await?.json().await.context(name)?;
		if answer["error"]["code"] != code {
			wrong.push(format!("{name}: {answer}"));
		}
	}
	ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
	Ok(())
}

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

async fn extrinsics(grid: &Grid, chain: &Chain) -> Result<()> {
	let stranger = Key::from_uri(PAYER)?;
	let payer = Submitter::new(chain.clone(), stranger.clone());
	let good = order(grid, "hello", SamplingParams::greedy(16), AIT);
	let task = |change: &dyn Fn(&mut TaskOrder)| {
		let mut order = good.clone();
		change(&mut order);
		Call::submit_task(&order)
	};
	let terms = OfferTerms {
		price: Price {
			input: 1,
			output: 1,
		},
		capacity: 1,
		peer: vec![1],
		address: b"/ip4/127.0.0.1/tcp/1".to_vec(),
	};
	let vote = Vote {
		verdict: Verdict::Valid,
		measures: Measures::default(),
		fingerprint: [0; 32],
	};
	let unknown: Hash = [9; 32];
	let receipt = receipt(grid, &stranger);
	let signature = stranger.sign(&receipt.payload(&chain.genesis()));
	let others = Key::from_uri("//Dave//worker")?;
	let consent = others.sign(&pairing_payload(&chain.genesis(), &others.public()));
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
			"Tasks::TaskNotFound",
		),
		("offer", Call::set_offer(&grid.profile, &terms), "Models::"),
		("stand", Call::stand(&grid.profile), "Models::"),
		("withdraw", Call::withdraw_offer(&grid.profile), "Models::"),
		(
			"profile of another's model",
			Call::register_profile(&changed(grid)),
			"Models::",
		),
		("commit", Call::commit_vote(finished, &unknown), "Audits::"),
		(
			"reveal",
			Call::reveal_vote(finished, &vote, &unknown),
			"Audits::",
		),
		("small bond", Call::bond(Role::Miner, 1), "RoleStaking::"),
		(
			"pair",
			Call::pair_worker(&others.public(), &consent),
			"RoleStaking::",
		),
	];
	let refusals = rows.iter().map(|(name, call, _)| async {
		match payer.submit(call, None).await {
			Ok(_) => Ok((*name, "success".to_owned())),
			Err(error @ SubmitError::Dispatch { .. }) => {
				Ok((*name, error.dispatch_error().unwrap_or_default().to_owned()))
			}
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

	// The bound of an inline prompt holds before anything is dispatched.
	let oversized = task(&|order| order.input = TaskInput::Inline(vec![b'x'; 5_000]));
	ensure!(
		payer
			.submit(&oversized, Some(chain.finalized() + 8))
			.await
			.is_err(),
		"a prompt of 5,000 bytes was taken"
	);

	// A result from somebody who is not the miner, and a replayed one.
	let mine = submit(&payer, &good).await?;
	let foreign = Call::submit_result(mine, &receipt, &signature);
	let error = payer
		.submit(&foreign, None)
		.await
		.err()
		.context("a foreign result was taken")?;
	ensure!(
		error
			.dispatch_error()
			.is_some_and(|error| error.starts_with("Tasks::")),
		"a foreign result: {error}"
	);
	end_of(chain, mine, Duration::from_secs(400)).await?;
	let delivered = chain
		.latest()
		.await?
		.receipt(mine)
		.await?
		.context("a receipt")?;
	let miner = Operator::miners()[0].worker_key()?;
	let again = Call::submit_result(
		mine,
		&delivered,
		&miner.sign(&delivered.payload(&chain.genesis())),
	);
	let error = payer
		.submit(&again, None)
		.await
		.err()
		.context("a replayed result was taken")?;
	ensure!(
		error
			.dispatch_error()
			.is_some_and(|error| error.starts_with("Tasks::")),
		"a replayed result: {error}"
	);
	Ok(())
}

/// A profile of the demo model that its creator has not registered.
fn changed(grid: &Grid) -> infergrid_primitives::model::Profile {
	let mut profile = grid.terms.clone();
	profile.context -= 1;
	profile
}

async fn streams(grid: &Grid, chain: &Chain) -> Result<()> {
	let genesis = chain.genesis();
	let config = SwarmConfig::new(NodeSecret::new([5; 32]), Vec::new(), genesis);
	let (swarm, node) = Swarm::start(config, None).await?;
	let operator = Operator::miners()[0].operator_key()?.public();
	let offer = chain
		.latest()
		.await?
		.offer(&grid.profile, &operator)
		.await?
		.context("an offer")?;
	let to = PeerAddress {
		peer: PeerId::from_bytes(&offer.terms.peer)?,
		address: String::from_utf8(offer.terms.address)?,
	};
	let result = refusals(grid, chain, &swarm, &to).await;
	node.shutdown().await;
	result
}

async fn refusals(grid: &Grid, chain: &Chain, swarm: &SwarmHandle, to: &PeerAddress) -> Result<()> {
	let genesis = chain.genesis();
	let me = swarm.peer_id().to_bytes();
	let payer = Key::from_uri(PAYER)?;
	let thief = Key::from_uri(CREATOR)?;
	let salt: Hash = [1; 32];
	let prompt = vec![1, 2, 3];
	let submitter = Submitter::new(chain.clone(), payer.clone());
	let mut committed = order(grid, "", SamplingParams::greedy(16), AIT);
	committed.input = TaskInput::Committed {
		commitment: commit_tokens(&genesis, &salt, &prompt),
		n_prompt: prompt.len() as u32,
	};
	let task = submit(&submitter, &committed).await?;
	eventually("assignment", Duration::from_secs(60), || async {
		let status = status(chain, task).await?;
		Ok(matches!(status, infergrid_chain::TaskStatus::Assigned { .. }).then_some(()))
	})
	.await?;
	let request = |key: &Key, peer: &[u8], prompt: &[u32]| InferRequest {
		task,
		salt,
		prompt: prompt.to_vec(),
		payer_key: key.public(),
		signature: key.sign(&delivery_payload(&genesis, task, peer)),
	};
	for (name, request, expected) in [
		(
			"not the payer",
			request(&thief, &me, &prompt),
			Refusal::Unauthorised,
		),
		(
			"a replay by another peer",
			request(&payer, &[7; 38], &prompt),
			Refusal::Unauthorised,
		),
		(
			"another prompt",
			request(&payer, &me, &[1, 2]),
			Refusal::PromptMismatch,
		),
		(
			"no prompt",
			request(&payer, &me, &[]),
			Refusal::PromptMismatch,
		),
	] {
		match swarm.infer(to, request).await.map(drop) {
			Err(CallError::Refused(found)) if found == expected => {}
			other => anyhow::bail!("{name}: {other:?} instead of {expected:?}"),
		}
	}
	let opening = |key: &Key, peer: &[u8], audit| OpeningRequest {
		audit,
		task,
		round: 0,
		worker: key.public(),
		signature: key.sign(&opening_payload(&genesis, task, 0, peer)),
	};
	for (name, request, expected) in [
		(
			"a replayed opening request",
			opening(&thief, &[7; 38], 0),
			Refusal::Unauthorised,
		),
		(
			"an unknown audit",
			opening(&thief, &me, u64::MAX),
			Refusal::Unknown,
		),
		(
			"an audit of another task",
			opening(&thief, &me, 0),
			Refusal::NotAssigned,
		),
	] {
		match swarm.fetch_opening(to, request).await.map(drop) {
			Err(CallError::Refused(found)) if found == expected => {}
			other => anyhow::bail!("{name}: {other:?} instead of {expected:?}"),
		}
	}
	// The payer itself is still served.
	let mut answer = swarm.infer(to, request(&payer, &me, &prompt)).await?;
	while let Some(part) = answer.next().await {
		part?;
	}
	Ok(())
}
