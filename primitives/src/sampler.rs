//! The seeded sampler, version 1: what a miner chooses and how a verifier judges the choice.
//!
//! Logits → OpenAI penalties → argmax at temperature 0; otherwise divide by the temperature, keep
//! the `top_k` most likely, of these the smallest set that holds the mass `top_p`, and choose the
//! largest `logit / temperature + g` with Gumbel noise `g` drawn from the request's seed. Every tie
//! goes to the lowest id. Everything after the `f32` logits is IEEE `f64` with `libm`, so every host
//! draws the same noise to the bit.

use crate::{
	Hash, TokenId,
	request::{MICROS, SamplingParams},
};
use alloc::{collections::BTreeMap, vec::Vec};
use core::cmp::Ordering;

/// Philox4x32 with ten rounds (Salmon et al., 2011).
pub fn philox4x32_10(mut key: [u32; 2], mut counter: [u32; 4]) -> [u32; 4] {
	for _ in 0..10 {
		let a = u64::from(counter[0]) * 0xD251_1F53;
		let b = u64::from(counter[2]) * 0xCD9E_8D57;
		counter = [
			(b >> 32) as u32 ^ counter[1] ^ key[0],
			b as u32,
			(a >> 32) as u32 ^ counter[3] ^ key[1],
			a as u32,
		];
		key[0] = key[0].wrapping_add(0x9E37_79B9);
		key[1] = key[1].wrapping_add(0xBB67_AE85);
	}
	counter
}

/// The Gumbel noise of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noise {
	key: [u32; 2],
	salt: [u32; 2],
}

impl Noise {
	/// Noise from a [`crate::request::sampler_seed`]. The first 16 bytes count.
	pub fn new(seed: &Hash) -> Self {
		let word =
			|at: usize| u32::from_le_bytes([seed[at], seed[at + 1], seed[at + 2], seed[at + 3]]);
		Self {
			key: [word(0), word(4)],
			salt: [word(8), word(12)],
		}
	}

	/// The noise of `token` as candidate for the answer's token number `step`, counted from 0.
	pub fn gumbel(&self, step: u32, token: TokenId) -> f64 {
		gumbel_of(self.word(step, token))
	}

	/// The noise if `score` plus the noise can reach `floor`. Most tokens are far behind the leader,
	/// and a bound from the leading zeros saves them two logarithms.
	fn scored(&self, step: u32, token: TokenId, score: f64, floor: f64) -> Option<f64> {
		if score + GUMBEL_MAX < floor {
			return None;
		}
		let word = self.word(step, token);
		// -ln u >= 1 - u, and 1 - u >= 2^-(zeros + 1).
		let bound = f64::from((!word).leading_zeros() + 1) * core::f64::consts::LN_2;
		if score + bound + 1e-6 < floor {
			return None;
		}
		Some(score + gumbel_of(word))
	}

	fn word(&self, step: u32, token: TokenId) -> u32 {
		philox4x32_10(self.key, [token, step, self.salt[0], self.salt[1]])[0]
	}
}

/// Above the noise of every word.
const GUMBEL_MAX: f64 = 23.0;

fn gumbel_of(word: u32) -> f64 {
	let uniform = (f64::from(word) + 0.5) / 4_294_967_296.0;
	-libm::log(-libm::log(uniform))
}

/// How often each token occurs in the answer so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(BTreeMap<TokenId, u32>);

impl History {
	/// Counts one more token of the answer.
	pub fn record(&mut self, token: TokenId) {
		*self.0.entry(token).or_default() += 1;
	}

	/// Occurrences of `token`.
	pub fn count(&self, token: TokenId) -> u32 {
		self.0.get(&token).copied().unwrap_or(0)
	}
}

impl FromIterator<TokenId> for History {
	fn from_iter<I: IntoIterator<Item = TokenId>>(tokens: I) -> Self {
		let mut history = Self::default();
		tokens.into_iter().for_each(|token| history.record(token));
		history
	}
}

/// Logits that no token can be chosen from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadLogits {
	/// There are none, or all are −∞.
	Empty,
	/// One is NaN or +∞.
	NotFinite(TokenId),
}

