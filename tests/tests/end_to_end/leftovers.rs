//! What a grid leaves behind: nothing.

use anyhow::{Context, Result, ensure};
use infergrid_tests::{
	grid::{Grid, Setup},
	wait::eventually,
};
use serde_json::Value;
use std::{
	fs,
	net::{Ipv4Addr, TcpListener},
	path::Path,
	time::Duration,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_grid_leaves_no_process_and_no_port_in_use() -> Result<()> {
	let setup = Setup {
		miners: 1,
		verifiers: 0,
		..Setup::default()
	};
	let grid = Grid::start("leftovers", &setup).await?;
	let parts = match parts(&grid) {
		Ok(parts) => parts,
		Err(error) => return grid.end(Err(error)).await,
	};
	drop(grid);
	for part in &parts {
		ensure!(
			!Path::new(&format!("/proc/{}", part.pid)).exists(),
			"{part:?} lives on"
		);
		for port in &part.ports {
			TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).with_context(|| format!("{part:?}"))?;
		}
	}
	Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_dies_is_named_and_can_be_started_again() -> Result<()> {
	let setup = Setup {
		miners: 0,
		verifiers: 0,
		..Setup::default()
	};
	let grid = Grid::start("deaths", &setup).await?;
	let result = async {
		let gateway = parts(&grid)?
			.into_iter()
			.find(|part| part.name == "gateway");
		let gateway = gateway.context("a gateway")?;
		// Somebody else does it: the grid has not asked for it.
		let mut kill = tokio::process::Command::new("kill");
		kill.args(["-9", &gateway.pid.to_string()]).status().await?;
		let death = grid.handle.died().await;
		ensure!(
			death.name == "gateway" && death.how.contains('9'),
			"{death:?}"
		);
		ensure!(grid.handle.check().await.is_err());
		grid.handle.restart("gateway")?;
		let url = format!("{}/v1/models", grid.gateway_url());
		eventually("answer of the gateway", Duration::from_secs(60), || async {
			Ok(Some(reqwest::get(&url).await?.error_for_status()?.status()))
		})
		.await?;
		Ok(())
	};
	let result = result.await;
	grid.end(result).await
}

#[derive(Debug)]
struct Part {
	name: String,
	pid: u64,
	ports: Vec<u16>,
}

/// The parts as `grid.json` lists them. Their ports are in their arguments.
fn parts(grid: &Grid) -> Result<Vec<Part>> {
	let text = fs::read_to_string(grid.handle.directory().join("grid.json"))?;
	let grid: Value = serde_json::from_str(&text)?;
	ensure!(grid["ready"] == true && grid["version"] == 1, "{grid}");
	let parts = grid["parts"].as_array().context("parts")?;
	let part = |part: &Value| {
		let args: Vec<_> = part["args"]
			.as_array()?
			.iter()
			.map(|arg| arg.as_str())
			.collect();
		let ports = args.windows(2).filter_map(|pair| {
			let last = pair[1]?.rsplit(['/', ':']).next()?;
			matches!(
				pair[0]?,
				"--listen" | "--listen-addr" | "--rpc-port" | "--prometheus-port"
			)
			.then(|| last.parse().ok())?
		});
		Some(Part {
			name: part["name"].as_str()?.to_owned(),
			pid: part["pid"].as_u64()?,
			ports: ports.collect(),
		})
	};
	let parts: Vec<_> = parts.iter().filter_map(part).collect();
	let ports: usize = parts.iter().map(|part| part.ports.len()).sum();
	ensure!(ports >= 7, "{parts:?}");
	Ok(parts)
}
