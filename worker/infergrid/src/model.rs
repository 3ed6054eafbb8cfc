//! `infergrid model`: looks at a model's files, checks that it computes what it computes elsewhere,
//! puts it on chain.

mod publish;

pub(crate) use publish::{
	DEFAULT_PRICE_INPUT, DEFAULT_PRICE_OUTPUT, DEFAULT_TOKENS_PER_SECOND, Publication, registration,
};

use crate::{blocking, context::Context, engine, failure::Failure, output, settings};
use clap::{Args, Subcommand};
use infergrid_chain::{Chain, Options, Published};
use infergrid_engine::{CheckReport, Device, Engine};
use infergrid_keys::{KeySource, Secret};
use serde_json::json;
use std::path::PathBuf;

/// Flags of `infergrid model`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ModelArgs {
	#[command(subcommand)]
	command: ModelCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum ModelCommand {
	/// Compare what a model computes here with what it computed elsewhere
	Check(CheckArgs),
	/// Print the hash of a model's manifest: what its files are, whoever registers them
	Id(DirArgs),
	/// Print the list of a model's files with sizes and hashes
	Manifest(DirArgs),
	/// Compare a model's files with a manifest, and name the first that differs or is missing
	Verify(VerifyArgs),
	/// Register a model and a profile of it, as its creator
	Publish(PublishArgs),
}

#[derive(Args, Clone, Debug)]
struct DirArgs {
	/// Directory of the model in Hugging Face layout
	dir: PathBuf,
}

#[derive(Args, Clone, Debug)]
struct VerifyArgs {
	/// Directory of the model in Hugging Face layout
	dir: PathBuf,
	/// Manifest that its creator published [default: manifest.json in the directory]
	#[arg(long, value_name = "FILE")]
	manifest: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
struct CheckArgs {
	/// Directory of the model in Hugging Face layout
	dir: PathBuf,
	/// Safetensors file with input_ids, logits and, if at hand, hidden_states.N and greedy_ids
	#[arg(long, value_name = "FILE")]
	reference: PathBuf,
	/// Largest absolute difference that passes
	#[arg(long, value_name = "X", default_value_t = 1e-4)]
	tolerance: f64,
	/// Where to compute: cpu, cuda or cuda:N
	#[arg(
		long,
		value_name = "DEVICE",
		env = "INFERGRID_DEVICE",
		default_value = "cpu"
	)]
	device: String,
	/// Print the result as JSON
	#[arg(long)]
	json: bool,
}

#[derive(Args, Clone, Debug)]
struct PublishArgs {
	/// Directory of the model in Hugging Face layout
	dir: PathBuf,
	/// Name by which clients ask for it
	#[arg(long, value_name = "NAME")]
	name: String,
	/// Percent of each fee for the creator, 5 to 20 [default: 10, or as registered]
	#[arg(long, value_name = "PERCENT")]
	royalty: Option<u8>,
	/// Reference price in plancks per 1,000 prompt tokens
	#[arg(long, value_name = "PLANCKS", default_value_t = publish::DEFAULT_PRICE_INPUT)]
	price_input: u128,
	/// Reference price in plancks per 1,000 answer tokens
	#[arg(long, value_name = "PLANCKS", default_value_t = publish::DEFAULT_PRICE_OUTPUT)]
	price_output: u128,
	/// SPDX identifier of the licence [default: unknown, or as registered]
	#[arg(long, value_name = "SPDX")]
	licence: Option<String>,
	/// Tokens per second that a miner must reach; deadlines follow from it
	#[arg(long, value_name = "N", default_value_t = publish::DEFAULT_TOKENS_PER_SECOND)]
	min_tokens_per_second: u32,
	/// Longest prompt plus answer in tokens [default: the model's context]
	#[arg(long, value_name = "TOKENS")]
	context: Option<u32>,
	/// Creator's key as a secret URI; prefer --key-file
	#[arg(
		long,
		value_name = "URI",
		env = "INFERGRID_KEY",
		hide_env_values = true
	)]
	key: Option<Secret>,
	/// File with the creator's key, readable by its owner only
	#[arg(long, value_name = "FILE", env = "INFERGRID_KEY_FILE")]
	key_file: Option<PathBuf>,
	/// Print the result as JSON
	#[arg(long)]
	json: bool,
}

