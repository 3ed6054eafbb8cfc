//! One grid on which nothing goes wrong, for all that can share it.

use crate::{clients, doors, metrics, operators};
use anyhow::{Context, Result, ensure};
use futures::future::{LocalBoxFuture, join_all};
use infergrid_devnet::Gateway;
use infergrid_tests::{
	grid::{Grid, Setup},
	keys::PAYERS,
};

/// Tasks of many tests at once find room, and need not wait for each other.
const CAPACITY: u32 = 32;

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_served_and_every_door_refuses_what_it_should() -> Result<()> {
	let setup = Setup {
		capacity: Some(CAPACITY),
		..Setup::default()
	};
	let grid = Grid::with("healthy", |directory| {
		let mut plan = setup.plan(directory)?;
		// Tells everybody to come back later.
		let mut full = Gateway::named("full-gateway");
		full.payer = PAYERS[3].into();
		full.extra.args = ["--max-orders", "0"].map(str::to_owned).into();
		plan.gateways.push(full);
		Ok(plan)
	})
	.await?;
	let result = all(&grid).await;
	grid.end(result).await
}

async fn all(grid: &Grid) -> Result<()> {
	let chain = grid.chain();
	let [payer, other, streaming, _] = PAYERS;
	let parts: [(&'static str, LocalBoxFuture<'_, Result<()>>); 10] = [
		("a chat", Box::pin(clients::chat(grid))),
		("the Polkadot.js client", Box::pin(clients::polkadot(grid))),
		(
			"the OpenAI SDK for Node",
			Box::pin(clients::openai_node(grid)),
		),
		("the clients for Python", Box::pin(clients::python(grid))),
		("directories", Box::pin(doors::directories::refuse(grid))),
		("HTTP", Box::pin(doors::http::refuses(grid))),
		("JSON-RPC", Box::pin(doors::rpc::refuses(grid))),
		(
			"the metadata",
			Box::pin(doors::rpc::tells_the_metadata_that_tests_have(grid)),
		),
		(
			"extrinsics",
			Box::pin(doors::extrinsics::refuses(grid, chain, payer, other)),
		),
		(
			"streams",
			Box::pin(doors::streams::refuse(grid, chain, streaming)),
		),
	];
	let runs = parts.into_iter().map(|(name, part)| async move {
		let result = part.await.context(name);
		if result.is_ok() {
			grid.say(&format!("{name} done"));
		}
		result
	});
	let wrong: Vec<String> = join_all(runs)
		.await
		.into_iter()
		.filter_map(Result::err)
		.map(|error| format!("{error:#}"))
		.collect();
	ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
	metrics::tell(grid).await.context("metrics")?;
	operators::work(grid).await.context("operators' commands")
}
