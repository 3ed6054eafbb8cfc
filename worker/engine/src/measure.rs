//! Speed and memory of a model on this machine, next to what the machine can do.

use crate::{
	engine::Engine, error::GenerateError, gemv::sum_of_squares, generate::GenerateRequest,
	replay::ReplayRequest,
};
use infergrid_checkpoint::Weights;
use infergrid_primitives::{TokenId, model::ProofParams, request::SamplingParams};
use rayon::prelude::*;
use serde::Serialize;
use std::{
	fs,
	hint::black_box,
	ops::ControlFlow,
	time::{Duration, Instant},
};

/// Larger than the caches of any processor.
const BANDWIDTH_BYTES: usize = 512 << 20;
const BANDWIDTH_PASSES: usize = 5;
const BANDWIDTH_BLOCK: usize = 1 << 16;

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct MeasureOptions {
	/// Tokens of the prompt in the prefill measurement.
	pub prompt: usize,
	/// Tokens of the answer; verification is compared with generation over these.
	pub output: usize,
}

impl Default for MeasureOptions {
	fn default() -> Self {
		Self {
			prompt: 256,
			output: 128,
		}
	}
}

/// Speed and memory of a model.
#[derive(Clone, Debug, Serialize)]
pub struct Measurements {
	/// Where it ran.
	pub device: String,
	/// Parameters of the model.
	pub parameters: u64,
	/// Bytes of the weights in 32-bit floats.
	pub weight_bytes: u64,
	/// Bytes that all cores together read per second from memory.
	pub read_bandwidth: f64,
	/// Tokens per second while a prompt is read.
	pub prefill_tokens_per_second: f64,
	/// Tokens per second while an answer is written, one request at a time.
	pub decode_tokens_per_second: f64,
	/// Weight bytes per second while decoding, as a share of `read_bandwidth`.
	pub bandwidth_share: f64,
	/// Seconds to write the answer, prompt included.
	pub generation_seconds: f64,
	/// Seconds to re-check it.
	pub verification_seconds: f64,
	/// The one over the other.
	pub verification_share: f64,
	/// Bytes that one cached token takes.
	pub kv_bytes_per_token: u64,
	/// Bytes of memory the process holds after all this; `None` where the system does not say.
	pub resident_bytes: Option<u64>,
}

impl Engine {
	/// Measures this model. Stop strings and end-of-sequence tokens are not heeded, so that every
	/// model writes as much.
	pub fn measure(&self, options: &MeasureOptions) -> Result<Measurements, GenerateError> {
		let config = self.config();
		let output = options
			.output
			.clamp(1, config.context.saturating_sub(1).max(1));
		let room = config.context - output;
		let prompt = self.some_tokens(options.prompt.clamp(1, room.max(1)));

		// Once without the clock: pages are mapped, kernels are tuned.
		self.extend(&prompt, &mut self.cache(prompt.len()))?;
		let prefill = self.timed(|| {
			self.extend(&prompt, &mut self.cache(prompt.len()))
				.map(drop)
		})?;

		let short = &prompt[..prompt.len().min(16)];
		let decode = self.decode_rate(short, output)?;
		let (generation, verification) = self.generation_and_verification(short, output)?;

		let weight_bytes = Weights::f32_bytes(config);
		let decode_tokens_per_second = output as f64 / decode.as_secs_f64();
		// Measured last: its buffer would count as resident memory.
		let resident_bytes = resident_bytes();
		let read_bandwidth = read_bandwidth();
		Ok(Measurements {
			device: self.device().to_string(),
			parameters: config.parameters(),
			weight_bytes,
			read_bandwidth,
			prefill_tokens_per_second: prompt.len() as f64 / prefill.as_secs_f64(),
			decode_tokens_per_second,
			bandwidth_share: decode_tokens_per_second * weight_bytes as f64 / read_bandwidth,
			generation_seconds: generation.as_secs_f64(),
			verification_seconds: verification.as_secs_f64(),
			verification_share: verification.as_secs_f64() / generation.as_secs_f64(),
			kv_bytes_per_token: config.kv_bytes_per_token(),
			resident_bytes,
		})
	}

	/// Ids spread over the vocabulary that end no answer.
	fn some_tokens(&self, count: usize) -> Vec<TokenId> {
		let vocab = self.config().vocab_size as u64;
		(0..count as u64)
			.map(|i| (i.wrapping_mul(7_919) % vocab) as TokenId)
			.collect()
	}

	fn timed(
		&self,
		work: impl FnOnce() -> Result<(), GenerateError>,
	) -> Result<Duration, GenerateError> {
		let started = Instant::now();
		work()?;
		Ok(started.elapsed())
	}

	/// Time for `count` tokens after `prompt`, without that of the prompt.
	fn decode_rate(&self, prompt: &[TokenId], count: usize) -> Result<Duration, GenerateError> {
		let mut cache = self.cache(prompt.len() + count);
		let mut hidden = self.extend(prompt, &mut cache)?;
		let tokens = self.some_tokens(count);
		self.timed(|| {
			for token in tokens {
				black_box(self.logits(&hidden)?);
				hidden = self.extend(&[token], &mut cache)?;
			}
			Ok(())
		})
	}

	fn generation_and_verification(
		&self,
		prompt: &[TokenId],
		count: usize,
	) -> Result<(Duration, Duration), GenerateError> {
		let mut params = SamplingParams::greedy(count as u32);
		params.temperature_micros = 1_000_000;
		let seed = [7; 32];
		let mut tokens = Vec::new();
		let generation = self.timed(|| {
			// An early end is followed by another answer until there are enough tokens.
			while tokens.len() < count {
				params.max_tokens = (count - tokens.len()) as u32;
				let request = GenerateRequest {
					prompt: &[prompt, &tokens].concat(),
					params: &params,
					seed: &seed,
					proof: &ProofParams::default(),
					context: u32::MAX,
				};
				let answer = self.generate(&request, |_| ControlFlow::Continue(()))?;
				tokens.extend(answer.tokens);
			}
			Ok(())
		})?;
		let replay = ReplayRequest {
			prompt,
			output: &tokens,
			params: &params,
			seed: &seed,
			probe: Some((&seed, 0)),
		};
		let verification = self.timed(|| self.replay(&replay).map(drop))?;
		Ok((generation, verification))
	}
}

/// Bytes per second that all cores together read from memory: the best of some passes over a buffer
/// that no cache holds, by the instructions that the matrix-vector product uses.
pub fn read_bandwidth() -> f64 {
	let buffer = vec![1.0_f32; BANDWIDTH_BYTES / size_of::<f32>()];
	let pass = || {
		let started = Instant::now();
		black_box(
			buffer
				.par_chunks(BANDWIDTH_BLOCK)
				.map(sum_of_squares)
				.sum::<f32>(),
		);
		BANDWIDTH_BYTES as f64 / started.elapsed().as_secs_f64()
	};
	(0..BANDWIDTH_PASSES).map(|_| pass()).fold(0.0, f64::max)
}

/// Bytes of memory that this process holds, mapped weights included; `None` where /proc is missing.
pub fn resident_bytes() -> Option<u64> {
	let status = fs::read_to_string("/proc/self/status").ok()?;
	let line = status
		.lines()
		.find_map(|line| line.strip_prefix("VmRSS:"))?;
	let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
	Some(kibibytes * 1_024)
}
