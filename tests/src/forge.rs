//! Dishonest ways to answer a request. They live here and in no shipped binary.

use crate::weights::four_bit_copy;
use anyhow::{Context, Result};
use infergrid_engine::{Device, Engine};
use infergrid_primitives::{
	Hash, TokenId,
	model::ProofParams,
	request::{Finish, MICROS, SamplingParams},
	toploc::{Proof, chunks, points},
};
use infergrid_proof::{Assignment, Generation, Model, ReplayRequest};
use std::{ops::ControlFlow, path::Path};
use tempfile::TempDir;

/// A way to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Style {
	/// As the protocol asks.
	Honest,
	/// With a cheaper model.
	OtherModel,
	/// With a cheaper model, and whoever asks for the opening is kept waiting.
	Mute,
	/// With the model's weights rounded to 4 bits.
	FourBitModel,
	/// Without the first half of the prompt's content, claiming the whole.
	TruncatedPrompt,
	/// Tokens written by another model, with the proofs of one honest prefill over them.
	PerfectProof,
	/// Past the end-of-sequence token, to be paid for more tokens.
	AfterEnd,
	/// Honest tokens, but more of them claimed on the receipt.
	Overcount,
	/// Sampled with a seed of the miner's choice.
	OwnSeed,
	/// Sampled at half of the temperature asked for.
	Colder,
	/// Cut off in the middle of the answer with an end-of-sequence token put in its place.
	EarlyEnd,
	/// Honest tokens with the proofs of another answer.
	ForeignProof,
	/// Honest tokens with bytes that are no proof.
	BrokenProof,
}

impl Style {
	/// Every dishonest answer.
	pub const CHEATS: [Self; 11] = [
		Self::OtherModel,
		Self::FourBitModel,
		Self::TruncatedPrompt,
		Self::PerfectProof,
		Self::AfterEnd,
		Self::Overcount,
		Self::OwnSeed,
		Self::Colder,
		Self::EarlyEnd,
		Self::ForeignProof,
		Self::BrokenProof,
	];
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Order {
	/// Token ids, template included.
	pub prompt: Vec<TokenId>,
	/// How to sample.
	pub params: SamplingParams,
	/// The request's seed.
	pub seed: Hash,
	/// Parameters of the proofs.
	pub proof: ProofParams,
	/// Most tokens of prompt and answer.
	pub context: u32,
}

/// What a miner claims.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
	/// The answer that the miner opens.
	pub tokens: Vec<TokenId>,
	/// The number of tokens on the receipt.
	pub n_out: u32,
	/// Why the answer ended.
	pub finish: Finish,
	/// Proofs that the miner opens.
	pub proofs: Vec<Vec<u8>>,
}

/// Loaded models to cheat with.
#[derive(Debug)]
pub struct Forge {
	honest: Engine,
	other: Engine,
	four_bits: Engine,
	_directories: TempDir,
}

impl Forge {
	/// Loads the model in `model`, the cheaper one in `cheap`, and a rounded copy of the first.
	pub fn new(model: &Path, cheap: &Path) -> Result<Self> {
		let directories = tempfile::tempdir()?;
		let load = |path: &Path| {
			Engine::load(path, Device::Cpu).with_context(|| format!("loading {}", path.display()))
		};
		let four_bits = directories.path().join("four-bits");
		four_bit_copy(model, &four_bits)?;
		Ok(Self {
			honest: load(model)?,
			other: load(cheap)?,
			four_bits: load(&four_bits)?,
			_directories: directories,
		})
	}

	/// The honest engine.
	pub fn engine(&self) -> &Engine {
		&self.honest
	}