impl core::fmt::Display for BadLogits {
	fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
		match self {
			Self::Empty => f.write_str("the model gives no token a finite logit"),
			Self::NotFinite(token) => write!(f, "the logit of token {token} is not finite"),
		}
	}
}

impl core::error::Error for BadLogits {}

/// How far an honest verifier's logits may be off at the edges of the top-k and top-p sets, where a
/// tiny difference moves a token in or out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
	/// In logits.
	pub logit: f64,
	/// In nucleus mass.
	pub mass: f64,
}

impl Default for Tolerance {
	fn default() -> Self {
		Self {
			logit: 0.1,
			mass: 0.005,
		}
	}
}

/// How far a token is from the verifier's own choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin {
	/// What the token lacks in logits, noise × temperature included; 0 when nothing beats it, and ∞
	/// for a token outside the widened top-k or top-p set or outside the vocabulary.
	pub delta: f64,
	/// It is the token that the verifier would have chosen.
	pub exact: bool,
}

/// The token to put at place `step` (counted from 0) of the answer. `logits` holds one value for each
/// token of the vocabulary, `history` the `step` tokens before.
pub fn choose(
	logits: &[f32],
	history: &History,
	params: &SamplingParams,
	noise: &Noise,
	step: u32,
) -> Result<TokenId, BadLogits> {
	let distribution = Distribution::new(logits, history, params)?;
	let Some(sampling) = distribution.sampling else {
		return Ok(distribution.argmax);
	};
	let kept = distribution.kept(
		&sampling,
		&Tolerance {
			logit: 0.0,
			mass: 0.0,
		},
	);
	let mut best = Leader::NONE;
	distribution.for_each_kept(kept.strict, |token, score| {
		best.offer(noise, step, token, score)
	});
	Ok(best.token)
}

/// Judges the claim that `token` stands at place `step`, from the verifier's own `logits`.
///
/// Tokens that the tolerance leaves in doubt may be claimed but beat nobody.
pub fn margin(
	logits: &[f32],
	history: &History,
	params: &SamplingParams,
	noise: &Noise,
	step: u32,
	token: TokenId,
	tolerance: &Tolerance,
) -> Result<Margin, BadLogits> {
	let distribution = Distribution::new(logits, history, params)?;
	let outside = Margin {
		delta: f64::INFINITY,
		exact: false,
	};
	let Some(&claimed) = distribution.scores.get(token as usize) else {
		return Ok(outside);
	};
	let Some(sampling) = distribution.sampling else {
		let delta = distribution.scores[distribution.argmax as usize] - claimed;
		return Ok(Margin {
			delta,
			exact: token == distribution.argmax,
		});
	};
	let kept = distribution.kept(&sampling, tolerance);
	if claimed < kept.widened.score {
		return Ok(outside);
	}
	let mut certain = Leader::NONE;
	let mut own = Leader::NONE;
	distribution.for_each_kept(kept.strict, |candidate, score| {
		own.offer(noise, step, candidate, score);
		if score >= kept.narrowed.score {
			certain.offer(noise, step, candidate, score);
		}
	});
	let reached = claimed + noise.gumbel(step, token);
	let delta = ((certain.value - reached) * sampling.temperature).max(0.0);
	Ok(Margin {
		delta,
		exact: token == own.token,
	})
}

/// The best candidate so far; candidates come in any order.
struct Leader {
	token: TokenId,
	value: f64,
}

impl Leader {
	const NONE: Self = Self {
		token: TokenId::MAX,
		value: f64::NEG_INFINITY,
	};

	fn offer(&mut self, noise: &Noise, step: u32, token: TokenId, score: f64) {
		let Some(value) = noise.scored(step, token, score, self.value) else {
			return;
		};
		if value > self.value || (value == self.value && token < self.token) {
			*self = Self { token, value };
		}
	}
}

/// Temperature above 0 and what it keeps.
#[derive(Clone, Copy)]
struct Sampling {
	temperature: f64,
	/// 0 or the vocabulary's size keep all.
	top_k: usize,
	/// `None` keeps all.
	top_p: Option<f64>,
}

/// The last place that is kept: everything that sorts before or at it is in.
#[derive(Clone, Copy)]
struct Edge {
	score: f64,
	token: TokenId,
}