/// Runs the command.
pub(crate) async fn run(args: ModelArgs, context: Context) -> Result<(), Failure> {
	if context.show_settings {
		return settings::show(&context.common);
	}
	match args.command {
		ModelCommand::Id(args) => {
			output::line(hex::encode(engine::manifest(&args.dir)?.id()));
			Ok(())
		}
		ModelCommand::Manifest(args) => manifest(&args),
		ModelCommand::Verify(args) => verify_files(&args),
		ModelCommand::Check(args) => check_model(args).await,
		ModelCommand::Publish(args) => publish_model(args, context).await,
	}
}

fn verify_files(args: &VerifyArgs) -> Result<(), Failure> {
	let default = args.dir.join("manifest.json");
	let path = args.manifest.as_ref().unwrap_or(&default);
	let manifest = infergrid_checkpoint::read_manifest(path, infergrid_engine::LICENCE)
		.map_err(Failure::config)?;
	infergrid_checkpoint::verify_manifest(&args.dir, &manifest).map_err(Failure::check)?;
	output::line(format!(
		"all {} files are those of the model {}",
		manifest.files.len(),
		hex::encode(manifest.id())
	));
	Ok(())
}

fn manifest(args: &DirArgs) -> Result<(), Failure> {
	let manifest = engine::manifest(&args.dir)?;
	let shown = infergrid_checkpoint::manifest_json(&manifest);
	output::line(serde_json::to_string_pretty(&shown).map_err(Failure::internal)?);
	Ok(())
}

async fn check_model(args: CheckArgs) -> Result<(), Failure> {
	let device: Device = args.device.parse().map_err(Failure::config)?;
	let (dir, reference, tolerance) = (args.dir, args.reference, args.tolerance);
	let report = blocking(move || {
		let engine = Engine::load(&dir, device).map_err(Failure::config)?;
		engine.check(&reference, tolerance).map_err(Failure::config)
	})
	.await??;
	if args.json {
		output::line(serde_json::to_string(&report).map_err(Failure::internal)?);
	} else {
		output::line(render(&report));
	}
	if report.passes() {
		Ok(())
	} else {
		Err(Failure::check(format!(
			"the model computes something else here: a difference is above {:e}",
			tolerance
		)))
	}
}

fn render(report: &CheckReport) -> String {
	let [sequences, tokens] = report.shape;
	let mut lines = vec![
		format!("{sequences} sequences of {tokens} tokens; largest absolute differences:"),
		format!("logits            {:e}", report.logits),
	];
	for (number, difference) in &report.hidden_states {
		lines.push(format!("hidden_states.{number:<3} {difference:e}"));
	}
	lines.push(match report.greedy_equal {
		None => "greedy_ids        not in the reference".to_owned(),
		Some(true) => "greedy_ids        equal".to_owned(),
		Some(false) => "greedy_ids        different".to_owned(),
	});
	lines.join("\n")
}

async fn publish_model(args: PublishArgs, context: Context) -> Result<(), Failure> {
	let key = KeySource::choose(args.key, args.key_file)
		.ok_or_else(|| Failure::usage("no creator's key: give --key-file FILE"))?
		.key()
		.map_err(Failure::config)?;
	let publication = Publication {
		directory: args.dir,
		name: args.name,
		royalty: args.royalty,
		price_input: args.price_input,
		price_output: args.price_output,
		licence: args.licence,
		min_tokens_per_second: args.min_tokens_per_second,
		context: args.context,
	};
	let creator = key.public();
	let registration = blocking(move || registration(&publication, &creator)).await??;
	let chain = Chain::connect(Options::new(context.common.node.clone())).await?;
	let outcome = tokio::select! {
		_ = context.stop.cancelled() => return Ok(()),
		outcome = infergrid_chain::publish(&chain, key, &registration) => outcome?,
	};
	let profile = &registration.profile;
	let (model, profile) = (hex::encode(profile.model), hex::encode(profile.id()));
	let new = match outcome {
		Published::New => true,
		Published::AlreadyThere => false,
		Published::Differs(differences) => {
			let differences: Vec<_> = differences.iter().map(ToString::to_string).collect();
			return Err(Failure::check(format!(
				"the model {model} is registered otherwise, which cannot be changed: {}",
				differences.join("; ")
			))
			.hint("give these flags as they are on chain"));
		}
	};
	output::line(if args.json {
		json!({"model": model, "profile": profile, "new": new}).to_string()
	} else {
		let told = match new {
			true => "registered",
			false => "registered before, nothing was done",
		};
		format!("model {model}\nprofile {profile}\n{told}")
	});
	Ok(())
}
