//! `local-network.md`, heading by heading.

use super::Home;
use anyhow::{Context, Result, ensure};
use infergrid_tests::{
	manual::Manual,
	reader::{FIRST_NODE, Reader, goes_on},
	wait::eventually,
};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The page.
pub(crate) const PAGE: &str = "local-network.md";
const ALICE: &str = " --alice ";
const CAROL: &str = " --name carol ";
/// Blocks that come while finality should stand still.
const MORE_BLOCKS: u64 = 4;
/// For blocks, which are late on a busy machine.
const BLOCKS: Duration = Duration::from_secs(180);
/// For two sessions and for an audit.
const SESSIONS: Duration = Duration::from_secs(400);

/// Does what the page says from its beginning to its end.
pub(crate) async fn follow(home: &Home, page: &mut Reader, manual: &Manual) -> Result<()> {
	two_nodes(home, page, manual).await?;
	workers(home, page, manual).await?;
	third_validator(home, page, manual).await?;
	// It was under way meanwhile.
	the_fee_is_split(home, page, manual).await?;
	all_three_are_needed(home, page, manual).await?;
	page.check()
}

/// Both nodes run, know each other, and finalize what they make.
async fn two_nodes(home: &Home, page: &mut Reader, manual: &Manual) -> Result<()> {
	for line in manual.section(PAGE, "Two nodes")? {
		let told = page.give(&line).await?;
		if line.contains("inspect-node-key") {
			let known = page.value(FIRST_NODE)?;
			ensure!(told.trim() == known, "{told} is not {known}");
		}
	}
	home.say("two nodes run");
	eventually(
		"block that is finalized two or three later",
		BLOCKS,
		|| async {
			let (best, finalized) = heights(page)?;
			Ok((finalized > 1 && best - finalized <= 3).then_some(()))
		},
	)
	.await?;
	home.say("blocks are finalized");
	Ok(())
}

/// The workers work, and a question is answered.
async fn workers(home: &Home, page: &mut Reader, manual: &Manual) -> Result<()> {
	for line in manual.section(PAGE, "Workers")? {
		// Each in a shell of its own.
		if goes_on(&line) {
			page.start(&line)?;
			continue;
		}
		page.ready().await?;
		let told = page.give(&line).await?;
		if line.contains("infergrid chat") {
			let answer: Value = serde_json::from_str(&told)?;
			let text = answer["answer"].as_str().unwrap_or_default();
			ensure!(text.starts_with("Infergrid is an open market"), "{told}");
			home.say("the chat answers");
		}
	}
	Ok(())
}

/// The answer is audited and paid.
async fn the_fee_is_split(home: &Home, page: &mut Reader, manual: &Manual) -> Result<()> {
	let line = manual.command(PAGE, "/v1/receipts/")?;
	let page = &*page;
	let receipt = eventually("settled receipt", SESSIONS, || async {
		let receipt: Value = serde_json::from_str(&page.ask(&line).await?)?;
		Ok((receipt["status"] == "settled").then_some(receipt))
	})
	.await?;
	ensure!(receipt["audit"]["verdict"] == "valid", "{receipt}");
	let plancks = |value: &Value| value.as_str().and_then(|text| text.parse::<u128>().ok());
	let fee = plancks(&receipt["fee"]).context("a fee")?;
	let share = |who: &str| plancks(&receipt["shares"][who]).unwrap_or_default();
	let (miner, creator, treasury) = (share("miner"), share("creator"), share("treasury"));
	ensure!(fee > 0 && miner + creator + treasury == fee, "{receipt}");
	// Rounded to the planck.
	let tenth = |part: u128| part.abs_diff(fee / 10) <= 1;
	ensure!(tenth(creator) && tenth(treasury), "{receipt}");
	home.say("the answer is audited and paid");
	Ok(())
}

/// The third validator registers its keys, and makes blocks two sessions later.
async fn third_validator(home: &Home, page: &mut Reader, manual: &Manual) -> Result<()> {
	for line in manual.section(PAGE, "A third validator, with a key of its own")? {
		if goes_on(&line) {
			page.start(&line)?;
			continue;
		}
		if line.starts_with("curl") {
			page.ready().await?;
		}
		page.give(&line).await?;
	}
	home.say("the third validator has registered its keys");
	let made = eventually("block of the third validator", SESSIONS, || async {
		Ok(number(
			&page.log(CAROL)?,
			"Pre-sealed block for proposal at ",
		))
	});
	let made = made.await?;
	home.say("the third validator makes blocks");
	// Those before its session need two votes only.
	eventually("block that all three finalize", BLOCKS, || async {
		Ok((heights(page)?.1 > made).then_some(()))
	})
	.await?;
	home.say("the third validator votes");
	Ok(())
}

/// Without the third validator blocks come and none is finalized; with it all are.
async fn all_three_are_needed(home: &Home, page: &mut Reader, manual: &Manual) -> Result<()> {
	page.stop(CAROL).await?;
	home.say("the third validator is stopped");
	// What it has voted for may still arrive.
	let (best, _) = heights(page)?;
	let (_, stands) = until_best(page, best + 1).await?;
	let (best, finalized) = until_best(page, best + 1 + MORE_BLOCKS).await?;
	ensure!(
		finalized == stands,
		"{stands}, then {finalized} was finalized"
	);
	home.say(&format!("{best} is best, {finalized} is finalized"));
	let again = Instant::now();
	page.give(&manual.command(PAGE, CAROL)?).await?;
	let works = again.elapsed().as_secs();
	eventually("finality", BLOCKS, || async {
		Ok((heights(page)?.1 >= best).then_some(()))
	})
	.await?;
	home.say(&format!(
		"finality caught up {} s after the third validator was started, which took it {works} s",
		again.elapsed().as_secs()
	));
	Ok(())
}

/// Waits for a block, and gives what is the best and the last finalized one then.
async fn until_best(page: &Reader, number: u64) -> Result<(u64, u64)> {
	eventually("better block", BLOCKS, || async {
		Ok(Some(heights(page)?).filter(|(best, _)| *best >= number))
	})
	.await
}

/// The numbers of the best block and of the last finalized one, as the first node logs them.
fn heights(page: &Reader) -> Result<(u64, u64)> {
	let log = page.log(ALICE)?;
	let mut lines = log.lines().rev();
	let line = lines.find(|line| line.contains("finalized #"));
	let line = line.context("no line with heights")?;
	let heights = number(line, "best: #").zip(number(line, "finalized #"));
	heights.with_context(|| line.to_owned())
}

/// The number behind `mark`, where it stands first.
fn number(text: &str, mark: &str) -> Option<u64> {
	let (_, rest) = text.split_once(mark)?;
	let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
	digits.parse().ok()
}