impl Edge {
	const ALL: Self = Self {
		score: f64::NEG_INFINITY,
		token: TokenId::MAX,
	};

	fn keeps(&self, token: TokenId, score: f64) -> bool {
		score > self.score || (score == self.score && token <= self.token)
	}
}

/// The edge itself, and where it may lie at most and at least for somebody with other noise in the
/// logits.
struct Edges {
	strict: Edge,
	widened: Edge,
	narrowed: Edge,
}

struct Distribution {
	/// Penalised logits, divided by the temperature if there is one.
	scores: Vec<f64>,
	argmax: TokenId,
	sampling: Option<Sampling>,
}

impl Distribution {
	fn new(logits: &[f32], history: &History, params: &SamplingParams) -> Result<Self, BadLogits> {
		let mut scores: Vec<f64> = Vec::with_capacity(logits.len());
		for (token, &logit) in (0..).zip(logits) {
			if logit.is_nan() || logit == f32::INFINITY {
				return Err(BadLogits::NotFinite(token));
			}
			scores.push(logit.into());
		}
		let frequency = f64::from(params.frequency_penalty_micros) / f64::from(MICROS);
		let presence = f64::from(params.presence_penalty_micros) / f64::from(MICROS);
		if frequency != 0.0 || presence != 0.0 {
			for (&token, &count) in &history.0 {
				if let Some(score) = scores.get_mut(token as usize) {
					*score -= f64::from(count) * frequency + presence;
				}
			}
		}
		let sampling = (params.temperature_micros > 0).then(|| Sampling {
			temperature: f64::from(params.temperature_micros) / f64::from(MICROS),
			top_k: params.top_k as usize,
			top_p: (params.top_p_micros < MICROS)
				.then(|| f64::from(params.top_p_micros) / f64::from(MICROS)),
		});
		if let Some(sampling) = &sampling {
			scores
				.iter_mut()
				.for_each(|score| *score /= sampling.temperature);
		}
		let mut argmax = Edge {
			score: f64::NEG_INFINITY,
			token: 0,
		};
		for (token, &score) in (0..).zip(&scores) {
			if score > argmax.score {
				argmax = Edge { score, token };
			}
		}
		if argmax.score == f64::NEG_INFINITY {
			return Err(BadLogits::Empty);
		}
		Ok(Self {
			scores,
			argmax: argmax.token,
			sampling,
		})
	}

	fn for_each_kept(&self, edge: Edge, mut visit: impl FnMut(TokenId, f64)) {
		// The leader first, so that its noise prunes the others.
		visit(self.argmax, self.scores[self.argmax as usize]);
		for (token, &score) in (0..).zip(&self.scores) {
			if token != self.argmax && score > f64::NEG_INFINITY && edge.keeps(token, score) {
				visit(token, score);
			}
		}
	}

	fn kept(&self, sampling: &Sampling, tolerance: &Tolerance) -> Edges {
		let slack = tolerance.logit / sampling.temperature;
		let all = || Edges {
			strict: Edge::ALL,
			widened: Edge::ALL,
			narrowed: Edge::ALL,
		};
		let restricts_count = sampling.top_k > 0 && sampling.top_k < self.scores.len();
		if !restricts_count && sampling.top_p.is_none() {
			return all();
		}
		let mut candidates: Vec<(f64, TokenId)> = self.scores.iter().copied().zip(0..).collect();
		let mut edges = all();
		if restricts_count {
			let (_, &mut (score, token), _) =
				candidates.select_nth_unstable_by(sampling.top_k - 1, descending);
			candidates.truncate(sampling.top_k);
			// Selection leaves an order of its own; sums must not depend on it.
			candidates.sort_unstable_by(descending);
			edges = Edges {
				strict: Edge { score, token },
				widened: Edge {
					score: score - slack,
					token: TokenId::MAX,
				},
				narrowed: Edge {
					score: score + slack,
					token: TokenId::MAX,
				},
			};
		}
		if let Some(mass) = sampling.top_p {
			let nucleus = self.nucleus(&mut candidates, mass, tolerance.mass, slack);
			edges.strict = nucleus.strict;
			// Past the top-k edge the nucleus has nothing to say: the looser edge is that of top-k
			// only where the nucleus reaches it.
			edges.widened.score = edges.widened.score.max(nucleus.widened.score);
			edges.narrowed.score = edges.narrowed.score.max(nucleus.narrowed.score);
		}
		edges
	}