	/// Answers `order` in the given style. `None` if the order offers no opening for it, or if what
	/// comes out is what an honest miner would have said.
	#[expect(clippy::too_many_lines, reason = "a row for each way to cheat")]
	pub fn answer(&self, style: Style, order: &Order) -> Result<Option<Claim>> {
		let honest = |order: &Order| generate(&self.honest, order);
		let claim = match style {
			Style::Honest => return Ok(Some(claim(honest(order)?))),
			Style::OtherModel | Style::Mute => claim(generate(&self.other, order)?),
			Style::FourBitModel => claim(generate(&self.four_bits, order)?),
			Style::TruncatedPrompt => {
				// The template's first two tokens and its last two stay.
				let length = order.prompt.len();
				let Some(cut) = length.checked_sub(4).map(|content| content.div_ceil(2)) else {
					return Ok(None);
				};
				if cut == 0 {
					return Ok(None);
				}
				let prompt = [&order.prompt[..2], &order.prompt[2 + cut..]].concat();
				claim(honest(&Order {
					prompt,
					..order.clone()
				})?)
			}
			Style::PerfectProof => {
				let cheap = generate(&self.other, order)?;
				if cheap.tokens == honest(order)?.tokens {
					return Ok(None);
				}
				let proofs = self.prefill_proofs(order, &cheap.tokens)?;
				Claim {
					proofs,
					..claim(cheap)
				}
			}
			Style::AfterEnd => {
				let answer = honest(order)?;
				let room = order.params.max_tokens as usize - answer.tokens.len();
				if answer.finish != Finish::EndOfSequence || room < 2 {
					return Ok(None);
				}
				let mut tokens = answer.tokens;
				let end = tokens.last().copied().context("an answer has a token")?;
				tokens.resize(tokens.len() + room.min(8) - 1, tokens[0]);
				tokens.push(end);
				let proofs = self.prefill_proofs(order, &tokens)?;
				Claim {
					n_out: tokens.len() as u32,
					tokens,
					finish: Finish::EndOfSequence,
					proofs,
				}
			}
			Style::Overcount => {
				let answer = claim(honest(order)?);
				if answer.n_out >= order.params.max_tokens {
					return Ok(None);
				}
				Claim {
					n_out: answer.n_out + 1,
					..answer
				}
			}
			Style::OwnSeed => {
				let seed = order.seed.map(|byte| !byte);
				let answer = claim(honest(&Order {
					seed,
					..order.clone()
				})?);
				if answer.tokens == honest(order)?.tokens {
					return Ok(None);
				}
				answer
			}
			Style::Colder => {
				let mut colder = order.clone();
				colder.params.temperature_micros /= 2;
				let answer = claim(honest(&colder)?);
				if answer.tokens == honest(order)?.tokens {
					return Ok(None);
				}
				answer
			}
			Style::EarlyEnd => {
				let mut tokens = honest(order)?.tokens;
				if tokens.len() < 6 {
					return Ok(None);
				}
				tokens.truncate(tokens.len() / 2);
				tokens.push(self.honest.checkpoint().eos[0]);
				let proofs = self.prefill_proofs(order, &tokens)?;
				Claim {
					n_out: tokens.len() as u32,
					tokens,
					finish: Finish::EndOfSequence,
					proofs,
				}
			}
			Style::ForeignProof => {
				let foreign = Order {
					prompt: order.prompt[1..].to_vec(),
					..order.clone()
				};
				let answer = claim(honest(order)?);
				let proofs = self.prefill_proofs(&foreign, &answer.tokens)?;
				Claim { proofs, ..answer }
			}
			Style::BrokenProof => {
				let mut answer = claim(honest(order)?);
				for proof in &mut answer.proofs {
					proof[..2].fill(0);
				}
				answer
			}
		};
		Ok(Some(claim))
	}

	/// The proofs of one honest prefill over tokens that somebody else wrote.
	fn prefill_proofs(&self, order: &Order, tokens: &[TokenId]) -> Result<Vec<Vec<u8>>> {
		let request = ReplayRequest {
			prompt: &order.prompt,
			output: tokens,
			params: &order.params,
			seed: &order.seed,
			probe: None,
		};
		let replay = self
			.honest
			.replay(&request, &mut |_| ControlFlow::Continue(()))?;
		chunks(tokens.len(), order.proof.chunk.into())
			.map(|range| {
				let k = points(order.proof.top_k, range.len(), replay.hidden);
				let rows = &replay.rows[range.start * replay.hidden..range.end * replay.hidden];
				Ok(Proof::build(rows, k)?.to_bytes())
			})
			.collect()
	}
}

fn generate(engine: &Engine, order: &Order) -> Result<Generation> {
	let assignment = Assignment {
		prompt: order.prompt.clone(),
		params: order.params.clone(),
		seed: order.seed,
		proof: order.proof,
		context: order.context,
	};
	Ok(infergrid_proof::generate(engine, &assignment, &mut |_| {
		ControlFlow::Continue(())
	})?)
}

fn claim(answer: Generation) -> Claim {
	Claim {
		n_out: answer.tokens.len() as u32,
		tokens: answer.tokens,
		finish: answer.finish,
		proofs: answer.proofs,
	}
}

/// Sampling at `temperature` with everything kept.
pub fn sampling(temperature: f64, max_tokens: u32) -> SamplingParams {
	SamplingParams {
		temperature_micros: (temperature * f64::from(MICROS)) as u32,
		..SamplingParams::greedy(max_tokens)
	}
}