	/// The edges of the smallest set of candidates whose share of their mass reaches `mass`.
	fn nucleus(
		&self,
		candidates: &mut [(f64, TokenId)],
		mass: f64,
		mass_slack: f64,
		slack: f64,
	) -> Edges {
		let top = self.scores[self.argmax as usize];
		let weight = |score: f64| libm::exp(score - top);
		let total: f64 = candidates.iter().map(|(score, _)| weight(*score)).sum();
		let wanted = [mass - mass_slack, mass, mass + mass_slack].map(|share| share * total);
		let mut found = [None; 3];
		let (mut sorted, mut sum) = (0, 0.0);
		// Sort only as much of the head as the widest set needs.
		while sorted < candidates.len() && found[2].is_none() {
			let rest = &mut candidates[sorted..];
			let step = (sorted * 3).max(256).min(rest.len());
			if step < rest.len() {
				rest.select_nth_unstable_by(step - 1, descending);
			}
			rest[..step].sort_unstable_by(descending);
			for &(score, token) in &rest[..step] {
				sum += weight(score);
				for (edge, wanted) in found.iter_mut().zip(wanted) {
					if edge.is_none() && sum >= wanted {
						*edge = Some(Edge { score, token });
					}
				}
			}
			sorted += step;
		}
		let last = candidates
			.last()
			.map_or(Edge::ALL, |&(score, token)| Edge { score, token });
		let [narrowed, strict, widened] = found.map(|edge| edge.unwrap_or(last));
		Edges {
			strict,
			widened: Edge {
				score: widened.score - slack,
				token: TokenId::MAX,
			},
			narrowed: Edge {
				score: narrowed.score + slack,
				token: TokenId::MAX,
			},
		}
	}
}

fn descending(a: &(f64, TokenId), b: &(f64, TokenId)) -> Ordering {
	b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

#[cfg(test)]
mod tests {
	use super::*;

	fn params(temperature: f64, top_p: f64, top_k: u32) -> SamplingParams {
		SamplingParams {
			temperature_micros: (temperature * 1e6) as u32,
			top_p_micros: (top_p * 1e6) as u32,
			top_k,
			..SamplingParams::greedy(16)
		}
	}

	fn seed(n: u32) -> Noise {
		let mut seed = [0; 32];
		seed[..4].copy_from_slice(&n.to_le_bytes());
		Noise::new(&seed)
	}

	/// Logits of a made-up vocabulary, from a generator of its own.
	fn logits(n: usize, spread: f32, salt: u32) -> Vec<f32> {
		(0..n as u32)
			.map(|i| {
				let word = philox4x32_10([salt, 1], [i, 0, 0, 0])[0];
				(word as f32 / 4e9 - 0.5) * spread
			})
			.collect()
	}

	/// The pipeline as its definition reads, with full sorts.
	fn by_definition(
		logits: &[f32],
		history: &History,
		params: &SamplingParams,
		noise: &Noise,
		step: u32,
	) -> TokenId {
		let temperature = f64::from(params.temperature_micros) / 1e6;
		let mut all: Vec<(f64, TokenId)> = logits
			.iter()
			.zip(0..)
			.map(|(&logit, token)| {
				let count = history.count(token);
				let presence = if count > 0 {
					params.presence_penalty_micros
				} else {
					0
				};
				let penalty = f64::from(count) * f64::from(params.frequency_penalty_micros) / 1e6
					+ f64::from(presence) / 1e6;
				(f64::from(logit) - penalty, token)
			})
			.collect();
		if temperature == 0.0 {
			all.sort_by(descending);
			return all[0].1;
		}
		all.iter_mut().for_each(|(score, _)| *score /= temperature);
		all.sort_by(descending);
		if params.top_k > 0 {
			all.truncate(params.top_k as usize);
		}
		if params.top_p_micros < MICROS {
			let top = all[0].0;
			let total: f64 = all.iter().map(|(score, _)| (score - top).exp()).sum();
			let mut sum = 0.0;
			let keep = all.iter().position(|(score, _)| {
				sum += (score - top).exp();
				sum >= total * f64::from(params.top_p_micros) / 1e6
			});
			all.truncate(keep.map_or(all.len(), |last| last + 1));
		}
		all.iter_mut()
			.for_each(|(score, token)| *score += noise.gumbel(step, *token));
		all.sort_by(descending);
		all[0].1
	}

	#[test]
	fn philox_gives_the_known_answers() {
		// kat_vectors of Random123 1.14, philox4x32 with 10 rounds.
		assert_eq!(
			philox4x32_10([0; 2], [0; 4]),
			[0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8],
		);
		assert_eq!(
			philox4x32_10([u32::MAX; 2], [u32::MAX; 4]),
			[0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd],
		);
		assert_eq!(
			philox4x32_10(
				[0xa409_3822, 0x299f_31d0],
				[0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
			),
			[0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
		);
	}

	#[test]
	fn noise_is_the_same_to_the_bit_everywhere() {
		let bits: Vec<u64> = (0..3).map(|t| seed(1).gumbel(2, t).to_bits()).collect();
		let again: Vec<u64> = (0..3)
			.map(|t| {
				let word = philox4x32_10([1, 0], [t, 2, 0, 0])[0];
				(-libm::log(-libm::log((f64::from(word) + 0.5) / 4294967296.0))).to_bits()
			})
			.collect();
		assert_eq!(bits, again);
		assert_ne!(seed(1).gumbel(0, 0), seed(2).gumbel(0, 0));
		assert_ne!(seed(1).gumbel(0, 1), seed(1).gumbel(1, 0));
	}

	#[test]
	fn the_bound_never_hides_a_winner() {
		for word in (0..=u32::MAX)
			.step_by(65_521)
			.chain([0, 1, u32::MAX, u32::MAX - 1])
		{
			let bound = f64::from((!word).leading_zeros() + 1) * core::f64::consts::LN_2;
			let noise = gumbel_of(word);
			assert!(
				noise <= bound + 1e-9 && noise < GUMBEL_MAX,
				"{word}: {noise} > {bound}"
			);
		}
	}

	#[test]
	fn agrees_with_the_definition() {
		let cases = [
			(0.0, 1.0, 0),
			(1.0, 1.0, 0),
			(0.7, 0.9, 0),
			(1.3, 0.95, 50),
			(2.0, 1.0, 7),
			(0.5, 0.01, 3),
			(1.0, 0.999_999, 0),
		];
		for (case, (temperature, top_p, top_k)) in (0..).zip(cases) {
			for round in 0..40 {
				let logits = logits(1_000, 4.0 + round as f32, case * 100 + round);
				let history: History = (0..round).map(|i| i * i % 50).collect();
				let mut params = params(temperature, top_p, top_k);
				params.frequency_penalty_micros = 300_000;
				params.presence_penalty_micros = -200_000;
				let noise = seed(round);
				let ours = choose(&logits, &history, &params, &noise, round).unwrap();
				assert_eq!(
					ours,
					by_definition(&logits, &history, &params, &noise, round)
				);
				let margin = margin(
					&logits,
					&history,
					&params,
					&noise,
					round,
					ours,
					&Tolerance::default(),
				)
				.unwrap();
				assert_eq!(
					margin,
					Margin {
						delta: 0.0,
						exact: true
					}
				);
			}
		}
	}

	#[test]
	fn frequencies_follow_the_softmax() {
		let logits = [1.0_f32, 0.0, -1.0, 2.0, 0.5];
		let temperature = 0.8;
		let weights: Vec<f64> = logits
			.iter()
			.map(|l| (f64::from(*l) / temperature).exp())
			.collect();
		let total: f64 = weights.iter().sum();
		let rounds = 100_000_u32;
		let mut counts = [0_u32; 5];
		for step in 0..rounds {
			let token = choose(
				&logits,
				&History::default(),
				&params(temperature, 1.0, 0),
				&seed(77),
				step,
			)
			.unwrap();
			counts[token as usize] += 1;
		}
		let chi_square: f64 = counts
			.iter()
			.zip(&weights)
			.map(|(count, weight)| {
				let expected = weight / total * f64::from(rounds);
				(f64::from(*count) - expected).powi(2) / expected
			})
			.sum();
		// The 99.9 % point of four degrees of freedom.
		assert!(chi_square < 18.47, "chi-square {chi_square}");
	}

	#[test]
	fn ties_go_to_the_lowest_id() {
		let greedy = SamplingParams::greedy(1);
		let token = choose(&[1.0, 3.0, 3.0], &History::default(), &greedy, &seed(0), 0);
		assert_eq!(token, Ok(1));
		let two_of_three = params(1.0, 1.0, 2);
		for step in 0..100 {
			let token = choose(
				&[5.0; 3],
				&History::default(),
				&two_of_three,
				&seed(0),
				step,
			);
			assert!(token.unwrap() < 2);
		}
	}

	#[test]
	fn a_low_temperature_is_the_argmax() {
		let logits = logits(500, 20.0, 3);
		let greedy = SamplingParams::greedy(1);
		let cold = SamplingParams {
			temperature_micros: 1,
			..greedy.clone()
		};
		for step in 0..50 {
			let none = History::default();
			assert_eq!(
				choose(&logits, &none, &cold, &seed(5), step),
				choose(&logits, &none, &greedy, &seed(5), step),
			);
		}
	}

	#[test]
	fn margins_grow_with_the_distance_and_end_at_the_mask() {
		let none = History::default();
		let tolerance = Tolerance::default();
		let greedy = SamplingParams::greedy(1);
		let logits = [0.0, 4.0, 1.5];
		let of = |params: &SamplingParams, token| {
			margin(&logits, &none, params, &seed(1), 0, token, &tolerance).unwrap()
		};
		assert_eq!(
			of(&greedy, 0),
			Margin {
				delta: 4.0,
				exact: false
			}
		);
		assert_eq!(of(&greedy, 2).delta, 2.5);
		assert_eq!(
			of(&greedy, 3).delta,
			f64::INFINITY,
			"outside the vocabulary"
		);
		assert_eq!(of(&params(1.0, 1.0, 2), 0).delta, f64::INFINITY);
		assert!(of(&params(1.0, 1.0, 2), 2).delta.is_finite());
		assert_eq!(of(&params(1.0, 0.5, 0), 2).delta, f64::INFINITY);
	}

	#[test]
	fn slightly_different_logits_never_condemn_the_edge() {
		let tolerance = Tolerance::default();
		let cases = [(1.0, 1.0, 5), (1.0, 0.9, 0), (0.6, 0.95, 40), (1.5, 0.8, 0)];
		for (case, (temperature, top_p, top_k)) in (0..).zip(cases) {
			let params = params(temperature, top_p, top_k);
			for round in 0..500 {
				let mine = logits(300, 10.0, 1_000 * case + round);
				let yours: Vec<f32> = mine
					.iter()
					.zip(logits(300, 0.02, 7_000 + round))
					.map(|(logit, drift)| logit + drift)
					.collect();
				let none = History::default();
				let token = choose(&mine, &none, &params, &seed(round), 3).unwrap();
				let margin =
					margin(&yours, &none, &params, &seed(round), 3, token, &tolerance).unwrap();
				assert!(margin.delta < 0.05, "case {case} round {round}: {margin:?}");
			}
		}
	}

	#[test]
	fn broken_logits_are_refused() {
		let greedy = SamplingParams::greedy(1);
		let none = History::default();
		let of = |logits: &[f32]| choose(logits, &none, &greedy, &seed(1), 0);
		assert_eq!(of(&[]), Err(BadLogits::Empty));
		assert_eq!(of(&[f32::NEG_INFINITY; 2]), Err(BadLogits::Empty));
		assert_eq!(of(&[1.0, f32::NAN]), Err(BadLogits::NotFinite(1)));
		assert_eq!(of(&[f32::INFINITY]), Err(BadLogits::NotFinite(0)));
		assert_eq!(of(&[f32::NEG_INFINITY, -3.0]), Ok(1));
	}
}
